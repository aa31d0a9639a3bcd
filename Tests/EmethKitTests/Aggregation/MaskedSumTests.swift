import EmethKit
import Testing

@Suite struct MaskedSumTests {
  @Test func theRootIsThatOfTheChunksHoweverTheyCome() throws {
    var random = SeededGenerator()
    let chunk = MaskedHasher.chunkByteCount
    for byteCount in [0, 1, chunk - 4, chunk, chunk + 1, 3 * chunk, 3 * chunk + 400] {
      let bytes = (0..<byteCount).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 9) }
      let leaves = stride(from: 0, to: max(1, byteCount), by: chunk).map {
        StateTree.leafHash(bytes[$0..<min(byteCount, $0 + chunk)])
      }
      let root = StateTree.root(leafHashes: leaves)
      bytes.withUnsafeBytes { #expect(MaskedHasher.root(of: $0) == root) }
      for _ in 0..<scaled(3) {
        var hasher = MaskedHasher()
        var start = 0
        while start < byteCount {
          let end = min(byteCount, start + Int.random(in: 1...(chunk + chunk / 2), using: &random))
          bytes[start..<end].withUnsafeBytes { hasher.update($0) }
          start = end
        }
        #expect(hasher.finish().root == root)
      }
      // Two threads' runs, put together.
      guard byteCount > chunk else { continue }
      var (first, second) = (MaskedHasher(), MaskedHasher(firstChunk: 1))
      bytes[..<chunk].withUnsafeBytes { first.update($0) }
      bytes[chunk...].withUnsafeBytes { second.update($0) }
      var run = first.finish()
      run.append(second.finish())
      #expect(run.root == root)
    }
  }

  @Test func sumsAreExactUpToTheLargestNumberOfParts() throws {
    let limit = UpdateRing.limit
    let highest = [Int32](repeating: limit, count: 5_000)
    let lowest = highest.map { -$0 }
    var sum = [Int32](repeating: 0, count: 5_000)
    for vector in [highest, lowest] {
      sum = [Int32](repeating: 0, count: 5_000)
      vector.withUnsafeBytes { vector in
        sum.withUnsafeMutableBytes { sum in
          #expect(throws: Never.self) {
            try MaskedSum.add([UnsafeRawBufferPointer](repeating: vector, count: 511), into: sum)
          }
        }
      }
      #expect(Set(sum) == [511 * vector[0]])
      try sum.withUnsafeBytes { sum in try MaskedSum.check(sum, parts: 511) }
      let bound = 510 * limit
      #expect(
        throws: AggregationError.sumOutOfBound(coordinate: 70, found: 511 * vector[0], allowed: bound)
      ) {
        try sum.withUnsafeBytes { sum in
          try MaskedSum.check(sum, at: 70, parts: 510)
        }
      }
    }
  }

  @Test func badVectorsAreRefused() throws {
    var sum: [Int32] = [1, 2]
    let short: [Int32] = [5]
    sum.withUnsafeMutableBytes { sum in
      #expect(throws: AggregationError.vectorMismatch(found: 4, expected: 8)) {
        try short.withUnsafeBytes { short in
          try MaskedSum.add([UnsafeRawBufferPointer(sum), short], into: sum)
        }
      }
      for parts in [0, -1, 512] {
        #expect(throws: AggregationError.partCount(found: parts, allowed: 1...511)) {
          try MaskedSum.check(UnsafeRawBufferPointer(sum), parts: parts)
        }
      }
    }
    #expect(sum == [1, 2])
  }
}
