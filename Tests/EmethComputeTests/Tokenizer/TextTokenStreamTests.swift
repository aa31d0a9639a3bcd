import Foundation
import Testing

@testable import EmethCompute

@Suite struct TextTokenStreamTests {
  private static func tokenizers() throws -> [any Tokenizer] {
    let folder = try RecordedFixture.url("tokenizer")
    return [
      ByteTokenizer(), try BytePairTokenizer(folder: folder),
      try TokenizerLoader.load(file: folder.appendingPathComponent("unigram.json")),
      try TokenizerLoader.load(file: folder.appendingPathComponent("unigram-bytes.json")),
    ]
  }

  private func tokens(
    _ text: [UInt8], _ tokenizer: any Tokenizer, threads: Int, chunk: () throws -> Int
  ) throws -> [UInt32] {
    var stream = TextTokenStream(tokenizer: tokenizer, device: try Device.cpu(threads: threads))
    var tokens: [UInt32] = []
    var start = 0
    while start < text.count {
      let end = min(text.count, start + (try chunk()))
      for some in try stream.append(Array(text[start..<end])) { tokens += some }
      start = end
    }
    for some in try stream.finish() { tokens += some }
    #expect(stream.byteCount == text.count && stream.tokenCount == tokens.count)
    return tokens
  }

  @Test func chunksAndThreadsDontMatter() throws {
    var random = try RandomText("token stream")
    let text = try random.bytes(4 << 20)
    for tokenizer in try Self.tokenizers() {
      let whole = try tokenizer.encode(bytes: text)
      for threads in [1, 2] {
        #expect(
          try tokens(text, tokenizer, threads: threads) { 1 + (try random.below(700_000)) } == whole,
          "\(type(of: tokenizer))")
      }
    }
  }

  /// Wherever a tokenizer says that a text may be parted, the parts' tokens are the whole's.
  @Test func partingPlaces() throws {
    var random = try RandomText("parting places")
    for tokenizer in try Self.tokenizers() {
      for _ in 0..<20 * RandomInput.scale {
        let text = try random.bytes(1_000)
        let whole = try tokenizer.encode(bytes: text)
        var parts: [UInt32] = []
        var start = 0
        while start < text.count {
          let rest = Array(text[start...])
          let after = try random.below(60)
          let length = rest.withUnsafeBufferPointer { tokenizer.partingPlace(in: $0, after: after) }
          if let length { #expect(length > after) }
          parts += try tokenizer.encode(bytes: Array(rest.prefix(length ?? rest.count)))
          start += length ?? rest.count
        }
        #expect(
          parts == whole, "\(type(of: tokenizer)): \(String(decoding: text, as: UTF8.self).debugDescription)")
      }
    }
  }

  @Test func offsetsOfBadTextAreThoseOfTheWhole() throws {
    var text = [UInt8](repeating: 97, count: 3_000_000)
    for place in stride(from: 50, to: text.count, by: 100) { text[place] = 32 }
    text[2_999_990] = 0xC3
    for tokenizer in try Self.tokenizers() {
      #expect(
        throws: ComputeError.invalidInput(what: "text at byte 2999990", found: "0xc3", allowed: "UTF-8")
      ) { try tokens(text, tokenizer, threads: 2) { 777_777 } }
    }
    // A character that is cut off by the end, but none that is cut off by a chunk.
    let cut = Array("aé猫😀".utf8)
    for length in 1...cut.count {
      let isWhole = String(validating: cut.prefix(length), as: UTF8.self) != nil
      let result = Result { try tokens(Array(cut.prefix(length)), ByteTokenizer(), threads: 1) { 1 } }
      #expect((try? result.get()) == (isWhole ? cut.prefix(length).map { UInt32($0) } : nil))
    }
  }
}
