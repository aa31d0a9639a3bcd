import Foundation
import Testing

@testable import EmethCompute

@Suite struct ByteTokenizerTests {
  @Test func tokensAreBytes() throws {
    let tokenizer = ByteTokenizer()
    #expect(try tokenizer.encode("hi猫") == [104, 105, 0xE7, 0x8C, 0xAB])
    #expect(tokenizer.decode([104, 105, 0xE7, 0x8C, 0xAB]) == "hi猫")
    #expect(tokenizer.decode([0xE7, 0x8C]) == "\u{FFFD}")
    #expect(tokenizer.decode([65, 256]) == "A\u{FFFD}")
    #expect(try tokenizer.decodeBytes([0xE7, 0x8C]) == [0xE7, 0x8C])
    #expect(
      throws: ComputeError.invalidInput(what: "token id", found: "256", allowed: "0 to 255")
    ) { try tokenizer.decodeBytes([256]) }
    #expect(tokenizer.vocabularySize == 256 && tokenizer.endOfText == nil)
  }

  @Test func hashIsOfItsName() throws {
    #expect(ByteTokenizer().hash == (try ContentHash.sha256(Array("byte".utf8))))
  }

  @Test func itsFolderIsReadAsItself() throws {
    let folder = try TemporaryFolder()
    try ByteTokenizer().write(to: folder.url)
    #expect(try TokenizerLoader.load(folder: folder.url) is ByteTokenizer)
    // As a byte-pair encoding without merges it gives the same tokens.
    let pairs = try BytePairTokenizer(folder: folder.url)
    #expect(try pairs.encode("It's 猫\n\n") == ByteTokenizer().encode("It's 猫\n\n"))
  }
}
