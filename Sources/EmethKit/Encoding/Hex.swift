/// Hexadecimal text, as Ethereum's JSON writes bytes: `0x` and two lower-case digits a byte.
public enum Hex {
  /// The bytes as lower-case hexadecimal text.
  ///
  /// - Parameters:
  ///   - bytes: The bytes, first byte first.
  ///   - prefixed: Whether `0x` stands in front (the default).
  public static func encode(_ bytes: some Collection<UInt8>, prefixed: Bool = true) -> String {
    let start = prefixed ? 2 : 0
    return String(unsafeUninitializedCapacity: start + 2 * bytes.count) { text in
      if prefixed {
        text[0] = UInt8(ascii: "0")
        text[1] = UInt8(ascii: "x")
      }
      var end = start
      for byte in bytes {
        text[end] = digit(byte >> 4)
        text[end + 1] = digit(byte & 15)
        end += 2
      }
      return end
    }
  }

  /// The bytes that hexadecimal text stands for.
  ///
  /// `0x` in front may be left out; digits may be of either case. The empty text and `0x` alone are no
  /// bytes.
  ///
  /// - Throws: ``FormatError/hexOddLength(found:)`` or ``FormatError/hexCharacter(found:at:)``.
  public static func decode(_ text: String) throws(FormatError) -> [UInt8] {
    let utf8 = Array(text.utf8)
    let start = utf8.starts(with: [UInt8(ascii: "0"), UInt8(ascii: "x")]) ? 2 : 0
    var bytes: [UInt8] = []
    bytes.reserveCapacity((utf8.count - start) / 2)
    var high: UInt8?
    for index in start..<utf8.count {
      guard let value = digitValue(utf8[index]) else {
        // The whole character, not one of its bytes, is what a reader can recognise.
        let character = String(decoding: utf8[index...].prefix(4), as: UTF8.self).prefix(1)
        throw .hexCharacter(found: String(character), at: index)
      }
      if let first = high {
        bytes.append(first << 4 | value)
        high = nil
      } else {
        high = value
      }
    }
    guard high == nil else { throw .hexOddLength(found: utf8.count - start) }
    return bytes
  }

  /// The lower-case digit of a value below 16.
  static func digit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + (value - 10)
  }

  /// The value of an ASCII digit of either case, or nil.
  static func digitValue(_ character: UInt8) -> UInt8? {
    switch character {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): character - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): character - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}
