import Testing

@testable import EmethKit

@Suite struct DetectionOddsTests {
  /// How many of all k-element subsets of n segments hold one of the m bad ones, by looking at every subset.
  private func counted(_ n: Int, _ m: Int, _ k: Int) -> (caught: Int, all: Int) {
    var (caught, all) = (0, 0)
    for subset in 0..<(1 << n) where subset.nonzeroBitCount == k {
      all += 1
      if subset & ((1 << m) - 1) != 0 { caught += 1 }
    }
    return (caught, all)
  }

  @Test func everySmallCaseIsCounted() throws {
    for n in 1...10 {
      for m in 0...n {
        for k in 0...n {
          let odds = try DetectionOdds(segments: n, bad: m, drawn: k)
          let (caught, all) = counted(n, m, k)
          let expected = try Ratio(UInt256(caught), over: UInt256(all))
          #expect(odds.probability == expected)
          #expect(odds.parts(per: 1_000) == UInt64(1_000 * caught / all))
          for wanted in 0...10 {
            let ratio = try Ratio(UInt256(wanted), over: 10)
            #expect(odds.reaches(ratio) == (10 * caught >= wanted * all))
          }
        }
      }
    }
  }

  @Test func theNeededDrawsAreTheFewest() throws {
    for n in 1...12 {
      for m in 0...n {
        for wanted in [0, 1, 50, 90, 99, 100] {
          let probability = try Ratio(UInt256(wanted), over: 100)
          let fewest = try (0...n).first {
            try DetectionOdds(segments: n, bad: m, drawn: $0).reaches(probability)
          }
          #expect(try DetectionOdds.drawsNeeded(segments: n, bad: m, probability: probability) == fewest)
        }
      }
    }
  }

  @Test func publishedFigures() throws {
    let odds = try DetectionOdds(segments: 100, bad: 10, drawn: 3)
    #expect(odds.probability?.description == "67/245")
    #expect(odds.parts(per: 1_000_000) == 273_469)
    // Calculated with Python's fractions.
    #expect(try DetectionOdds.drawsNeeded(segments: 100, bad: 10, probability: Ratio(99, over: 100)) == 36)
    #expect(
      try DetectionOdds.drawsNeeded(
        segments: 1_000, badShare: Ratio(1, over: 100), probability: Ratio(95, over: 100))
        == 258)
    #expect(
      try DetectionOdds.drawsNeeded(
        segments: 1_000, badShare: Ratio(Rate(percent: 1)), probability: Ratio(95, over: 100)) == 258)
  }

  @Test func largeCasesStayExact() throws {
    // One bad segment of 2^20: P = k / n, so 99 % need 1,038,091 draws.
    let one = try DetectionOdds.drawsNeeded(segments: 1 << 20, bad: 1, probability: Ratio(99, over: 100))
    #expect(one == 1_038_091)
    let odds = try DetectionOdds(segments: 1 << 20, bad: 1, drawn: 1 << 19)
    #expect(odds.probability?.description == "1/2")
    #expect(odds.parts(per: .max) == UInt64.max / 2)
    // Terms far beyond 256 bits: no fraction, but exact parts.
    let wide = try DetectionOdds(segments: 10_000, bad: 500, drawn: 40)
    #expect(wide.probability == nil)
    #expect(wide.parts(per: 1_000_000_000) == 872_015_762)
  }

  @Test func whatMakesNoSenseIsAnError() throws {
    #expect(throws: VerificationError.oddsRange(field: "segments", found: 0, allowed: 1...(1 << 20))) {
      try DetectionOdds(segments: 0, bad: 0, drawn: 0)
    }
    #expect(throws: VerificationError.self) { try DetectionOdds(segments: (1 << 20) + 1, bad: 0, drawn: 0) }
    #expect(throws: VerificationError.self) { try DetectionOdds(segments: 5, bad: 6, drawn: 0) }
    #expect(throws: VerificationError.self) { try DetectionOdds(segments: 5, bad: 0, drawn: -1) }
    #expect(throws: VerificationError.zeroDenominator) { try Ratio(1, over: 0) }
    let above = try Ratio(3, over: 2)
    #expect(throws: VerificationError.probabilityAboveOne(found: above)) {
      try DetectionOdds.drawsNeeded(segments: 5, bad: 1, probability: above)
    }
    #expect(throws: VerificationError.probabilityAboveOne(found: above)) {
      try DetectionOdds.drawsNeeded(segments: 5, badShare: above, probability: Ratio(1, over: 2))
    }
    #expect(try DetectionOdds.drawsNeeded(segments: 5, bad: 0, probability: Ratio(1, over: 2)) == nil)
    #expect(try DetectionOdds.drawsNeeded(segments: 5, bad: 0, probability: Ratio(0, over: 2)) == 0)
  }

  @Test func ratiosAreInLowestTermsAndOrdered() throws {
    let ratio = try Ratio(6, over: 8)
    #expect(ratio.description == "3/4")
    #expect(try Ratio(.max - 1, over: .max) < Ratio(.max, over: .max))
    #expect(try Ratio(0, over: 5).description == "0/1")
    #expect(try fromJSON(Ratio.self, jsonText(ratio)) == ratio)
    #expect(try jsonText(ratio) == #"{"denominator":"4","numerator":"3"}"#)
    #expect(throws: DecodingError.self) { try fromJSON(Ratio.self, #"{"numerator":"1","denominator":"0"}"#) }
  }

  /// Against numbers of 256 bits, as far as those reach.
  @Test func bigNaturalsCalculateLikeUInt256() {
    var generator = SeededGenerator()
    for _ in 0..<scaled(2_000) {
      var (big, small) = (BigNatural(1), UInt256(1))
      for _ in 0..<Int.random(in: 0...3, using: &generator) {
        let factor = UInt64.random(in: 0...UInt64.max, using: &generator)
        big.multiply(by: factor)
        small *= UInt256(factor)
      }
      let wide = UInt256(UInt64.random(in: 0...UInt64.max, using: &generator))
      #expect(big.multiplied(by: wide) == BigNatural(1).multiplied(by: small * wide))
      let other = BigNatural(1).multiplied(by: small / 3)
      #expect(big.subtracting(other) == BigNatural(1).multiplied(by: small - small / 3))
      #expect((other < big) == (small / 3 < small))
      #expect(big.subtracting(big) == BigNatural(0))
    }
  }
}
