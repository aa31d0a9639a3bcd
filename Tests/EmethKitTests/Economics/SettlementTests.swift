import Testing

@testable import EmethKit

@Suite struct SettlementTests {
  /// The table of PROTOCOL 3 told as a story of two pots, the escrow and the deposit, from which everybody is
  /// paid in turn: another way to the same numbers.
  private struct Pots {
    var escrow: UInt256
    var deposit: UInt256
    var requester: UInt256 = 0
    var nodeFee: UInt256 = 0
    var nodeDeposit: UInt256 = 0
    var verifier: UInt256 = 0
    var burned: UInt256 = 0

    init(_ end: JobEnd, _ terms: JobTerms, _ price: FuelPrice) {
      escrow = terms.escrow.holon
      deposit = 0
      let fee = terms.verifierFee.holon
      let inside = terms.verifierFeeFromEscrow.holon
      switch end {
      case .canceled, .timeoutUntaken:
        break
      case .canceledByParent, .unchecked:
        deposit = terms.deposit.holon
      case .timeoutByNode:
        deposit = terms.deposit.holon
        burn(terms.timeoutPenalty.holon, leaving: 0)
      case .declined(let atFault):
        deposit = terms.deposit.holon
        if atFault { burn(terms.declinePenalty.holon, leaving: 0) }
      case .failed:
        deposit = terms.deposit.holon
        burn(terms.failedPenalty.holon, leaving: fee)
        deposit -= fee
        verifier += fee
      case .verified(let fuel), .verifiedByExpiry(let fuel):
        deposit = terms.deposit.holon
        var earned = terms.flatFee ? terms.feeLimit.holon : UInt256(fuel.units) * price.holonPerFuel
        escrow -= earned
        // The verifier fee: part from the escrow, part from what the node earned.
        escrow -= inside
        earned -= fee - inside
        nodeFee = earned
        if case .verified = end { verifier += fee } else { escrow += fee }
      }
      requester += escrow
      nodeDeposit += deposit
    }

    private mutating func burn(_ penalty: UInt256, leaving rest: UInt256) {
      let most = deposit - rest
      let taken = penalty < most ? penalty : most
      deposit -= taken
      burned += taken
    }
  }

  private func check(_ end: JobEnd, _ terms: JobTerms, _ price: FuelPrice) throws {
    let settlement = try Settlement(end: end, terms: terms, fuelPrice: price)
    let pots = Pots(end, terms, price)
    #expect(settlement.requester.holon == pots.requester)
    #expect(settlement.nodeFee.holon == pots.nodeFee)
    #expect(settlement.nodeDeposit.holon == pots.nodeDeposit)
    #expect(settlement.node.holon == pots.nodeFee + pots.nodeDeposit)
    #expect(settlement.verifier.holon == pots.verifier)
    #expect(settlement.burned.holon == pots.burned)
    let locked = terms.escrow + (end.depositLocked ? terms.deposit : .zero)
    #expect(settlement.requester + settlement.node + settlement.verifier + settlement.burned == locked)
    #expect(settlement.escrowReleased + settlement.depositReleased == locked)
    #expect(settlement.nodeLoss + settlement.nodeDeposit == settlement.depositReleased)
  }

  private func ends(upTo fuelLimit: UInt64) -> [JobEnd] {
    let untilUsed: [JobEnd] = (0...fuelLimit).flatMap { used -> [JobEnd] in
      [.verified(fuelUsed: Fuel(units: used)), .verifiedByExpiry(fuelUsed: Fuel(units: used))]
    }
    return untilUsed + [
      .canceled, .canceledByParent, .unchecked, .timeoutUntaken, .timeoutByNode, .declined(atFault: true),
      .declined(atFault: false), .failed,
    ]
  }

  /// The protocol's rule sets, and small ones whose penalties and fees collide with the deposit.
  static let ruleSets: [RuleSet] = {
    var sets = RuleSet.all
    for (percent, includes) in [(UInt32(0), false), (5, true), (30, false), (200, true)] {
      for source in RuleSet.VerifierFeeSource.allCases {
        for base in RuleSet.PenaltyBase.allCases {
          let rules = try? RuleSet(
            name: "small", verifierFee: .flat(TokenAmount(holon: 3)), verifierFeeSource: source,
            depositRate: Rate(percent: percent), depositIncludesVerifierFee: includes, penaltyBase: base,
            timeoutPenaltyRate: Rate(percent: 25), declinePenaltyRate: Rate(percent: 100),
            failedPenaltyRate: Rate(percent: 300), flatFee: source == .fee, rewardCapRate: nil)
          // Refused is only a deposit of nothing under a verifier fee of something.
          if let rules { sets.append(rules) }
        }
      }
    }
    return sets
  }()

  /// Every small job under every rule set at every end with every fuel used.
  @Test(arguments: ruleSets) func smallJobsExhaustively(rules: RuleSet) throws {
    var settled = 0
    for fuelLimit in UInt64(0)...12 {
      for price in UInt64(0)...7 {
        for givenFee in [nil, 0, 1, 3, 40] as [UInt64?] {
          let fuelPrice = FuelPrice(holonPerFuel: UInt256(price))
          let given = givenFee.map { TokenAmount(holon: UInt256($0)) }
          let terms: JobTerms
          do throws(EconomicsError) {
            terms = try rules.terms(
              fuelLimit: Fuel(units: fuelLimit), fuelPrice: fuelPrice, verifierFee: given)
          } catch {
            // Only where the verifier fee is not covered by what it would be taken from.
            switch error {
            case .feeBelowVerifierFee(let fee, let verifierFee): #expect(fee < verifierFee)
            case .depositBelowVerifierFee(let deposit, let verifierFee): #expect(deposit < verifierFee)
            default: Issue.record("\(error)")
            }
            continue
          }
          for end in ends(upTo: fuelLimit) {
            try check(end, terms, fuelPrice)
            settled += 1
          }
        }
      }
    }
    #expect(settled > 0)
  }

  @Test func randomJobsUnderRandomRules() throws {
    var generator = SeededGenerator()
    var settled = 0
    for _ in 0..<scaled(3_000) {
      func rate() -> Rate {
        Rate(
          per100000: [0, 1, 5_000, 25_000, 99_999, 100_000, 100_001, 300_000].randomElement(using: &generator)
            ?? 0)
      }
      let flat = TokenAmount(holon: UInt256(UInt64.random(in: 0...1 << 60, using: &generator)))
      let fromFee = Bool.random(using: &generator)
      let made = try? RuleSet(
        name: "random", verifierFee: Bool.random(using: &generator) ? .flat(flat) : .rate(rate()),
        verifierFeeSource: fromFee ? .fee : .escrow, depositRate: rate(),
        depositIncludesVerifierFee: Bool.random(using: &generator),
        penaltyBase: Bool.random(using: &generator) ? .feeLimit : .deposit, timeoutPenaltyRate: rate(),
        declinePenaltyRate: rate(), failedPenaltyRate: rate(), flatFee: fromFee, rewardCapRate: nil)
      guard let rules = made else { continue }
      let fuelLimit = UInt64.random(
        in: 0...(.max >> UInt64.random(in: 0..<64, using: &generator)), using: &generator)
      let price = FuelPrice(
        holonPerFuel: UInt256(
          high: UInt128.random(in: 0...0xFFFF, using: &generator)
            >> UInt128.random(in: 0...16, using: &generator),
          low: UInt128.random(in: 0...UInt128.max, using: &generator)
            >> UInt128.random(in: 0..<128, using: &generator)))
      guard let terms = try? rules.terms(fuelLimit: Fuel(units: fuelLimit), fuelPrice: price) else {
        continue
      }
      let used = UInt64.random(in: 0...fuelLimit, using: &generator)
      for end in ends(upTo: 0) + [
        .verified(fuelUsed: Fuel(units: used)), .verifiedByExpiry(fuelUsed: Fuel(units: used)),
      ] {
        try check(end, terms, price)
        settled += 1
      }
    }
    #expect(settled > scaled(1_000))
  }

  /// Hand-calculated from the table for 120,000 fuel at 120 Gholon, 100,000 used: L 0.0144, U 0.012.
  @Test func theStandardTableInFigures() throws {
    let price = FuelPrice(gholon: 120)
    let terms = try RuleSet.standard.terms(fuelLimit: Fuel(units: 120_000), fuelPrice: price)
    func row(_ end: JobEnd) throws -> [String] {
      let settlement = try Settlement(end: end, terms: terms, fuelPrice: price)
      return [settlement.requester, settlement.node, settlement.verifier, settlement.burned].map(\.emethText)
    }
    let used = Fuel(units: 100_000)
    #expect(try row(.verified(fuelUsed: used)) == ["0.0024", "0.02712", "0.00072", "0"])
    #expect(try row(.verifiedByExpiry(fuelUsed: used)) == ["0.00312", "0.02712", "0", "0"])
    #expect(try row(.canceled) == ["0.01512", "0", "0", "0"])
    #expect(try row(.timeoutUntaken) == ["0.01512", "0", "0", "0"])
    #expect(try row(.canceledByParent) == ["0.01512", "0.01512", "0", "0"])
    #expect(try row(.unchecked) == ["0.01512", "0.01512", "0", "0"])
    #expect(try row(.timeoutByNode) == ["0.01512", "0.01152", "0", "0.0036"])
    #expect(try row(.declined(atFault: true)) == ["0.01512", "0.01152", "0", "0.0036"])
    #expect(try row(.declined(atFault: false)) == ["0.01512", "0.01512", "0", "0"])
    #expect(try row(.failed) == ["0.01512", "0.0108", "0.00072", "0.0036"])
  }

  @Test func round3_2PaysTheWholeFeeWhateverWasUsed() throws {
    let price = FuelPrice(gholon: 1_000_000_000)
    let terms = try RuleSet.round3_2.terms(fuelLimit: Fuel(units: 30), fuelPrice: price)
    let settlement = try Settlement(end: .verified(fuelUsed: Fuel(units: 1)), terms: terms, fuelPrice: price)
    #expect(settlement.nodeFee.emethText == "20")
    #expect(settlement.verifier.emethText == "10")
    #expect(settlement.requester == .zero)
    let failed = try Settlement(end: .failed, terms: terms, fuelPrice: price)
    #expect(failed.burned.emethText == "7.5")
    #expect(failed.node.emethText == "12.5")
    #expect(throws: EconomicsError.self) {
      try RuleSet.round3_2.terms(fuelLimit: Fuel(units: 9), fuelPrice: price)
    }
  }

  @Test func moreFuelThanTheLimitIsAnError() throws {
    let price = FuelPrice(holonPerFuel: 7)
    for rules in [RuleSet.standard, .core2023Initial] {
      let terms = try rules.terms(fuelLimit: Fuel(units: 10), fuelPrice: price)
      let tooMuch = EconomicsError.feeAboveLimit(
        found: TokenAmount(holon: 77), allowed: TokenAmount(holon: 70))
      #expect(throws: tooMuch) {
        try Settlement(end: .verified(fuelUsed: Fuel(units: 11)), terms: terms, fuelPrice: price)
      }
    }
    let terms = try RuleSet.standard.terms(fuelLimit: Fuel(units: 1), fuelPrice: price)
    #expect(throws: EconomicsError.self) {
      try Settlement(
        end: .verified(fuelUsed: Fuel(units: .max)), terms: terms, fuelPrice: FuelPrice(holonPerFuel: .max))
    }
  }

  @Test func jsonIsRefusedUnlessConserved() throws {
    let terms = try RuleSet.standard.terms(
      fuelLimit: Fuel(units: 100), fuelPrice: FuelPrice(holonPerFuel: 100))
    let settlement = try Settlement(end: .failed, terms: terms, fuelPrice: FuelPrice(holonPerFuel: 100))
    let text = try jsonText(settlement)
    #expect(
      text == #"{"burned":"2500","depositReleased":"10500","escrowReleased":"10500","node":"7500","#
        + #""nodeDeposit":"7500","nodeFee":"0","requester":"10500","verifier":"500"}"#)
    #expect(try fromJSON(Settlement.self, text) == settlement)
    for change in [
      (#""burned":"2500""#, #""burned":"2501""#), (#""node":"7500""#, #""node":"7499""#),
      (#""requester":"10500""#, #""requester":"0""#),
    ] {
      #expect(throws: DecodingError.self) {
        try fromJSON(Settlement.self, text.replacing(change.0, with: change.1))
      }
    }
  }
}
