import EmethKit
import Testing

/// Random types, values and damage.
@Suite struct ABIRoundTripTests {
  @Test func whatIsEncodedIsDecoded() throws {
    var random = RandomABI()
    for _ in 0..<scaled(300) {
      let types = try random.types()
      let values = types.map { random.value($0) }
      let data = try ABI.encode(values, as: types)
      #expect(data == ABI.encode(values), "\(types)")
      #expect(data.count % 32 == 0)
      #expect(try ABI.decode(data, as: types, canonical: true) == values, "\(types)")
      #expect(try ABI.decode(data, as: types) == values, "\(types)")
      for (type, value) in zip(types, values) {
        #expect(try ABIType(parsing: type.description) == type)
        #expect(throws: Never.self) { try type.check(value) }
      }
    }
  }

  /// Every cut and every bit of damage is an error or another value, never a trap; and what the canonical
  /// reading accepts is the one encoding of what it reads.
  @Test func damagedDataNeverTraps() throws {
    var random = RandomABI()
    for _ in 0..<scaled(200) {
      let types = try random.types()
      let data = ABI.encode(types.map { random.value($0) })
      for _ in 0..<20 {
        let damaged = Damage.random(data, using: &random)
        _ = try? ABI.decode(damaged, as: types)
        if let values = try? ABI.decode(damaged, as: types, canonical: true) {
          #expect(ABI.encode(values) == damaged, "\(types)")
        }
      }
      #expect(throws: FormatError.self, "\(types)") { try ABI.decode(Array(data.dropLast()), as: types) }
    }
  }

  @Test func randomBytesNeverTrap() throws {
    var random = RandomABI()
    for _ in 0..<scaled(500) {
      let types = try random.types()
      let data = random.bytes(Int.random(in: 0...400, using: &random.generator))
      _ = try? ABI.decode(data, as: types)
      _ = RevertReason(data)
      _ = try? ABIType(parsing: String(decoding: data.prefix(40), as: UTF8.self))
    }
  }

  @Test func randomTextOfTypesNeverTraps() throws {
    var random = RandomABI()
    let pieces = ["uint", "8", "256", "(", ")", "[", "]", "[]", ",", "bytes", "32", "0", "string", " ", "x"]
    for _ in 0..<scaled(2_000) {
      let count = Int.random(in: 0...12, using: &random.generator)
      let text = (0..<count).compactMap { _ in pieces.randomElement(using: &random.generator) }.joined()
      if let type = try? ABIType(parsing: text) {
        // Aliases aside there is one text for one type.
        #expect(try ABIType(parsing: type.description) == type, "\(text)")
      }
      _ = try? ABIFunction(parsing: "f\(text)")
    }
  }

  @Test(.enabled(if: PythonOracle.isAvailable, PythonOracle.reason))
  func anIndependentImplementationAgrees() throws {
    var random = RandomABI()
    for _ in 0..<scaled(1) {
      let lines = try (0..<1_000).flatMap { _ in try cases(using: &random) }
      let report = try PythonOracle.run("abi_oracle", input: lines.joined(separator: "\n") + "\n")
      #expect(report == "checked \(lines.count)\n")
    }
    // The script itself finds a difference.
    let wrong = try line(["uint8"], [.uint(1)], data: ABI.encode([.uint(2)]), isHostile: false)
    #expect(try PythonOracle.run("abi_oracle", input: wrong + "\n").hasPrefix("uint8 0x0000"))
  }

  /// One honest encoding and three damaged ones, with what was read from them.
  private func cases(using random: inout RandomABI) throws -> [String] {
    let types = try random.types()
    let values = types.map { random.value($0) }
    let data = ABI.encode(values)
    var lines = [try line(types, values, data: data, isHostile: false)]
    for _ in 0..<3 {
      let damaged = Damage.random(data, using: &random)
      let found = try? ABI.decode(damaged, as: types)
      lines.append(try line(types, found, data: damaged, isHostile: true))
    }
    return lines
  }

  private func line(
    _ types: [ABIType], _ values: [ABIValue]?, data: [UInt8], isHostile: Bool
  ) throws -> String {
    let json = values.map { JSONValue.array(zip(types, $0).map { $1.oracleJSON($0) }) }
    return try JSONValue.object([
      .init("types", .array(types.map { .string($0.description) })), .init("values", json ?? .null),
      .init("data", .string(Hex.encode(data))), .init("hostile", .bool(isHostile)),
    ]).canonical
  }
}

/// Small damage to an encoding, of the kinds that reach deep into a decoder.
enum Damage {
  static func random(_ data: [UInt8], using random: inout RandomABI) -> [UInt8] {
    var damaged = data
    let word = 32 * Int.random(in: 0..<max(1, data.count / 32), using: &random.generator)
    switch Int.random(in: 0..<6, using: &random.generator) {
    case 0: damaged.removeLast(Int.random(in: 0...data.count, using: &random.generator))
    case 1: damaged += random.bytes(Int.random(in: 1...64, using: &random.generator))
    case 2:
      let index = Int.random(in: 0..<max(1, data.count), using: &random.generator)
      if damaged.indices.contains(index) {
        damaged[index] ^= 1 << UInt8.random(in: 0...7, using: &random.generator)
      }
    case 3:
      replace(
        word, in: &damaged, with: ABI.word(UInt256(Int.random(in: 0...data.count, using: &random.generator))))
    case 4:
      replace(
        word, in: &damaged,
        with: ABI.word(UInt256(32 * Int.random(in: 0...data.count / 32, using: &random.generator))))
    default: replace(word, in: &damaged, with: random.bytes(32))
    }
    return damaged
  }

  private static func replace(_ position: Int, in data: inout [UInt8], with word: [UInt8]) {
    guard position + 32 <= data.count else { return }
    data.replaceSubrange(position..<position + 32, with: word)
  }
}
