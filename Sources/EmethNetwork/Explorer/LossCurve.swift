/// How the loss fell during training: two series over the optimizer steps, to be drawn as a picture.
///
/// ```swift
/// var curve = LossCurve(title: "Loss")
/// curve.addTrain(step: 10, loss: 4.2)
/// curve.addValidation(step: 10, loss: 4.4)
/// try Data(curve.svg().utf8).write(to: file)
/// ```
public struct LossCurve: Equatable, Sendable {
  /// One point of a series.
  public struct Point: Equatable, Sendable {
    /// Optimizer steps done.
    public var step: Double
    /// Mean loss in nats per token.
    public var loss: Double

    /// A point.
    public init(step: Double, loss: Double) {
      self.step = step
      self.loss = loss
    }
  }

  /// What stands above the picture.
  public var title: String
  /// The training losses in the order in which they were added.
  public private(set) var train: [Point] = []
  /// The validation losses in the order in which they were added.
  public private(set) var validation: [Point] = []

  /// A curve without points.
  public init(title: String = "Loss") {
    self.title = title
  }

  /// Adds a training loss; one that is not finite is left out.
  public mutating func addTrain(step: Int, loss: Double) {
    if loss.isFinite { train.append(Point(step: Double(step), loss: loss)) }
  }

  /// Adds a validation loss; one that is not finite is left out.
  public mutating func addValidation(step: Int, loss: Double) {
    if loss.isFinite { validation.append(Point(step: Double(step), loss: loss)) }
  }

  /// Whether there is anything to draw.
  public var isEmpty: Bool { train.isEmpty && validation.isEmpty }

  /// The training series in at most so many points, each the mean of its neighbours.
  public func condensedTrain(to limit: Int) -> [Point] {
    guard train.count > limit, limit > 0 else { return train }
    return (0..<limit).map { bucket in
      let members = train[(bucket * train.count / limit)..<((bucket + 1) * train.count / limit)]
      let count = Double(members.count)
      return Point(
        step: members.reduce(0) { $0 + $1.step } / count, loss: members.reduce(0) { $0 + $1.loss } / count)
    }
  }

  /// The axes that hold both series.
  public func axes(trainPoints: Int) -> (step: PlotAxis, loss: PlotAxis) {
    let points = condensedTrain(to: trainPoints) + validation
    return (
      PlotAxis(covering: points.map(\.step) + [0], ticks: 6), PlotAxis(covering: points.map(\.loss), ticks: 5)
    )
  }
}

/// One axis of a plot: its range and the round numbers marked on it.
public struct PlotAxis: Equatable, Sendable {
  /// Where it begins.
  public let lower: Double
  /// Where it ends.
  public let upper: Double
  /// The marked numbers, ascending.
  public let ticks: [Double]
  /// Decimals that tell the ticks apart.
  public let decimals: Int

  /// An axis from the smallest to the largest value, widened to round numbers, with about so many ticks.
  public init(covering values: [Double], ticks wanted: Int) {
    let smallest = values.min() ?? 0
    let largest = values.max() ?? 1
    let span = largest > smallest ? largest - smallest : max(abs(largest), 1) * 0.1
    let rough = span / Double(max(1, wanted))
    // The power of ten at or below the rough spacing, by plain multiplication.
    var power = 1.0
    var decimals = 0
    while power * 10 <= rough { power *= 10 }
    while power > rough {
      power /= 10
      decimals += 1
    }
    let spacing = [1.0, 2, 5, 10].map { $0 * power }.first { $0 >= rough } ?? 10 * power
    let first = (smallest / spacing).rounded(.down)
    let last = max((largest / spacing).rounded(.up), first + 1)
    lower = first * spacing
    upper = last * spacing
    ticks = stride(from: first, through: last, by: 1).map { $0 * spacing }
    self.decimals = spacing >= power * 10 ? max(0, decimals - 1) : decimals
  }

  /// Where a value lies: 0 at the lower end, 1 at the upper.
  public func position(of value: Double) -> Double { (value - lower) / (upper - lower) }

  /// A mark's number as it is written beside it.
  public func label(_ tick: Double) -> String { NumberText.fixed(tick, decimals: decimals) }
}
