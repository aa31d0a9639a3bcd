import Foundation
import Testing

@testable import EmethCompute

@Suite struct UnigramTokenizerTests {
  private struct Case: Decodable {
    var text: String
    var ids: [UInt32]
    var decoded: String
  }

  private func url(_ name: String) throws -> URL { try RecordedFixture.url("tokenizer/\(name).json") }

  @Test(arguments: ["unigram", "unigram-bytes"])
  func recordedTexts(name: String) throws {
    let tokenizer = try TokenizerLoader.load(file: url(name))
    let cases = try RecordedFixture.decode([String: [Case]].self, "tokenizer/unigram-expectations.json")
    for expected in try #require(cases[name]) {
      #expect(try tokenizer.encode(expected.text) == expected.ids, "\(expected.text.debugDescription)")
      #expect(Array(tokenizer.decode(expected.ids).utf8) == Array(expected.decoded.utf8))
    }
  }

  @Test func specialTokensAreInNoText() throws {
    let tokenizer = try TokenizerLoader.load(file: url("unigram"))
    let end = try #require(tokenizer.endOfText)
    #expect(tokenizer.decode([end]) == "</s>")
    #expect(try !tokenizer.encode("x</s>").contains(end))
    #expect(tokenizer.decode([UInt32(tokenizer.vocabularySize)]) == "\u{FFFD}")
  }

  @Test func writtenFoldersAreReadAsTheSame() throws {
    let folder = try TemporaryFolder()
    let tokenizer = try TokenizerLoader.load(file: url("unigram-bytes"))
    try tokenizer.write(to: folder.url)
    let again = try TokenizerLoader.load(folder: folder.url)
    #expect(again.hash == tokenizer.hash)
    #expect(again.hash != (try TokenizerLoader.load(file: url("unigram")).hash))
    let written = [UInt8](try Data(contentsOf: folder.url.appendingPathComponent("tokenizer.json")))
    #expect(try ContentHash.sha256(written) == tokenizer.hash)
  }

  private static let small = #"""
    {"normalizer":null,
    "pre_tokenizer":{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":true},
    "decoder":{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":true},"added_tokens":
    [{"id":4,"content":"</s>","special":true}],"model":{"type":"Unigram","unk_id":0,"byte_fallback":false,
    "vocab":[["<unk>",0.0],["▁",-2],["ab",-3.0],["a",-1.5]]}}
    """#

  private func load(_ json: String) throws(ComputeError) -> any Tokenizer {
    try TokenizerLoader.load(json: Array(json.utf8), name: "test")
  }

  /// "▁", "a", unknown: the best sum, an equal one does not replace an earlier, and unknown ones are joined.
  @Test func scoresByHand() throws {
    let tokenizer = try load(Self.small)
    #expect(try tokenizer.encode("aab") == [1, 3, 2])
    #expect(try tokenizer.encode("axyz a") == [1, 3, 0, 1, 3])
    #expect(try tokenizer.encode("") == [])
    #expect(try tokenizer.encode(" ") == [1])
    #expect(tokenizer.decode([1, 3, 1, 3]) == "a a")
    let unknown = try load(Self.small.replacingOccurrences(of: #""unk_id":0"#, with: #""unk_id":null"#))
    #expect(try unknown.encode("ab") == [1, 2])
    #expect(throws: ComputeError.self) { try unknown.encode("x") }
  }

  /// Each of these would give other tokens, or none.
  @Test(arguments: [
    (#""normalizer":null"#, #""normalizer":{"type":"NFKC"}"#, "NFKC"),
    (#""normalizer":null"#, #""normalizer":{"type":"Sequence","normalizers":[{"type":"Nmt"}]}"#, "Nmt"),
    (#""normalizer":null"#, #""normalizer":{"type":"Replace","pattern":{"Regex":"a+"},"content":""}"#, "a+"),
    (
      #""normalizer":null"#, #""normalizer":{"type":"Precompiled","precompiled_charsmap":"AAAA"}"#, "charsmap"
    ),
    (#""normalizer":null"#, #""normalizer":7"#, "7"),
    (#""pre_tokenizer":{"type":"Metaspace""#, #""pre_tokenizer":{"type":"Digits""#, "Digits"),
    (#""prepend_scheme":"always""#, #""prepend_scheme":"often""#, "often"),
    (#""replacement":"▁""#, #""replacement":"▁▁""#, "▁▁"),
    (#""replacement":"▁""#, #""replacement":"""#, "replacement"),
    (#""decoder":{"type":"Metaspace""#, #""decoder":{"type":"WordPiece""#, "WordPiece"),
    (#""unk_id":0"#, #""unk_id":4"#, "unk_id"), (#""unk_id":0"#, #""unk_id":-1"#, "unk_id"),
    (#"-1.5]"#, #"-1e999]"#, "piece 3"), (#"-1.5]"#, #""x"]"#, "piece 3"),
    (#"["a",-1.5]"#, #"["a"]"#, "piece 3"),
    (#""vocab":["#, #""vocab":[],"x":["#, "vocab"), (#""id":4"#, #""id":5"#, "id 4"),
    (#""id":4"#, #""id":2"#, "id 2"),
    (#""special":true"#, #""special":false"#, "not special"), (#""id":4"#, #""id":4,"id":4"#, "twice"),
  ]) func otherFilesAreRefused(from: String, to: String, named: String) throws {
    try #require(Self.small.contains(from))
    let json = Self.small.replacingOccurrences(of: from, with: to)
    let error = #expect(throws: ComputeError.self) { try load(json) }
    #expect(error?.message.contains(named) == true, "\(error?.message ?? "")")
  }

  private static func sequence(_ members: String, _ step: String, times: Int) -> String {
    let steps = Array(repeating: step, count: times).joined(separator: ",")
    return #"{"type":"Sequence","\#(members)":[\#(steps)]}"#
  }

  /// A stranger's file does not fill the memory: ten times as long twelve times over.
  @Test func aNormalizerMayNotGrowTheText() throws {
    let grow = #"{"type":"Replace","pattern":{"String":"a"},"content":"aaaaaaaaaa"}"#
    let wide = String(repeating: " ", count: 9_000)
    let spaces = #"{"type":"Replace","pattern":{"Regex":" {2,}"},"content":"\#(wide)"}"#
    let long = String(repeating: "a", count: 1_000)
    for (step, times, text) in [(grow, 12, "a"), (grow, 2, long), (spaces, 1, "a  b")] {
      let json = Self.small.replacingOccurrences(
        of: #""normalizer":null"#, with: #""normalizer":"# + Self.sequence("normalizers", step, times: times))
      let tokenizer = try load(json)
      let error = #expect(throws: ComputeError.self) { try tokenizer.encode(text) }
      guard case .invalidInput(_, let found, _) = error else {
        Issue.record("\(error?.message ?? "")")
        continue
      }
      #expect(found == "more than \(16 * text.utf8.count + 4_096) bytes of \(text.utf8.count)")
    }
    // Once is allowed, and so is any growth of a short text.
    let once = Self.small.replacingOccurrences(of: #""normalizer":null"#, with: #""normalizer":\#(grow)"#)
    #expect(try load(once).encode(String(repeating: "a", count: 1_000)).count == 10_001)
    let many = Self.small.replacingOccurrences(
      of: #""normalizer":null"#, with: #""normalizer":"# + Self.sequence("normalizers", grow, times: 33))
    let error = #expect(throws: ComputeError.self) { try load(many) }
    #expect(error?.message.contains("33 steps") == true)
  }

  /// A decoder neither: tokens' texts are kept short where the file is read.
  @Test(arguments: [(12, "10 times"), (1, "10 times")])
  func aDecoderMayNotGrowTheText(times: Int, found: String) throws {
    let grow = #"{"type":"Replace","pattern":{"String":"a"},"content":"aaaaaaaaaa"}"#
    let own =
      #""decoder":{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":true}"#
    try #require(Self.small.contains(own))
    let json = Self.small.replacingOccurrences(
      of: own, with: #""decoder":"# + Self.sequence("decoders", grow, times: times))
    let error = #expect(throws: ComputeError.self) { try load(json) }
    #expect(error?.message.contains(found) == true, "\(error?.message ?? "")")
    let twice = grow.replacingOccurrences(of: "aaaaaaaaaa", with: "aa")
    let allowed = try load(
      Self.small.replacingOccurrences(
        of: own, with: #""decoder":"# + Self.sequence("decoders", twice, times: 2)))
    #expect(allowed.bytes(of: 3) == Array("aaaa".utf8))
  }

  /// Broken tables and files: refused or read, and no trap when used.
  @Test func brokenFiles() throws {
    var random = try RandomText("broken unigram")
    let good = [UInt8](try Data(contentsOf: url("unigram")))
    for _ in 0..<100 * RandomInput.scale {
      var bytes = good
      for _ in 0...(try random.below(4)) {
        bytes[try random.below(bytes.count)] = UInt8(try random.below(256))
      }
      if try random.below(5) == 0 { bytes = Array(bytes.prefix(try random.below(bytes.count))) }
      guard let tokenizer = try? TokenizerLoader.load(json: bytes, name: "test") else { continue }
      let text = try random.bytes(200)
      guard let tokens = try? tokenizer.encode(bytes: text) else { continue }
      #expect(tokens.allSatisfy { Int($0) < tokenizer.vocabularySize })
      _ = tokenizer.decode(tokens)
    }
  }

  @Test(
    .enabled(if: TokenizerOracle.python != nil, TokenizerOracle.absence),
    arguments: ["unigram", "unigram-bytes"])
  func randomUnicode(name: String) throws {
    let tokenizer = try TokenizerLoader.load(file: url(name))
    var random = try RandomText("unigram oracle")
    var texts = [try random.bytes(1 << 20)]
    if let data = PublicInput.data {
      for text in ["shakespeare.txt", "neko.txt"] {
        texts.append([UInt8](try Data(contentsOf: URL(fileURLWithPath: data).appendingPathComponent(text))))
      }
    }
    for text in texts {
      let tokens = try tokenizer.encode(bytes: text)
      #expect(tokens == (try TokenizerOracle.ids(of: text, by: url(name))))
      #expect(Array(tokenizer.decode(tokens).utf8) == (try TokenizerOracle.text(of: tokens, by: url(name))))
    }
  }
}
