/// Why terms, a settlement or a budget can't be made.
public enum EconomicsError: EmethError, Equatable {
  /// A calculation that leaves the range of its type.
  case number(NumberError)
  /// A rule set that does not exist.
  case unknownRuleSet(found: String)
  /// A rule set of one's own that can't be kept: which member, and what is wrong.
  case ruleSetInvalid(field: String, problem: String)
  /// A fee that does not cover the verifier fee that is taken out of it.
  case feeBelowVerifierFee(fee: TokenAmount, verifierFee: TokenAmount)
  /// A deposit that does not cover the verifier fee that a failing node owes.
  case depositBelowVerifierFee(deposit: TokenAmount, verifierFee: TokenAmount)
  /// An escrow that does not cover the fee and the verifier fee taken out of the escrow.
  case escrowBelowFees(escrow: TokenAmount, required: TokenAmount)
  /// The two parts of a verifier fee don't add up to it.
  case verifierFeeParts(found: TokenAmount, expected: TokenAmount)
  /// A verifier fee out of a fee that may turn out smaller, because it follows the fuel used.
  case verifierFeeFromOpenFee(found: TokenAmount)
  /// A fee used above the fee limit.
  case feeAboveLimit(found: TokenAmount, allowed: TokenAmount)
  /// More fuel than the limit, or a node's fuel above that of all nodes.
  case fuelAboveLimit(found: Fuel, allowed: Fuel)
  /// An account that a slot names twice.
  case duplicateAccount(Address)
  /// What is paid out and burned differs from what was locked.
  case notConserved(locked: TokenAmount, paid: TokenAmount)
  /// A node's share that is not the sum of its fee and its deposit.
  case nodeShareParts(found: TokenAmount, expected: TokenAmount)
  /// A parent without rounds or parts, or with more of them than 2^32 − 1 in all.
  case shareCount(rounds: UInt32, parts: UInt32)
  /// A SubJob's share of the fuel limit below the fuel that it needs.
  case shareBelowFuel(share: Fuel, needed: Fuel)

  /// A stable identifier such as `economics.notConserved`.
  public var code: String {
    switch self {
    case .number(let cause): cause.code
    case .unknownRuleSet: "economics.unknownRuleSet"
    case .ruleSetInvalid: "economics.ruleSetInvalid"
    case .feeBelowVerifierFee: "economics.feeBelowVerifierFee"
    case .depositBelowVerifierFee: "economics.depositBelowVerifierFee"
    case .escrowBelowFees: "economics.escrowBelowFees"
    case .verifierFeeParts: "economics.verifierFeeParts"
    case .verifierFeeFromOpenFee: "economics.verifierFeeFromOpenFee"
    case .feeAboveLimit: "economics.feeAboveLimit"
    case .fuelAboveLimit: "economics.fuelAboveLimit"
    case .duplicateAccount: "economics.duplicateAccount"
    case .notConserved: "economics.notConserved"
    case .nodeShareParts: "economics.nodeShareParts"
    case .shareCount: "economics.shareCount"
    case .shareBelowFuel: "economics.shareBelowFuel"
    }
  }

  /// One lower-case sentence: what, where, the value found, what is allowed.
  public var message: String {
    switch self {
    case .number(let cause):
      cause.message
    case .unknownRuleSet(let found):
      "rule set \(quoted(found)) does not exist, "
        + "allowed are \(RuleSet.all.map(\.name).joined(separator: ", "))"
    case .ruleSetInvalid(let field, let problem):
      "rule set at \(quoted(field)): \(problem)"
    case .feeBelowVerifierFee(let fee, let verifierFee):
      "the fee limit of \(fee) does not cover the verifier fee of \(verifierFee)"
    case .depositBelowVerifierFee(let deposit, let verifierFee):
      "the deposit of \(deposit) does not cover the verifier fee of \(verifierFee)"
    case .escrowBelowFees(let escrow, let required):
      "the escrow of \(escrow) is below the fees of \(required)"
    case .verifierFeeParts(let found, let expected):
      "the parts of the verifier fee add up to \(found), needed are \(expected)"
    case .verifierFeeFromOpenFee(let found):
      "a verifier fee of \(found) is taken from a fee that follows the fuel used, allowed is a flat fee only"
    case .feeAboveLimit(let found, let allowed):
      "the fee of \(found) is above the limit of \(allowed)"
    case .fuelAboveLimit(let found, let allowed):
      "found \(found), allowed at most \(allowed)"
    case .duplicateAccount(let account):
      "account \(account) stands twice in the slot"
    case .notConserved(let locked, let paid):
      "the settlement pays and burns \(paid) where \(locked) is locked"
    case .nodeShareParts(let found, let expected):
      "the node's fee and deposit add up to \(found), its share is \(expected)"
    case .shareCount(let rounds, let parts):
      "\(rounds) rounds of \(parts) parts are no number of SubJobs from 1 to 2^32 - 1"
    case .shareBelowFuel(let share, let needed):
      "a SubJob's share of \(share) is below the \(needed) that it needs"
    }
  }

  /// What the user can do about it, when there is something to say.
  public var hint: String? {
    switch self {
    case .feeBelowVerifierFee: "raise the fuel limit or the fuel price"
    case .shareBelowFuel: "raise the fuel limit, or ask for fewer parts, rounds or steps"
    case .number, .unknownRuleSet, .ruleSetInvalid, .depositBelowVerifierFee, .escrowBelowFees,
      .verifierFeeParts,
      .verifierFeeFromOpenFee, .feeAboveLimit, .fuelAboveLimit, .duplicateAccount, .notConserved,
      .nodeShareParts, .shareCount:
      nil
    }
  }
}

/// Runs number work and reports its error as one of this domain.
func economically<Value>(_ work: () throws(NumberError) -> Value) throws(EconomicsError) -> Value {
  do throws(NumberError) {
    return try work()
  } catch {
    throw .number(error)
  }
}
