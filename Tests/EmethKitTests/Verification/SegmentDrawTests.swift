import EmethKit
import Testing

@Suite struct SegmentDrawTests {
  private func word(_ byte: UInt8) throws -> Bytes32 {
    try #require(Bytes32([UInt8](repeating: byte, count: 32)))
  }

  /// Made with another implementation (Python: keccak of eth-utils, ChaCha20 written from RFC 8439).
  @Test func seedCommitmentAndSegments() throws {
    let seed = try SegmentDraw.seed(submission: word(1), beacon: word(2), secret: word(3))
    #expect(seed.description == "0x0918b65016ec47e1613e6629a797fb3685353e3b8101d0e5250ab52e53f27b88")
    #expect(
      try SegmentDraw.commitment(address: Cast.account(0x22), secret: word(3)).description
        == "0x3778543747cc0c624ea8add3276c769ac9b71cbd786f9a0c3eb4714c2a172f56")
    #expect(SegmentDraw.segments(seed: seed, count: 2, of: 10) == [1, 7, 9])
    #expect(SegmentDraw.segments(seed: seed, count: 5, of: 100) == [4, 73, 76, 77, 96, 99])
    #expect(SegmentDraw.segments(seed: seed, count: 3, of: 1) == [0])
    #expect(SegmentDraw.segments(seed: seed, count: 7, of: 7) == [0, 1, 2, 3, 4, 5, 6])
    #expect(
      SegmentDraw.segments(seed: seed, count: 4, of: 100_000) == [46_603, 47_134, 64_577, 97_032, 99_999])
  }

  /// Against a whole shuffled array, as Fisher-Yates is usually written.
  @Test func everySmallDrawIsAPartialShuffle() throws {
    var generator = SeededGenerator()
    for n in 1...24 {
      for k in 0...(n + 2) {
        let seed = try #require(Bytes32((0..<32).map { _ in UInt8.random(in: 0...255, using: &generator) }))
        var words = ChaCha20Generator(key: seed)
        var cards = Array(0..<n)
        for i in 0..<min(k, n) {
          cards.swapAt(i, i + Int(words.below(UInt32(n - i))))
        }
        let expected = Set(cards.prefix(k)).union([n - 1]).sorted()
        let drawn = SegmentDraw.segments(seed: seed, count: k, of: n)
        #expect(drawn == expected)
        #expect(drawn.last == n - 1)
        #expect(drawn.count == min(k, n) || drawn.count == k + 1)
      }
    }
  }

  /// Every segment is drawn about equally often: 2 of 10 is 1 in 5.
  @Test func drawsAreFair() {
    var counts = [Int](repeating: 0, count: 10)
    let rounds = 5_000
    for round in 0..<rounds {
      let seed = SegmentDraw.seed(submission: Bytes32(UInt256(round)), beacon: .zero, secret: .zero)
      for segment in SegmentDraw.segments(seed: seed, count: 2, of: 10) { counts[segment] += 1 }
    }
    #expect(counts[9] == rounds)
    // Fixed seeds, so this never varies: 1000 expected, standard deviation 28.
    for count in counts.dropLast() { #expect((860...1_140).contains(count)) }
  }

  @Test func theStepLiesInsideADrawnSegment() throws {
    var seen: Set<Int> = []
    for number in 0..<200 {
      let seed = Bytes32(UInt256(number))
      let (segment, offset) = SegmentDraw.interiorStep(seed: seed, segments: [1, 4, 9]) { $0 == 9 ? 1 : 5 }
      seen.insert(segment)
      #expect((1..<5).contains(offset))
      let two = SegmentDraw.interiorStep(seed: seed, segments: [4]) { _ in 2 }
      #expect(two.segment == 4 && two.offset == 1)
    }
    #expect(seen == [1, 4], "segment 9 has one step, hence nothing inside")
  }

  /// A step inside a segment is none whose root the node's opening holds, as long as there is such a step.
  @Test func noOpenedBoundaryIsTheAnswer() {
    for (steps, length) in [(5, 2), (7, 3), (4, 4), (11, 5)] {
      let count = (steps - 1) / length + 1
      func size(_ segment: Int) -> UInt32 { UInt32(min(length, steps - segment * length)) }
      for number in 0..<50 {
        let seed = Bytes32(UInt256(number))
        let drawn = SegmentDraw.segments(seed: seed, count: 1, of: count)
        let (segment, offset) = SegmentDraw.interiorStep(seed: seed, segments: drawn, stepCount: size)
        guard drawn.contains(where: { size($0) > 1 }) else { continue }
        let opened = SegmentDraw.boundaries(ofSegments: drawn, of: count).map { min(steps, $0 * length) }
        #expect(!opened.contains(segment * length + Int(offset)))
      }
    }
    let only = SegmentDraw.interiorStep(seed: .zero, segments: [0]) { _ in 1 }
    #expect(only.segment == 0 && only.offset == 1, "a SubJob of one step has nothing inside")
  }

  @Test func theBeaconDrawsAnEligibleVerifier() throws {
    let all = Cast.allCases.map(\.address)
    let excluded: Set<Address> = [Cast.requester.address, Cast.node.address]
    var seen: Set<Address> = []
    for number in 0..<100 {
      let beacon = Bytes32(UInt256(number))
      let drawn = SegmentDraw.verifier(submission: .zero, beacon: beacon, among: all, excluding: excluded)
      let again = SegmentDraw.verifier(
        submission: .zero, beacon: beacon, among: all.reversed() + all, excluding: excluded)
      #expect(drawn == again, "the order of candidates plays no part")
      seen.insert(try #require(drawn))
    }
    #expect(seen == Set(all).subtracting(excluded))
    #expect(SegmentDraw.verifier(submission: .zero, beacon: .zero, among: all, excluding: Set(all)) == nil)
    let turns = Set(
      (UInt32(0)..<20).map {
        SegmentDraw.verifier(submission: .zero, beacon: .zero, turn: $0, among: all, excluding: [])
      })
    #expect(turns.count > 1, "the turn matters")
  }
}
