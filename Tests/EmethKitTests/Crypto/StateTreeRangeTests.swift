import EmethKit
import Testing

@Suite struct StateTreeRangeTests {
  private func hashes(_ count: Int) -> [Bytes32] { (0..<count).map { SHA256.hash([UInt8($0)]) } }

  private func range(_ hashes: ArraySlice<Bytes32>) -> StateTreeRange {
    var range = StateTreeRange(firstLeaf: UInt64(hashes.startIndex))
    for hash in hashes { range.append(hash) }
    return range
  }

  @Test func everyPrefixHasItsRoot() {
    let hashes = hashes(130)
    var range = StateTreeRange()
    #expect(range.root == StateTree.root(leafHashes: []))
    for (index, hash) in hashes.enumerated() {
      range.append(hash)
      #expect(range.root == StateTree.root(leafHashes: Array(hashes[...index])))
      #expect(range.count == UInt64(index) + 1)
    }
  }

  /// However a tree is cut into two or three runs, joined they are the same value.
  @Test func runsJoinWhereverTheyWereCut() {
    let hashes = hashes(40)
    let whole = range(hashes[...])
    for first in 0...40 {
      for second in first...40 {
        var joined = range(hashes[..<first])
        var rest = range(hashes[first..<second])
        rest.append(range(hashes[second...]))
        joined.append(rest)
        #expect(joined == whole, "cut at \(first) and \(second)")
      }
    }
  }

  @Test func proofsAreThoseOfTheTree() {
    for count in 1...70 {
      let hashes = hashes(count)
      let tree = StateTree(leafHashes: hashes)
      for index in 0..<count {
        let proof = StateTree.proof(before: range(hashes[..<index]), after: range(hashes[(index + 1)...]))
        #expect(proof == tree.proof(of: index), "leaf \(index) of \(count)")
      }
    }
  }

  @Test func largeTreesAgree() {
    var random = SeededGenerator()
    let count = scaled(3000)
    let hashes = (0..<count).map { SHA256.hash(UInt64($0).bigEndianBytes) }
    let tree = StateTree(leafHashes: hashes)
    for _ in 0..<5 {
      let index = Int.random(in: 0..<count, using: &random)
      var before = StateTreeRange()
      for cut in stride(from: 0, to: index, by: 997) {
        before.append(range(hashes[cut..<min(index, cut + 997)]))
      }
      let proof = StateTree.proof(before: before, after: range(hashes[(index + 1)...]))
      #expect(proof == tree.proof(of: index))
    }
  }
}
