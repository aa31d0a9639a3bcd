/// The Merkle tree of OpenZeppelin's library, whose proofs `MerkleProof.sol` checks on the chain.
///
/// Leaf = keccak256(keccak256(abi.encode(values))), sorted leaves, sorted pairs, so that a proof needs no
/// index.
///
/// ```swift
/// let tree = StandardMerkleTree(leaves: accounts.map(\.abiValues))
/// let proof = tree.proof(of: 2)
/// StandardMerkleTree.verify(leaf: accounts[2].abiValues, proof: proof, root: tree.root)   // true
/// ```
/// A tree of no leaves has 32 zero bytes as its root, and nothing verifies against it.
public struct StandardMerkleTree: Sendable, Hashable {
  /// A complete binary tree in an array: the children of i are 2 i + 1 and 2 i + 2, the leaves stand at the
  /// end.
  let nodes: [Bytes32]
  /// Where each leaf stands, in the order in which the leaves were given.
  let positions: [Int]

  /// The tree over leaves of values, each `[ABIValue]` one leaf.
  ///
  /// - Parameter sorted: Whether leaves are ordered by their hash first, as the library does unless told
  ///   otherwise; the root then does not depend on the order given.
  public init(leaves: [[ABIValue]], sorted: Bool = true) {
    self.init(leafHashes: leaves.map(Self.leafHash), sorted: sorted)
  }

  /// The tree over leaf hashes.
  public init(leafHashes: [Bytes32], sorted: Bool = true) {
    let count = leafHashes.count
    let order =
      sorted ? leafHashes.indices.sorted { leafHashes[$0] < leafHashes[$1] } : Array(leafHashes.indices)
    var nodes = [Bytes32](repeating: .zero, count: max(0, 2 * count - 1))
    var positions = [Int](repeating: 0, count: count)
    for (rank, index) in order.enumerated() {
      let position = nodes.count - 1 - rank
      nodes[position] = leafHashes[index]
      positions[index] = position
    }
    for parent in stride(from: count - 2, through: 0, by: -1) {
      nodes[parent] = Self.nodeHash(nodes[2 * parent + 1], nodes[2 * parent + 2])
    }
    self.nodes = nodes
    self.positions = positions
  }

  /// The root; 32 zero bytes when there is no leaf.
  public var root: Bytes32 { nodes.first ?? .zero }

  /// The number of leaves.
  public var count: Int { positions.count }

  /// The hashes that lead from a leaf, counted as the leaves were given, to the root. Traps when there is
  /// no such leaf.
  public func proof(of index: Int) -> [Bytes32] {
    precondition(positions.indices.contains(index), "leaf index out of range")
    var proof: [Bytes32] = []
    var position = positions[index]
    while position > 0 {
      proof.append(nodes[position & 1 == 1 ? position + 1 : position - 1])
      position = (position - 1) / 2
    }
    return proof
  }

  /// The hash of a leaf: keccak256(keccak256(abi.encode(values))). Hashed twice, so that no inner node,
  /// which is the hash of 64 bytes, can pass for a leaf.
  public static func leafHash(_ values: [ABIValue]) -> Bytes32 {
    Keccak256.hash(Keccak256.hash(ABI.encode(values)).bytes)
  }

  /// Whether a proof leads from a leaf to the root. Never true for the zero root of an empty tree.
  public static func verify(leaf: [ABIValue], proof: [Bytes32], root: Bytes32) -> Bool {
    verify(leafHash: leafHash(leaf), proof: proof, root: root)
  }

  /// Whether a proof leads from a leaf hash to the root. Never true for the zero root of an empty tree.
  public static func verify(leafHash: Bytes32, proof: [Bytes32], root: Bytes32) -> Bool {
    root != .zero && proof.reduce(leafHash, nodeHash) == root
  }

  private static func nodeHash(_ first: Bytes32, _ second: Bytes32) -> Bytes32 {
    let (low, high) = first < second ? (first, second) : (second, first)
    return withUnsafeTemporaryAllocation(byteCount: 64, alignment: 8) { pair in
      low.withUnsafeBytes { pair.copyMemory(from: $0) }
      high.withUnsafeBytes { UnsafeMutableRawBufferPointer(rebasing: pair[32...]).copyMemory(from: $0) }
      return Keccak256.hash(UnsafeRawBufferPointer(pair))
    }
  }
}
