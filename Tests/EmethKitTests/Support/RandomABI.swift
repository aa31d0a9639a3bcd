import EmethKit

/// Random types of the contract ABI and values of them.
struct RandomABI {
  var generator: SeededGenerator

  init(test: String = #function) {
    generator = SeededGenerator(test: test)
  }

  mutating func type(depth: Int = 3) throws -> ABIType {
    if depth > 0, Int.random(in: 0..<3, using: &generator) == 0 {
      switch Int.random(in: 0..<3, using: &generator) {
      case 0: return try ABIType(.array(of: type(depth: depth - 1)))
      case 1:
        let count = Int.random(in: 1...4, using: &generator)
        return try ABIType(.fixedArray(of: type(depth: depth - 1), count: count))
      default:
        let count = Int.random(in: 1...4, using: &generator)
        return try ABIType(.tuple((0..<count).map { _ in try type(depth: depth - 1) }))
      }
    }
    switch Int.random(in: 0..<7, using: &generator) {
    case 0: return try ABIType(.uint(bits: 8 * Int.random(in: 1...32, using: &generator)))
    case 1: return try ABIType(.int(bits: 8 * Int.random(in: 1...32, using: &generator)))
    case 2: return "address"
    case 3: return "bool"
    case 4: return try ABIType(.fixedBytes(count: Int.random(in: 1...32, using: &generator)))
    case 5: return "bytes"
    default: return "string"
    }
  }

  mutating func types() throws -> [ABIType] {
    try (0..<Int.random(in: 1...4, using: &generator)).map { _ in try type() }
  }

  mutating func value(_ type: ABIType) -> ABIValue {
    switch type.form {
    case .uint(let bits): return .uint(number() >> UInt256(256 - bits))
    case .int(let bits):
      // The sign bit of the width, all the way up.
      let magnitude = number() >> UInt256(257 - bits)
      return .uint(Bool.random(using: &generator) ? ~magnitude : magnitude)
    case .address: return .address(Address(bytes: bytes(20)) ?? .zero)
    case .bool: return .bool(Bool.random(using: &generator))
    case .fixedBytes(count: 32): return .bytes32(Bytes32(bytes(32)) ?? .zero)
    case .fixedBytes(let count): return .fixedBytes(bytes(count))
    case .bytes: return .bytes(bytes(length()))
    case .string: return .string(text())
    case .array(let element): return .array((0..<length() % 5).map { _ in value(element) })
    case .fixedArray(let element, let count): return .tuple((0..<count).map { _ in value(element) })
    case .tuple(let members): return .tuple(members.map { value($0) })
    }
  }

  /// Numbers of all sizes, not only of nearly 256 bits.
  private mutating func number() -> UInt256 {
    let wide = UInt256(
      high: .random(in: 0 ... .max, using: &generator), low: .random(in: 0 ... .max, using: &generator))
    switch Int.random(in: 0..<4, using: &generator) {
    case 0: return 0
    case 1: return .max
    case 2: return wide >> UInt256(Int.random(in: 0..<256, using: &generator))
    default: return wide
    }
  }

  private mutating func length() -> Int {
    Bool.random(using: &generator)
      ? Int.random(in: 0...3, using: &generator) : Int.random(in: 29...67, using: &generator)
  }

  mutating func bytes(_ count: Int) -> [UInt8] {
    (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
  }

  private mutating func text() -> String {
    let alphabet: [Character] = ["a", "Z", "0", " ", "\"", "\\", "é", "日", "🚀", "\u{0}", "\u{202E}"]
    return String((0..<length()).compactMap { _ in alphabet.randomElement(using: &generator) })
  }
}

extension ABIValue {
  /// The value as JSON that an oracle in Python reads: integers as decimal strings, bytes as hex.
  func oracleJSON(_ type: ABIType) -> JSONValue {
    switch (type.form, self) {
    case (.int, .uint(let number)) where number >> 255 == 1: .string("-\(~number + 1)")
    case (_, .uint(let number)): .string("\(number)")
    case (_, .address(let address)): .string("\(address)")
    case (_, .bytes32(let bytes)): .string("\(bytes)")
    case (_, .fixedBytes(let bytes)), (_, .bytes(let bytes)): .string(Hex.encode(bytes))
    case (_, .bool(let truth)): .bool(truth)
    case (_, .string(let text)): .string(text)
    case (.tuple(let members), .tuple(let values)):
      .array(zip(members, values).map { $1.oracleJSON($0) })
    case (.array(let element), .array(let values)), (.fixedArray(let element, _), .tuple(let values)):
      .array(values.map { $0.oracleJSON(element) })
    case (_, .array), (_, .tuple): .null
    }
  }
}
