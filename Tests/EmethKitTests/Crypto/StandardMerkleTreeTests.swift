import EmethKit
import Testing

@Suite struct StandardMerkleTreeTests {
  private func leaves(_ count: Int) -> [[ABIValue]] {
    (0..<count).map { [.uint(UInt256($0)), .string("leaf")] }
  }

  private func pair(_ a: Bytes32, _ b: Bytes32) -> Bytes32 {
    Keccak256.hash(a < b ? a.bytes + b.bytes : b.bytes + a.bytes)
  }

  /// Trees of up to four leaves, written out by hand from the library's layout.
  @Test func smallTreesHaveTheLibrarysShape() {
    let hashes = leaves(4).map { StandardMerkleTree.leafHash($0) }
    func root(_ count: Int) -> Bytes32 {
      StandardMerkleTree(leaves: Array(leaves(4).prefix(count)), sorted: false).root
    }
    #expect(root(0) == .zero)
    #expect(root(1) == hashes[0])
    #expect(root(2) == pair(hashes[0], hashes[1]))
    #expect(root(3) == pair(pair(hashes[0], hashes[1]), hashes[2]))
    #expect(root(4) == pair(pair(hashes[0], hashes[1]), pair(hashes[2], hashes[3])))
  }

  @Test func everySmallTreeProvesEveryLeaf() {
    for count in 0...33 {
      for sorted in [true, false] {
        let tree = StandardMerkleTree(leaves: leaves(count), sorted: sorted)
        #expect(tree.count == count)
        for (index, leaf) in leaves(count).enumerated() {
          let proof = tree.proof(of: index)
          #expect(
            StandardMerkleTree.verify(leaf: leaf, proof: proof, root: tree.root), "\(index) of \(count)")
          #expect(!StandardMerkleTree.verify(leaf: [.uint(99)], proof: proof, root: tree.root))
          #expect(!StandardMerkleTree.verify(leaf: leaf, proof: proof + [.zero], root: tree.root))
          #expect(
            proof.isEmpty || !StandardMerkleTree.verify(leaf: leaf, proof: proof.dropLast(), root: tree.root))
        }
      }
    }
  }

  @Test func sortedTreesDoNotDependOnTheOrder() {
    var generator = SeededGenerator()
    let root = StandardMerkleTree(leaves: leaves(11)).root
    for _ in 0..<20 {
      #expect(StandardMerkleTree(leaves: leaves(11).shuffled(using: &generator)).root == root)
    }
    #expect(StandardMerkleTree(leaves: leaves(11).reversed(), sorted: false).root != root)
  }

  @Test func nothingIsInAnEmptyTree() {
    let leaf: [ABIValue] = [.uint(1)]
    #expect(!StandardMerkleTree.verify(leaf: leaf, proof: [], root: StandardMerkleTree(leaves: []).root))
    #expect(!StandardMerkleTree.verify(leafHash: .zero, proof: [], root: .zero))
  }

  @Test(
    .enabled(if: VectorFiles.isAvailable, VectorFiles.reason),
    arguments: [("standard", true), ("standard", false), ("simple", true), ("simple", false)])
  func dumpsOfTheLibrary(format: String, sorted: Bool) throws {
    let dump = try VectorFiles.json("merkle/\(format)-v1.\(sorted ? "sorted" : "unsorted").1_0_6.json")
    let nodes = try dump.required("tree").arrayElements().map { try Bytes32(hex: $0.stringText()) }
    let values = try dump.required("values").arrayElements()
    let leaves: [Bytes32] = try values.map { entry in
      let value = try entry.required("value")
      // Simple trees take their 32 bytes as the leaf itself.
      if format == "simple" { return try Bytes32(hex: value.stringText()) }
      return StandardMerkleTree.leafHash(try value.arrayElements().map { .string(try $0.stringText()) })
    }
    let tree = StandardMerkleTree(leafHashes: leaves, sorted: sorted)
    #expect(tree.root == nodes[0] && values.count == 6)
    for (index, entry) in values.enumerated() {
      // The proof that the dump holds: the sibling of every node on the way up.
      var position = Int(try entry.required("treeIndex").unsigned(UInt32.self))
      #expect(nodes[position] == leaves[index])
      var proof: [Bytes32] = []
      while position > 0 {
        proof.append(nodes[position % 2 == 1 ? position + 1 : position - 1])
        position = (position - 1) / 2
      }
      #expect(tree.proof(of: index) == proof)
      #expect(StandardMerkleTree.verify(leafHash: leaves[index], proof: proof, root: tree.root))
    }
  }
}
