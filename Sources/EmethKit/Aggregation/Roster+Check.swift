extension Roster {
  /// Checks what everybody can: three different accounts at least, and every node's signature under its key.
  ///
  /// - Throws: ``AggregationError``: `tooFewAccounts`, `entrySignature`.
  public func check(in domain: EIP712Domain) throws(AggregationError) {
    guard accountCount >= Cohort.minimumAccounts else {
      throw .tooFewAccounts(found: accountCount, allowed: Cohort.minimumAccounts)
    }
    for entry in entries {
      let digest = roundKey(of: entry).digest(in: domain)
      let signer: Address
      do throws(CryptoError) {
        signer = try entry.signature.recoverAddress(from: digest)
      } catch {
        throw .entrySignature(entry.jobID, fault: .signature(error))
      }
      guard signer == entry.node else {
        throw .entrySignature(entry.jobID, fault: .signerMismatch(found: signer, expected: entry.node))
      }
    }
  }

  /// Checks that the roster is that of a plan: program, starting model, round, attempt, and every member with
  /// its node and resultRoot.
  ///
  /// - Throws: ``AggregationError``: `foreignProgram`, `foreignInitRoot`, `foreignRound`, `wrongAttempt`,
  ///   `notAMember`, `memberMissing`, `nodeMismatch`, `resultRootAltered`.
  public func check(against plan: CohortPlan) throws(AggregationError) {
    guard programHash == plan.programHash else {
      throw .foreignProgram(found: programHash, expected: plan.programHash)
    }
    guard initRoot == plan.initRoot else { throw .foreignInitRoot(found: initRoot, expected: plan.initRoot) }
    guard round == plan.round else { throw .foreignRound(found: round, expected: plan.round) }
    guard attempt == plan.attempt else { throw .wrongAttempt(found: attempt, expected: plan.attempt) }
    for entry in entries { try Self.check(entry.seat, in: plan) }
    for seat in plan.cohort.seats where index(of: seat.jobID) == nil { throw .memberMissing(seat.jobID) }
  }

  /// Checks a key that a node has given for a plan.
  ///
  /// - Throws: ``AggregationError``: `signed`, `foreignProgram`, `foreignInitRoot`, `foreignRound`,
  ///   `wrongAttempt`, `notAMember`, `nodeMismatch`, `resultRootAltered`, `roundKeyLowOrder`, `library`.
  public static func check(
    _ key: SignedRoundKey, of plan: CohortPlan, in domain: EIP712Domain
  ) throws(AggregationError) {
    let content = key.content
    guard content.round == plan.round else {
      throw .foreignRound(found: content.round, expected: plan.round)
    }
    guard content.attempt == plan.attempt else {
      throw .wrongAttempt(found: content.attempt, expected: plan.attempt)
    }
    guard content.programHash == plan.programHash else {
      throw .foreignProgram(found: content.programHash, expected: plan.programHash)
    }
    guard content.initRoot == plan.initRoot else {
      throw .foreignInitRoot(found: content.initRoot, expected: plan.initRoot)
    }
    try check(
      CohortSeat(jobID: content.jobID, node: content.node, resultRoot: content.resultRoot), in: plan)
    try key.check(in: domain)
    guard try !RoundSecret.isLowOrder(content.roundKey) else { throw .roundKeyLowOrder(content.jobID) }
  }

  private static func check(_ found: CohortSeat, in plan: CohortPlan) throws(AggregationError) {
    guard let expected = plan.cohort.seat(of: found.jobID) else { throw .notAMember(found.jobID) }
    guard found.node == expected.node else {
      throw .nodeMismatch(found.jobID, found: found.node, expected: expected.node)
    }
    guard found.resultRoot == expected.resultRoot else {
      throw .resultRootAltered(found.jobID, found: found.resultRoot, expected: expected.resultRoot)
    }
  }

  /// What the node of an entry signed.
  func roundKey(of entry: RosterEntry) -> RoundKey {
    RoundKey(
      jobID: entry.jobID, round: round, attempt: attempt, node: entry.node, programHash: programHash,
      initRoot: initRoot, resultRoot: entry.resultRoot, roundKey: entry.roundKey)
  }
}

extension Roster {
  /// Checks a node's word on its masked vector: a member's, under this roster, signed by its node.
  ///
  /// - Throws: ``AggregationError``: `notAMember`, `foreignRound`, `wrongAttempt`, `rosterMismatch`,
  ///   `signed`.
  public func check(_ masked: SignedMasked, in domain: EIP712Domain) throws(AggregationError) {
    let content = masked.content
    guard let index = index(of: content.jobID) else { throw .notAMember(content.jobID) }
    guard content.round == round else { throw .foreignRound(found: content.round, expected: round) }
    guard content.attempt == attempt else {
      throw .wrongAttempt(found: content.attempt, expected: attempt)
    }
    guard content.rosterHash == hash else {
      throw .rosterMismatch(found: content.rosterHash, expected: hash)
    }
    try masked.check(signer: entries[index].node, in: domain)
  }
}
