import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

@Suite struct VectorWorkTests {
  private static let limit: Int32 = (1 << 22) - 1

  private func encoded(_ values: [Int32]) -> Data { values.withUnsafeBufferPointer { Data(buffer: $0) } }

  private func values(_ data: Data) -> [Int32] {
    data.withUnsafeBytes { bytes in
      (0..<bytes.count / 4).map { bytes.loadUnaligned(fromByteOffset: $0 * 4, as: Int32.self) }
    }
  }

  /// Values of the quantiser's range, the extremes among them.
  private func vectors(_ count: Int, coordinates: Int) -> [[Int32]] {
    var generator = ChaCha20Generator(key: SHA256.hash(Array("vectors".utf8)))
    return (0..<count).map { _ in
      (0..<coordinates).map { coordinate in
        switch coordinate {
        case 0: Self.limit
        case 1: -Self.limit
        default: Int32(generator.below(2 * UInt32(Self.limit) + 1)) - Self.limit
        }
      }
    }
  }

  @Test func theSumIsExactForTheLargestRound() throws {
    let vectors = vectors(511, coordinates: 6)
    let sum = values(try VectorWork(threads: 2).sum(of: vectors.map(encoded)))
    let expected = (0..<6).map { place in vectors.reduce(Int64(0)) { $0 + Int64($1[place]) } }
    #expect(sum.map(Int64.init) == expected)
    #expect(expected[0] == 511 * Int64(Self.limit), "near the end of 32 signed bits")
  }

  /// A little more than a chunk, whole chunks, and less than one.
  @Test(arguments: [1, 3, 1000, 262_144, 262_145, 800_001])
  func threadsPlayNoPart(coordinates: Int) throws {
    let vectors = vectors(3, coordinates: coordinates).map(encoded)
    let beacon = SHA256.hash([1])
    let one = VectorWork(threads: 1)
    let sum = try one.sum(of: vectors)
    #expect(one.root(of: sum) == sum.withUnsafeBytes { MaskedHasher.root(of: $0) })
    var whole = SumProjection(beacon: beacon)
    try sum.withUnsafeBytes { try whole.update($0) }
    for threads in [1, 2, 5] {
      let work = VectorWork(threads: threads)
      #expect(try work.sum(of: vectors) == sum)
      #expect(work.root(of: sum) == one.root(of: sum))
      #expect(try work.projection(of: sum, beacon: beacon).value == whole.value)
    }
  }

  @Test func vectorsOfAnotherLengthAreRefused() throws {
    let vectors = [encoded([1, 2, 3]), encoded([1, 2])]
    #expect(throws: NetworkError(AggregationError.vectorMismatch(found: 8, expected: 12))) {
      try VectorWork(threads: 1).sum(of: vectors)
    }
    #expect(try VectorWork(threads: 1).sum(of: []) == Data())
  }

  @Test func aStoredVectorIsWhatItsRootSays() throws {
    let folder = try TemporaryFolder()
    let store = try ContentStore(folder: folder.url)
    let work = VectorWork(threads: 2)
    let vector = encoded(vectors(1, coordinates: 400)[0])
    let root = work.root(of: vector)
    try store.put(vector: vector, root: root)
    #expect(try store.vector(root, work: work) == vector)
    let file = folder.url.appending(path: "vectors/\(Hex.encode(root.bytes, prefixed: false))")
    var bytes = try Data(contentsOf: file)
    bytes[77] ^= 4
    try bytes.write(to: file)
    #expect(throws: NetworkError.corruptObject(hash: root, found: work.root(of: bytes))) {
      try store.vector(root, work: work)
    }
    try store.removeVector(root)
    #expect(throws: NetworkError.missingObject(hash: root)) { try store.vector(root, work: work) }
  }
}
