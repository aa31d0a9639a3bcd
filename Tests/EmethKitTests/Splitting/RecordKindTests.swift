import EmethKit
import Testing

@Suite struct RecordKindTests {
  @Test func textFormsAreReadAndWritten() throws {
    let kinds: [(String, RecordKind)] = [
      ("line", .line), ("sentence", .sentence), ("json", .json), ("binary:1", .binary(byteCount: 1)),
      ("binary:67108864", .binary(byteCount: 64 << 20)),
    ]
    for (text, kind) in kinds {
      #expect(RecordKind(text) == kind)
      #expect(kind.description == text)
      #expect(try jsonText([kind]) == "[\"\(text)\"]")
      #expect(try fromJSON([RecordKind].self, "[\"\(text)\"]") == [kind])
    }
  }

  @Test(arguments: [
    "", "lines", "LINE", "line ", "binary", "binary:", "binary:0", "binary:-1", "binary:+1", "binary:01",
    "binary:67108865", "binary:4294967297", "binary:99999999999999999999", "binary:1.5", "binary: 1",
  ])
  func otherTextsAreRefused(text: String) {
    #expect(RecordKind(text) == nil)
    #expect(throws: DecodingError.self) { try fromJSON([RecordKind].self, "[\"\(text)\"]") }
  }

  @Test func linesOfJSONAreCutAndRead() throws {
    let text = "{\"a\":1}\n [1, \"猫\"]\r\nnull\n\"last\""
    #expect(try RecordKind.json.records(in: Array(text.utf8)) == [0..<8, 8..<21, 21..<26, 26..<32])
  }

  @Test(arguments: [
    ("1\n{\"a\":1,\"a\":2}\n", 1, 2, "line 2 is not JSON, at byte 9: the key \"a\" is there twice"),
    ("1\n\n2\n", 1, 2, "line 2 is not JSON, at byte 3: the text ends too early"),
    ("{\"a\":\n1}\n", 0, 0, "line 1 is not JSON, at byte 6: the text ends too early"),
    ("\u{FEFF}1\n", 0, 0, "line 1 is not JSON, at byte 0: a value or a digit is missing"),
    ("[1]\n[01]\n", 1, 4, "line 2 is not JSON, at byte 5: a number starts with 0"),
    ("[1] [2]\n", 0, 0, "line 1 is not JSON, at byte 4: text behind the end of the document"),
    (
      String(repeating: "[", count: 65) + "\n", 0, 0,
      "line 1 is not JSON, at byte 0: JSON is nested deeper than 64 levels"
    ),
  ])
  func aLineThatIsNotJSONIsNamed(text: String, record: UInt64, offset: UInt64, message: String) throws {
    let error = #expect(throws: SplittingError.self) { try RecordKind.json.records(in: Array(text.utf8)) }
    guard case .notJSON(let foundRecord, let foundOffset, _) = try #require(error) else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(foundRecord == record && foundOffset == offset)
    #expect(error?.message == message)
    #expect(error?.code == "splitting.notJSON")
  }
}
