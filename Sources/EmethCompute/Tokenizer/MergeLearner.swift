/// Learns merges from counted words: the most frequent pair of neighbours becomes a token, again and again.
///
/// All words lie in one array of symbols, linked to their neighbours, so that a merge touches the places
/// where its pair stands and nothing else, however long a word is.
struct MergeLearner {
  private struct Symbol {
    var token: UInt32
    var previous: Int32
    var next: Int32
    var word: UInt32
  }
  /// The most symbols that are numbered, in all different words together.
  static let symbolLimit = Int(Int32.max)
  /// What a symbol, its places in lists and the pairs that it makes take, about: measured on texts.
  static let byteCountPerSymbol = 48
  private static let dead = UInt32.max
  private static let none: Int32 = -1

  private var symbols: [Symbol]
  private let counts: [Int]
  private var pairs = PairCounts()
  private var queue = MergeQueue()
  /// The places of all entries of the queue, one entry's after the other's.
  private var places: [Int32] = []
  /// New places of pairs, before they are sorted by pair; and how many each pair has of them.
  private var seen: [(pair: Int32, place: Int32)] = []
  private var seenCounts: [Int32] = []

  /// Words of bytes, each `byteTokens` at first.
  init(_ words: WordCounts, byteTokens: [UInt32]) {
    counts = words.counts
    symbols = []
    symbols.reserveCapacity(words.bytes.count)
    var start = 0
    for (word, end) in words.ends.enumerated() {
      for place in start..<end {
        symbols.append(
          Symbol(
            token: byteTokens[Int(words.bytes[place])],
            previous: place > start ? Int32(truncatingIfNeeded: place - 1) : Self.none,
            next: place + 1 < end ? Int32(truncatingIfNeeded: place + 1) : Self.none,
            word: UInt32(truncatingIfNeeded: word)))
      }
      for place in start..<max(start, end - 1) {
        let key = PairCounts.key(symbols[place].token, symbols[place + 1].token)
        see(key, at: place, count: counts[word])
      }
      start = end
    }
    queueSeen()
  }

  /// The next pair to merge and how often it occurs; nil when all words are one token each.
  mutating func next() -> MergeQueue.Entry? {
    while var entry = queue.removeTop() {
      let count = pairs.counts[entry.pair]
      if entry.count == count { return entry.count > 0 ? entry : nil }
      entry.count = count
      queue.insert(entry)
    }
    return nil
  }

  /// Makes the pair `token` wherever it stands.
  mutating func merge(_ entry: MergeQueue.Entry, into token: UInt32) {
    let (left, right) = (UInt32(entry.key >> 32), UInt32(entry.key & 0xFFFF_FFFF))
    for index in entry.places {
      let place = Int(places[index])
      let symbol = symbols[place]
      guard symbol.token == left, symbol.next != Self.none else { continue }
      let second = symbols[Int(symbol.next)]
      guard second.token == right else { continue }
      let count = counts[Int(symbol.word)]
      symbols[place].token = token
      symbols[place].next = second.next
      symbols[Int(symbol.next)].token = Self.dead
      if symbol.previous != Self.none {
        let before = symbols[Int(symbol.previous)].token
        pairs.counts[pairs.number(of: PairCounts.key(before, left))] -= count
        see(PairCounts.key(before, token), at: Int(symbol.previous), count: count)
      }
      if second.next != Self.none {
        symbols[Int(second.next)].previous = Int32(truncatingIfNeeded: place)
        let after = symbols[Int(second.next)].token
        pairs.counts[pairs.number(of: PairCounts.key(right, after))] -= count
        see(PairCounts.key(token, after), at: place, count: count)
      }
    }
    queueSeen()
  }

  private mutating func see(_ key: UInt64, at place: Int, count: Int) {
    let pair = pairs.number(of: key)
    pairs.counts[pair] += count
    while seenCounts.count <= pair { seenCounts.append(0) }
    seenCounts[pair] += 1
    seen.append((Int32(truncatingIfNeeded: pair), Int32(truncatingIfNeeded: place)))
  }

  /// Queues the pairs seen since the last time, each with its new places in ascending order.
  private mutating func queueSeen() {
    let base = places.count
    places.append(contentsOf: repeatElement(0, count: seen.count))
    var start = base
    var entries: [(pair: Int, start: Int)] = []
    for (pair, _) in seen where seenCounts[Int(pair)] > 0 {
      entries.append((Int(pair), start))
      start += Int(seenCounts[Int(pair)])
      // From here on, minus the number of the entry: where the pair's next place is to go.
      seenCounts[Int(pair)] = -Int32(truncatingIfNeeded: entries.count)
    }
    var ends = entries.map(\.start)
    for (pair, place) in seen {
      let entry = Int(-seenCounts[Int(pair)]) - 1
      places[ends[entry]] = place
      ends[entry] += 1
    }
    for (index, entry) in entries.enumerated() {
      seenCounts[entry.pair] = 0
      let count = pairs.counts[entry.pair]
      guard count > 0 else { continue }
      queue.insert(
        .init(
          count: count, key: pairs.keys[entry.pair], pair: entry.pair,
          places: entry.start..<ends[index]))
    }
    seen.removeAll(keepingCapacity: true)
  }
}
