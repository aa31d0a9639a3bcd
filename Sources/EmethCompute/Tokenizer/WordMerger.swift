/// Merges the bytes of one word at a time, reusing its memory from word to word.
///
/// The tokens form a linked list; a heap holds the pairs that can merge, lowest rank first, leftmost first
/// among equals. A word of w bytes takes O(w log w): a line of a million letters is no trap.
struct WordMerger {
  private static let end = UInt32.max

  private let tokenizer: BytePairTokenizer
  private var tokens: [UInt32] = []
  private var next: [UInt32] = []
  private var previous: [UInt32] = []
  /// Rank in the upper, place of the left token in the lower 32 bits.
  private var heap = MinimumHeap()

  /// A merger with the tokenizer's vocabulary.
  init(_ tokenizer: BytePairTokenizer) { self.tokenizer = tokenizer }

  /// Appends the tokens of `word`, at most 2^31 bytes, to `output`.
  mutating func merge(_ word: UnsafeBufferPointer<UInt8>, into output: inout [UInt32]) {
    if word.count == 1 {
      output.append(tokenizer.byteTokens[Int(word[0])])
      return
    }
    let count = UInt32(word.count)
    tokens.removeAll(keepingCapacity: true)
    next.removeAll(keepingCapacity: true)
    previous.removeAll(keepingCapacity: true)
    for place in 0..<count {
      tokens.append(tokenizer.byteTokens[Int(word[Int(place)])])
      next.append(place + 1 < count ? place + 1 : Self.end)
      previous.append(place > 0 ? place - 1 : Self.end)
    }
    for place in 0..<(count - 1) { push(place) }
    while let entry = heap.removeLowest() { apply(rank: Int(entry >> 32), at: Int(entry & 0xFFFF_FFFF)) }
    var place: UInt32 = 0
    while place != Self.end {
      output.append(tokens[Int(place)])
      place = next[Int(place)]
    }
  }

  /// Offers the pair at `place` and its successor for merging.
  private mutating func push(_ place: UInt32) {
    let right = next[Int(place)]
    guard right != Self.end,
      let rank = tokenizer.merges.rank(tokens[Int(place)], tokens[Int(right)])
    else { return }
    heap.insert(UInt64(rank) << 32 | UInt64(place))
  }

  /// Merges if the pair still stands there: an entry outlives the tokens it was made of.
  private mutating func apply(rank: Int, at place: Int) {
    let right = next[place]
    guard right != Self.end, tokens[place] == tokenizer.merges.left[rank],
      tokens[Int(right)] == tokenizer.merges.right[rank]
    else { return }
    tokens[place] = tokenizer.merges.merged[rank]
    let after = next[Int(right)]
    next[place] = after
    // A dead place has no successor, so entries that still name it fail the check above.
    next[Int(right)] = Self.end
    if after != Self.end {
      previous[Int(after)] = UInt32(place)
      push(UInt32(place))
    }
    if previous[place] != Self.end { push(previous[place]) }
  }
}
