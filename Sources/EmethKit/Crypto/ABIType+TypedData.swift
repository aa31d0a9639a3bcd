extension ABIType {
  /// The value of this elementary type that JSON of EIP-712 stands for.
  ///
  /// - Throws: ``CryptoError/typedData(at:problem:)``.
  func typedDataValue(_ json: JSONValue, at path: ValuePath) throws(CryptoError) -> ABIValue {
    switch form {
    case .string: return .string(try Self.text(json, at: path))
    case .bytes: return .bytes(try Self.hexBytes(json, at: path))
    case .address:
      let text = try Self.text(json, at: path)
      do throws(CryptoError) {
        return .address(try Address(text))
      } catch {
        throw .typedData(at: path.description, problem: error.message)
      }
    case .bool:
      guard case .bool(let truth) = json else {
        throw .typedData(at: path.description, problem: "found \(json.kind), needed is true or false")
      }
      return .bool(truth)
    case .fixedBytes(let count):
      let bytes = try Self.hexBytes(json, at: path)
      guard bytes.count == count else {
        throw .typedData(at: path.description, problem: "found \(bytes.count) bytes for the type \(self)")
      }
      return .fixedBytes(bytes)
    case .uint, .int: return .uint(try integer(json, at: path))
    case .array, .fixedArray, .tuple:
      preconditionFailure("arrays and structs of EIP-712 have no form of their own in the ABI")
    }
  }

  private static func text(_ json: JSONValue, at path: ValuePath) throws(CryptoError) -> String {
    guard case .string(let text) = json else {
      throw .typedData(at: path.description, problem: "found \(json.kind), needed is a string")
    }
    return text
  }

  private static func hexBytes(_ json: JSONValue, at path: ValuePath) throws(CryptoError) -> [UInt8] {
    let text = try text(json, at: path)
    guard text.utf8.starts(with: "0x".utf8), let bytes = try? Hex.decode(text) else {
      throw .typedData(
        at: path.description, problem: "\(quoted(text)) is no 0x hexadecimal text of whole bytes")
    }
    return bytes
  }

  /// An integer of JSON: a number or a decimal string, with a minus where the type has a sign, or a 0x
  /// string.
  private func integer(_ json: JSONValue, at path: ValuePath) throws(CryptoError) -> UInt256 {
    let text: String
    switch json {
    case .number(let number): text = number
    case .string(let string): text = string
    case .object, .array, .bool, .null:
      throw .typedData(at: path.description, problem: "found \(json.kind), needed is an integer")
    }
    let isNegative = text.utf8.first == UInt8(ascii: "-")
    let digits = text.utf8.dropFirst(isNegative ? 1 : 0)
    let isHex = digits.starts(with: "0x".utf8)
    // 64 hexadecimal digits or 78 decimal ones reach the largest number; more are not worth reading.
    let front = String(decoding: digits.dropFirst(isHex ? 2 : 0).prefix(81), as: UTF8.self)
    guard let magnitude = isHex ? UInt256(front, radix: 16) : UInt256(decimal: front) else {
      throw .typedData(at: path.description, problem: "\(quoted(text)) is no integer of at most 256 bits")
    }
    let number = isNegative ? 0 &- magnitude : magnitude
    // A number below zero has its sign bit set, one above zero has not: else it only looks like the other.
    let hasSign = number.leadingZeroBitCount == 0
    let keepsSign = magnitude == 0 || (isSigned ? hasSign == isNegative : !isNegative)
    guard keepsSign, holds(number) else {
      throw .typedData(at: path.description, problem: "\(quoted(text)) is out of range of \(self)")
    }
    return number
  }

  private var isSigned: Bool {
    guard case .int = form else { return false }
    return true
  }
}
