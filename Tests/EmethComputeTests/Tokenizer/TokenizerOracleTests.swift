import Foundation
import Testing

@testable import EmethCompute

/// Byte-level BPE against Hugging Face's `tokenizers` at work.
@Suite(.enabled(if: TokenizerOracle.python != nil, TokenizerOracle.absence))
struct TokenizerOracleTests {
  private func own() throws -> BytePairTokenizer {
    try BytePairTokenizer(folder: RecordedFixture.url("tokenizer"))
  }

  @Test func classesOfAllCharacters() throws {
    let folder = try TemporaryFolder()
    let output = folder.url.appendingPathComponent("classes")
    try TokenizerOracle.ask("classes", output.path)
    let expected = try Data(contentsOf: output)
    try #require(expected.count == ScalarClass.table.count)
    let letters: [ScalarClass: Character] = [.letter: "L", .number: "N", .space: "S", .other: "O"]
    var wrong: [String] = []
    for code in 0..<expected.count {
      let found = letters[ScalarClass.table[code]].flatMap(\.asciiValue)
      if found != expected[code] { wrong.append("U+" + String(code, radix: 16)) }
    }
    #expect(wrong.isEmpty, "\(wrong.count): \(wrong.prefix(10))")
  }

  @Test func randomUnicode() throws {
    var random = try RandomText("tokenizer oracle")
    for round in 0..<max(1, RandomInput.scale / 20) {
      let text = try random.bytes(1 << 20)
      let tokens = try own().encode(bytes: text)
      #expect(
        tokens == (try TokenizerOracle.ids(of: text, by: RecordedFixture.url("tokenizer/tokenizer.json"))))
      // Ids that are no text: half of them left out.
      let some = tokens.enumerated().filter { ($0.offset * 7 + round) % 5 < 2 }.map(\.element)
      let shown = try TokenizerOracle.text(of: some, by: RecordedFixture.url("tokenizer/tokenizer.json"))
      #expect(try Array(own().decode(some).utf8) == shown)
    }
  }

  @Test func writtenFilesAreReadAsTheSame() throws {
    let folder = try TemporaryFolder()
    try own().write(to: folder.url)
    var random = try RandomText("written tokenizer")
    let text = try random.bytes(20_000)
    let tokens = try own().encode(bytes: text)
    #expect(tokens == (try TokenizerOracle.ids(of: text, by: folder.url)))
    let file = folder.url.appendingPathComponent("tokenizer.json")
    #expect(tokens == (try TokenizerOracle.ids(of: text, by: file)))
  }

  /// Vocabularies learned from the texts by either side, and the texts' tokens.
  @Test(.enabled(if: PublicInput.data != nil, "EMETH_DATA names no folder with the texts"))
  func textsAndTheVocabularyLearnedFromThem() throws {
    let data = URL(fileURLWithPath: try #require(PublicInput.data))
    let texts = ["shakespeare.txt", "neko.txt"].map { data.appendingPathComponent($0) }
    let (theirs, ours) = (try TemporaryFolder(), try TemporaryFolder())
    try TokenizerOracle.ask("train", "50000", "2", theirs.url.path, texts[0].path, texts[1].path)
    var trainer = try BytePairTrainer(vocabularySize: 50_000, device: Device.cpu(threads: 2))
    for text in texts {
      try trainer.append(Data(contentsOf: text))
      try trainer.endText()
    }
    let tokenizer = try #require(try trainer.train())
    try tokenizer.write(to: ours.url)
    #expect(tokenizer.hash == (try BytePairTokenizer(folder: theirs.url).hash))
    for text in texts {
      let bytes = [UInt8](try Data(contentsOf: text))
      let tokens = try tokenizer.encode(bytes: bytes)
      for folder in [theirs, ours] {
        let file = folder.url.appendingPathComponent("tokenizer.json")
        #expect(tokens == (try TokenizerOracle.ids(of: bytes, by: file)))
      }
    }
  }

  /// Few letters, so that one token is made in several ways, and ties everywhere.
  @Test func vocabulariesOfRandomTexts() throws {
    var random = try RandomText("learned vocabulary")
    for round in 0..<(3 * max(1, RandomInput.scale / 5)) {
      let folder = try TemporaryFolder()
      var text: [UInt8] = []
      if round % 3 == 0 {
        text = try random.bytes(30_000)
      } else {
        let letters = Array((round % 3 == 1 ? "ab " : "aabc\n ").utf8)
        for _ in 0..<6_000 { text.append(letters[try random.below(letters.count)]) }
      }
      let file = try folder.write(text, "text")
      let minimum = 1 + round % 2
      try TokenizerOracle.ask("train", "1200", "\(minimum)", folder.url.path, file.path)
      var trainer = try BytePairTrainer(
        vocabularySize: 1_200, minimumCount: minimum, device: Device.cpu(threads: 2))
      try trainer.append(text)
      try trainer.endText()
      let tokenizer = try #require(try trainer.train())
      let theirs = try BytePairTokenizer(folder: folder.url)
      #expect(tokenizer.files.texts == theirs.files.texts)
      #expect(tokenizer.files.merges.map { [$0.0, $0.1] } == theirs.files.merges.map { [$0.0, $0.1] })
    }
  }
}
