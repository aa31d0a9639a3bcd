/// GPT-2's writing of bytes as visible characters, in which vocabularies and merges are spelt.
///
/// Bytes 33–126, 161–172 and 174–255 are the characters of the same number, the other 68 are U+0100 and on in
/// ascending order: a space is Ġ (U+0120), a line feed Ċ (U+010A).
enum ByteAlphabet {
  /// The character of each byte.
  static let scalars: [Unicode.Scalar] = {
    var next: UInt32 = 0x100
    return (0..<256).compactMap { byte -> Unicode.Scalar? in
      switch byte {
      case 33...126, 161...172, 174...255: return Unicode.Scalar(byte)
      default:
        defer { next += 1 }
        return Unicode.Scalar(next)
      }
    }
  }()

  /// The one-character text of each byte.
  static let texts: [String] = scalars.map { String($0) }

  private static let bytes: [Unicode.Scalar: UInt8] = Dictionary(
    uniqueKeysWithValues: scalars.enumerated().map { ($1, UInt8($0)) })

  /// The bytes that `text` spells, nil when a character of it is not in the alphabet.
  static func bytes(of text: String) -> [UInt8]? {
    var result: [UInt8] = []
    result.reserveCapacity(text.utf8.count)
    for scalar in text.unicodeScalars {
      guard let byte = bytes[scalar] else { return nil }
      result.append(byte)
    }
    return result
  }
}
