import Foundation
import Testing

@testable import EmethCompute

@Suite struct BytePairTokenizerFolderTests {
  private func vocabulary(_ extra: String = "") -> String {
    var json: [UInt8] = []
    for (id, text) in ByteAlphabet.texts.enumerated() {
      json += "\(id > 0 ? "," : "")".utf8
      JSONDocument.append(string: text, to: &json)
      json += ":\(id)".utf8
    }
    return "{" + String(decoding: json, as: UTF8.self) + extra + "}"
  }

  private func error(vocabulary: String, merges: String) throws -> ComputeError? {
    let folder = try TemporaryFolder()
    _ = try folder.write(vocabulary, "vocab.json")
    _ = try folder.write(merges, "merges.txt")
    return #expect(throws: ComputeError.self) { try BytePairTokenizer(folder: folder.url) }
  }

  @Test func smallFoldersAreRead() throws {
    let folder = try TemporaryFolder()
    _ = try folder.write(vocabulary(#","ab":256,"<|endoftext|>":257"#), "encoder.json")
    _ = try folder.write("#version: 0.2\r\na b\r\n\n", "vocab.bpe")
    let tokenizer = try BytePairTokenizer(folder: folder.url)
    #expect(try tokenizer.encode("abab<") == [256, 256, 60])
    #expect(tokenizer.endOfText == 257)
    // Text never becomes a special token.
    #expect(try tokenizer.encode("<|endoftext|>").count == 13)
    #expect(tokenizer.decode([257]) == "<|endoftext|>")
  }

  @Test func whatDoesNotFitIsRefused() throws {
    #expect(try error(vocabulary: "{}", merges: "")?.message.contains("token \u{100}") == true)
    #expect(try error(vocabulary: vocabulary(), merges: "a b\n")?.message.contains("token ab") == true)
    #expect(
      try error(vocabulary: vocabulary(#","ab":258"#), merges: "")?.message.contains("id of ab") == true)
    #expect(try error(vocabulary: vocabulary(#","ab":-1"#), merges: "")?.message.contains("id of ab") == true)
    #expect(
      try error(vocabulary: vocabulary(#","ab":1e2"#), merges: "")?.message.contains("id of ab") == true)
    #expect(try error(vocabulary: vocabulary(#","ab":0"#), merges: "")?.message.contains("id 0") == true)
    #expect(
      try error(vocabulary: vocabulary(#","ab":256,"ab":257"#), merges: "")?.message.contains("twice") == true
    )
    #expect(
      try error(vocabulary: vocabulary(#","ab":256"#), merges: "a b\na b")?.message.contains("twice") == true)
    for line in ["ab", "a b c", "a  b", " b", "a "] {
      #expect(
        try error(vocabulary: vocabulary(#","ab":256"#), merges: line)?.message.contains("merge") == true)
    }
    #expect(try error(vocabulary: "[]", merges: "")?.message.contains("vocabulary") == true)
  }

  @Test func folderWithoutATokenizerSaysWhatItLooksFor() throws {
    let folder = try TemporaryFolder()
    let error = #expect(throws: ComputeError.self) { try TokenizerLoader.load(folder: folder.url) }
    #expect(error?.code == "compute.fileUnreadable")
    #expect(error?.message.contains("tokenizer.json") == true)
  }

  /// Each of these settings gives other tokens than this tokenizer would.
  @Test(arguments: [
    (#""add_prefix_space":false"#, #""add_prefix_space":true"#),
    (#""normalizer":null"#, #""normalizer":{"type":"NFC"}"#),
    (#""type":"ByteLevel","add"#, #""type":"Metaspace","add"#), (#""use_regex":true"#, #""use_regex":false"#),
    (#""type":"BPE""#, #""type":"WordPiece""#), (#""special":true"#, #""special":false"#),
    (#""dropout":null"#, #""dropout":0.1"#), (#""ignore_merges":false"#, #""ignore_merges":1"#),
    (#""end_of_word_suffix":null"#, #""end_of_word_suffix":"</w>""#),
    (#""id":258"#, #""id":300"#), (#""id":258"#, #""id":257"#), (#""id":258"#, #""id":2.5"#),
    (#""model""#, #""modell""#), (#"["ab","c"]"#, #"["ab"]"#), (#"["ab","c"]"#, #"["ab","d"]"#),
  ]) func otherTokenizersAreRefused(from: String, to: String) throws {
    let folder = try TemporaryFolder()
    let json =
      #"{"normalizer":null,"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false,"use_regex":true},"#
      + #""model":{"type":"BPE","dropout":null,"end_of_word_suffix":null,"byte_fallback":false,"#
      + #""ignore_merges":false,"vocab":"# + vocabulary(#","ab":256,"abc":257"#)
      + #","merges":["a b",["ab","c"]]},"#
      + #""added_tokens":[{"id":258,"content":"<|endoftext|>","special":true}]}"#
    let tokenizer = try BytePairTokenizer(tokenizerFile: folder.write(json, "tokenizer.json"))
    #expect(try tokenizer.encode("abcab") == [257, 256])
    #expect(tokenizer.endOfText == 258)
    try #require(json.contains(from))
    let file = try folder.write(json.replacingOccurrences(of: from, with: to), "tokenizer.json")
    #expect(throws: ComputeError.self) { try BytePairTokenizer(tokenizerFile: file) }
  }

  /// A word that is a token becomes it, although no merges lead there.
  @Test func wholeWordsWithoutMerges() throws {
    let folder = try TemporaryFolder()
    for (ignores, expected) in [(true, [258, 256]), (false, [256, 99, 256])] as [(Bool, [UInt32])] {
      let json =
        #"{"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false},"#
        + #""model":{"type":"BPE","ignore_merges":"#
        + "\(ignores)" + #","vocab":"# + vocabulary(#","ab":256,"Ġab":257,"abc":258"#)
        + #","merges":["a b"]}}"#
      let tokenizer = try BytePairTokenizer(tokenizerFile: folder.write(json, "tokenizer.json"))
      #expect(try tokenizer.encode("abc") + tokenizer.encode("ab") == expected)
      try tokenizer.write(to: folder.url)
      let again = try BytePairTokenizer(folder: folder.url)
      #expect(again.hash == tokenizer.hash)
      #expect(try again.encode("abc") == tokenizer.encode("abc"))
    }
  }

  /// Broken files: refused, or read and used without a trap.
  @Test func brokenFiles() throws {
    var random = try RandomText("broken tokenizer")
    let good = [UInt8](try Data(contentsOf: RecordedFixture.url("tokenizer/tokenizer.json")))
    for _ in 0..<60 * RandomInput.scale {
      var bytes = good
      for _ in 0...(try random.below(4)) {
        bytes[try random.below(bytes.count)] = UInt8(try random.below(256))
      }
      if try random.below(5) == 0 { bytes = Array(bytes.prefix(try random.below(bytes.count))) }
      guard let tokenizer = try? TokenizerLoader.load(json: bytes, name: "test") else { continue }
      let text = try random.bytes(200)
      #expect(try tokenizer.decodeBytes(tokenizer.encode(bytes: text)) == text)
    }
  }
}
