/// Pairs that may be merged next, the most frequent on top, among equals the one of the lowest tokens.
///
/// Counts only fall while a pair waits, so an entry may hold an old one: whoever takes it looks and puts it
/// back.
struct MergeQueue {
  /// A pair with the places where it was seen.
  struct Entry {
    var count: Int
    var key: UInt64
    var pair: Int
    /// Where its places stand in the list of all.
    var places: Range<Int>

    fileprivate func comesBefore(_ other: Entry) -> Bool {
      count != other.count ? count > other.count : key < other.key
    }
  }

  private var entries: [Entry] = []

  /// An empty queue.
  init() {}

  /// Adds an entry. O(log n).
  mutating func insert(_ entry: Entry) {
    entries.append(entry)
    var child = entries.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard entry.comesBefore(entries[parent]) else { break }
      entries[child] = entries[parent]
      child = parent
    }
    entries[child] = entry
  }

  /// Takes the top out, nil when there is none. O(log n).
  mutating func removeTop() -> Entry? {
    guard let top = entries.first, let last = entries.popLast() else { return nil }
    if entries.isEmpty { return top }
    var parent = 0
    while true {
      var child = 2 * parent + 1
      guard child < entries.count else { break }
      if child + 1 < entries.count, entries[child + 1].comesBefore(entries[child]) { child += 1 }
      guard entries[child].comesBefore(last) else { break }
      entries[parent] = entries[child]
      parent = child
    }
    entries[parent] = last
    return top
  }
}
