import Testing

@testable import EmethCompute

@Suite struct WordMergerTests {
  /// Merges of a tokenizer with the letters a to d and every pair and triple that is listed.
  private func tokenizer(_ merges: [(String, String)]) throws -> BytePairTokenizer {
    let joined = merges.map { $0.0 + $0.1 }
    var texts = ByteAlphabet.texts
    for text in joined where !texts.contains(text) { texts.append(text) }
    return try BytePairTokenizer(BytePairFiles(texts: texts, merges: merges), source: "test")
  }

  /// The rule in its plainest form: the pair of lowest rank, leftmost first, until none is left.
  private func reference(_ word: [UInt8], _ tokenizer: BytePairTokenizer) -> [UInt32] {
    var tokens = word.map { tokenizer.byteTokens[Int($0)] }
    while true {
      var best: (rank: UInt32, place: Int)?
      for place in tokens.indices.dropLast() {
        guard let rank = tokenizer.merges.rank(tokens[place], tokens[place + 1]) else { continue }
        if rank < best?.rank ?? .max { best = (rank, place) }
      }
      guard let best else { return tokens }
      tokens[best.place] = tokenizer.merges.merged[Int(best.rank)]
      tokens.remove(at: best.place + 1)
    }
  }

  @Test func randomWordsAndMergesAgainstTheRule() throws {
    var random = try RandomInput("word merger")
    for _ in 0..<100 * RandomInput.scale {
      var pieces = ["a", "b", "c"]
      var merges: [(String, String)] = []
      for _ in 0..<12 {
        let pair = (pieces[try random.below(pieces.count)], pieces[try random.below(pieces.count)])
        let isNew = !pieces.contains(pair.0 + pair.1)
        guard isNew, (pair.0 + pair.1).utf8.count < 8 else { continue }
        pieces.append(pair.0 + pair.1)
        merges.append(pair)
      }
      let tokenizer = try tokenizer(merges)
      var merger = WordMerger(byteTokens: tokenizer.byteTokens, index: tokenizer.merges.index)
      for _ in 0..<20 {
        var word: [UInt8] = []
        // Both sides of the length at which the way of merging changes.
        for _ in 0...(try random.below(140)) { word.append(97 + UInt8(try random.below(3))) }
        var output: [UInt32] = []
        word.withUnsafeBufferPointer { merger.merge($0, into: &output) }
        #expect(output == reference(word, tokenizer), "\(merges) \(word)")
      }
    }
  }

  @Test func theHeapSorts() throws {
    var random = try RandomInput("heap")
    var heap = MinimumHeap()
    var numbers: [UInt64] = []
    for _ in 0..<1_000 {
      let number = UInt64(try random.below(300))
      numbers.append(number)
      heap.insert(number)
    }
    for number in numbers.sorted() { #expect(heap.removeLowest() == number) }
    #expect(heap.removeLowest() == nil)
  }
}
