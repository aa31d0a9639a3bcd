/// Text from others that is safe to show on a terminal.
enum PlainText {
  /// The text with control characters but tabs and line feeds replaced by U+FFFD: it can't move the cursor,
  /// change colours or set the window's title.
  static func visible(_ text: String) -> String {
    var shown = ""
    for scalar in text.unicodeScalars {
      let isControl = scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
      shown.unicodeScalars.append(isControl && scalar != "\n" && scalar != "\t" ? "\u{FFFD}" : scalar)
    }
    return shown
  }
}
