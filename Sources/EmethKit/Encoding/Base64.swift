/// Base64 in the standard alphabet without padding (RFC 4648, 4), as age's headers have it.
enum Base64 {
  private static let alphabet = Array(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
  /// The value of every character; 255 for those that have none.
  private static let values: [UInt8] = {
    var values = [UInt8](repeating: 255, count: 256)
    for (value, character) in alphabet.enumerated() { values[Int(character)] = UInt8(value) }
    return values
  }()

  /// The characters that stand for so many bytes.
  static func characterCount(of byteCount: Int) -> Int { (byteCount * 4 + 2) / 3 }

  /// The characters of bytes.
  static func encode(_ bytes: some Collection<UInt8>) -> [UInt8] {
    var text: [UInt8] = []
    text.reserveCapacity(characterCount(of: bytes.count))
    var (waiting, bits) = (UInt32(0), UInt32(0))
    for byte in bytes {
      waiting = waiting << 8 | UInt32(byte)
      bits += 8
      while bits >= 6 {
        bits -= 6
        text.append(alphabet[Int(waiting >> bits & 63)])
      }
    }
    if bits > 0 { text.append(alphabet[Int(waiting << (6 - bits) & 63)]) }
    return text
  }

  /// The bytes of characters, or nil when these are not the one text that stands for bytes: a character
  /// outside the alphabet, padding, a lonely last character, bits left over that are not zero.
  static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
    guard text.count % 4 != 1 else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count / 4 * 3 + 2)
    var (waiting, bits) = (UInt32(0), UInt32(0))
    for character in text {
      let value = values[Int(character)]
      guard value != 255 else { return nil }
      waiting = waiting << 6 | UInt32(value)
      bits += 6
      if bits >= 8 {
        bits -= 8
        bytes.append(UInt8(truncatingIfNeeded: waiting >> bits))
      }
    }
    return waiting & (1 << bits - 1) == 0 ? bytes : nil
  }

  /// Writes the characters of whole groups of three bytes, four for each.
  static func encodeGroups(_ bytes: UnsafeRawBufferPointer, into text: UnsafeMutableRawBufferPointer) {
    precondition(bytes.count % 3 == 0 && text.count >= bytes.count / 3 * 4, "whole groups, and room for them")
    alphabet.withUnsafeBufferPointer { alphabet in
      for group in 0..<bytes.count / 3 {
        let word =
          Int(bytes[3 * group]) << 16 | Int(bytes[3 * group + 1]) << 8 | Int(bytes[3 * group + 2])
        text[4 * group] = alphabet[word >> 18]
        text[4 * group + 1] = alphabet[word >> 12 & 63]
        text[4 * group + 2] = alphabet[word >> 6 & 63]
        text[4 * group + 3] = alphabet[word & 63]
      }
    }
  }

  /// Writes the bytes of whole groups of four characters, three for each; false when a character is none of
  /// the alphabet.
  static func decodeGroups(
    _ text: UnsafeRawBufferPointer, into bytes: UnsafeMutableRawBufferPointer
  ) -> Bool {
    precondition(text.count % 4 == 0 && bytes.count >= text.count / 4 * 3, "whole groups, and room for them")
    return values.withUnsafeBufferPointer { values in
      var all: UInt8 = 0
      for group in 0..<text.count / 4 {
        let (a, b) = (values[Int(text[4 * group])], values[Int(text[4 * group + 1])])
        let (c, d) = (values[Int(text[4 * group + 2])], values[Int(text[4 * group + 3])])
        all |= a | b | c | d
        bytes[3 * group] = a << 2 | b >> 4
        bytes[3 * group + 1] = b << 4 | c >> 2
        bytes[3 * group + 2] = c << 6 | d
      }
      // Values have six bits; what has none is 255.
      return all < 64
    }
  }
}
