extension LossCurve {
  /// The picture's words, in the language of whoever looks at it.
  struct Words: Sendable {
    var steps = "optimizer steps"
    var loss = "loss (nats per token)"
    var training = "training"
    var validation = "validation"
  }

  /// Where the picture is shown.
  enum Place: Sendable {
    /// A file of its own: colours are in it.
    case file
    /// A page, whose style sheet has the colours for light and dark.
    case page
  }

  /// The curve as an SVG picture that stands on its own: no script, no style sheet, no font of its own.
  public func svg() -> String { drawing(in: .file).html + "\n" }

  /// The curve as SVG; well-formed XML too.
  func drawing(in place: Place, words: Words = Words()) -> Markup {
    LossCurveDrawing(curve: self, place: place, words: words).markup
  }
}

/// A loss curve on its way to SVG.
private struct LossCurveDrawing {
  let curve: LossCurve
  let place: LossCurve.Place
  let words: LossCurve.Words
  private let train: [LossCurve.Point]
  private let steps: PlotAxis
  private let losses: PlotAxis

  private enum Frame {
    static let width = 760.0
    static let height = 420.0
    static let left = 70.0
    static let right = 20.0
    static let top = 50.0
    static let bottom = 55.0
  }

  /// What is drawn, with its colour in a file and its class on a page.
  private enum Ink {
    case text, grid, axis, training, validation

    var color: String {
      switch self {
      case .text: "#333"
      case .grid: "#e4e4e4"
      case .axis: "#888"
      case .training: "#4a7ab5"
      case .validation: "#d9822b"
      }
    }

    var `class`: String {
      switch self {
      case .text: "text"
      case .grid: "grid"
      case .axis: "axis"
      case .training: "training"
      case .validation: "validation"
      }
    }
  }

  init(curve: LossCurve, place: LossCurve.Place, words: LossCurve.Words) {
    self.curve = curve
    self.place = place
    self.words = words
    train = curve.condensedTrain(to: 600)
    (steps, losses) = curve.axes(trainPoints: 600)
  }

  private func fill(_ ink: Ink) -> Markup.Attribute {
    place == .file ? Markup.Attribute("fill", ink.color) : Markup.Attribute("class", "fill \(ink.class)")
  }

  private func stroke(_ ink: Ink) -> Markup.Attribute {
    place == .file ? Markup.Attribute("stroke", ink.color) : Markup.Attribute("class", "stroke \(ink.class)")
  }

  private static func number(_ value: Double) -> String {
    let text = NumberText.fixed(value, decimals: 1)
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }

  private func x(_ step: Double) -> String {
    Self.number(Frame.left + steps.position(of: step) * (Frame.width - Frame.left - Frame.right))
  }

  private func y(_ loss: Double) -> String {
    Self.number(
      Frame.height - Frame.bottom - losses.position(of: loss) * (Frame.height - Frame.top - Frame.bottom))
  }

  var markup: Markup {
    element(
      "svg", .init("xmlns", "http://www.w3.org/2000/svg"),
      .init("viewBox", "0 0 \(Self.number(Frame.width)) \(Self.number(Frame.height))"), .init("role", "img"),
      .init("font-family", place == .file ? "sans-serif" : nil),
      .init("font-size", place == .file ? "13" : "16"),
      .init("class", place == .page ? "curve" : nil)
    ) {
      element("title") { curve.title }
      if place == .file {
        element("rect", .init("width", "100%"), .init("height", "100%"), .init("fill", "#fff"))
      }
      label(
        curve.title, x: Self.number(Frame.left), y: "28", .init("font-size", "16"),
        .init("font-weight", "bold"))
      grid
      line(train, .training, width: "1.5")
      line(curve.validation, .validation, width: "2")
      for point in curve.validation { disc(point, .validation) }
      // One round alone makes no line.
      if train.count == 1 { disc(train[0], .training) }
      legend
    }
  }

  private func label(
    _ text: String, x: String? = nil, y: String? = nil, _ first: Markup.Attribute,
    _ second: Markup.Attribute? = nil, _ third: Markup.Attribute? = nil
  ) -> Markup {
    let none = Markup.Attribute("dx", nil as String?)
    return element(
      "text", .init("x", x), .init("y", y), first, second ?? none, third ?? none, fill(.text)
    ) { text }
  }

  private func disc(_ point: LossCurve.Point, _ ink: Ink) -> Markup {
    element("circle", .init("cx", x(point.step)), .init("cy", y(point.loss)), .init("r", "3.5"), fill(ink))
  }

  private func line(_ points: [LossCurve.Point], _ ink: Ink, width: String) -> Markup? {
    guard points.count > 1 else { return nil }
    return element(
      "polyline", .init("points", points.map { "\(x($0.step)),\(y($0.loss))" }.joined(separator: " ")),
      .init("fill", "none"), stroke(ink), .init("stroke-width", width), .init("stroke-linejoin", "round"))
  }

  @MarkupBuilder private var grid: Markup {
    let right = Self.number(Frame.width - Frame.right)
    let left = Self.number(Frame.left)
    let bottom = Self.number(Frame.height - Frame.bottom)
    for tick in losses.ticks {
      element("path", .init("d", "M\(left) \(y(tick))H\(right)"), stroke(.grid))
      label(
        losses.label(tick), x: Self.number(Frame.left - 8), y: y(tick), .init("dy", "4"),
        .init("text-anchor", "end"))
    }
    for tick in steps.ticks {
      label(steps.label(tick), x: x(tick), y: bottom, .init("dy", "20"), .init("text-anchor", "middle"))
    }
    element("path", .init("d", "M\(left) \(bottom)H\(right)"), stroke(.axis))
    label(
      words.steps, x: Self.number((Frame.left + Frame.width - Frame.right) / 2), y: bottom, .init("dy", "42"),
      .init("text-anchor", "middle"))
    label(
      words.loss, .init("transform", "translate(18 \(Self.number(Frame.height / 2))) rotate(-90)"),
      .init("text-anchor", "middle"))
  }

  @MarkupBuilder private var legend: Markup {
    let entries = [
      (words.validation, Ink.validation, curve.validation.isEmpty),
      (words.training, Ink.training, curve.train.isEmpty),
    ].filter { !$0.2 }
    for (index, entry) in entries.enumerated() {
      let offset = Frame.width - Frame.right - 130 * Double(index + 1)
      element(
        "rect", .init("x", Self.number(offset - 16)), .init("y", "19"), .init("width", "11"),
        .init("height", "11"), fill(entry.1))
      label(entry.0, x: Self.number(offset), y: "29", .init("text-anchor", "start"))
    }
  }
}
