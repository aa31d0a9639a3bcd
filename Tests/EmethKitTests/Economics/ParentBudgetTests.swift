import EmethKit
import Testing

@Suite struct ParentBudgetTests {
  @Test func sharesAddUpAndDifferByOneUnit() throws {
    for fuel in UInt64(0)..<40 {
      for rounds in UInt32(1)..<4 {
        for parts in UInt32(1)..<6 {
          let budget = try ParentBudget(
            fuelLimit: Fuel(units: fuel), verifierFee: TokenAmount(holon: UInt256(2 * fuel + 1)),
            rounds: rounds,
            parts: parts)
          var shares: [(fuelLimit: Fuel, verifierFee: TokenAmount)] = []
          for round in 0..<rounds {
            for part in 0..<parts { shares.append(budget.share(round: round, part: part)) }
          }
          #expect(shares.map(\.fuelLimit) == Fuel(units: fuel).split(into: Int(rounds * parts)))
          #expect(shares.map(\.verifierFee) == budget.verifierFee.split(into: Int(rounds * parts)))
        }
      }
    }
  }

  /// Under every rule set the SubJobs' escrows are the parent's escrow, to the holon.
  @Test func theSubJobsEscrowsAreTheParents() throws {
    var generator = SeededGenerator()
    for _ in 0..<scaled(300) {
      let rounds = UInt32.random(in: 1...5, using: &generator)
      let parts = UInt32.random(in: 1...7, using: &generator)
      let fuel = Fuel(units: UInt64.random(in: 1_000...1_000_000, using: &generator))
      let price = FuelPrice(gholon: UInt64.random(in: 1_000_000_000...3_000_000_000, using: &generator))
      for rules in RuleSet.all {
        let whole = try rules.terms(fuelLimit: fuel, fuelPrice: price)
        let budget = try ParentBudget(
          fuelLimit: fuel, verifierFee: whole.verifierFee, rounds: rounds, parts: parts)
        var escrow = TokenAmount.zero
        for round in 0..<rounds {
          for part in 0..<parts {
            let share = budget.share(round: round, part: part)
            escrow += try rules.terms(
              fuelLimit: share.fuelLimit, fuelPrice: price, verifierFee: share.verifierFee
            ).escrow
          }
        }
        #expect(escrow == whole.escrow, "\(rules.name)")
      }
    }
  }

  @Test func aShareBelowTheComputedFuelIsRefused() throws {
    let budget = try ParentBudget(fuelLimit: Fuel(units: 11), verifierFee: .zero, rounds: 2, parts: 2)
    try budget.check(computedFuel: Fuel(units: 2))
    #expect(throws: EconomicsError.shareBelowFuel(share: Fuel(units: 2), needed: Fuel(units: 3))) {
      try budget.check(computedFuel: Fuel(units: 3))
    }
    let least = try ParentBudget.fuelLimit(covering: Fuel(units: 3), rounds: 2, parts: 2)
    #expect(least == Fuel(units: 12))
    #expect(throws: EconomicsError.self) {
      try ParentBudget.fuelLimit(covering: Fuel(units: .max), rounds: 1, parts: 2)
    }
  }

  @Test func needsAtLeastOneShare() throws {
    for (rounds, parts) in [(UInt32(0), UInt32(1)), (1, 0), (65_536, 65_536)] {
      #expect(throws: EconomicsError.shareCount(rounds: rounds, parts: parts)) {
        try ParentBudget(fuelLimit: .zero, verifierFee: .zero, rounds: rounds, parts: parts)
      }
    }
  }

  @Test func attemptsGetHalfOfTheWindowAndTheLastAllOfIt() {
    func deadline(_ now: UInt64, attempt: UInt32, roundStart: UInt64? = nil) -> UInt64 {
      ParentBudget.attemptDeadline(
        now: now, parentDeadline: 4_000, roundsLeft: 3, attempt: attempt, lastAttempt: 2,
        roundStart: roundStart)
    }
    // The window of the first of three rounds from 1000 to 4000 ends at 2000.
    #expect(ParentBudget.windowEnd(roundStart: 1_000, parentDeadline: 4_000, roundsLeft: 3) == 2_000)
    #expect(deadline(1_000, attempt: 0) == 1_500)
    #expect(deadline(1_500, attempt: 1, roundStart: 1_000) == 1_750)
    #expect(deadline(1_750, attempt: 2, roundStart: 1_000) == 2_000)
    #expect(deadline(2_500, attempt: 1, roundStart: 1_000) == 2_000, "a window that is over")
    #expect(deadline(5_000, attempt: 0) == 4_000, "a parent that is over")
    #expect(ParentBudget.windowEnd(roundStart: 1_000, parentDeadline: 4_000, roundsLeft: 0) == 4_000)
  }

  /// Never beyond the window, never beyond the parent's deadline, and in the future while there is time.
  @Test func attemptDeadlinesStayInsideTheWindow() {
    var generator = SeededGenerator()
    for _ in 0..<scaled(5_000) {
      let start = UInt64.random(in: 0...1_000, using: &generator)
      let now = start + UInt64.random(in: 0...1_000, using: &generator)
      let parent = UInt64.random(in: 0...4_000, using: &generator)
      let left = UInt32.random(in: 1...5, using: &generator)
      let end = ParentBudget.windowEnd(roundStart: start, parentDeadline: parent, roundsLeft: left)
      for attempt in UInt32(0)...2 {
        let deadline = ParentBudget.attemptDeadline(
          now: now, parentDeadline: parent, roundsLeft: left, attempt: attempt, lastAttempt: 2,
          roundStart: start)
        #expect(deadline <= end)
        #expect(deadline <= parent)
        if end > now { #expect(deadline >= now) }
        if attempt == 2 { #expect(deadline == end) }
      }
    }
  }

  @Test func retriesWaitLongerEachTime() throws {
    let policy = RetryPolicy.standard
    #expect((0...3).map { policy.delayMilliseconds(afterAttempt: $0) } == [30_000, 120_000, nil, nil])
    #expect(policy.lastAttempt == 2)
    let many = RetryPolicy(attempts: 200, baseDelayMilliseconds: 30_000, factor: 4)
    #expect(many.delayMilliseconds(afterAttempt: 2) == 480_000)
    #expect(many.delayMilliseconds(afterAttempt: 100) == .max)
    let flat = RetryPolicy(attempts: .max, baseDelayMilliseconds: 5, factor: 1)
    #expect(flat.delayMilliseconds(afterAttempt: .max - 2) == 5)
    #expect(try jsonText(policy) == #"{"attempts":3,"baseDelayMilliseconds":"30000","factor":"4"}"#)
    #expect(try fromJSON(RetryPolicy.self, jsonText(policy)) == policy)
    #expect(throws: DecodingError.self) {
      try fromJSON(RetryPolicy.self, #"{"attempts":0,"baseDelayMilliseconds":1,"factor":1}"#)
    }
  }
}
