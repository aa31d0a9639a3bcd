import EmethKit
import Testing

@Suite struct StateTreeTests {
  /// The tree head of RFC 6962, 2.1, by its recursive definition.
  private func naiveRoot(_ leaves: ArraySlice<[UInt8]>) -> [UInt8] {
    if leaves.isEmpty { return SHA256.hash([]).bytes }
    if leaves.count == 1 { return SHA256.hash([0] + leaves[leaves.startIndex]).bytes }
    var split = 1
    while split * 2 < leaves.count { split *= 2 }
    let middle = leaves.startIndex + split
    return SHA256.hash([1] + naiveRoot(leaves[..<middle]) + naiveRoot(leaves[middle...])).bytes
  }

  private func leaves(_ count: Int) -> [[UInt8]] { (0..<count).map { [UInt8($0), 7] } }

  /// The eight leaves that implementations of Certificate Transparency test with.
  @Test func rootsOfCertificateTransparency() throws {
    let inputs = [
      "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
    ]
    let hashes = try inputs.map { StateTree.leafHash(try Hex.decode($0)) }
    let roots = [
      1: "0x6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
      2: "0xfac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
      3: "0xaeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
      8: "0x5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ]
    for (count, root) in roots {
      #expect(StateTree(leafHashes: Array(hashes.prefix(count))).root.description == root)
    }
    #expect(
      StateTree(leafHashes: []).root.description
        == "0xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
  }

  /// Every size up to 70 and every leaf: the root is the definition's, the proof leads to it, and nothing
  /// else does.
  @Test func everySmallTreeProvesEveryLeaf() {
    for count in 0...70 {
      let hashes = leaves(count).map { StateTree.leafHash($0) }
      let tree = StateTree(leafHashes: hashes)
      #expect(tree.root.bytes == naiveRoot(leaves(count)[...]) && tree.count == count)
      #expect(StateTree.root(leafHashes: hashes) == tree.root)
      for index in 0..<count {
        let proof = tree.proof(of: index)
        func verify(_ leaf: Bytes32, _ index: Int, _ count: Int, _ proof: [Bytes32], _ root: Bytes32) -> Bool
        {
          StateTree.verify(leafHash: leaf, index: index, count: count, proof: proof, root: root)
        }
        #expect(verify(hashes[index], index, count, proof, tree.root), "\(index) of \(count)")
        #expect(!verify(.zero, index, count, proof, tree.root))
        #expect(!verify(hashes[index], index, count, proof, .zero))
        #expect(!verify(hashes[index], index, count, proof + [.zero], tree.root))
        #expect(proof.isEmpty || !verify(hashes[index], index, count, proof.dropLast(), tree.root))
        #expect(!verify(hashes[index], -1, count, proof, tree.root))
        #expect(!verify(hashes[index], count, count, proof, tree.root))
        for other in 0..<count where other != index {
          #expect(!verify(hashes[index], other, count, proof, tree.root), "\(index) as \(other) of \(count)")
        }
        for place in proof.indices {
          var changed = proof
          changed[place] = .zero
          #expect(!verify(hashes[index], index, count, changed, tree.root))
        }
      }
    }
  }

  @Test func anInnerNodeIsNoLeaf() {
    let hashes = leaves(2).map { StateTree.leafHash($0) }
    let asLeaf = StateTree.leafHash(hashes[0].bytes + hashes[1].bytes)
    #expect(asLeaf != StateTree(leafHashes: hashes).root)
  }

  @Test func leafHashesOfAllFormsAgree() {
    let data = (0..<1000).map { UInt8(truncatingIfNeeded: $0) }
    let expected = SHA256.hash([0] + data)
    #expect(StateTree.leafHash(data) == expected)
    #expect(StateTree.leafHash(data.lazy.map { $0 }) == expected)
    #expect(data.withUnsafeBytes { StateTree.leafHash($0) } == expected)
  }
}
