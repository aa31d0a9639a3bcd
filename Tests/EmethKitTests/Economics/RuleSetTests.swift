import EmethKit
import Testing

@Suite struct RuleSetTests {
  private func terms(_ rules: RuleSet, _ fuel: UInt64, _ price: UInt256) throws -> JobTerms {
    try rules.terms(fuelLimit: Fuel(units: fuel), fuelPrice: FuelPrice(holonPerFuel: price))
  }

  private func holon(_ terms: JobTerms) -> [UInt256] {
    [
      terms.feeLimit, terms.verifierFee, terms.escrow, terms.deposit, terms.verifierFeeFromEscrow,
      terms.verifierFeeFromFee, terms.timeoutPenalty, terms.declinePenalty, terms.failedPenalty,
    ].map(\.holon)
  }

  /// The rows of PROTOCOL 3's second table: L, V, E, D, Vr, Vn, P at timeout, decline, failed.
  @Test func theProtocolsRuleSets() throws {
    #expect(
      holon(try terms(.standard, 100, 100)) == [10_000, 500, 10_500, 10_500, 500, 0, 2_500, 2_500, 2_500])
    #expect(
      holon(try terms(.core2023, 100, 100)) == [10_000, 500, 10_500, 10_500, 500, 0, 2_500, 2_500, 2_500])
    #expect(holon(try terms(.core2023Initial, 100, 100)) == [10_000, 0, 10_000, 0, 0, 0, 0, 0, 0])
    let emeth: UInt256 = 1_000_000_000_000_000_000
    #expect(
      holon(try terms(.round3_2, 40, emeth))
        == [40, 10, 40, 40, 0, 10, 10, 10, 10].map { $0 * emeth })
    // V = 10 of D = 12: what fails can burn no more than the rest.
    #expect(try terms(.round3_2, 12, emeth).failedPenalty.holon == 2 * emeth)
    #expect(try terms(.round3_2, 12, emeth).timeoutPenalty.holon == 3 * emeth)
    #expect(try terms(.round3_2, 12, emeth).flatFee)
  }

  /// Penalties of the deposit, where that is not the fee limit: 25 % of 5,000.
  @Test func penaltiesFollowTheirBase() throws {
    for (base, penalty) in [(RuleSet.PenaltyBase.feeLimit, UInt256(2_500)), (.deposit, 1_250)] {
      let rules = try RuleSet(
        name: "half", verifierFee: .flat(TokenAmount(holon: 3_000)), verifierFeeSource: .escrow,
        depositRate: Rate(percent: 50), depositIncludesVerifierFee: false, penaltyBase: base,
        timeoutPenaltyRate: Rate(percent: 25), declinePenaltyRate: Rate(percent: 50),
        failedPenaltyRate: Rate(percent: 100), flatFee: false, rewardCapRate: nil)
      #expect(
        holon(try terms(rules, 100, 100))
          == [10_000, 3_000, 13_000, 5_000, 3_000, 0, penalty, 2 * penalty, 2_000])
    }
  }

  @Test func everyDivisionFloors() throws {
    // 5 % of 19 is 0.95, 25 % of 19 is 4.75.
    #expect(holon(try terms(.standard, 19, 1)) == [19, 0, 19, 19, 0, 0, 4, 4, 4])
    #expect(holon(try terms(.standard, 39, 1)) == [39, 1, 40, 40, 1, 0, 9, 9, 9])
  }

  @Test func aGivenVerifierFeeReplacesTheRuledOne() throws {
    let price = FuelPrice(holonPerFuel: 100)
    let fuel = Fuel(units: 100)
    let shared = try RuleSet.standard.terms(
      fuelLimit: fuel, fuelPrice: price, verifierFee: TokenAmount(holon: 7))
    #expect(holon(shared) == [10_000, 7, 10_007, 10_007, 7, 0, 2_500, 2_500, 2_500])
    #expect(
      throws: EconomicsError.depositBelowVerifierFee(deposit: .zero, verifierFee: TokenAmount(holon: 1))
    ) {
      try RuleSet.core2023Initial.terms(fuelLimit: fuel, fuelPrice: price, verifierFee: TokenAmount(holon: 1))
    }
  }

  @Test func amountsBeyond256BitsAreErrors() throws {
    #expect(throws: EconomicsError.self) { try terms(.standard, .max, .max) }
    // L fits, E does not.
    #expect(throws: EconomicsError.self) { try terms(.standard, 1, .max) }
    // L and E fit, E + D does not.
    #expect(throws: EconomicsError.self) { try terms(.standard, 1, .max / 2) }
    #expect(throws: Never.self) { try terms(.standard, 1, .max / 3) }
  }

  @Test func areFoundByName() throws {
    #expect(RuleSet.all.map(\.name) == ["standard", "core-2023", "core-2023-initial", "round3-2"])
    for rules in RuleSet.all { #expect(try RuleSet.named(rules.name) == rules) }
    #expect(throws: EconomicsError.unknownRuleSet(found: "head")) { try RuleSet.named("head") }
    let message = EconomicsError.unknownRuleSet(found: "head").message
    #expect(message.contains("standard, core-2023, core-2023-initial, round3-2"))
  }

  @Test func areData() throws {
    for rules in RuleSet.all { #expect(try fromJSON(RuleSet.self, jsonText(rules)) == rules) }
    let text = try jsonText(RuleSet.round3_2)
    #expect(text.contains(#""verifierFee":{"flat":"10000000000000000000"}"#))
    #expect(text.contains(#""depositRate":100000"#))
    #expect(try jsonText(RuleSet.standard).contains(#""verifierFee":{"rate":5000}"#))
    #expect(RuleSet.standard.rewardCapRate == .whole)
    #expect(RuleSet.core2023.rewardCapRate == nil)
  }
}
