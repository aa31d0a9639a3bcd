import EmethKit
import Testing

@Suite struct ABITests {
  private func words(_ lines: String...) throws -> [UInt8] { try Hex.decode(lines.joined()) }
  private func padded(_ digits: String) -> String {
    String(repeating: "0", count: 64 - digits.utf8.count) + digits
  }

  /// The examples of the Solidity ABI specification, "Examples" and "Use of Dynamic Types", without
  /// selectors.
  @Test func specificationExamples() throws {
    #expect(try ABI.encode([.uint(69), .bool(true)]) == words(padded("45"), padded("1")))
    let fixed = ABIValue.tuple([.fixedBytes(Array("abc".utf8)), .fixedBytes(Array("def".utf8))])
    #expect(
      try ABI.encode([fixed])
        == words("616263" + String(repeating: "0", count: 58), "646566" + String(repeating: "0", count: 58)))
    #expect(
      try ABI.encode([.bytes(Array("dave".utf8)), .bool(true), .array([.uint(1), .uint(2), .uint(3)])])
        == words(
          padded("60"), padded("1"), padded("a0"), padded("4"),
          "64617665" + String(repeating: "0", count: 56),
          padded("3"), padded("1"), padded("2"), padded("3")))
    #expect(
      try ABI.encode([
        .uint(0x123), .array([.uint(0x456), .uint(0x789)]), .fixedBytes(Array("1234567890".utf8)),
        .bytes(Array("Hello, world!".utf8)),
      ])
        == words(
          padded("123"), padded("80"), "31323334353637383930" + String(repeating: "0", count: 44),
          padded("e0"),
          padded("2"), padded("456"), padded("789"), padded("d"),
          "48656c6c6f2c20776f726c6421" + String(repeating: "0", count: 38)))
  }

  @Test func wordsAreAligned() throws {
    let address = try Address("0x00000000000000000000000000000000000000ff")
    #expect(ABI.word(address) == [UInt8](repeating: 0, count: 31) + [255])
    #expect(
      ABI.word(bytes16: [UInt8](repeating: 7, count: 16)).suffix(16) == [UInt8](repeating: 0, count: 16)[...])
    #expect(ABI.word(true).last == 1 && ABI.word(false).allSatisfy { $0 == 0 })
    #expect(ABI.encode([]) == [] && ABI.encode([.tuple([])]) == [])
    let exactlyOneWord = ABI.encode([.bytes([UInt8](repeating: 1, count: 32))])
    #expect(exactlyOneWord.count == 96, "32 bytes need no padding")
  }

  /// What the values are checked against before they are written.
  @Test(arguments: [
    ("uint8", ABIValue.uint(255), true), ("uint8", .uint(256), false), ("uint256", .uint(.max), true),
    ("int8", .int(127), true), ("int8", .int(-128), true), ("int8", .int(128), false),
    ("int8", .int(-129), false), ("int8", .uint(255), false), ("int256", .int(Int64.min), true),
    ("int248", .uint(1 << 247), false), ("int248", .uint(.max << 247), true),
    ("bytes3", .fixedBytes([1, 2, 3]), true), ("bytes3", .fixedBytes([1, 2]), false),
    ("bytes3", .bytes([1, 2, 3]), false), ("bytes32", .bytes32(.zero), true),
    ("bytes32", .fixedBytes([UInt8](repeating: 1, count: 32)), true), ("bytes31", .bytes32(.zero), false),
    ("address", .address(.zero), true), ("address", .uint(0), false), ("uint160", .address(.zero), false),
    ("bool", .bool(true), true), ("bool", .uint(1), false), ("string", .string(""), true),
    ("string", .bytes([]), false), ("bytes", .string(""), false), ("uint8[]", .array([]), true),
    ("uint8[]", .tuple([]), false), ("uint8[2]", .tuple([.uint(1), .uint(2)]), true),
    ("uint8[2]", .array([.uint(1), .uint(2)]), false), ("uint8[2]", .tuple([.uint(1)]), false),
    ("uint8[]", .array([.uint(1), .uint(256)]), false),
    ("(bool,uint8)", .tuple([.bool(true), .uint(1)]), true),
    ("(bool,uint8)", .tuple([.uint(1), .bool(true)]), false), ("(bool)", .tuple([]), false),
  ])
  func valuesAreCheckedAgainstTheirTypes(text: String, value: ABIValue, allowed: Bool) throws {
    let type = try ABIType(parsing: text)
    if allowed {
      #expect(try ABI.encode([value], as: [type]) == ABI.encode([value]))
      let decoded = try ABI.decode(ABI.encode([value]), as: [type], canonical: true)
      #expect(ABI.encode(decoded) == ABI.encode([value]))
    } else {
      #expect { try ABI.encode([value], as: [type]) } throws: {
        ($0 as? FormatError)?.code == "format.abiValue"
      }
      #expect(throws: FormatError.self) { try type.check(value) }
    }
  }

  @Test func theErrorSaysWhereTheValueStands() throws {
    let type: ABIType = "(uint8,(bool,int16[2])[])"
    let value = ABIValue.tuple([
      .uint(1), .array([.tuple([.bool(true), .tuple([.int(1), .int(40_000)])])]),
    ])
    #expect {
      try ABI.encode([.bool(false), value], as: ["bool", type])
    } throws: { error in
      guard case .abiValue(let place, let problem)? = error as? FormatError else { return false }
      return place == "1.1[0].1[1]" && problem.hasSuffix("9c40 is no int16")
    }
    #expect(throws: FormatError.abiValue(at: "values", problem: "found 1 values where 2 are needed")) {
      try ABI.encode([.bool(true)], as: ["bool", "bool"])
    }
  }

  @Test(.enabled(if: VectorFiles.isAvailable, VectorFiles.reason)) func publicVectors() throws {
    let cases = try VectorFiles.json("abi.json.gz").arrayElements()
    #expect(cases.count == 200)
    for test in cases {
      let name = try test.required("name").stringText()
      let type = try ABIType(parsing: test.required("type").stringText())
      let value = try value(of: type, test.required("verbose"))
      let encoded = try Hex.decode(test.required("encoded").stringText())
      #expect(try ABI.encode([value], as: [type]) == encoded, "\(name)")
      #expect(try ABI.decode(encoded, as: [type], canonical: true) == [value], "\(name)")
    }
  }

  /// A vector's annotated value.
  private func value(of type: ABIType, _ json: JSONValue) throws -> ABIValue {
    let inner = try json.required("value")
    switch (type.form, inner) {
    case (.array(let element), _): return .array(try inner.arrayElements().map { try value(of: element, $0) })
    case (.fixedArray(let element, _), _):
      return .tuple(try inner.arrayElements().map { try value(of: element, $0) })
    case (.tuple(let members), _):
      return .tuple(try zip(members, inner.arrayElements()).map { try value(of: $0, $1) })
    case (.bool, .bool(let truth)): return .bool(truth)
    case (.string, .string(let text)): return .string(text)
    case (.bytes, .string(let hex)): return .bytes(try Hex.decode(hex))
    case (.address, .string(let hex)): return .address(try Address(hex.replacing("0X", with: "0x")))
    case (.fixedBytes(count: 32), .string(let hex)): return .bytes32(try Bytes32(hex: hex))
    case (.fixedBytes, .string(let hex)): return .fixedBytes(try Hex.decode(hex))
    case (.uint, .string(let digits)), (.int, .string(let digits)):
      let magnitude = try #require(UInt256(digits.drop { $0 == "-" }, radix: 10))
      return .uint(digits.hasPrefix("-") ? 0 &- magnitude : magnitude)
    default: throw FormatError.jsonKind(found: inner.kind, allowed: type.description)
    }
  }
}
