/// What GPT-2's pattern asks of a character: letter (\p{L}), number (\p{N}), white space (\s) or other.
///
/// By the Unicode tables of the Swift runtime, which may be newer than those of other tokenizers: a letter
/// added to Unicode since is "other" to them (Unicode 17 against 16: U+088F, U+0C5C and U+0CDC).
enum ScalarClass: UInt8 {
  case letter, number, space, other

  /// The class of `scalar`.
  init(_ scalar: Unicode.Scalar) {
    if scalar.properties.isWhitespace {
      self = .space
      return
    }
    switch scalar.properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: self = .letter
    case .decimalNumber, .letterNumber, .otherNumber: self = .number
    default: self = .other
    }
  }

  /// The classes of U+0000 to U+FFFF, where nearly all text lies; surrogates count as other.
  static let basicPlane: [ScalarClass] = (0..<0x10000).map { code in
    Unicode.Scalar(UInt32(code)).map { ScalarClass($0) } ?? .other
  }
}
