/// A Merkle tree over SHA-256 as RFC 6962 defines it: leaf prefix 0x00, node prefix 0x01, and its rule for
/// numbers of leaves that are no power of two.
///
/// ```swift
/// let tree = StateTree(leafHashes: chunks.map { StateTree.leafHash($0) })
/// let proof = tree.proof(of: 3)
/// StateTree.verify(leafHash: StateTree.leafHash(chunks[3]), index: 3, count: chunks.count,
///   proof: proof, root: tree.root)        // true
/// ```
/// The root of no leaves is the SHA-256 of nothing. Building is linear in the leaves; a proof has at most
/// ceil(log2(count)) hashes.
public struct StateTree: Sendable, Hashable {
  /// The leaf hashes, then the level above, and so on up to the root; a node without a sibling rises
  /// unchanged.
  private let levels: [[Bytes32]]

  /// The tree over leaf hashes.
  public init(leafHashes: [Bytes32]) {
    var levels = [leafHashes]
    var level = leafHashes
    while level.count > 1 {
      level = Self.levelAbove(level)
      levels.append(level)
    }
    self.levels = levels
  }

  /// The number of leaves.
  public var count: Int { levels[0].count }

  /// The hash that commits to every leaf and its place.
  public var root: Bytes32 {
    levels[levels.count - 1].first ?? SHA256.hash([])
  }

  /// The hashes that lead from a leaf to the root, from the bottom up. Traps when there is no such leaf.
  public func proof(of index: Int) -> [Bytes32] {
    precondition(levels[0].indices.contains(index), "leaf index out of range")
    var proof: [Bytes32] = []
    var position = index
    for level in levels.dropLast() {
      let sibling = position ^ 1
      if sibling < level.count {
        proof.append(level[sibling])
      }
      position >>= 1
    }
    return proof
  }

  /// The hash of a leaf: SHA-256(0x00 ‖ data).
  public static func leafHash(_ data: some Collection<UInt8>) -> Bytes32 {
    let hash = data.withContiguousStorageIfAvailable { leafHash(UnsafeRawBufferPointer($0)) }
    return hash ?? Array(data).withUnsafeBytes { leafHash($0) }
  }

  /// The hash of a leaf in a buffer: SHA-256(0x00 ‖ data).
  public static func leafHash(_ data: UnsafeRawBufferPointer) -> Bytes32 {
    var hasher = SHA256()
    hasher.update(CollectionOfOne(0x00))
    hasher.update(data)
    return hasher.finalize()
  }

  /// The root of the tree over leaf hashes, without keeping the tree.
  public static func root(leafHashes: [Bytes32]) -> Bytes32 {
    var level = leafHashes
    while level.count > 1 {
      level = levelAbove(level)
    }
    return level.first ?? SHA256.hash([])
  }

  /// Whether a leaf hash stands at `index` of the tree of `count` leaves with this root (RFC 9162,
  /// 2.1.3.2).
  ///
  /// False for an index outside of the tree and for a proof of any other length than the one that fits. The
  /// root does not commit to the count: take it from a source that is signed or fixed.
  public static func verify(
    leafHash: Bytes32, index: Int, count: Int, proof: [Bytes32], root: Bytes32
  ) -> Bool {
    guard index >= 0, index < count else { return false }
    var hash = leafHash
    var position = index
    var last = count - 1
    for sibling in proof {
      guard last > 0 else { return false }
      if position & 1 == 1 || position == last {
        hash = nodeHash(sibling, hash)
        // A node without a sibling rises until it is a right child.
        while position & 1 == 0 && position != 0 {
          position >>= 1
          last >>= 1
        }
      } else {
        hash = nodeHash(hash, sibling)
      }
      position >>= 1
      last >>= 1
    }
    return last == 0 && hash == root
  }

  private static func levelAbove(_ level: [Bytes32]) -> [Bytes32] {
    var above: [Bytes32] = []
    above.reserveCapacity((level.count + 1) / 2)
    for left in stride(from: 0, to: level.count - 1, by: 2) {
      above.append(nodeHash(level[left], level[left + 1]))
    }
    if level.count & 1 == 1 {
      above.append(level[level.count - 1])
    }
    return above
  }

  /// The hash of an inner node: SHA-256(0x01 ‖ left ‖ right), two blocks.
  static func nodeHash(_ left: Bytes32, _ right: Bytes32) -> Bytes32 {
    let blockBytes = SHA256State.blockByteCount
    return withUnsafeTemporaryAllocation(byteCount: 2 * blockBytes, alignment: 8) { blocks in
      blocks[0] = 0x01
      left.withUnsafeBytes { UnsafeMutableRawBufferPointer(rebasing: blocks[1..<33]).copyMemory(from: $0) }
      right.withUnsafeBytes { UnsafeMutableRawBufferPointer(rebasing: blocks[33..<65]).copyMemory(from: $0) }
      SHA256State.pad(blocks, from: 65, messageByteCount: 65)
      return SHA256State.digest(ofBlocks: UnsafeRawBufferPointer(blocks))
    }
  }
}
