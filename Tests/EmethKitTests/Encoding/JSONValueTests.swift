import EmethKit
import Foundation
import Testing

@Suite struct JSONValueTests {
  @Test func readsEveryKindOfValue() throws {
    let value = try JSONValue(
      parsing: " {\"a\": [1, -2.50e+3, true, false, null, \"x\"], \"b\": {}, \"c\": []}\r\n\t")
    let expected = JSONValue.object([
      .init(
        "a", .array([.number("1"), .number("-2.50e+3"), .bool(true), .bool(false), .null, .string("x")])),
      .init("b", .object([])), .init("c", .array([])),
    ])
    #expect(value == expected)
    #expect(
      try value.required("a").arrayElements().map(\.kind) == [
        "number", "number", "boolean", "boolean", "null", "string",
      ])
  }

  @Test func readsEscapesAndUnicode() throws {
    let text = try JSONValue(parsing: #""\"\\\/\b\f\n\r\t\u0041\u00e9\ud83d\ude80 é🚀\u0000""#).stringText()
    #expect(text == "\"\\/\u{8}\u{c}\n\r\tA\u{e9}🚀 é🚀\0")
  }

  @Test(arguments: [
    "", " ", "{", "}", "[", "]", "[1,]", "[,1]", "[1 2]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}",
    "{'a':1}",
    "{1:2}", "01", "-", "-01", "1.", ".5", "1e", "1e+", "+1", "0x1", "1 1", "NaN", "Infinity", "tru", "truee",
    "nul",
    "True", "\"", "\"\\\"", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\ud800\"", "\"\\ud800x\"",
    "\"\\ud800\\n\"",
    "\"\\ud800\\u0041\"", "\"\\udc00\"", "\"a\nb\"", "\"\u{1}\"", "[1]]", "// x\n1", "\u{FEFF}1", "1\u{A0}",
  ])
  func brokenTextIsRefused(text: String) {
    #expect { try JSONValue(parsing: text) } throws: { ($0 as? FormatError)?.code == "format.jsonSyntax" }
  }

  @Test func limitsHold() throws {
    let deep = String(repeating: "[", count: 64) + String(repeating: "]", count: 64)
    #expect(throws: Never.self) { try JSONValue(parsing: deep) }
    #expect(throws: FormatError.jsonDepth(allowed: 64)) { try JSONValue(parsing: "[\(deep)]") }
    #expect(throws: FormatError.jsonDepth(allowed: 64)) {
      try JSONValue(parsing: String(repeating: "[{\"a\":", count: 100_000))
    }
    #expect(throws: FormatError.jsonSize(found: 5, allowed: 4)) {
      try JSONValue(parsing: "[1,2]", byteLimit: 4)
    }
  }

  @Test func keysAreComparedByBytes() throws {
    #expect(throws: FormatError.jsonDuplicateKey(key: "a", at: 7)) {
      try JSONValue(parsing: #"{"a":1,"a":2}"#)
    }
    #expect(throws: FormatError.jsonDuplicateKey(key: "a", at: 7)) {
      try JSONValue(parsing: #"{"a":1,"\u0061":2}"#)
    }
    // Swift takes both spellings of é for equal text; in JSON they are two keys.
    let value = try JSONValue(parsing: #"{"\u00e9":1,"e\u0301":2}"#)
    #expect(value["\u{e9}"] == .number("1") && value["e\u{301}"] == .number("2"))
    let escape = #"{"b":{"a":1},"a":{"a":2}}"#
    #expect(throws: Never.self) { try JSONValue(parsing: escape) }
  }

  /// The examples of RFC 8785, sections 3.2.2 and 3.2.3, as far as they have no reals.
  @Test func canonicalTextFollowsTheRFC() throws {
    let sorting = #"""
      {"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One",
       "\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}
      """#
    let sorted =
      "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\u{80}\":\"Control\","
      + "\"ö\":\"Latin Small Letter O With Diaeresis\",\"€\":\"Euro Sign\",\"😀\":\"Emoji: Grinning Face\","
      + "\"\u{fb33}\":\"Hebrew Letter Dalet With Dagesh\"}"
    #expect(try JSONValue(parsing: sorting).canonical.utf8.elementsEqual(sorted.utf8))
    let literals = #"{"string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}"#
    #expect(
      try JSONValue(parsing: literals).canonical
        == #"{"literals":[null,true,false],"string":"€$\u000f\nA'B\"\\\\\"/"}"#)
    #expect(
      try JSONValue(parsing: "[ 0, -0, 10, -9007199254740991, 9007199254740991 ]").canonical
        == "[0,0,10,-9007199254740991,9007199254740991]")
  }

  @Test(arguments: [
    "1.0", "1e3", "0.5", "9007199254740992", "-9007199254740992", "123456789012345678901234567890",
  ])
  func realsAndWideIntegersHaveNoCanonicalText(number: String) throws {
    let value = try JSONValue(parsing: "{\"a\":[\(number)]}")
    #expect(throws: FormatError.jsonNumber(found: number)) { try value.canonical }
  }

  @Test func canonicalTextIsAFixedPoint() throws {
    var generator = SeededGenerator()
    for _ in 0..<scaled(200) {
      let value = Self.random(depth: 4, using: &generator)
      let text = try value.canonical
      #expect(try JSONValue(parsing: text).canonical == text)
      #expect(throws: Never.self) {
        try JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed)
      }
    }
  }

  /// A document is cut and changed at random: it is read or refused, and never stops the program. Exponents
  /// are not put in: Foundation refuses numbers beyond binary64, which are kept as text here.
  @Test func damagedDocumentsNeverTrap() throws {
    var generator = SeededGenerator()
    for _ in 0..<scaled(500) {
      var bytes = Array(try Self.random(depth: 3, using: &generator).canonical.utf8)
      for _ in 0..<3 {
        let place = Int.random(in: 0..<bytes.count, using: &generator)
        bytes[place] = Array("{}[]\",:\\u0-.tfn \u{1}".utf8).randomElement(using: &generator) ?? 0
      }
      let text = String(
        decoding: bytes.prefix(Int.random(in: 0...bytes.count, using: &generator)), as: UTF8.self)
      let read = try? JSONValue(parsing: text)
      let foundation = try? JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed)
      #expect(read == nil || foundation != nil, "read what Foundation refuses: \(text)")
    }
  }

  @Test func accessorsNameWhatTheyFound() throws {
    let value = try JSONValue(parsing: #"{"a":"7","b":7,"c":-1,"d":256}"#)
    #expect(
      try value.required("a").unsigned(UInt8.self) == 7 && value.required("b").unsigned(UInt64.self) == 7)
    #expect(throws: FormatError.jsonNumber(found: "-1")) { try value.required("c").unsigned(UInt8.self) }
    #expect(throws: FormatError.jsonNumber(found: "256")) { try value.required("d").unsigned(UInt8.self) }
    #expect(throws: FormatError.jsonMissing(key: "e")) { try value.required("e") }
    #expect(throws: FormatError.jsonKind(found: "string", allowed: "array")) {
      try value.required("a").arrayElements()
    }
    #expect(throws: FormatError.jsonKind(found: "number", allowed: "object")) {
      try value.required("b").required("x")
    }
    #expect(throws: FormatError.jsonKind(found: "object", allowed: "boolean")) { try value.truth() }
    #expect(throws: FormatError.jsonKind(found: "object", allowed: "string")) { try value.stringText() }
    #expect(throws: FormatError.jsonKind(found: "null", allowed: "object")) {
      try JSONValue.null.objectMembers()
    }
  }

  private static func random(depth: Int, using generator: inout some RandomNumberGenerator) -> JSONValue {
    switch Int.random(in: 0..<(depth > 0 ? 6 : 4), using: &generator) {
    case 0: return .integer(.random(in: 0...UInt32.max, using: &generator))
    case 1: return .bool(.random(using: &generator))
    case 2: return .null
    case 3:
      return .string(["", "a\"b\\", "é\u{301}🚀", "\0\u{1f}\n", "日本語"].randomElement(using: &generator) ?? "")
    case 4: return .array((0..<3).map { _ in random(depth: depth - 1, using: &generator) })
    default:
      let keys = ["z", "a", "é", "€", "🚀"].shuffled(using: &generator).prefix(3)
      return .object(keys.map { .init($0, random(depth: depth - 1, using: &generator)) })
    }
  }
}
