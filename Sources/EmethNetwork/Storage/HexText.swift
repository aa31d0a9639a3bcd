import EmethKit
import Foundation

/// Bytes that travel as 0x and lower-case hexadecimal digits (PROTOCOL 10).
@propertyWrapper
public struct HexText: Codable, Sendable, Hashable {
  /// The bytes.
  public var wrappedValue: Data

  /// Wraps bytes.
  public init(wrappedValue: Data) { self.wrappedValue = wrappedValue }

  /// Reads hexadecimal text.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    do {
      wrappedValue = Data(try Hex.decode(try container.decode(String.self)))
    } catch let error as FormatError {
      throw DecodingError.dataCorruptedError(in: container, debugDescription: error.message)
    }
  }

  /// Writes hexadecimal text.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(Hex.encode(wrappedValue))
  }
}
