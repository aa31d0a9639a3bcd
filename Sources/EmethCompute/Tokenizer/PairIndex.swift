/// What each mergeable pair of tokens becomes: an open hash table.
///
/// Most pairs that are asked for do not merge. A table of one bit for each of eight times as many hashes,
/// which fits the nearest caches, tells that of nearly all of them without touching the large one.
final class PairIndex: Sendable {
  /// A pair that does not merge; above every merge.
  static let none = UInt64.max

  private struct Slot {
    var key: UInt64
    var merge: UInt64
  }

  nonisolated(unsafe) private let slots: UnsafeMutablePointer<Slot>
  nonisolated(unsafe) private let filter: UnsafeMutablePointer<UInt8>
  private let mask: Int
  private let shift: UInt64

  /// The pairs of `left` and `right`, each once, by ascending rank, and the tokens they make.
  init(left: [UInt32], right: [UInt32], merged: [UInt32]) {
    var bits = 4
    while 1 << bits < 2 * left.count { bits += 1 }
    mask = 1 << bits - 1
    shift = UInt64(64 - bits)
    slots = .allocate(capacity: mask + 1)
    slots.initialize(repeating: Slot(key: Self.none, merge: Self.none), count: mask + 1)
    filter = .allocate(capacity: mask + 1)
    filter.initialize(repeating: 0, count: mask + 1)
    for rank in left.indices {
      let key = UInt64(left[rank]) << 32 | UInt64(right[rank])
      let hash = Self.hash(key)
      var index = Int(truncatingIfNeeded: hash >> shift)
      filter[index] |= 1 << UInt8(truncatingIfNeeded: hash >> (shift - 3) & 7)
      while slots[index].key != Self.none { index = (index + 1) & mask }
      slots[index] = Slot(key: key, merge: UInt64(rank) << 32 | UInt64(merged[rank]))
    }
  }

  deinit {
    slots.deallocate()
    filter.deallocate()
  }

  /// The pair's rank in the upper and the merged token in the lower 32 bits, ``none`` when it does not merge.
  @inline(__always)
  func merge(_ left: UInt32, _ right: UInt32) -> UInt64 {
    let key = UInt64(left) << 32 | UInt64(right)
    let hash = Self.hash(key)
    var index = Int(truncatingIfNeeded: hash >> shift)
    guard filter[index] >> UInt8(truncatingIfNeeded: hash >> (shift - 3) & 7) & 1 != 0 else {
      return Self.none
    }
    while true {
      let slot = slots[index]
      if slot.key == key || slot.key == Self.none { return slot.merge }
      index = (index + 1) & mask
    }
  }

  @inline(__always)
  private static func hash(_ key: UInt64) -> UInt64 {
    let mixed = key &* 0x9E37_79B9_7F4A_7C15
    return (mixed ^ mixed >> 32) &* 0xD6E8_FEB8_6659_FD93
  }
}
