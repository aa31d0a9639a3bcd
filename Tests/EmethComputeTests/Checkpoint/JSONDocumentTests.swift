import Testing

@testable import EmethCompute

@Suite struct JSONDocumentTests {
  private func parse(_ text: String) throws -> JSONDocument {
    try JSONDocument(parsing: Array(text.utf8), path: "test.json")
  }

  @Test func valuesAsWritten() throws {
    let document = try parse(#" {"b": [1, -2.5e+3, true, false, null], "a": {"x": "y"}} "#)
    #expect(
      document
        == .object([
          ("b", .array([.number("1"), .number("-2.5e+3"), .bool(true), .bool(false), .null])),
          ("a", .object([("x", .string("y"))])),
        ]))
    #expect(document["a"]?["x"]?.string == "y" && document["c"] == nil)
    #expect(try parse("1e-05").double == 1e-5)
    #expect(try parse("1.0").integer == nil)
  }

  @Test func escapes() throws {
    #expect(try parse(#""\"\\\/\b\f\n\r\tAé猫😀""#).string == "\"\\/\u{8}\u{C}\n\r\tAé猫😀")
    #expect(try parse(#""\u00e9\ud83d\ude00\u732b""#).string == "é😀猫")
    var json: [UInt8] = []
    let text = "a\"b\\c\n\u{1}\u{7F}é猫"
    JSONDocument.append(string: text, to: &json)
    #expect(try JSONDocument(parsing: json, path: "").string == text)
  }

  @Test(arguments: [
    "", " ", "{", "}", "[1,]", "[1 2]", #"{"a"}"#, #"{"a":}"#, #"{"a":1,}"#, #"{"a":1,"a":2}"#,
    #"{"\u0061":1,"a":2}"#,
    "{a:1}", "01", "-", "1.", ".5", "1e", "+1", "tru", "nul", "NaN", "Infinity", "\"a", "\"\n\"", #""\x""#,
    #""\u12""#,
    #""\ud800""#, #""\ud800\u0041""#, #""\udc00""#, "1 2", "[1]]", "'a'", "\u{FEFF}1", "[\u{A0}1]",
  ]) func whatIsNotJSONIsRefused(text: String) {
    #expect(throws: ComputeError.self) { try parse(text) }
  }

  @Test func depthIsLimited() throws {
    let deep = { (levels: Int) in
      String(repeating: "[", count: levels) + String(repeating: "]", count: levels)
    }
    _ = try parse(deep(64))
    #expect(throws: ComputeError.self) { try parse(deep(65)) }
    #expect(throws: ComputeError.self) { try parse(String(repeating: "[", count: 1_000_000)) }
  }

  @Test func bytesThatAreNotUTF8AreRefused() {
    #expect(
      throws: ComputeError.malformedFile(path: "f", what: "byte 1", found: "0xff", allowed: "UTF-8")
    ) { try JSONDocument(parsing: [0x22, 0xFF, 0x22], path: "f") }
  }

  /// No prefix, and no change of one byte, of a good text makes the parser fail in any other way than by
  /// throwing.
  @Test func brokenTextsOnlyThrow() throws {
    let text = Array(#"{"a\n":[1.5e3,{"b":null},"é\ud83d\ude00"],"c":true}"#.utf8)
    var random = try RandomInput("json")
    for length in 0..<text.count {
      #expect(throws: ComputeError.self) { try JSONDocument(parsing: Array(text[..<length]), path: "") }
    }
    for _ in 0..<5_000 * RandomInput.scale {
      var broken = text
      broken[try random.below(text.count)] = UInt8(try random.below(256))
      _ = try? JSONDocument(parsing: broken, path: "")
    }
  }

  @Test func whatIsWrittenIsReadAsTheSame() throws {
    let text = #"{"a":[1,-2.50e3,[],{}],"b":{"c\"\\\u0001":"é😀\n"},"d":[true,false,null]}"#
    let document = try JSONDocument(parsing: Array(text.utf8), path: "test")
    #expect(try JSONDocument(parsing: document.bytes, path: "test") == document)
    #expect(try JSONDocument(parsing: document.bytes, path: "test").bytes == document.bytes)
    #expect(document.bytes.starts(with: #"{"a":[1,-2.50e3,[],{}]"#.utf8))
  }
}
