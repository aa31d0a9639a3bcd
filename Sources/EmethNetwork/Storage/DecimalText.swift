/// A 64-bit number that travels as a decimal string (PROTOCOL 10); a JSON number is read too.
@propertyWrapper
public struct DecimalText: Codable, Sendable, Hashable {
  /// The number.
  public var wrappedValue: UInt64

  /// Wraps a number.
  public init(wrappedValue: UInt64) { self.wrappedValue = wrappedValue }

  /// Reads a decimal string or a number.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let number = try? container.decode(UInt64.self) {
      wrappedValue = number
      return
    }
    let text = try container.decode(String.self)
    guard let number = UInt64(text), "\(number)" == text else {
      throw DecodingError.dataCorruptedError(
        in: container, debugDescription: "found \(text), allowed a decimal number below 2^64")
    }
    wrappedValue = number
  }

  /// Writes a decimal string.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode("\(wrappedValue)")
  }
}
