/// How often each word of a corpus occurs: words one after another in one array, found by an open hash table.
///
/// Unchecked: the trainer gives each thread a table of its own.
final class WordCounts: @unchecked Sendable {
  private(set) var bytes: [UInt8] = []
  /// Where each word ends in the bytes, in the order in which the words were seen first.
  private(set) var ends: [Int] = []
  private(set) var counts: [Int] = []
  /// Number of a word + 1, 0 where there is none; the upper half of its hash beside it.
  private var slots = [UInt64](repeating: 0, count: 1 << 12)

  /// An empty table.
  init() {}

  /// Number of different words.
  var count: Int { ends.count }

  /// Adds `times` occurrences of a word.
  func add(_ word: UnsafeBufferPointer<UInt8>, times: Int = 1) {
    if 2 * ends.count >= slots.count { grow() }
    let hash = Self.hash(word)
    let mask = slots.count - 1
    var index = Int(truncatingIfNeeded: hash) & mask
    let tag = hash & ~0xFFFF_FFFF
    while slots[index] != 0 {
      if slots[index] & ~0xFFFF_FFFF == tag {
        let number = Int(slots[index] & 0xFFFF_FFFF) - 1
        if matches(number, word) {
          counts[number] += times
          return
        }
      }
      index = (index + 1) & mask
    }
    bytes.append(contentsOf: word)
    ends.append(bytes.count)
    counts.append(times)
    slots[index] = tag | UInt64(ends.count)
  }

  /// Adds all words of another table.
  func add(_ other: WordCounts) {
    other.bytes.withUnsafeBufferPointer { bytes in
      var start = 0
      for (number, end) in other.ends.enumerated() {
        add(.init(rebasing: bytes[start..<end]), times: other.counts[number])
        start = end
      }
    }
  }

  /// Adds the words of a text, line by line: no word reaches over the end of a line.
  func add(linesOf text: UnsafeBufferPointer<UInt8>) {
    var start = 0
    while start < text.count {
      var end = start
      while end < text.count, text[end] != UInt8(ascii: "\n") { end += 1 }
      end = min(end + 1, text.count)
      let line = UnsafeBufferPointer(rebasing: text[start..<end])
      var scanner = WordScanner(line)
      while let word = scanner.next() { add(.init(rebasing: line[word])) }
      start = end
    }
  }

  private func matches(_ number: Int, _ word: UnsafeBufferPointer<UInt8>) -> Bool {
    let start = number == 0 ? 0 : ends[number - 1]
    guard ends[number] - start == word.count else { return false }
    for offset in 0..<word.count where bytes[start + offset] != word[offset] { return false }
    return true
  }

  private func grow() {
    var larger = [UInt64](repeating: 0, count: 2 * slots.count)
    let mask = larger.count - 1
    bytes.withUnsafeBufferPointer { bytes in
      var start = 0
      for (number, end) in ends.enumerated() {
        let hash = Self.hash(.init(rebasing: bytes[start..<end]))
        var index = Int(truncatingIfNeeded: hash) & mask
        while larger[index] != 0 { index = (index + 1) & mask }
        larger[index] = hash & ~0xFFFF_FFFF | UInt64(number + 1)
        start = end
      }
    }
    slots = larger
  }

  private static func hash(_ word: UnsafeBufferPointer<UInt8>) -> UInt64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in word { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    return (hash ^ hash >> 29) &* 0x9E37_79B9_7F4A_7C15
  }
}
