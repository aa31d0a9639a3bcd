import Foundation

/// What is known of the terminal behind a stream, if there is one.
struct Terminal: Sendable {
  let isTerminal: Bool
  /// Columns; 80 when it is no terminal.
  let columns: Int
  let rows: Int
  /// Whether colours may be used: on a terminal that understands them, unless NO_COLOR is set.
  let usesColor: Bool
  /// Whether lines may be redrawn in place.
  let canRedraw: Bool

  init(descriptor: Int32, environment: [String: String] = ProcessInfo.processInfo.environment) {
    let isTerminal = isatty(descriptor) == 1
    let isDumb = environment["TERM", default: "dumb"] == "dumb"
    var size = winsize()
    let isKnown = isTerminal && ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0
    self.isTerminal = isTerminal
    columns = isKnown ? Int(size.ws_col) : 80
    rows = isKnown && size.ws_row > 0 ? Int(size.ws_row) : 24
    canRedraw = isTerminal && !isDumb
    usesColor = canRedraw && environment["NO_COLOR", default: ""].isEmpty
  }

  /// A terminal with known properties, for what does not ask the real one.
  init(isTerminal: Bool, columns: Int, rows: Int = 24, usesColor: Bool = false) {
    self.isTerminal = isTerminal
    self.columns = columns
    self.rows = rows
    self.usesColor = usesColor
    canRedraw = isTerminal
  }

  /// Columns that running text fills: readable on a wide terminal, all of a narrow one.
  var textWidth: Int { min(max(columns, 40), 100) }

  /// The text in this style where colours may be used, else the text alone.
  func paint(_ text: String, _ style: TextStyle) -> String {
    usesColor ? "\u{1B}[\(style.rawValue)m\(text)\u{1B}[0m" : text
  }
}

/// How text is set off on a terminal.
enum TextStyle: Int, Sendable {
  case bold = 1
  case dim = 2
  case red = 31
  case green = 32
  case yellow = 33
  case blue = 34
  case cyan = 36
}
