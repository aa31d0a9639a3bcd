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

  @Test(.enabled(if: VectorFiles.isAvailable, VectorFiles.reason)) func publicVectors() throws {
    let cases = try VectorFiles.json("abi.json.gz").arrayElements()
    #expect(cases.count == 200)
    for test in cases {
      let types = ABITypeText(try test.required("type").stringText())
      let value = try types.value(test.required("verbose"))
      let name = try test.required("name").stringText()
      #expect(try Hex.encode(ABI.encode([value])) == test.required("encoded").stringText(), "\(name)")
    }
  }
}

/// A Solidity type as text, matched with the vectors' annotated values.
private struct ABITypeText {
  let text: Substring

  init(_ text: some StringProtocol) { self.text = Substring(text) }

  func value(_ json: JSONValue) throws -> ABIValue {
    let inner = try json.required("value")
    if text.hasSuffix("]") {
      let bracket = try #require(text.lastIndex(of: "["))
      let element = ABITypeText(text[..<bracket])
      let elements = try inner.arrayElements().map(element.value)
      return text.hasSuffix("[]") ? .array(elements) : .tuple(elements)
    }
    if text.hasPrefix("(") {
      return .tuple(try zip(members, inner.arrayElements()).map { try $0.value($1) })
    }
    switch (text, inner) {
    case ("bool", .bool(let truth)): return .bool(truth)
    case ("string", .string(let text)): return .string(text)
    case ("bytes", .string(let hex)): return .bytes(try Hex.decode(hex))
    case ("address", .string(let hex)): return .address(try Address(hex.replacing("0X", with: "0x")))
    case (_, .string(let digits)) where text.hasPrefix("bytes"): return .fixedBytes(try Hex.decode(digits))
    case (_, .string(let digits)):
      let magnitude = try #require(UInt256(digits.drop { $0 == "-" }, radix: 10))
      return .uint(digits.hasPrefix("-") ? 0 &- magnitude : magnitude)
    default: throw FormatError.jsonKind(found: inner.kind, allowed: String(text))
    }
  }

  /// The types between the outermost parentheses, split at the commas of that level.
  private var members: [ABITypeText] {
    var depth = 0
    let parts = text.dropFirst().dropLast().split(omittingEmptySubsequences: true) { character in
      if character == "(" { depth += 1 }
      if character == ")" { depth -= 1 }
      return character == "," && depth == 0
    }
    return parts.map { ABITypeText($0) }
  }
}
