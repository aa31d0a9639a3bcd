extension Decoder {
  /// The value that `parse` makes of a single text, with the domain's own sentence in the decoding error.
  func decodeText<Value, E: EmethError>(_ parse: (String) throws(E) -> Value) throws -> Value {
    let container = try singleValueContainer()
    let text = try container.decode(String.self)
    do throws(E) {
      return try parse(text)
    } catch {
      throw DecodingError.dataCorrupted(
        .init(codingPath: codingPath, debugDescription: error.message, underlyingError: error))
    }
  }

  /// A number written as a decimal string (or as a JSON number, which is read too).
  func decodeDecimal<Number: FixedWidthInteger>(_ type: Number.Type) throws -> Number {
    let container = try singleValueContainer()
    if let text = try? container.decode(String.self) {
      guard let number = Number(decimal: text) else {
        throw DecodingError.dataCorrupted(
          .init(
            codingPath: codingPath,
            debugDescription: "\(quoted(text)) is not a decimal number from 0 to \(Number.max)"))
      }
      return number
    }
    // UInt64 is what every JSON reader gives without a detour through binary64.
    let number: UInt64
    do {
      number = try container.decode(UInt64.self)
    } catch DecodingError.typeMismatch(let type, let context) {
      throw DecodingError.typeMismatch(type, context)
    } catch DecodingError.valueNotFound(let type, let context) {
      throw DecodingError.valueNotFound(type, context)
    } catch {
      // A number of another kind: readers name neither it nor its place.
      throw DecodingError.dataCorrupted(
        .init(
          codingPath: codingPath,
          debugDescription: "found neither an integer from 0 to \(UInt64.max) nor a decimal string"))
    }
    guard let exact = Number(exactly: number) else {
      throw DecodingError.dataCorrupted(
        .init(codingPath: codingPath, debugDescription: "\(number) is not a number from 0 to \(Number.max)"))
    }
    return exact
  }
}

extension Encoder {
  /// Writes a single text.
  func encodeText(_ text: String) throws {
    var container = singleValueContainer()
    try container.encode(text)
  }
}

extension FixedWidthInteger {
  /// The number of decimal text that has nothing but digits: no sign, no space, no leading zero before a
  /// digit.
  public init?(decimal text: some StringProtocol) {
    let utf8 = text.utf8
    guard utf8.count <= 80, let first = utf8.first, first != UInt8(ascii: "0") || utf8.count == 1,
      utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
    else { return nil }
    if Self.self == UInt256.self {
      guard let number = UInt256(text, radix: 10) else { return nil }
      self.init(truncatingIfNeeded: number)
    } else {
      self.init(text, radix: 10)
    }
  }
}

/// An unsigned integer of 64 bits that travels as a decimal string, as JSON of this protocol writes it.
///
/// JSON readers elsewhere lose the low bits of numbers above 2^53, so that 64-bit and wider integers are
/// written as strings (PROTOCOL 10); numbers are read too.
///
/// ```swift
/// struct Stamp: Codable { @DecimalText var epoch: UInt64 }   // {"epoch":"7"}
/// ```
@propertyWrapper
public struct DecimalText: Hashable, Sendable, Codable {
  /// The number.
  public var wrappedValue: UInt64

  /// Wraps a number.
  public init(wrappedValue: UInt64) {
    self.wrappedValue = wrappedValue
  }

  /// Reads a decimal string or a number.
  public init(from decoder: any Decoder) throws {
    wrappedValue = try decoder.decodeDecimal(UInt64.self)
  }

  /// Writes a decimal string.
  public func encode(to encoder: any Encoder) throws {
    try encoder.encodeText(String(wrappedValue))
  }
}
