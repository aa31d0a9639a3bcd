extension LossCurve {
  /// The curve for a terminal: the training series in braille dots, the validation series as discs.
  func picture(on terminal: Terminal, height: Int = 12) -> String {
    guard !isEmpty else { return "" }
    let rows = max(4, height)
    let (_, losses) = axes(trainPoints: 600)
    let labels = losses.ticks.map { losses.label($0) }
    let margin = (labels.map(\.count).max() ?? 0) + 2
    let columns = max(10, min(terminal.columns, 100) - margin - 2)
    let (steps, _) = axes(trainPoints: columns * 2)
    var canvas = BrailleCanvas(columns: columns, rows: rows)
    let dots = condensedTrain(to: columns * 2).map { point in
      (
        Int(steps.position(of: point.step) * Double(columns * 2 - 1)),
        Int((1 - losses.position(of: point.loss)) * Double(rows * 4 - 1))
      )
    }
    canvas.drawLine(through: dots)
    var discs = Set<[Int]>()
    for point in validation {
      let column = Int(steps.position(of: point.step) * Double(columns - 1))
      let row = Int((1 - losses.position(of: point.loss)) * Double(rows - 1))
      discs.insert([min(max(row, 0), rows - 1), min(max(column, 0), columns - 1)])
    }
    var tickRows: [Int: String] = [:]
    for (tick, label) in zip(losses.ticks, labels) {
      tickRows[Int((1 - losses.position(of: tick)) * Double(rows - 1))] = label
    }
    var lines = [legend(on: terminal, margin: margin)]
    for row in 0..<rows {
      let label = tickRows[row] ?? ""
      let text = (0..<columns).map { column in
        discs.contains([row, column])
          ? terminal.paint("●", .yellow)
          : canvas[row, column].map { terminal.paint(String($0), .blue) } ?? " "
      }.joined()
      let axis = tickRows[row] == nil ? "│" : "┤"
      lines.append(
        String(repeating: " ", count: margin - 1 - label.count) + label + axis + Self.trimmed(text))
    }
    lines.append(String(repeating: " ", count: margin - 1) + "└" + String(repeating: "─", count: columns))
    let first = steps.label(steps.lower)
    let last = steps.label(steps.upper) + " steps"
    let gap = String(repeating: " ", count: max(1, columns - first.count - last.count))
    lines.append(String(repeating: " ", count: margin) + first + gap + last)
    return lines.joined(separator: "\n") + "\n"
  }

  private func legend(on terminal: Terminal, margin: Int) -> String {
    var entries: [String] = []
    if !train.isEmpty { entries.append(terminal.paint("⣀⠤⠒⠉", .blue) + " training") }
    if !validation.isEmpty { entries.append(terminal.paint("●", .yellow) + " validation") }
    return String(repeating: " ", count: margin) + "\(title): " + entries.joined(separator: "  ")
  }

  private static func trimmed(_ text: String) -> String {
    var text = text
    while text.last == " " { text.removeLast() }
    return text
  }
}

/// A grid of terminal cells with 2 x 4 dots each, drawn with the braille characters U+2800 to U+28FF.
struct BrailleCanvas: Sendable {
  let columns: Int
  let rows: Int
  private var cells: [UInt8]

  init(columns: Int, rows: Int) {
    self.columns = columns
    self.rows = rows
    cells = [UInt8](repeating: 0, count: columns * rows)
  }

  /// The character of a cell, or nil when no dot in it is set.
  subscript(row: Int, column: Int) -> Character? {
    let bits = cells[row * columns + column]
    return bits == 0 ? nil : Unicode.Scalar(0x2800 + UInt32(bits)).map(Character.init)
  }

  /// Sets a dot; x counts from the left, y from the top; dots outside are dropped.
  mutating func set(x: Int, y: Int) {
    guard (0..<(columns * 2)).contains(x), (0..<(rows * 4)).contains(y) else { return }
    // Dots 1 to 6 fill the first three rows column by column, 7 and 8 the last row.
    let bit = y % 4 == 3 ? 6 + x % 2 : y % 4 + 3 * (x % 2)
    cells[y / 4 * columns + x / 2] |= 1 << bit
  }

  /// Joins the points by straight lines.
  mutating func drawLine(through points: [(x: Int, y: Int)]) {
    guard var last = points.first else { return }
    set(x: last.x, y: last.y)
    for point in points.dropFirst() {
      let distance = max(abs(point.x - last.x), abs(point.y - last.y), 1)
      for part in 1...distance {
        set(
          x: last.x + (point.x - last.x) * part / distance, y: last.y + (point.y - last.y) * part / distance)
      }
      last = point
    }
  }
}
