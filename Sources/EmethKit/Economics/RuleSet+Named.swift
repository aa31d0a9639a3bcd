extension RuleSet {
  /// The rules of this network: V 5 % of L in the escrow, D = L + V, penalties 25 % of L, rewards capped by
  /// fees.
  public static let standard = RuleSet(
    trusted: "standard", verifierFee: .rate(Rate(percent: 5)), verifierFeeSource: .escrow,
    depositRate: Rate(percent: 100), depositIncludesVerifierFee: true, penaltyBase: .feeLimit,
    timeoutPenaltyRate: Rate(percent: 25), declinePenaltyRate: Rate(percent: 25),
    failedPenaltyRate: Rate(percent: 25), flatFee: false, rewardCapRate: .whole)

  /// What the 2023 contract means to do: as `standard`, its rewards capped by fuel only.
  public static let core2023 = RuleSet(
    trusted: "core-2023", verifierFee: .rate(Rate(percent: 5)), verifierFeeSource: .escrow,
    depositRate: Rate(percent: 100), depositIncludesVerifierFee: true, penaltyBase: .feeLimit,
    timeoutPenaltyRate: Rate(percent: 25), declinePenaltyRate: Rate(percent: 25),
    failedPenaltyRate: Rate(percent: 25), flatFee: false, rewardCapRate: nil)

  /// The 2023 contract with the parameters that it was deployed with: no verifier fee, no deposit, so no
  /// penalty.
  public static let core2023Initial = RuleSet(
    trusted: "core-2023-initial", verifierFee: .rate(.zero), verifierFeeSource: .escrow,
    depositRate: .zero, depositIncludesVerifierFee: false, penaltyBase: .feeLimit,
    timeoutPenaltyRate: Rate(percent: 25), declinePenaltyRate: Rate(percent: 25),
    failedPenaltyRate: Rate(percent: 25), flatFee: false, rewardCapRate: nil)

  /// The Opening Phase at Round 3-2: a flat fee, of which 10 EMETH go to the verifier; D = L, penalties 25 %
  /// of D.
  public static let round3_2 = RuleSet(
    trusted: "round3-2", verifierFee: .flat(TokenAmount(holon: 10_000_000_000_000_000_000)),
    verifierFeeSource: .fee, depositRate: Rate(percent: 100), depositIncludesVerifierFee: false,
    penaltyBase: .deposit, timeoutPenaltyRate: Rate(percent: 25), declinePenaltyRate: Rate(percent: 25),
    failedPenaltyRate: Rate(percent: 25), flatFee: true, rewardCapRate: nil)

  /// The rule sets of the protocol.
  public static let all = [standard, core2023, core2023Initial, round3_2]

  /// The rule set of a name, such as `round3-2`.
  ///
  /// - Throws: ``EconomicsError/unknownRuleSet(found:)``.
  public static func named(_ name: String) throws(EconomicsError) -> RuleSet {
    guard let rules = all.first(where: { $0.name == name }) else { throw .unknownRuleSet(found: name) }
    return rules
  }
}
