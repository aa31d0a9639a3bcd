/// The step between rounds: it moves the model by the mean of all SubJobs' updates (DiLoCo, PROTOCOL 6).
///
/// Per element, in binary32 except where said: G = binary32(binary64(sum) / n · 2^−e); v = fma(mu, v, G);
/// u = fma(mu, v, G); theta = fma(−eta, u, theta). The velocity v starts at zero and belongs to the parent job;
/// eta and mu are binary64 rounded once to binary32. `average` is eta 1 and mu 0, which makes theta − G.
///
/// ```swift
/// let outer = try OuterOptimizer(layout: layout, eta: 0.7, mu: 0.9)
/// exponents = try outer.apply(sum: sum, partCount: 4, exponents: exponents, to: state.parameters)
/// ```
public final class OuterOptimizer {
  /// The outer learning rate.
  public let eta: Double
  /// The outer momentum, Nesterov's.
  public let mu: Double
  /// The velocity, in the layout's order: part of what has to be kept between rounds.
  public var velocity: UnsafeMutableBufferPointer<Float> { velocityArena.elements }

  private let layout: ParameterLayout
  private let velocityArena: FloatArena

  /// An optimizer whose velocity is zero.
  ///
  /// - Parameters:
  ///   - eta: above 0, at most 10.
  ///   - mu: at least 0, below 1.
  /// - Throws: `ComputeError.invalidConfiguration` for a number out of its range, `outOfMemory`.
  public init(layout: ParameterLayout, eta: Double, mu: Double) throws(ComputeError) {
    guard eta > 0, eta <= 10 else {
      throw .invalidConfiguration(
        what: "outer learning rate", found: "\(eta)", allowed: "above 0, at most 10")
    }
    guard mu >= 0, mu < 1 else {
      throw .invalidConfiguration(what: "outer momentum", found: "\(mu)", allowed: "at least 0, below 1")
    }
    self.layout = layout
    self.eta = eta
    self.mu = mu
    velocityArena = try FloatArena(count: layout.count)
  }

  /// Whether one part's end state, unquantised, is itself the next state (`average`: eta 1, mu 0).
  public var adoptsSingleEndState: Bool { eta == 1 && mu == 0 }

  /// Moves `parameters` by the mean update and returns the exponents of the next round.
  ///
  /// - Parameters:
  ///   - sum: Σ q over all parts, `layout.count` values.
  ///   - partCount: n, the number of parts added, 1 to 511.
  ///   - exponents: one for each tensor, those that the parts were quantised with.
  ///   - parameters: theta, the state all parts of the round started from.
  /// - Throws: `ComputeError.invalidInput` when a sum is larger than n parts can make it, and
  ///   `invalidConfiguration` for a wrong number of parts or exponents; nothing was changed then.
  public func apply(
    sum: UnsafeBufferPointer<Int32>, partCount: Int, exponents: [Int32],
    to parameters: UnsafeMutableBufferPointer<Float>
  ) throws(ComputeError) -> [Int32] {
    precondition(
      sum.count == layout.count && parameters.count == layout.count, "the arenas do not fit the layout")
    guard (1...Quantiser.largestPartCount).contains(partCount) else {
      throw .invalidConfiguration(
        what: "parts of a round", found: "\(partCount)", allowed: "1 to \(Quantiser.largestPartCount)")
    }
    let quantiser = try Quantiser(layout: layout, exponents: exponents)
    try check(sum: sum, partCount: partCount)
    let largest = layout.tensors.reduce(0) { max($0, $1.count) }
    let mean = UnsafeMutableBufferPointer<Float>.allocate(capacity: largest)
    defer { mean.deallocate() }
    return zip(layout.tensors, quantiser.exponents).map { tensor, exponent in
      let update = UnsafeMutableBufferPointer(rebasing: mean[0..<tensor.count])
      Self.mean(
        of: .init(rebasing: sum[tensor.range]), partCount: partCount, exponent: exponent, into: update)
      move(
        .init(rebasing: parameters[tensor.range]), velocity: .init(rebasing: velocity[tensor.range]),
        by: UnsafeBufferPointer(update))
      return Quantiser.nextExponent(after: exponent, meanUpdate: UnsafeBufferPointer(update))
    }
  }

  private func check(sum: UnsafeBufferPointer<Int32>, partCount: Int) throws(ComputeError) {
    let bound = Int32(partCount) * Quantiser.limit
    for tensor in layout.tensors {
      var lowest: Int32 = 0
      var highest: Int32 = 0
      for index in tensor.range {
        lowest = min(lowest, sum[index])
        highest = max(highest, sum[index])
      }
      guard lowest >= -bound, highest <= bound else {
        throw .invalidInput(
          what: "summed update of \(tensor.name)", found: "\(lowest < -bound ? lowest : highest)",
          allowed: "-\(bound) to \(bound) for \(partCount) parts")
      }
    }
  }

  /// G of one tensor. The quotient of an i32 by n <= 511 can't lie so near the middle of two binary32 numbers
  /// that rounding to binary64 first would change the result.
  static func mean(
    of sum: UnsafeBufferPointer<Int32>, partCount: Int, exponent: Int32,
    into mean: UnsafeMutableBufferPointer<Float>
  ) {
    let scale = Double(sign: .plus, exponent: -Int(exponent), significand: 1)
    let divisor = Double(partCount)
    for index in 0..<sum.count { mean[index] = Float(Double(sum[index]) / divisor * scale) }
  }

  private func move(
    _ parameters: UnsafeMutableBufferPointer<Float>, velocity: UnsafeMutableBufferPointer<Float>,
    by update: UnsafeBufferPointer<Float>
  ) {
    let momentum = Float(mu)
    let step = -Float(eta)
    for index in 0..<update.count {
      let gradient = update[index]
      let moved = gradient.addingProduct(momentum, velocity[index])
      velocity[index] = moved
      let direction = gradient.addingProduct(momentum, moved)
      parameters[index] = parameters[index].addingProduct(step, direction)
    }
  }
}
