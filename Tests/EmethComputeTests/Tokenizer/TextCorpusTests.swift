import EmethCompute
import Foundation
import Testing

@Suite struct TextCorpusTests {
  private func corpus(_ text: String) throws -> TextCorpus { try TextCorpus(bytes: Data(text.utf8)) }

  @Test func englishHoldsBackSevenPercentAtALineEnd() throws {
    let corpus = try corpus(String(repeating: "0123456789abcde\n", count: 100))  // 1,600 bytes
    #expect(!corpus.isEastAsian)
    #expect(corpus.training == 0..<1_488)  // 112 bytes are 7 %, and 1,488 is a line end
    #expect(corpus.validation == 1_488..<1_600)
  }

  @Test func japaneseHoldsBackTenPercentAtALineEnd() throws {
    let line = String(repeating: "猫", count: 21) + "\n"  // 64 bytes
    let corpus = try corpus(String(repeating: line, count: 100))
    #expect(corpus.isEastAsian)
    #expect(corpus.training == 0..<5_760)
  }

  @Test func theCutMovesToTheNextLineEnd() throws {
    let text = String(repeating: "x", count: 950) + "\n" + String(repeating: "y", count: 48) + "\n"
    #expect(try corpus(text).validation == 951..<1_000)
    // With the only line end in front, everything after it is held back.
    let early = String(repeating: "x", count: 899) + "\n" + String(repeating: "y", count: 100)
    #expect(try corpus(early).validation == 900..<1_000)
  }

  @Test func aTextOfOneLineIsCutBetweenCharacters() throws {
    let corpus = try corpus(String(repeating: "猫", count: 100))  // target 270, a border
    #expect(corpus.training == 0..<270)
    let shifted = try self.corpus("ab" + String(repeating: "猫", count: 99))  // 299 bytes, target 270
    #expect(shifted.training.upperBound == 272)
    #expect(String(validating: shifted.bytes[shifted.validation], as: UTF8.self) != nil)
  }

  @Test func aVeryShortTextHoldsNothingBack() throws {
    #expect(try corpus("short\n").validation.isEmpty)
  }

  @Test func exactlyAFifthIsNotJapanese() throws {
    #expect(try !corpus("猫aaaa").isEastAsian)
    #expect(try corpus("猫aaa").isEastAsian)
  }

  @Test func whatIsNoTextIsRefused() throws {
    let folder = try TemporaryFolder()
    func error(_ url: URL) -> ComputeError? {
      #expect(throws: ComputeError.self) { try TextCorpus(contentsOf: url) }
    }
    #expect(error(folder.url) == .fileUnreadable(path: folder.url.path, reason: "it is a folder"))
    let missing = folder.url.appendingPathComponent("none.txt")
    #expect(error(missing) == .fileUnreadable(path: missing.path, reason: "no such file"))
    #expect(
      error(try folder.write("", "empty.txt"))
        == .invalidInput(what: "text", found: "empty", allowed: "UTF-8 text"))
    #expect(
      error(try folder.write(Array("日本".utf8) + [0xFE], "bad.txt"))
        == .invalidInput(what: "text at byte 6", found: "0xfe", allowed: "UTF-8"))
  }

  /// Pieces of 1 MiB give the tokens of the whole, also where white space of several kinds meets the border.
  @Test func piecesGiveTheTokensOfTheWhole() throws {
    let tokenizer = try BytePairTokenizer(folder: RecordedFixture.url("tokenizer"))
    var random = try RandomInput("corpus pieces")
    let pieces = ["the", " again", "\n", "  ", "\u{3000}", "\u{A0} ", "猫は", "'s", "!?", " 12"]
    var text = ""
    while text.utf8.count < 3 << 20 { text += pieces[try random.below(pieces.count)] }
    let corpus = try corpus(text)
    let whole = try tokenizer.encode(text)
    #expect(try corpus.tokens(of: 0..<corpus.bytes.count, tokenizer: tokenizer) == whole)
    let bytes = try corpus.tokens(of: 5..<2_000_000, tokenizer: ByteTokenizer())
    #expect(bytes.elementsEqual(corpus.bytes[5..<2_000_000].map { UInt32($0) }))
  }

  @Test(.enabled(if: PublicInput.data != nil, "EMETH_DATA names no folder with the texts"))
  func languagesOfThePublicTexts() throws {
    let data = URL(fileURLWithPath: try #require(PublicInput.data))
    let english = try TextCorpus(contentsOf: data.appendingPathComponent("shakespeare.txt"))
    let japanese = try TextCorpus(contentsOf: data.appendingPathComponent("neko.txt"))
    #expect(!english.isEastAsian && japanese.isEastAsian)
    for corpus in [english, japanese] {
      #expect(corpus.bytes[corpus.validation.lowerBound - 1] == UInt8(ascii: "\n"))
    }
  }
}
