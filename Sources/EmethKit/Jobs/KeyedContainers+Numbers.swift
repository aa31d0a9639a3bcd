extension KeyedDecodingContainer {
  /// A number that may stand as a JSON number or as a decimal string (PROTOCOL 10).
  func decodeNumber<Number: FixedWidthInteger>(_ type: Number.Type = Number.self, forKey key: Key) throws
    -> Number
  {
    try decode(AnyFormNumber<Number>.self, forKey: key).number
  }
}

extension KeyedEncodingContainer {
  /// Writes a 64-bit number as a decimal string (PROTOCOL 10).
  mutating func encodeDecimal(_ number: UInt64, forKey key: Key) throws {
    try encode(String(number), forKey: key)
  }
}

/// A number read from either of its two forms.
private struct AnyFormNumber<Number: FixedWidthInteger>: Decodable {
  let number: Number

  init(from decoder: any Decoder) throws {
    number = try decoder.decodeDecimal(Number.self)
  }
}

extension Decoder {
  /// Runs a validating initialiser and reports its error where the decoder stands.
  func validating<Value, E: EmethError>(_ make: () throws(E) -> Value) throws -> Value {
    do throws(E) {
      return try make()
    } catch {
      throw DecodingError.dataCorrupted(
        .init(codingPath: codingPath, debugDescription: error.message, underlyingError: error))
    }
  }
}
