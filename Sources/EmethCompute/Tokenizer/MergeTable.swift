/// The merges of a byte-pair encoding by rank, and the rank of a pair.
struct MergeTable: Sendable {
  /// The left token of each merge, by rank.
  private(set) var left: [UInt32] = []
  /// The right token of each merge, by rank.
  private(set) var right: [UInt32] = []
  /// The token each merge makes, by rank.
  private(set) var merged: [UInt32] = []
  private var ranks: [UInt64: UInt32] = [:]

  /// An empty table with room for `capacity` merges.
  init(capacity: Int) { ranks.reserveCapacity(capacity) }

  /// Number of merges.
  var count: Int { merged.count }

  /// Adds the merge of the next rank; false, and nothing added, when the pair has a rank already.
  mutating func append(left: UInt32, right: UInt32, merged: UInt32) -> Bool {
    let key = UInt64(left) << 32 | UInt64(right)
    guard ranks[key] == nil else { return false }
    ranks[key] = UInt32(self.merged.count)
    self.left.append(left)
    self.right.append(right)
    self.merged.append(merged)
    return true
  }

  /// The rank of the pair, nil when it does not merge. O(1).
  @inline(__always)
  func rank(_ left: UInt32, _ right: UInt32) -> UInt32? { ranks[UInt64(left) << 32 | UInt64(right)] }
}
