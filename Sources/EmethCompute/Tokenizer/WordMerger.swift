/// Merges the bytes of one word at a time, reusing its memory from word to word.
///
/// The tokens form a linked list. In a short word the pair of lowest rank is looked for by ``ShortWord``; in
/// a long one a heap holds the pairs that can merge, lowest rank first, leftmost first among equals: w bytes
/// take O(w log w), a line of a million letters is no trap.
struct WordMerger: ~Copyable {
  private static let end = UInt32.max
  private static let largeWord = 1 << 20

  private let byteTokens: [UInt32]
  private let index: PairIndex
  private let wholeWords: [[UInt8]: UInt32]?
  private let short = ShortWord()
  private var tokens: [UInt32] = []
  private var next: [UInt32] = []
  private var previous: [UInt32] = []
  /// Rank in the upper, place of the left token in the lower 32 bits.
  private var heap = MinimumHeap()

  /// A merger with a tokenizer's bytes and merges.
  init(byteTokens: [UInt32], index: PairIndex, wholeWords: [[UInt8]: UInt32]? = nil) {
    self.byteTokens = byteTokens
    self.index = index
    self.wholeWords = wholeWords
  }

  /// Whether a very long word has left it with much memory.
  var isLarge: Bool { tokens.capacity > Self.largeWord }

  /// Appends the tokens of `word`, 1 to 2^31 bytes, to `output`.
  mutating func merge(_ word: UnsafeBufferPointer<UInt8>, into output: inout [UInt32]) {
    if word.count == 1 {
      output.append(byteTokens[Int(word[0])])
      return
    }
    if let wholeWords, let token = wholeWords[Array(word)] {
      output.append(token)
    } else if word.count <= ShortWord.largestCount {
      for place in word.indices { short.tokens[place] = byteTokens[Int(word[place])] }
      short.merge(count: word.count, by: index, into: &output)
    } else {
      mergeLong(word, into: &output)
    }
  }

  private mutating func mergeLong(_ word: UnsafeBufferPointer<UInt8>, into output: inout [UInt32]) {
    let count = UInt32(word.count)
    tokens.removeAll(keepingCapacity: true)
    next.removeAll(keepingCapacity: true)
    previous.removeAll(keepingCapacity: true)
    for place in 0..<count {
      tokens.append(byteTokens[Int(word[Int(place)])])
      next.append(place + 1 < count ? place + 1 : Self.end)
      previous.append(place > 0 ? place - 1 : Self.end)
    }
    for place in 0..<(count - 1) { push(place) }
    while let entry = heap.removeLowest() { apply(rank: entry >> 32, at: Int(entry & 0xFFFF_FFFF)) }
    var place: UInt32 = 0
    while place != Self.end {
      output.append(tokens[Int(place)])
      place = next[Int(place)]
    }
  }

  /// Offers the pair at `place` and its successor for merging.
  private mutating func push(_ place: UInt32) {
    let right = next[Int(place)]
    guard right != Self.end else { return }
    let merge = index.merge(tokens[Int(place)], tokens[Int(right)])
    if merge != PairIndex.none { heap.insert(merge & ~0xFFFF_FFFF | UInt64(place)) }
  }

  /// Merges if the pair still stands there: an entry outlives the tokens it was made of.
  private mutating func apply(rank: UInt64, at place: Int) {
    let right = next[place]
    guard right != Self.end else { return }
    let merge = index.merge(tokens[place], tokens[Int(right)])
    guard merge >> 32 == rank else { return }
    tokens[place] = UInt32(truncatingIfNeeded: merge)
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
