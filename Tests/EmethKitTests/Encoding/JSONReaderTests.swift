import Foundation
import Testing

@testable import EmethKit

/// What is a document and what is not: by a list, by Foundation's more lenient reader, and both products of the
/// reader take and refuse the same.
@Suite struct JSONReaderTests {
  private func agree(_ bytes: [UInt8]) {
    let text = String(decoding: bytes, as: UTF8.self)
    var parsed: FormatError?
    do throws(FormatError) { _ = try JSONValue(parsing: text) } catch { parsed = error }
    var checked: FormatError?
    do throws(FormatError) {
      try Array(text.utf8).withUnsafeBufferPointer { (buffer) throws(FormatError) in
        try JSONSyntax.check(UnsafeRawBufferPointer(buffer))
      }
    } catch { checked = error }
    #expect(checked == parsed, "\(text)")
    // Foundation takes more (a last comma, a mark of byte order, a key twice), and refuses no document but one with
    // a number beyond Double, such as 1e2345: numbers are text here, as long as they need to be.
    if parsed == nil, !text.contains(/[eE][+-]?[0-9]{3}/) { #expect(Self.isDocument(text), "\(text)") }
  }

  private static func isDocument(_ text: String) -> Bool {
    (try? JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed)) != nil
  }

  private static let documents: [String] = [
    #"{"a": [1, -2.50e+3, true, false, null, "x"], "b": {}, "c": []}"#,
    #""\"\\\/\b\f\n\r\t\u0041\ud83d\ude80 é🚀""#, #"{"\u00e9":1,"e\u0301":2}"#, #"{"b":{"a":1},"a":{"a":2}}"#,
    " [ ] ", "{ }", "-0", "0.0e-0", #""""#, #""12345678""#, "\"\u{7F}\u{80}\u{9F}\"",
  ]
  private static let broken: [String] = [
    #"{"a":1,"\u0061":2}"#, "", " ", "{", "}", "[1,]", "[,1]", "[1 2]", #"{"a"}"#, #"{"a":}"#, #"{"a":1,}"#,
    "{a:1}", "01", "-", "1.", ".5", "1e", "+1", "1 1", "tru", "truee", "\"", #""\x""#, #""\u12""#,
    #""\ud800""#, #""\ud800x""#, #""\ud800\n""#, #""\ud800\u0041""#, #""\udc00""#, #""\ud800\ud800""#,
    "\"a\nb\"", "\"\u{1}\"", "[1]]", "\u{FEFF}1", #""12345678"#, "[\"1234567\",\"12345678\n\"]", "\0",
  ]
  private static let samples = documents + broken

  @Test func documentsAreTakenAndNothingElse() {
    for text in Self.documents { #expect((try? JSONValue(parsing: text)) != nil, "\(text)") }
    for text in Self.broken { #expect((try? JSONValue(parsing: text)) == nil, "\(text)") }
  }

  @Test func escapesStandForWhatTheyName() throws {
    #expect(
      try JSONValue(parsing: #"["\"\\\/\b\f\n\r\t\u0041\ud83d\ude80é\u0000", {"\u006b": 1}]"#)
        == .array([
          .string("\"\\/\u{8}\u{C}\n\r\tA🚀é\0"), .object([.init("k", .number("1"))]),
        ]))
  }

  @Test(arguments: samples)
  func samplesAndAllTheirBeginnings(sample: String) {
    let bytes = Array(sample.utf8)
    for count in 0...bytes.count { agree(Array(bytes[..<count])) }
  }

  @Test func depthAndManyKeys() {
    for depth in [63, 64, 65, 1000] {
      agree(Array((String(repeating: "[", count: depth) + String(repeating: "]", count: depth)).utf8))
      agree(Array(String(repeating: "{\"a\":", count: depth).utf8))
    }
    for count in [2, 15, 16, 17, 18, 40] {
      let keys = (0..<count).map { "\"k\($0)\":0" }
      for twice in [nil, 0, 1, count - 1] as [Int?] {
        let all = keys + (twice.map { [keys[$0]] } ?? []) + ["\"\\u006b1x\":0"]
        agree(Array("{\(all.joined(separator: ","))}".utf8))
        agree(Array("{\"\\u006b0\":1,\(all.joined(separator: ","))}".utf8))
      }
    }
  }

  /// Documents with bytes changed, doubled and removed.
  @Test func brokenDocuments() {
    var random = SeededGenerator()
    let alphabet = Array("{}[]\",:\\u0123456789abcdefntr-+.eE \n\u{1F}".utf8)
    for _ in 0..<scaled(2000) {
      var bytes = Array((Self.samples.randomElement(using: &random) ?? "").utf8)
      for _ in 0..<Int.random(in: 1...3, using: &random) where !bytes.isEmpty {
        let place = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0...2, using: &random) {
        case 0: bytes[place] = alphabet.randomElement(using: &random) ?? 0
        case 1: bytes.remove(at: place)
        default: bytes.insert(alphabet.randomElement(using: &random) ?? 0, at: place)
        }
      }
      agree(bytes)
    }
  }
}
