import Foundation
import Testing

@testable import EmethCompute

@Suite struct TokenWindowsTests {
  @Test("windows are the records of a text; the remainder is padded or dropped")
  func windows() throws {
    var random = try RandomInput("token windows")
    for _ in 0..<50 * RandomInput.scale {
      let tokens = try (0..<2 + (try random.below(60))).map { _ in UInt32(try random.below(1 << 20)) }
      let context = 1 + (try random.below(12))
      let store = TokenStore(tokens)
      let expected = try TokenSequences(tokens: tokens, context: context)
      let padded = try TokenWindows(store, context: context)
      #expect(Array(padded) == (0..<expected.count).map { expected[$0] })
      guard tokens.count > context else {
        #expect(throws: ComputeError.self) { try TokenWindows(store, context: context, remainder: .dropped) }
        continue
      }
      let whole = try TokenWindows(store, context: context, remainder: .dropped)
      #expect(Array(whole) == padded.filter { !$0.contains(.max) })
      #expect(whole.count == (tokens.count - 1) / context)
    }
  }

  @Test("too little text and no context are refused")
  func refusals() {
    for (tokens, context) in [([], 4), ([1], 4), ([1, 2], 0), ([1, 2], -1)] as [([UInt32], Int)] {
      #expect(throws: ComputeError.self) { try TokenWindows(TokenStore(tokens), context: context) }
    }
  }

  @Test("a store has the tokens of its part of the text, whatever the tokenizer")
  func stores() throws {
    let folder = try TemporaryFolder()
    let line = "It's the cat again,\n\n  and 猫は 12 ½ 😀 on the mat.\n"
    let file = try folder.write(String(repeating: line, count: 300_000), "text")
    let corpus = try TextCorpus(contentsOf: file)
    let device = try Device.cpu(threads: 3)
    let tokenizers: [any Tokenizer] = [
      ByteTokenizer(), try BytePairTokenizer(folder: RecordedFixture.url("tokenizer")),
    ]
    for tokenizer in tokenizers {
      let range = line.utf8.count..<corpus.bytes.count
      let store = try TokenStore(
        of: corpus, range: range, tokenizer: tokenizer, device: device, folder: folder.url)
      let expected = try corpus.tokens(of: range, tokenizer: tokenizer)
      #expect(store.count == expected.count)
      #expect(store[0..<store.count] == expected)
      #expect(store[store.count - 1] == expected.last)
      #expect(try TokenStore(of: corpus, range: 5..<5, tokenizer: tokenizer, device: device).count == 0)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path) == ["text"])
    }
  }

  @Test("a given share is cut exactly, at a character")
  func share() throws {
    let corpus = try TextCorpus(bytes: Data("0123456789猫は犬".utf8))
    #expect(corpus.split(holdingBack: 0) == (0..<19, 19..<19))
    #expect(corpus.split(holdingBack: 0.5) == (0..<10, 10..<19))
    #expect(corpus.split(holdingBack: 0.4) == (0..<13, 13..<19))
    #expect(corpus.split(holdingBack: 0.04) == (0..<19, 19..<19))
    #expect(corpus.split(holdingBack: 0.9) == (0..<2, 2..<19))
  }
}
