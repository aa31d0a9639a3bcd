import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

@Suite struct AggregatorTests {
  private static let limit: Int32 = (1 << 22) - 1

  private func encoded(_ values: [Int32]) -> Data { values.withUnsafeBufferPointer { Data(buffer: $0) } }

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
    var aggregator = Aggregator(coordinates: 6)
    for vector in vectors { try aggregator.add(encoded(vector)) }
    #expect(aggregator.count == 511)
    let expected = (0..<6).map { place in vectors.reduce(Int64(0)) { $0 + Int64($1[place]) } }
    #expect(aggregator.centredSum.map(Int64.init) == expected)
    #expect(expected[0] == 511 * Int64(Self.limit), "near the end of 32 signed bits")
  }

  @Test func theOrderPlaysNoPart() throws {
    let vectors = vectors(9, coordinates: 40)
    var forwards = Aggregator(coordinates: 40)
    var backwards = Aggregator(coordinates: 40)
    for vector in vectors { try forwards.add(encoded(vector)) }
    for vector in vectors.reversed() { try backwards.add(encoded(vector)) }
    #expect(forwards.centredSum == backwards.centredSum)
  }

  @Test func masksThatCancelLeaveThePlainSum() throws {
    // y_i = q_i + sum of PRG(K_ij) over j > i - sum over j < i, mod 2^32 (PROTOCOL 8).
    let vectors = vectors(5, coordinates: 30)
    var masked = vectors.map { $0.map { UInt32(bitPattern: $0) } }
    for low in 0..<5 {
      for high in low + 1..<5 {
        var mask = ChaCha20Generator(key: SHA256.hash([UInt8(low), UInt8(high)]))
        for place in 0..<30 {
          let word = mask.nextWord()
          masked[low][place] &+= word
          masked[high][place] &-= word
        }
      }
    }
    var plain = Aggregator(coordinates: 30)
    var blind = Aggregator(coordinates: 30)
    for (vector, hidden) in zip(vectors, masked) {
      #expect(zip(vector, hidden).filter { UInt32(bitPattern: $0) == $1 }.count < 3, "nothing shows through")
      try plain.add(encoded(vector))
      try blind.add(encoded(hidden.map { Int32(bitPattern: $0) }))
      if blind.count < 5 { #expect(blind.centredSum != plain.centredSum) }
    }
    #expect(blind.centredSum == plain.centredSum)
  }

  @Test func bytesOfASliceAreReadFromItsBeginning() throws {
    let whole = encoded([7, -1, 1 << 20])
    var aggregator = Aggregator(coordinates: 2)
    try aggregator.add(whole.dropFirst(4))
    #expect(aggregator.centredSum == [-1, 1 << 20])
  }

  @Test(arguments: [0, 4, 11, 13, 16])
  func anotherLengthIsRefused(byteCount: Int) throws {
    var aggregator = Aggregator(coordinates: 3)
    try aggregator.add(encoded([1, 2, 3]))
    #expect(throws: NetworkError.malformed(what: "update", reason: "\(byteCount) bytes, the model has 12")) {
      try aggregator.add(Data(count: byteCount))
    }
    #expect(aggregator.count == 1)
    #expect(aggregator.centredSum == [1, 2, 3])
  }

  @Test func the512thPartIsRefused() throws {
    var aggregator = Aggregator(coordinates: 1)
    for _ in 0..<511 { try aggregator.add(encoded([1])) }
    #expect(throws: NetworkError.malformed(what: "update", reason: "more than 511 parts in a round")) {
      try aggregator.add(encoded([1]))
    }
    #expect(aggregator.centredSum == [511])
  }
}
