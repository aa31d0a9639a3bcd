extension BytePairTokenizer {
  private static let largestTextCount = Int(Int32.max)

  /// The token ids of UTF-8 text of at most 2 GiB; longer texts go in pieces (``TextCorpus``).
  ///
  /// - Throws: `ComputeError.invalidInput` with the offset of the first byte that is not UTF-8.
  public func encode(utf8 text: UnsafeBufferPointer<UInt8>) throws(ComputeError) -> [UInt32] {
    guard text.count <= Self.largestTextCount else {
      throw .invalidInput(
        what: "text to tokenise in one piece", found: "\(text.count) bytes",
        allowed: "at most \(Self.largestTextCount) bytes")
    }
    var check = UTF8Check()
    if let offset = check.read(text) { throw .notUTF8(offset: offset, byte: text[offset]) }
    var output: [UInt32] = []
    output.reserveCapacity(text.count / 3)
    var scanner = WordScanner(text)
    var merger = WordMerger(self)
    var cache = WordCache(textCount: text.count)
    while let word = scanner.next() {
      let slot = cache.slot(of: word, in: text)
      if let tokens = cache.tokens(of: word, in: text, at: slot) {
        for index in tokens { output.append(output[index]) }
        continue
      }
      let first = output.count
      merger.merge(.init(rebasing: text[word]), into: &output)
      cache.store(word, tokens: first..<output.count, at: slot)
    }
    return output
  }
}

/// Where in the output the tokens of words seen before stand: one word a slot, a newer one takes its place.
private struct WordCache {
  private struct Entry {
    var word: Range<Int>
    var tokens: Range<Int>
  }
  private static let longestWord = 64

  private var entries: [Entry]

  /// An empty cache for a text of `textCount` bytes: at most 2^16 slots.
  init(textCount: Int) {
    var slots = 64
    while slots < 1 << 16, slots * 16 < textCount { slots *= 2 }
    entries = Array(repeating: Entry(word: 0..<0, tokens: 0..<0), count: slots)
  }

  /// The slot that `word` may stand in; nil for words that are not worth keeping.
  func slot(of word: Range<Int>, in text: UnsafeBufferPointer<UInt8>) -> Int? {
    guard word.count > 1, word.count <= Self.longestWord else { return nil }
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for index in word { hash = (hash ^ UInt64(text[index])) &* 0x100_0000_01B3 }
    return Int((hash ^ hash >> 32) & UInt64(entries.count - 1))
  }

  /// The output indices of the word's tokens, nil when its slot holds another word.
  func tokens(of word: Range<Int>, in text: UnsafeBufferPointer<UInt8>, at slot: Int?) -> Range<Int>? {
    guard let slot else { return nil }
    let entry = entries[slot]
    guard entry.word.count == word.count else { return nil }
    for offset in 0..<word.count
    where text[entry.word.lowerBound + offset] != text[word.lowerBound + offset] { return nil }
    return entry.tokens
  }

  /// Remembers the word's tokens.
  mutating func store(_ word: Range<Int>, tokens: Range<Int>, at slot: Int?) {
    if let slot { entries[slot] = Entry(word: word, tokens: tokens) }
  }
}

extension ComputeError {
  /// Text that is not UTF-8, by the place of its first bad byte.
  static func notUTF8(offset: Int, byte: UInt8) -> ComputeError {
    .invalidInput(
      what: "text at byte \(offset)", found: "0x" + String(byte, radix: 16), allowed: "UTF-8")
  }
}
