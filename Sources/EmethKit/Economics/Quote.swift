/// What a job costs by a rule set, and what everybody has of it at one of its ends: the answer before anyone
/// pays.
///
/// ```swift
/// let quote = try Quote(
///   by: .standard, fuelLimit: Fuel(units: 120_000), fuelPrice: FuelPrice(gholon: 120), end: .failed)
/// quote.node    // 0.0108 EMETH, of the deposit of 0.01512 EMETH
/// ```
/// Whatever the end, `requester + node + verifier + burned` is the escrow, and the deposit where a node had
/// locked it (``End/locksDeposit``). In JSON an object of decimal strings of holon and the name of the rules.
public struct Quote: Hashable, Encodable, Sendable {
  /// The ends of a job under the names that people use: the rows of PROTOCOL 3.
  public enum End: String, Codable, Sendable, CaseIterable {
    /// The drawn verifier accepted.
    case verified
    /// The requester took it back before a node took it.
    case canceled
    /// The node that took it was late.
    case timeout
    /// The deadline passed before a node took it.
    case unclaimed
    /// The node gave up without evidence that the fault was not its own.
    case declined
    /// The result did not stand the check.
    case failed
    /// No verifier spoke in time: the node is paid, no verifier is.
    case expired

    /// The end of the protocol, with the fuel that a paid end needs.
    public func jobEnd(fuelUsed: Fuel) -> JobEnd {
      switch self {
      case .verified: .verified(fuelUsed: fuelUsed)
      case .canceled: .canceled
      case .timeout: .timeoutByNode
      case .unclaimed: .timeoutUntaken
      case .declined: .declined(atFault: true)
      case .failed: .failed
      case .expired: .verifiedByExpiry(fuelUsed: fuelUsed)
      }
    }

    /// Whether a node had locked its deposit.
    public var locksDeposit: Bool { jobEnd(fuelUsed: .zero).depositLocked }
  }

  /// The name of the rule set.
  public let rules: String
  /// L, the most that is paid for the computing.
  public let feeLimit: TokenAmount
  /// V.
  public let verifierFee: TokenAmount
  /// E, what the requester pays at the request.
  public let escrow: TokenAmount
  /// D, what a node locks when it takes the job, also where the job ends before one does.
  public let deposit: TokenAmount
  /// P, what the node is fined at this end; zero at ends without a penalty.
  public let penalty: TokenAmount
  /// What the requester has at the end, out of the escrow.
  public let requester: TokenAmount
  /// What the node has at the end: its fee and what is left of its deposit.
  public let node: TokenAmount
  /// What the verifier has at the end.
  public let verifier: TokenAmount
  /// What nobody has any more.
  public let burned: TokenAmount

  /// The quote of a job at an end.
  ///
  /// - Parameters:
  ///   - rules: The rule set.
  ///   - fuelLimit: The most fuel that is paid.
  ///   - fuelPrice: The price of one fuel.
  ///   - fuelUsed: The fuel used, where the end pays for it; nil: all of the limit.
  ///   - end: How the job ends.
  /// - Throws: ``EconomicsError/fuelAboveLimit(found:allowed:)``,
  ///   ``EconomicsError/feeBelowVerifierFee(fee:verifierFee:)``,
  ///   ``EconomicsError/depositBelowVerifierFee(deposit:verifierFee:)``, ``EconomicsError/number(_:)`` when
  ///   escrow and deposit together leave 256 bits.
  public init(
    by rules: RuleSet, fuelLimit: Fuel, fuelPrice: FuelPrice, fuelUsed: Fuel? = nil, end: End
  ) throws(EconomicsError) {
    let fuelUsed = fuelUsed ?? fuelLimit
    guard fuelUsed <= fuelLimit else { throw .fuelAboveLimit(found: fuelUsed, allowed: fuelLimit) }
    let terms = try rules.terms(fuelLimit: fuelLimit, fuelPrice: fuelPrice)
    let settlement = try Settlement(
      end: end.jobEnd(fuelUsed: fuelUsed), terms: terms, fuelPrice: fuelPrice)
    self.rules = rules.name
    feeLimit = terms.feeLimit
    verifierFee = terms.verifierFee
    escrow = terms.escrow
    deposit = terms.deposit
    penalty =
      switch end {
      case .verified, .canceled, .unclaimed, .expired: .zero
      case .timeout: terms.timeoutPenalty
      case .declined: terms.declinePenalty
      case .failed: terms.failedPenalty
      }
    requester = settlement.requester
    node = settlement.node
    verifier = settlement.verifier
    burned = settlement.burned
  }
}
