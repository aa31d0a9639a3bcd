extension Hex {
  /// A number as Ethereum's JSON-RPC writes it: `0x` and its digits without leading zeros, `0x0` for zero.
  public static func encodeQuantity(_ number: some FixedWidthInteger & UnsignedInteger) -> String {
    let digits = encode(number.bigEndianBytes, prefixed: false).drop { $0 == "0" }
    return "0x" + (digits.isEmpty ? "0" : digits)
  }

  /// The number of a JSON-RPC quantity, digits of either case.
  ///
  /// - Throws: ``FormatError/hexQuantity(found:bitWidth:)`` without `0x` or digits, with a leading zero or
  ///   another character, and for a number that is too wide for its type.
  public static func decodeQuantity<Number: FixedWidthInteger & UnsignedInteger>(
    _ text: String, as type: Number.Type = Number.self
  ) throws(FormatError) -> Number {
    let digits = text.utf8.dropFirst(2)
    guard text.utf8.starts(with: "0x".utf8), (1...Number.bitWidth / 4).contains(digits.count),
      digits.count == 1 || digits.first != UInt8(ascii: "0"), let number: Number = number(of: digits)
    else { throw .hexQuantity(found: text, bitWidth: Number.bitWidth) }
    return number
  }

  private static func number<Number: FixedWidthInteger>(of digits: Substring.UTF8View) -> Number? {
    var number: Number = 0
    for digit in digits {
      guard let value = digitValue(digit) else { return nil }
      number = number << 4 | Number(truncatingIfNeeded: value)
    }
    return number
  }
}
