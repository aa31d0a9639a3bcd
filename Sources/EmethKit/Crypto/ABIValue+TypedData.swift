extension ABIValue {
  /// The value of a JSON value by the name of an elementary Solidity type; nil when there is no such type.
  init?(typedDataType type: String, value: JSONValue, at place: String) throws(CryptoError) {
    switch type {
    case "string": self = .string(try Self.text(value, at: place))
    case "bytes": self = .bytes(try Self.hexBytes(value, at: place))
    case "address": self = .address(try Address(try Self.text(value, at: place)))
    case "bool":
      guard case .bool(let truth) = value else {
        throw .typedData(at: place, problem: "found \(value.kind), needed is true or false")
      }
      self = .bool(truth)
    default:
      if let count = Self.suffix(of: type, after: "bytes"), (1...32).contains(count) {
        let bytes = try Self.hexBytes(value, at: place)
        guard bytes.count == count else {
          throw .typedData(at: place, problem: "found \(bytes.count) bytes for the type \(type)")
        }
        self = .fixedBytes(bytes)
      } else if let bits = Self.suffix(of: type, after: "uint"), Self.isWidth(bits) {
        self = .uint(try Self.integer(value, bits: bits, signed: false, at: place))
      } else if let bits = Self.suffix(of: type, after: "int"), Self.isWidth(bits) {
        self = .uint(try Self.integer(value, bits: bits, signed: true, at: place))
      } else {
        return nil
      }
    }
  }

  private static func isWidth(_ bits: Int) -> Bool {
    (8...256).contains(bits) && bits % 8 == 0
  }

  private static func suffix(of type: String, after name: String) -> Int? {
    type.hasPrefix(name) ? UInt16(decimal: type.dropFirst(name.count)).map(Int.init) : nil
  }

  private static func text(_ value: JSONValue, at place: String) throws(CryptoError) -> String {
    guard case .string(let text) = value else {
      throw .typedData(at: place, problem: "found \(value.kind), needed is a string")
    }
    return text
  }

  private static func hexBytes(_ value: JSONValue, at place: String) throws(CryptoError) -> [UInt8] {
    let text = try text(value, at: place)
    guard text.hasPrefix("0x"), let bytes = try? Hex.decode(text) else {
      throw .typedData(at: place, problem: "\(quoted(text)) is no 0x hexadecimal text of whole bytes")
    }
    return bytes
  }

  /// An integer of JSON: a number or a decimal string, with a minus where the type has a sign, or a 0x
  /// string.
  private static func integer(
    _ value: JSONValue, bits: Int, signed: Bool, at place: String
  ) throws(CryptoError) -> UInt256 {
    let text: String
    switch value {
    case .number(let number): text = number
    case .string(let string): text = string
    case .object, .array, .bool, .null:
      throw .typedData(at: place, problem: "found \(value.kind), needed is an integer")
    }
    let isNegative = text.hasPrefix("-")
    let digits = text.dropFirst(isNegative ? 1 : 0)
    let magnitude =
      digits.hasPrefix("0x") ? UInt256(digits.dropFirst(2), radix: 16) : UInt256(decimal: digits)
    guard let magnitude else { throw .typedData(at: place, problem: "\(quoted(text)) is no integer") }
    // A signed type reaches one further below zero than above.
    let limit: UInt256 = (signed ? 1 << (bits - 1) : .max >> (256 - bits))
    let allowed = signed ? (isNegative ? limit : limit - 1) : (isNegative ? 0 : limit)
    guard magnitude <= allowed else {
      throw .typedData(
        at: place, problem: "\(quoted(text)) is out of range of \(signed ? "int" : "uint")\(bits)")
    }
    return isNegative ? 0 &- magnitude : magnitude
  }
}
