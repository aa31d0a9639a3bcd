/// How many columns text takes on a terminal: East Asian wide characters and pictures two, marks none.
enum DisplayWidth {
  static func of(_ text: String) -> Int {
    text.reduce(0) { $0 + of($1) }
  }

  static func of(_ character: Character) -> Int {
    guard let scalar = character.unicodeScalars.first else { return 0 }
    switch scalar.value {
    case 0..<0x20, 0x7F..<0xA0, 0x300..<0x370, 0x200B...0x200F: return 0
    case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF,
      0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1FAFF, 0x20000...0x3FFFD:
      return 2
    default: return 1
    }
  }

  /// The longest beginning of the text that fits in so many columns; escape sequences take none.
  static func truncate(_ text: String, to columns: Int) -> String {
    var used = 0
    var isEscape = false
    var kept = ""
    for character in text {
      if character == "\u{1B}" { isEscape = true }
      let width = isEscape ? 0 : of(character)
      if used + width > columns {
        // Styles that were switched on are switched off again.
        return text.contains("\u{1B}") ? kept + "\u{1B}[0m" : kept
      }
      if isEscape, character.isLetter { isEscape = false }
      used += width
      kept.append(character)
    }
    return kept
  }
}
