import Testing

@testable import EmethKit

/// The check of lines against the parser that builds the document: both take and refuse the same.
@Suite struct JSONCheckTests {
  private func agree(_ bytes: [UInt8]) {
    let text = String(decoding: bytes, as: UTF8.self)
    var parsed: FormatError?
    do throws(FormatError) { _ = try JSONValue(parsing: text) } catch { parsed = error }
    var checked: FormatError?
    do throws(FormatError) {
      try Array(text.utf8).withUnsafeBufferPointer { (buffer) throws(FormatError) in
        try JSONCheck.check(UnsafeRawBufferPointer(buffer))
      }
    } catch { checked = error }
    #expect(checked == parsed, "\(text)")
  }

  private static let samples: [String] = [
    #"{"a": [1, -2.50e+3, true, false, null, "x"], "b": {}, "c": []}"#,
    #""\"\\\/\b\f\n\r\t\u0041\ud83d\ude80 é🚀""#,
    #"{"a":1,"\u0061":2}"#, #"{"\u00e9":1,"e\u0301":2}"#, #"{"b":{"a":1},"a":{"a":2}}"#, " [ ] ", "{ }", "-0",
    "0.0e-0",
    "", " ", "{", "}", "[1,]", "[,1]", "[1 2]", #"{"a"}"#, #"{"a":}"#, #"{"a":1,}"#, "{a:1}", "01", "-", "1.",
    ".5", "1e",
    "+1", "1 1", "tru", "truee", "\"", #""\""#, #""\x""#, #""\u12""#, #""\ud800""#, #""\ud800x""#,
    #""\ud800\n""#,
    #""\ud800\u0041""#, #""\udc00""#, "\"a\nb\"", "\"\u{1}\"", "[1]]", "\u{FEFF}1", #""\ud800\ud800""#,
    #""12345678"#,
    #"["1234567","12345678\n","\"","\\"]"#, "\"\u{7F}\u{80}\u{9F}\"", "\0",
  ]

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
