extension EmethVerifiers {
  /// So many verifiers a job wants that could be drawn for it: two reject a wrong result, and one may be silent.
  public static let wantedCandidates: UInt64 = 3
  /// The most commitments that one call posts.
  public static let commitmentLimit = 32

  // MARK: - Verifiers

  /// Adds to the caller's bond; the token's allowance must cover it.
  public static func bond(_ amount: TokenAmount) -> ContractCall<Void> {
    ContractCall(Function.bondVerifier, [.number(amount)])
  }

  /// Announces that the caller's bond will be taken out: it is drawn no more.
  public static func announceUnbonding() -> ContractCall<Void> { ContractCall(Function.announceUnbonding) }

  /// Gives a verifier its bond back, a week after that was announced. Returns what was paid.
  public static func unbond(_ verifier: Address) -> ContractCall<TokenAmount> {
    .amount(Function.unbondVerifier, [.address(verifier)])
  }

  /// Posts commitments keccak256(address ‖ secret), each of which counts for one draw. Traps above
  /// ``commitmentLimit``.
  public static func commitSecrets(_ digests: [Bytes32]) -> ContractCall<Void> {
    precondition(digests.count <= commitmentLimit, "more commitments than one call takes")
    return ContractCall(Function.commitSecrets, [.array(digests.map { .bytes32($0) })])
  }

  /// Draws a submission's verifier, when its beacon block is there. Returns who it is.
  public static func drawVerifier(_ jobID: JobID) -> ContractCall<Address> {
    .address(Function.drawVerifier, [.bytes16(jobID)])
  }

  /// Shows the secret behind the commitment that was drawn. Returns the seed of the segments.
  public static func challenge(_ jobID: JobID, secret: Bytes32) -> ContractCall<Bytes32> {
    ContractCall(Function.challenge, [.bytes16(jobID), .bytes32(secret)]) { fields throws(ContractError) in
      try fields.bytes32()
    }
  }

  /// Shows two signed verdicts of one verifier on one submission. Returns what it loses.
  public static func forfeitBond(_ first: SignedVerdict, _ second: SignedVerdict) -> ContractCall<TokenAmount>
  {
    func values(_ verdict: SignedVerdict) -> [ABIValue] {
      [.tuple(verdict.verdict.eip712Values), .signature(verdict.signature)]
    }
    return .amount(Function.forfeitBond, values(first) + values(second))
  }

  // MARK: - Nodes

  /// Says what was opened to the verifier; for the node.
  public static func open(_ jobID: JobID, openings: Bytes32) -> ContractCall<Void> {
    ContractCall(Function.open, [.bytes16(jobID), .bytes32(openings)])
  }

  /// Posts the node's key of a round.
  public static func postRoundKey(_ jobID: JobID, _ key: Bytes32) -> ContractCall<Void> {
    ContractCall(Function.postRoundKey, [.bytes16(jobID), .bytes32(key)])
  }

  /// Posts the root of the node's masked vector.
  public static func postMasked(_ jobID: JobID, root: Bytes32) -> ContractCall<Void> {
    ContractCall(Function.postMasked, [.bytes16(jobID), .bytes32(root)])
  }

  // MARK: - Anyone

  /// Ends a job whose node did not open in time.
  public static func withhold(_ jobID: JobID) -> ContractCall<Void> {
    ContractCall(Function.withhold, [.bytes16(jobID)])
  }

  /// Ends a job whose verifiers stayed silent, or for which nobody is left to be drawn.
  public static func expireVerification(_ jobID: JobID) -> ContractCall<Void> {
    ContractCall(Function.expireVerification, [.bytes16(jobID)])
  }

  /// Ends a job whose node did not post its key or its vector in time.
  public static func absent(_ jobID: JobID) -> ContractCall<Void> {
    ContractCall(Function.absent, [.bytes16(jobID)])
  }

  // MARK: - Servers

  /// Gathers accepted parts of one parent; their nodes post keys until `due`, unix seconds.
  public static func openCohort(_ jobIDs: [JobID], due: UInt64) -> ContractCall<Void> {
    ContractCall(Function.openCohort, [.array(jobIDs.map { .bytes16($0) }), .number(due)])
  }

  /// Fixes the roster; the nodes post their vectors' roots until `due`.
  public static func fixCohort(_ jobIDs: [JobID], roster: Bytes32, due: UInt64) -> ContractCall<Void> {
    ContractCall(
      Function.fixCohort, [.array(jobIDs.map { .bytes16($0) }), .bytes32(roster), .number(due)])
  }

  /// Says that the cohort's sum checks: the part is verified.
  public static func completeCohort(_ jobID: JobID) -> ContractCall<Void> {
    ContractCall(Function.completeCohort, [.bytes16(jobID)])
  }

  // MARK: - Views

  /// How many verifiers could be drawn now for what a node would submit of a job that is requested or taken. With none nobody
  /// is paid.
  public static func candidates(of jobID: JobID, by node: Address) -> ContractCall<UInt64> {
    .count(Function.candidatesOf, [.bytes16(jobID), .address(node)])
  }

  /// How many verifiers could be drawn now for a job that an account would request, whoever takes it.
  public static func candidates(
    for requester: Address, verifierFee: TokenAmount
  ) -> ContractCall<UInt64> {
    .count(Function.candidatesFor, [.address(requester), .number(verifierFee)])
  }

  /// Whether an account is a candidate for draws.
  public static func isListed(_ account: Address) -> ContractCall<Bool> {
    .bool(Function.isListed, [.address(account)])
  }

  /// The check of a job.
  public static func review(_ jobID: JobID) -> ContractCall<Review> {
    ContractCall(Function.reviews, [.bytes16(jobID)]) { fields throws(ContractError) in
      let number: UInt8 = try fields.count()
      guard let phase = Phase(rawValue: number) else {
        throw fields.refused(found: "\(number)", allowed: "0 to 9")
      }
      let isMasked = try fields.bool()
      let turn: UInt64 = try fields.count()
      let silent: UInt64 = try fields.count()
      let dueBy = try fields.countUnlessZero()
      let beaconBlock = try fields.countUnlessZero()
      _ = try fields.number()
      let submission = try fields.bytes32()
      _ = try fields.bytes32()
      let commitment = try fields.bytes32()
      return Review(
        phase: phase, isMasked: isMasked, turn: turn, silent: silent, dueBy: dueBy, beaconBlock: beaconBlock,
        submission: submission, commitment: commitment, verifier: try fields.addressUnlessZero(),
        finder: try fields.addressUnlessZero())
    }
  }

  /// A verifier's bond.
  public static func bond(of verifier: Address) -> ContractCall<Bond> {
    ContractCall(Function.bonds, [.address(verifier)]) { fields throws(ContractError) in
      Bond(
        amount: try fields.amount(), unbondingAt: try fields.countUnlessZero(), posted: try fields.count(),
        used: try fields.count())
    }
  }
}
