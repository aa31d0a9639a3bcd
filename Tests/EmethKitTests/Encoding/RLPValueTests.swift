import EmethKit
import Testing

@Suite struct RLPValueTests {
  private func problem(_ hex: String, depthLimit: Int = 64) throws -> FormatError? {
    let bytes = try Hex.decode(hex)
    do throws(FormatError) {
      _ = try RLPValue(decoding: bytes, depthLimit: depthLimit)
      return nil
    } catch {
      return error
    }
  }

  /// The examples of the specification (ethereum.org, "Recursive-length prefix serialization").
  @Test func examplesOfTheSpecification() throws {
    let text = "Lorem ipsum dolor sit amet, consectetur adipisicing elit"
    let cases: [(RLPValue, String)] = [
      (.bytes(Array("dog".utf8)), "0x83646f67"),
      (.list([.bytes(Array("cat".utf8)), .bytes(Array("dog".utf8))]), "0xc88363617483646f67"),
      (.bytes([]), "0x80"), (.list([]), "0xc0"), (.integer(0 as UInt64), "0x80"), (.bytes([0]), "0x00"),
      (.integer(15 as UInt8), "0x0f"), (.integer(1024 as UInt256), "0x820400"),
      (
        .list([.list([]), .list([.list([])]), .list([.list([]), .list([.list([])])])]), "0xc7c0c1c0c3c0c1c0"
      ),
      (.bytes(Array(text.utf8)), "0xb838" + Hex.encode(text.utf8, prefixed: false)),
    ]
    for (value, hex) in cases {
      #expect(Hex.encode(value.encoded) == hex)
      #expect(try RLPValue(decoding: Hex.decode(hex)) == value)
    }
  }

  /// Lengths around both borders of the header, and around the next bytes of a length.
  @Test func everyLengthOfHeaderGoesBothWays() throws {
    for count in Array(0...60) + [255, 256, 257, 65_535, 65_536, 1 << 20] {
      let bytes = RLPValue.bytes((0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ 200) })
      #expect(try RLPValue(decoding: bytes.encoded) == bytes, "\(count) bytes")
      let list = RLPValue.list((0..<count).map { .bytes([UInt8(truncatingIfNeeded: $0) & 0x7F]) })
      let lengthBytes = count <= 55 ? 0 : count <= 255 ? 1 : count <= 65_535 ? 2 : 3
      #expect(list.encoded.count == 1 + lengthBytes + count)
      #expect(try RLPValue(decoding: list.encoded) == list, "\(count) items")
    }
  }

  @Test func randomValuesGoBothWays() throws {
    var generator = SeededGenerator()
    for _ in 0..<scaled(300) {
      let value = Self.random(depth: 5, using: &generator)
      let bytes = value.encoded
      #expect(try RLPValue(decoding: bytes) == value)
      // No part of a value is a value, and nothing may follow one.
      let cut = Int.random(in: 0..<bytes.count, using: &generator)
      #expect(throws: FormatError.self) { try RLPValue(decoding: bytes[..<cut]) }
      #expect(throws: FormatError.rlp(.trailing(byteCount: 1), at: bytes.count)) {
        try RLPValue(decoding: bytes + [0x80])
      }
    }
  }

  /// Whatever is read has this encoding and no other, so that a hash of it means one value.
  @Test func whatIsReadIsWrittenTheSame() throws {
    var generator = SeededGenerator()
    var (read, refused) = (0, 0)
    func check(_ bytes: [UInt8]) {
      if let value = try? RLPValue(decoding: bytes) {
        #expect(value.encoded == bytes)
        read += 1
      } else {
        refused += 1
      }
    }
    for first in UInt8.min...UInt8.max {
      check([first])
      for second in UInt8.min...UInt8.max { check([first, second]) }
    }
    // Alone 0...0x80 and 0xC0; in two bytes 0x81 before 0x80...0xFF, and 0xC1 before any of the former.
    #expect(read == 130 + 128 + 130 && refused == 256 + 65_536 - read)
    for _ in 0..<scaled(2_000) {
      var bytes = Self.random(depth: 4, using: &generator).encoded
      for _ in 0..<Int.random(in: 1...3, using: &generator) {
        bytes[Int.random(in: bytes.indices, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
      }
      check(bytes)
    }
    #expect(read > 400)
  }

  @Test func everyProblemIsNamedWithItsPlace() throws {
    let cases: [(hex: String, problem: RLPProblem, at: Int)] = [
      ("", .truncated(needed: 1, found: 0), 0), ("81", .truncated(needed: 1, found: 0), 0),
      ("83aabb", .truncated(needed: 3, found: 2), 0), ("b8", .truncated(needed: 1, found: 0), 0),
      ("b9ff", .truncated(needed: 2, found: 1), 0), ("f90100", .truncated(needed: 256, found: 0), 0),
      ("c3c1", .truncated(needed: 3, found: 1), 0),
      ("c2c2c0", .truncated(needed: 2, found: 1), 1), ("c201820102", .truncated(needed: 2, found: 0), 2),
      ("bfffffffffffffffff", .truncated(needed: .max, found: 0), 0),
      ("8100", .singleByte(found: 0), 0), ("c3c2817f", .singleByte(found: 127), 2),
      ("b800", .lengthLeadingZero, 0), ("c3b90000", .lengthLeadingZero, 1), ("f90001", .lengthLeadingZero, 0),
      ("b801ff", .lengthForm(found: 1), 0), ("f837", .lengthForm(found: 55), 0),
      ("8080", .trailing(byteCount: 1), 1), ("c0c0c0", .trailing(byteCount: 2), 1),
    ]
    for (hex, problem, at) in cases {
      #expect(try self.problem(hex) == .rlp(problem, at: at), "\(hex)")
    }
  }

  @Test func limitsAreKept() throws {
    let nested = (0..<10).reduce(RLPValue.list([])) { value, _ in .list([value]) }
    #expect(try RLPValue(decoding: nested.encoded, depthLimit: 11) == nested)
    #expect(try problem(Hex.encode(nested.encoded), depthLimit: 10) == .rlp(.depth(allowed: 10), at: 10))
    #expect(try problem("c0", depthLimit: 0) == .rlp(.depth(allowed: 0), at: 0))
    #expect(try problem("80", depthLimit: 0) == nil)
    // Each list's content is all that follows it: 50,000 levels in 200,000 bytes and some.
    var deep: [UInt8] = []
    for level in 1...50_000 {
      let rest = UInt32(270_000 - 4 * level)
      deep += [0xFA] + rest.bigEndianBytes.dropFirst()
    }
    deep += [UInt8](repeating: 0, count: 70_000)
    #expect(throws: FormatError.rlp(.depth(allowed: 64), at: 256)) { try RLPValue(decoding: deep) }
    #expect(throws: FormatError.rlp(.depth(allowed: 1_000), at: 4_000)) {
      try RLPValue(decoding: deep, depthLimit: RLPValue.maximumDepthLimit)
    }
    #expect(throws: FormatError.rlp(.size(found: 4, allowed: 3), at: 0)) {
      try RLPValue(decoding: [0x83, 1, 2, 3], byteLimit: 3)
    }
    #expect(throws: FormatError.self) {
      try RLPValue(decoding: repeatElement(0 as UInt8, count: 1 << 30))
    }
  }

  @Test func numbersHaveNoLeadingZeros() throws {
    var generator = SeededGenerator()
    for _ in 0..<scaled(200) {
      let number = UInt256.adversarial(using: &generator)
      let value = RLPValue.integer(number)
      #expect(try value.unsigned(UInt256.self) == number)
      let narrow = try? value.unsigned(UInt64.self)
      #expect(narrow == UInt64(exactly: number))
    }
    #expect(
      RLPValue.integer(0 as UInt256) == .bytes([]) && RLPValue.integer(256 as UInt16) == .bytes([1, 0]))
    #expect(throws: FormatError.rlp(.integerLeadingZero, at: 0)) {
      try RLPValue.bytes([0]).unsigned(UInt64.self)
    }
    #expect(throws: FormatError.rlp(.integerWidth(found: 9, allowed: 8), at: 0)) {
      try RLPValue.integer(UInt128(UInt64.max) + 1).unsigned(UInt64.self)
    }
    #expect(throws: FormatError.rlp(.kind(found: "a list", allowed: "a byte string"), at: 0)) {
      try RLPValue.list([]).unsigned(UInt64.self)
    }
  }

  @Test(.enabled(if: VectorFiles.isAvailable, VectorFiles.reason)) func validVectors() throws {
    let cases = try VectorFiles.json("rlp/rlptest.json").objectMembers()
    #expect(cases.count == 28)
    for test in cases {
      let value = try Self.value(test.value.required("in"))
      let bytes = try Hex.decode(test.value.required("out").stringText())
      #expect(value.encoded == bytes, "\(test.key)")
      #expect(try RLPValue(decoding: bytes) == value, "\(test.key)")
    }
  }

  /// Each invalid encoding is refused for the reason in its name.
  @Test(.enabled(if: VectorFiles.isAvailable, VectorFiles.reason)) func invalidVectors() throws {
    let reasons: [String: FormatError] = [
      "int32Overflow": .rlp(.truncated(needed: 0x0f00_0000_0000_0002, found: 2), at: 0),
      "int32Overflow2": .rlp(.truncated(needed: 0x0f00_0000_0000_0002, found: 2), at: 0),
      "wrongSizeList": .rlp(.lengthForm(found: 1), at: 0),
      "wrongSizeList2": .rlp(.lengthForm(found: 1), at: 0),
      "incorrectLengthInArray": .rlp(.lengthLeadingZero, at: 0),
      "randomRLP": .rlp(.lengthLeadingZero, at: 4),
      "bytesShouldBeSingleByte00": .rlp(.singleByte(found: 0), at: 0),
      "bytesShouldBeSingleByte01": .rlp(.singleByte(found: 1), at: 0),
      "bytesShouldBeSingleByte7F": .rlp(.singleByte(found: 0x7F), at: 0),
      "leadingZerosInLongLengthArray1": .rlp(.lengthLeadingZero, at: 0),
      "leadingZerosInLongLengthArray2": .rlp(.lengthLeadingZero, at: 0),
      "leadingZerosInLongLengthList1": .rlp(.lengthLeadingZero, at: 0),
      "leadingZerosInLongLengthList2": .rlp(.lengthLeadingZero, at: 0),
      "nonOptimalLongLengthArray1": .rlp(.lengthForm(found: 16), at: 0),
      "nonOptimalLongLengthArray2": .rlp(.lengthForm(found: 1), at: 0),
      "nonOptimalLongLengthList1": .rlp(.lengthForm(found: 16), at: 0),
      "nonOptimalLongLengthList2": .rlp(.lengthForm(found: 3), at: 0),
      "emptyEncoding": .rlp(.truncated(needed: 1, found: 0), at: 0),
      "lessThanShortLengthArray1": .rlp(.truncated(needed: 1, found: 0), at: 0),
      "lessThanShortLengthArray2": .rlp(.truncated(needed: 32, found: 31), at: 0),
      "lessThanShortLengthList1": .rlp(.truncated(needed: 5, found: 3), at: 0),
      "lessThanShortLengthList2": .rlp(.truncated(needed: 34, found: 7), at: 0),
      "lessThanLongLengthArray1": .rlp(.truncated(needed: 0x010000, found: 6), at: 0),
      "lessThanLongLengthArray2": .rlp(.truncated(needed: 64, found: 16), at: 0),
      "lessThanLongLengthList1": .rlp(.truncated(needed: 0x0180, found: 0), at: 0),
      "lessThanLongLengthList2": .rlp(.truncated(needed: .max, found: 8), at: 0),
    ]
    let cases = try VectorFiles.json("rlp/invalidRLPTest.json").objectMembers()
    #expect(Set(cases.map(\.key)) == Set(reasons.keys))
    for test in cases {
      #expect(try problem(test.value.required("out").stringText()) == reasons[test.key], "\(test.key)")
    }
  }

  /// The vectors' own form: strings as bytes, numbers, `#` and a decimal number of any size, arrays.
  private static func value(_ json: JSONValue) throws -> RLPValue {
    switch json {
    case .string(let text) where text.hasPrefix("#"):
      let number = text.dropFirst().utf8.reduce(NaiveInteger(bytes: [])) { number, digit in
        number * NaiveInteger(bytes: [10]) + NaiveInteger(bytes: [digit - UInt8(ascii: "0")])
      }
      return .bytes(number.bytes.reversed())
    case .string(let text): return .bytes(Array(text.utf8))
    case .number: return .integer(try json.unsigned(UInt64.self))
    default: return .list(try json.arrayElements().map(value))
    }
  }

  static func random(depth: Int, using generator: inout some RandomNumberGenerator) -> RLPValue {
    if depth > 0 && Bool.random(using: &generator) {
      return .list(
        (0..<Int.random(in: 0...6, using: &generator)).map { _ in random(depth: depth - 1, using: &generator)
        })
    }
    let count = Bool.random(using: &generator) ? 1 : Int.random(in: 0...70, using: &generator)
    return .bytes((0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) })
  }
}
