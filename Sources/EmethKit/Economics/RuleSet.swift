/// The money rules of a network, as data (PROTOCOL 3).
///
/// ```swift
/// let terms = try RuleSet.standard.terms(fuelLimit: Fuel(units: 120_000), fuelPrice: FuelPrice(gholon: 120))
/// terms.escrow    // 0.01512 EMETH: the fee limit and 5 % for the verifier
/// ```
/// Rules of one's own come from JSON, in which rates are integers over 100,000 and amounts decimal strings of
/// holon. This is `standard`:
///
/// ```json
/// {
///   "name": "standard",
///   "verifierFee": {"rate": 5000},
///   "verifierFeeSource": "escrow",
///   "depositRate": 100000,
///   "depositIncludesVerifierFee": true,
///   "penaltyBase": "feeLimit",
///   "timeoutPenaltyRate": 25000,
///   "declinePenaltyRate": 25000,
///   "failedPenaltyRate": 25000,
///   "flatFee": false,
///   "rewardCapRate": 100000
/// }
/// ```
/// A flat verifier fee is `{"flat": "10000000000000000000"}`, its source may be `"fee"` when the fee is flat,
/// penalties may be a share of the `"deposit"`, and a `rewardCapRate` of `null` is no cap. Every member must
/// be there, so that a misspelt one is never taken for a default; unknown ones are ignored.
public struct RuleSet: Hashable, Sendable {
  /// How large the verifier fee V is.
  public enum VerifierFee: Hashable, Sendable {
    /// A share of the fee limit.
    case rate(Rate)
    /// The same for every job.
    case flat(TokenAmount)
  }

  /// Where the verifier fee of an accepted job comes from.
  public enum VerifierFeeSource: String, Sendable, CaseIterable {
    /// The requester escrows it beside the fee (Vr = V).
    case escrow
    /// It is taken out of the node's fee (Vn = V).
    case fee
  }

  /// What the penalty rates are a share of.
  public enum PenaltyBase: String, Sendable, CaseIterable {
    /// The fee limit L.
    case feeLimit
    /// The deposit D.
    case deposit
  }

  /// The name, such as `standard`.
  public let name: String
  /// The size of the verifier fee V.
  public let verifierFee: VerifierFee
  /// Where V comes from.
  public let verifierFeeSource: VerifierFeeSource
  /// The deposit as a share of the fee limit.
  public let depositRate: Rate
  /// Whether the deposit holds V on top.
  public let depositIncludesVerifierFee: Bool
  /// What the penalty rates are a share of.
  public let penaltyBase: PenaltyBase
  /// The penalty of a node that times out.
  public let timeoutPenaltyRate: Rate
  /// The penalty of a node that declines.
  public let declinePenaltyRate: Rate
  /// The penalty of a node whose result fails.
  public let failedPenaltyRate: Rate
  /// Whether the whole fee limit is paid, whatever fuel was used (U = L).
  public let flatFee: Bool
  /// A node's slot reward is at most the verifier fees paid on its jobs x this rate; nil: no such cap.
  public let rewardCapRate: Rate?

  /// Rules that are known to be good: those of the protocol, and those that were checked.
  init(
    trusted name: String, verifierFee: VerifierFee, verifierFeeSource: VerifierFeeSource, depositRate: Rate,
    depositIncludesVerifierFee: Bool, penaltyBase: PenaltyBase, timeoutPenaltyRate: Rate,
    declinePenaltyRate: Rate, failedPenaltyRate: Rate, flatFee: Bool, rewardCapRate: Rate?
  ) {
    self.name = name
    self.verifierFee = verifierFee
    self.verifierFeeSource = verifierFeeSource
    self.depositRate = depositRate
    self.depositIncludesVerifierFee = depositIncludesVerifierFee
    self.penaltyBase = penaltyBase
    self.timeoutPenaltyRate = timeoutPenaltyRate
    self.declinePenaltyRate = declinePenaltyRate
    self.failedPenaltyRate = failedPenaltyRate
    self.flatFee = flatFee
    self.rewardCapRate = rewardCapRate
  }

  /// A rule set of one's own, refused when no job, or only a worthless one, could be settled by it.
  ///
  /// - Throws: ``EconomicsError/ruleSetInvalid(field:problem:)``: a name of other characters than letters,
  ///   digits, `-`, `_` and `.`, or one that the protocol's own rules have; a verifier fee taken out of a fee
  ///   that is not flat, or larger than it; a deposit that never covers the verifier fee.
  public init(
    name: String, verifierFee: VerifierFee, verifierFeeSource: VerifierFeeSource, depositRate: Rate,
    depositIncludesVerifierFee: Bool, penaltyBase: PenaltyBase, timeoutPenaltyRate: Rate,
    declinePenaltyRate: Rate, failedPenaltyRate: Rate, flatFee: Bool, rewardCapRate: Rate?
  ) throws(EconomicsError) {
    self.init(
      trusted: name, verifierFee: verifierFee, verifierFeeSource: verifierFeeSource, depositRate: depositRate,
      depositIncludesVerifierFee: depositIncludesVerifierFee, penaltyBase: penaltyBase,
      timeoutPenaltyRate: timeoutPenaltyRate, declinePenaltyRate: declinePenaltyRate,
      failedPenaltyRate: failedPenaltyRate, flatFee: flatFee, rewardCapRate: rewardCapRate)
    try check()
  }
}
