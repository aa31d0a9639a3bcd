import Foundation
import Testing

@testable import EmethCompute

@Suite struct BytePairTokenizerTests {
  private func own() throws -> BytePairTokenizer {
    try BytePairTokenizer(
      vocabularyFile: RecordedFixture.url("tokenizer/vocab.json"),
      mergesFile: RecordedFixture.url("tokenizer/merges.txt"))
  }

  private func check(_ tokenizer: BytePairTokenizer, _ expectations: TokenizerExpectations) throws {
    for expected in expectations.cases {
      #expect(try tokenizer.encode(expected.text) == expected.ids, "\(expected.text.debugDescription)")
      #expect(tokenizer.decode(expected.ids) == expected.text)
    }
  }

  @Test func recordedTextsOfTheOwnTokenizer() throws {
    try check(own(), TokenizerExpectations.load("own-expectations.json"))
  }

  @Test func tokenizerJSONIsTheSameTokenizer() throws {
    let tokenizer = try BytePairTokenizer(folder: RecordedFixture.url("tokenizer"))
    #expect(tokenizer.hash == (try own().hash))
    try check(tokenizer, TokenizerExpectations.load("own-expectations.json"))
  }

  @Test(
    .enabled(if: PublicInput.vectors != nil, "EMETH_VECTORS names no folder with GPT-2's tokenizer"))
  func recordedTextsOfGPT2() throws {
    let folder = try TemporaryFolder()
    try PublicInput.unpackGPT2(into: folder)
    let tokenizer = try BytePairTokenizer(folder: folder.url)
    #expect(tokenizer.vocabularySize == 50_257 && tokenizer.endOfText == 50_256)
    #expect(try tokenizer.encode("Hello world") == [15_496, 995])
    try check(tokenizer, TokenizerExpectations.load("gpt2-expectations.json"))
  }

  @Test(
    .enabled(
      if: PublicInput.vectors != nil && PublicInput.data != nil,
      "EMETH_VECTORS and EMETH_DATA name no folders with GPT-2's tokenizer and the texts"))
  func wholeTextsWithGPT2() throws {
    let folder = try TemporaryFolder()
    try PublicInput.unpackGPT2(into: folder)
    let tokenizer = try BytePairTokenizer(folder: folder.url)
    let data = URL(fileURLWithPath: try #require(PublicInput.data))
    for file in try #require(TokenizerExpectations.load("gpt2-expectations.json").files) {
      let corpus = try TextCorpus(contentsOf: data.appendingPathComponent(file.name))
      let start = ContinuousClock.now
      let tokens = try corpus.tokens(of: 0..<corpus.bytes.count, tokenizer: tokenizer)
      print("\(file.name): \(corpus.bytes.count) bytes tokenised in \(ContinuousClock.now - start)")
      #expect(tokens.count == file.count)
      let bytes = tokens.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
      let digest = try ContentHash.sha256(bytes).map {
        String($0 >> 4, radix: 16) + String($0 & 15, radix: 16)
      }
      #expect(digest.joined() == file.sha256)
      #expect(try tokenizer.decodeBytes(tokens) == Array(corpus.bytes))
    }
  }

  @Test func writtenFoldersAreReadAsTheSame() throws {
    let (first, second) = (try TemporaryFolder(), try TemporaryFolder())
    let tokenizer = try own()
    try tokenizer.write(to: first.url)
    let again = try BytePairTokenizer(folder: first.url)
    #expect(again.hash == tokenizer.hash && again.endOfText == nil)
    try again.write(to: second.url)
    for name in ["vocab.json", "merges.txt", "tokenizer.json", "tokenizer_config.json"] {
      let bytes = try Data(contentsOf: first.url.appendingPathComponent(name))
      #expect(bytes == (try Data(contentsOf: second.url.appendingPathComponent(name))))
    }
    let files = try ["vocab.json", "merges.txt"].flatMap {
      [UInt8](try Data(contentsOf: first.url.appendingPathComponent($0)))
    }
    #expect(tokenizer.hash == (try ContentHash.sha256(files)))
  }

  /// Every cut-off text is refused by its offset, every whole one comes back.
  @Test func anyTextComesBack() throws {
    let tokenizer = try own()
    var random = try RandomInput("byte pairs")
    for _ in 0..<200 * RandomInput.scale {
      var text = ""
      for _ in 0..<(try random.below(60)) {
        let plane = try random.below(4) == 0 ? 0x11_0000 : 0x250
        if let scalar = Unicode.Scalar(UInt32(try random.below(plane))) { text.unicodeScalars.append(scalar) }
      }
      let tokens = try tokenizer.encode(text)
      #expect(try tokenizer.decodeBytes(tokens) == Array(text.utf8))
    }
  }

  @Test func bytesThatAreNoTextAreRefusedByOffset() throws {
    #expect(
      throws: ComputeError.invalidInput(what: "text at byte 2", found: "0xff", allowed: "UTF-8")
    ) { try own().encode(bytes: [65, 66, 0xFF, 67]) }
  }

  /// A quadratic merge would take hours here.
  @Test(.timeLimit(.minutes(10))) func longWordsTakeNoLongerThanTheyShould() throws {
    let tokenizer = try own()
    let word = String(repeating: "again", count: 400_000)
    let start = ContinuousClock.now
    let tokens = try tokenizer.encode(word)
    print("a word of \(word.utf8.count) letters: \(tokens.count) tokens in \(ContinuousClock.now - start)")
    #expect(tokenizer.decode(tokens) == word)
  }
}
