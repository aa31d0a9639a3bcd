/// A run of consecutive leaves of a ``StateTree`` in O(log n) memory: its largest complete subtrees alone.
///
/// Leaves are appended one at a time, or a whole run that was hashed elsewhere, on another processor for
/// instance. A run that begins at leaf 0 gives the tree's root at any time.
///
/// ```swift
/// var first = StateTreeRange(), second = StateTreeRange(firstLeaf: 2)
/// leafHashes[..<2].forEach { first.append($0) }
/// leafHashes[2...].forEach { second.append($0) }
/// first.append(second)
/// first.root == StateTree.root(leafHashes: leafHashes)   // true
/// ```
/// - Complexity: one node hash for every leaf in the long run; at most two nodes of each level are kept.
public struct StateTreeRange: Hashable, Sendable {
  /// A complete subtree of 2^level leaves.
  private struct Node: Hashable, Sendable {
    var hash: Bytes32
    var level: UInt8
  }

  /// The place of the first leaf in the tree, from 0.
  public let firstLeaf: UInt64
  /// The place behind the last leaf.
  public private(set) var endLeaf: UInt64
  /// Subtrees from left to right, none of which is the sibling of the next.
  private var nodes: [Node] = []

  /// No leaves, before the leaf at this place.
  public init(firstLeaf: UInt64 = 0) {
    self.firstLeaf = firstLeaf
    endLeaf = firstLeaf
  }

  /// The number of leaves.
  public var count: UInt64 { endLeaf - firstLeaf }

  /// Takes in the next leaf.
  public mutating func append(_ leafHash: Bytes32) {
    push(leafHash, level: 0)
  }

  /// Takes in the run that follows; traps when it begins at another leaf than ``endLeaf``.
  public mutating func append(_ next: StateTreeRange) {
    precondition(next.firstLeaf == endLeaf, "a run of leaves must follow the run before it")
    for node in next.nodes { push(node.hash, level: node.level) }
  }

  /// The root of the tree of these leaves, SHA-256 of nothing when there are none.
  ///
  /// Traps for a run that does not begin at leaf 0.
  public var root: Bytes32 {
    precondition(firstLeaf == 0, "only the leaves from 0 on have a root")
    return folded(from: 0) ?? SHA256.hash([])
  }

  private mutating func push(_ subtree: Bytes32, level: UInt8) {
    var hash = subtree
    var level = level
    // A subtree whose place among those of its size is odd is a right child.
    while endLeaf >> level & 1 == 1, let last = nodes.last, last.level == level {
      hash = StateTree.nodeHash(last.hash, hash)
      nodes.removeLast()
      endLeaf -= 1 << level
      level += 1
    }
    nodes.append(Node(hash: hash, level: level))
    endLeaf += 1 << level
  }

  /// The hash over the nodes from a place on: the last ones are the lowest, as RFC 6962 has it.
  private func folded(from place: Int) -> Bytes32? {
    guard place < nodes.count else { return nil }
    return nodes[place..<(nodes.count - 1)].reversed().reduce(nodes[nodes.count - 1].hash) { right, node in
      StateTree.nodeHash(node.hash, right)
    }
  }
}

extension StateTree {
  /// The hashes that lead from a leaf to the root, from the bottom up, out of all leaves before it and all
  /// behind it.
  ///
  /// Traps when `before` does not begin at leaf 0, or exactly one leaf does not lie between the two.
  public static func proof(before: StateTreeRange, after: StateTreeRange) -> [Bytes32] {
    precondition(before.firstLeaf == 0, "the leaves before must begin at 0")
    precondition(after.firstLeaf - 1 == before.endLeaf, "one leaf must lie between the two runs")
    return StateTreeRange.proof(before: before, after: after)
  }
}

extension StateTreeRange {
  fileprivate static func proof(before: StateTreeRange, after: StateTreeRange) -> [Bytes32] {
    var proof: [Bytes32] = []
    var left = before.nodes.count
    var right = 0
    var position = before.endLeaf
    var last = after.endLeaf - 1
    while last > 0 {
      if position & 1 == 1 {
        left -= 1
        proof.append(before.nodes[left].hash)
      } else if position + 1 == last, let rest = after.folded(from: right) {
        // The last subtree of its level may be incomplete: all that is left lies in it.
        proof.append(rest)
      } else if position < last {
        proof.append(after.nodes[right].hash)
        right += 1
      }
      position >>= 1
      last >>= 1
    }
    return proof
  }
}
