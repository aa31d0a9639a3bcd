/// The merges of a byte-pair encoding by rank.
struct MergeTable: Sendable {
  /// The left token of each merge, by rank.
  let left: [UInt32]
  /// The right token of each merge, by rank.
  let right: [UInt32]
  /// The token each merge makes, by rank.
  let merged: [UInt32]
  /// What a pair becomes.
  let index: PairIndex

  /// Merges by ascending rank, each pair once.
  init(left: [UInt32], right: [UInt32], merged: [UInt32]) {
    self.left = left
    self.right = right
    self.merged = merged
    index = PairIndex(left: left, right: right, merged: merged)
  }

  /// Number of merges.
  var count: Int { merged.count }

  /// The rank of the pair, nil when it does not merge. O(1).
  func rank(_ left: UInt32, _ right: UInt32) -> UInt32? {
    let merge = index.merge(left, right)
    return merge == PairIndex.none ? nil : UInt32(merge >> 32)
  }
}
