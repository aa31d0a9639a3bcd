import Foundation
import Testing

@testable import EmethCompute

@Suite struct BytePairTrainerTests {
  private func trainer(_ size: Int, minimum: Int = 2, threads: Int = 1) throws -> BytePairTrainer {
    try BytePairTrainer(vocabularySize: size, minimumCount: minimum, device: Device.cpu(threads: threads))
  }

  private func learned(_ text: [UInt8], _ size: Int, minimum: Int = 2) throws -> BytePairTokenizer {
    var trainer = try trainer(size, minimum: minimum)
    try trainer.append(text)
    try trainer.endText()
    return try #require(try trainer.train())
  }

  private func merges(_ tokenizer: BytePairTokenizer) -> [String] {
    tokenizer.files.merges.map { "\($0.0) \($0.1)" }
  }

  /// The vocabulary that Hugging Face's trainer learned from the same lines.
  @Test func recordedVocabulary() throws {
    let text = [UInt8](try Data(contentsOf: RecordedFixture.url("tokenizer/corpus.txt")))
    let tokenizer = try learned(text, 420)
    #expect(tokenizer.hash == (try BytePairTokenizer(folder: RecordedFixture.url("tokenizer")).hash))
  }

  /// Counts by hand: "ab" 3; then "ab c" and "Ġ ab" 2 each, of which Ġ has the lower id, and "ab c" is left
  /// once.
  @Test func mergesByHand() throws {
    let tokenizer = try learned(Array("abc abc ab".utf8), 300)
    #expect(merges(tokenizer) == ["a b", "Ġ ab"])
  }

  @Test func chunksAndThreadsDontMatter() throws {
    var random = try RandomText("trainer chunks")
    let text = try random.bytes(3 << 20)
    let expected = try learned(text, 700).hash
    for threads in [1, 3] {
      var trainer = try trainer(700, threads: threads)
      var start = 0
      while start < text.count {
        let end = min(text.count, start + 1 + (try random.below(900_000)))
        try trainer.append(Array(text[start..<end]))
        start = end
      }
      try trainer.endText()
      #expect(trainer.byteCount == text.count)
      #expect(try trainer.train()?.hash == expected)
    }
  }

  @Test func noWordReachesOverLinesAndTexts() throws {
    #expect(merges(try learned(Array("a\nb\na\nb\n".utf8), 300)).isEmpty)
    var trainer = try trainer(300)
    for _ in 0..<4 {
      try trainer.append(Array("ab".utf8))
      try trainer.endText()
    }
    #expect(trainer.wordCount == 1)
    #expect(merges(try #require(try trainer.train())) == ["a b"])
  }

  @Test func theVocabularyEndsWhereItIsFullOrTheTextIs() throws {
    let text = Array("abababab abab".utf8)
    #expect(try learned(text, 257).vocabularySize == 257)
    #expect(try learned(text, 256).mergeCount == 0)
    #expect(
      try learned(text, 1_000, minimum: 3).vocabularySize < learned(text, 1_000, minimum: 1).vocabularySize)
    var trainer = try BytePairTrainer(vocabularySize: 258, endOfText: true, device: Device.cpu(threads: 1))
    try trainer.append(text)
    try trainer.endText()
    let tokenizer = try #require(try trainer.train())
    #expect(tokenizer.vocabularySize == 258 && tokenizer.endOfText == 0)
    let folder = try TemporaryFolder()
    try tokenizer.write(to: folder.url)
    #expect(try BytePairTokenizer(folder: folder.url).hash == tokenizer.hash)
  }

  @Test func progressCanStopIt() throws {
    var trainer = try trainer(300)
    try trainer.append(Array("abcabc".utf8))
    try trainer.endText()
    #expect(try trainer.train { _ in false } == nil)
  }

  /// With one pass over the word for each merge this would take hours.
  @Test(.timeLimit(.minutes(5))) func oneLongWordIsNoTrap() throws {
    var random = try RandomText("long word")
    var text: [UInt8] = []
    for _ in 0..<1 << 20 { text.append(97 + UInt8(try random.below(26))) }
    #expect(try learned(text, 2_000).vocabularySize == 2_000)
    #expect(try learned([UInt8](repeating: 97, count: 1 << 20), 2_000).vocabularySize == 256 + 19)
  }

  @Test func badTextAndSettingsAreRefused() throws {
    var trainer = try trainer(300)
    try trainer.append(Array("猫".utf8.prefix(2)))
    #expect(throws: ComputeError.invalidInput(what: "text at byte 0", found: "0xe7", allowed: "UTF-8")) {
      try trainer.endText()
    }
    #expect(throws: ComputeError.self) { try self.trainer(255) }
    #expect(throws: ComputeError.self) { try self.trainer(300, minimum: 0) }
    var small = try BytePairTrainer(
      vocabularySize: 300, device: Device.cpu(threads: 1), memoryByteCount: 100)
    try small.append(Array("some different words".utf8))
    let error = #expect(throws: ComputeError.self) { try small.endText() }
    #expect(error?.message.contains("3 different words of 20 bytes") == true)
  }
}
