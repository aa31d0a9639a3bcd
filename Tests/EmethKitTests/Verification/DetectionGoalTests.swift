import Testing

@testable import EmethKit

@Suite struct DetectionGoalTests {
  /// The chance to miss, over all ways to spread the bad segments: the largest one.
  private func worstMiss(subJobs: Int, segments: Int, bad: Int, drawn: Int) throws -> Ratio {
    func product(_ a: Ratio, _ b: Ratio) -> Ratio {
      Ratio(a.numerator * b.numerator, nonZero: a.denominator * b.denominator)
    }
    func worst(_ left: Int, _ bad: Int) throws -> Ratio {
      if left == 0 { return Ratio(bad == 0 ? 1 : 0, nonZero: 1) }
      var best = Ratio(0, nonZero: 1)
      for here in 0...min(bad, segments) {
        let found = try #require(
          try DetectionOdds(segments: segments, bad: here, drawn: drawn).probability)
        let miss = Ratio(found.denominator - found.numerator, nonZero: found.denominator)
        let all = product(miss, try worst(left - 1, bad - here))
        if all > best { best = all }
      }
      return best
    }
    return try worst(subJobs, bad)
  }

  @Test func noWayToSpreadBadSegmentsHidesThemBetter() throws {
    for subJobs in 1...4 {
      for segments in [1, 2, 3, 5, 7] {
        for percent: UInt32 in [1, 10, 25, 50, 100] {
          for drawn in 0...segments {
            let plan = try DetectionPlan(
              subJobs: subJobs, segments: segments, share: Rate(percent: percent), drawn: drawn)
            let miss = try worstMiss(subJobs: subJobs, segments: segments, bad: plan.bad, drawn: drawn)
            let found = Ratio(miss.denominator - miss.numerator, nonZero: miss.denominator)
            let exact = found.numerator * 1_000_000 / found.denominator
            // Rounded down, by less than a part.
            let parts = UInt256(plan.detection(per: 1_000_000))
            #expect(parts <= exact && exact <= parts + 1, "\(subJobs) \(segments) \(percent) \(drawn)")
          }
        }
      }
    }
  }

  @Test func thePlanTakesTheFewestDraws() throws {
    for (subJobs, segments) in [(1, 1), (1, 20), (4, 10), (16, 10), (16, 50), (80, 4), (511, 25)] {
      for (share, probability) in [(10, 95), (1, 99), (100, 100), (5, 50), (30, 0)] as [(UInt32, UInt32)] {
        let goal = try DetectionGoal(share: Rate(percent: share), probability: Rate(percent: probability))
        let plan = try goal.plan(subJobs: subJobs, segments: segments)
        #expect(plan.detection(per: 100) >= probability)
        guard plan.drawn > 0 else { continue }
        let fewer = try DetectionPlan(
          subJobs: subJobs, segments: segments, share: goal.share, drawn: plan.drawn - 1)
        #expect(fewer.detection(per: 1_000_000) < UInt64(probability) * 10_000)
      }
    }
  }

  @Test func figures() throws {
    let goal = try DetectionGoal(share: Rate(percent: 10), probability: Rate(percent: 95))
    #expect(goal.description == "10%@95%")
    // 1 − (9/10 · 8/9)^16 = 1 − 0.8^16 = 0.97185…; with one draw 1 − 0.9^16 = 0.81469…
    let plan = try goal.plan(subJobs: 16, segments: 10)
    #expect(plan.drawn == 2 && plan.bad == 16)
    #expect(plan.detection(per: 10_000) == 9_718)
    #expect(plan.detectionOfOneSubJob(per: 10_000) == 2_000)
    #expect(
      try DetectionGoal(share: Rate(percent: 10), probability: Rate(percent: 20))
        .plan(subJobs: 1, segments: 10).drawn == 2, "exactly as likely as is asked for")
    let largest = try goal.plan(subJobs: 1 << 20, segments: 1 << 20)
    #expect(largest.drawn == 1)
  }

  @Test func limits() throws {
    #expect(throws: VerificationError.self) { try DetectionGoal(share: .zero, probability: .whole) }
    #expect(throws: VerificationError.self) {
      try DetectionGoal(share: Rate(per100000: 100_001), probability: .whole)
    }
    #expect(throws: VerificationError.self) {
      try DetectionGoal(share: .whole, probability: Rate(per100000: 100_001))
    }
    let goal = try DetectionGoal(share: .whole, probability: .whole)
    for (subJobs, segments) in [(0, 1), (1, 0), ((1 << 20) + 1, 1), (1, (1 << 20) + 1), (-1, 1)] {
      #expect(throws: VerificationError.self) { try goal.plan(subJobs: subJobs, segments: segments) }
    }
    #expect(throws: VerificationError.self) {
      try DetectionPlan(subJobs: 1, segments: 1, share: .whole, drawn: -1)
    }
  }

  /// Cheats that spread their bad segments evenly and never touch a last one, against real draws.
  @Test func realDrawsFindAsMuchAsTheFormulaSays() throws {
    var generator = SeededGenerator()
    for (subJobs, segments, percent) in [(4, 10, 10), (8, 20, 5), (3, 6, 34)] as [(Int, Int, UInt32)] {
      let plan = try DetectionPlan(
        subJobs: subJobs, segments: segments, share: Rate(percent: percent), drawn: 2)
      let trials = scaled(4_000)
      var caught = 0
      for _ in 0..<trials {
        var isCaught = false
        for subJob in 0..<subJobs {
          let bad = plan.bad / subJobs + (subJob < plan.bad % subJobs ? 1 : 0)
          let wrong = Set((0..<(segments - 1)).shuffled(using: &generator).prefix(bad))
          let key = Bytes32((0..<32).map { _ in UInt8.random(in: 0...255, using: &generator) }) ?? .zero
          let drawn = SegmentDraw.segments(seed: key, count: plan.drawn, of: segments)
          if !wrong.isDisjoint(with: drawn) { isCaught = true }
        }
        caught += isCaught ? 1 : 0
      }
      let expected = Double(plan.detection(per: 1 << 40)) / Double(UInt64(1) << 40)
      let deviation = (expected * (1 - expected) / Double(trials)).squareRoot()
      let rate = Double(caught) / Double(trials)
      #expect(abs(rate - expected) < 5 * deviation, "\(rate), expected \(expected)")
    }
  }
}
