extension LossCurve {
  private enum Frame {
    static let width = 760.0
    static let height = 420.0
    static let left = 70.0
    static let right = 20.0
    static let top = 50.0
    static let bottom = 55.0
  }

  /// The curve as an SVG picture that stands on its own: no script, no style sheet, no font of its own.
  func svg() -> String {
    let trainPoints = condensedTrain(to: 600)
    let (steps, losses) = axes(trainPoints: 600)
    func x(_ step: Double) -> String {
      Self.number(Frame.left + steps.position(of: step) * (Frame.width - Frame.left - Frame.right))
    }
    func y(_ loss: Double) -> String {
      Self.number(
        Frame.height - Frame.bottom - losses.position(of: loss) * (Frame.height - Frame.top - Frame.bottom))
    }
    let right = Self.number(Frame.width - Frame.right)
    let left = Self.number(Frame.left)
    let bottom = Self.number(Frame.height - Frame.bottom)
    let middle = Self.number((Frame.left + Frame.width - Frame.right) / 2)
    var lines = [
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(Self.number(Frame.width)) "
        + "\(Self.number(Frame.height))\" font-family=\"sans-serif\" font-size=\"13\" fill=\"#333\">",
      "<title>\(Self.escape(title))</title>",
      "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>",
      "<text x=\"\(left)\" y=\"28\" font-size=\"16\" font-weight=\"bold\">\(Self.escape(title))</text>",
    ]
    for tick in losses.ticks {
      lines.append("<path d=\"M\(left) \(y(tick))H\(right)\" stroke=\"#e4e4e4\"/>")
      lines.append(
        "<text x=\"\(Self.number(Frame.left - 8))\" y=\"\(y(tick))\" dy=\"4\" text-anchor=\"end\">"
          + "\(losses.label(tick))</text>")
    }
    for tick in steps.ticks {
      lines.append(
        "<text x=\"\(x(tick))\" y=\"\(bottom)\" dy=\"20\" text-anchor=\"middle\">\(steps.label(tick))</text>")
    }
    lines.append("<path d=\"M\(left) \(bottom)H\(right)\" stroke=\"#888\"/>")
    lines.append(
      "<text x=\"\(middle)\" y=\"\(bottom)\" dy=\"42\" text-anchor=\"middle\">optimizer steps</text>")
    lines.append(
      "<text transform=\"translate(18 \(Self.number(Frame.height / 2))) rotate(-90)\" text-anchor=\"middle\">"
        + "loss (nats per token)</text>")
    lines.append(
      polyline(trainPoints, color: "#4a7ab5", width: 1.5) { "\(x($0.step)),\(y($0.loss))" })
    lines.append(polyline(validation, color: "#d9822b", width: 2) { "\(x($0.step)),\(y($0.loss))" })
    for point in validation {
      lines.append("<circle cx=\"\(x(point.step))\" cy=\"\(y(point.loss))\" r=\"3.5\" fill=\"#d9822b\"/>")
    }
    lines += legend()
    lines.append("</svg>")
    return lines.filter { !$0.isEmpty }.joined(separator: "\n") + "\n"
  }

  private func legend() -> [String] {
    var lines: [String] = []
    var offset = Frame.width - Frame.right
    let entries = [
      ("validation", "#d9822b", validation.isEmpty), ("training", "#4a7ab5", train.isEmpty),
    ]
    for (name, color, isAbsent) in entries where !isAbsent {
      offset -= 85
      lines.append(
        "<rect x=\"\(Self.number(offset - 16))\" y=\"19\" width=\"11\" height=\"11\" fill=\"\(color)\"/>")
      lines.append("<text x=\"\(Self.number(offset))\" y=\"29\">\(name)</text>")
    }
    return lines
  }

  private func polyline(
    _ points: [Point], color: String, width: Double, _ place: (Point) -> String
  ) -> String {
    guard points.count > 1 else { return "" }
    return "<polyline points=\"\(points.map(place).joined(separator: " "))\" fill=\"none\" "
      + "stroke=\"\(color)\" stroke-width=\"\(Self.number(width))\" stroke-linejoin=\"round\"/>"
  }

  private static func number(_ value: Double) -> String {
    let text = NumberText.fixed(value, decimals: 1)
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }

  private static func escape(_ text: String) -> String {
    text.reduce(into: "") { escaped, character in
      switch character {
      case "&": escaped += "&amp;"
      case "<": escaped += "&lt;"
      case ">": escaped += "&gt;"
      default: escaped.append(character)
      }
    }
  }
}
