/// How often each pair of neighbouring tokens occurs in a corpus, pairs numbered as they are first seen.
struct PairCounts {
  /// The left token in the upper, the right token in the lower 32 bits.
  private(set) var keys: [UInt64] = []
  /// Occurrences by pair; never negative.
  var counts: [Int] = []
  /// Number of a pair + 1, 0 where there is none.
  private var slots = [UInt32](repeating: 0, count: 1 << 12)

  /// No pairs.
  init() {}

  /// A pair as one number: in the order of the left, then of the right token.
  static func key(_ left: UInt32, _ right: UInt32) -> UInt64 { UInt64(left) << 32 | UInt64(right) }

  /// The pair's number; a new pair has a count of 0.
  @inline(__always)
  mutating func number(of key: UInt64) -> Int {
    let mask = slots.count - 1
    var index = Self.hash(key) & mask
    while slots[index] != 0 {
      let number = Int(slots[index]) - 1
      if keys[number] == key { return number }
      index = (index + 1) & mask
    }
    keys.append(key)
    counts.append(0)
    slots[index] = UInt32(keys.count)
    if 2 * keys.count > slots.count { grow() }
    return keys.count - 1
  }

  private mutating func grow() {
    slots = [UInt32](repeating: 0, count: 2 * slots.count)
    let mask = slots.count - 1
    for (number, key) in keys.enumerated() {
      var index = Self.hash(key) & mask
      while slots[index] != 0 { index = (index + 1) & mask }
      slots[index] = UInt32(number + 1)
    }
  }

  private static func hash(_ key: UInt64) -> Int {
    let mixed = key &* 0x9E37_79B9_7F4A_7C15
    return Int(truncatingIfNeeded: (mixed ^ mixed >> 32) &* 0xD6E8_FEB8_6659_FD93 >> 20)
  }
}
