extension CohortMember {
  /// What an event leads to.
  ///
  /// - Returns: What to do, in order; ``memory`` is to be kept first. An event that came before leads to the
  ///   same message again, byte for byte, or to nothing.
  /// - Throws: ``AggregationError``; the member is then as it was.
  public mutating func apply(_ event: Event) throws(AggregationError) -> [Effect] {
    switch event {
    case .form(let plan, let secret): try form(plan, secret)
    case .offer(let roster): try take(roster)
    case .stored(let vector, let rosterHash): try post(vector, under: rosterHash)
    case .close: close()
    }
  }

  /// The round secret of the last answered attempt, for this SubJob's own verifier alone.
  ///
  /// - Throws: ``AggregationError/unexpected(event:phase:)`` unless the masked vector is posted and the
  ///   member is not closed.
  public func opening() throws(AggregationError) -> RoundOpening {
    guard case .posted(let signed, let secret, _) = phase else {
      throw .unexpected(event: "open", phase: phase.name)
    }
    return RoundOpening(
      jobID: seat.jobID, round: round, attempt: signed.content.attempt, roundSecret: secret.opened())
  }

  private mutating func form(
    _ plan: CohortPlan, _ secret: RoundSecret
  ) throws(AggregationError) -> [Effect] {
    if case .closed = phase { throw .unexpected(event: "form", phase: phase.name) }
    guard plan.programHash == programHash else {
      throw .foreignProgram(found: plan.programHash, expected: programHash)
    }
    guard plan.initRoot == initRoot else { throw .foreignInitRoot(found: plan.initRoot, expected: initRoot) }
    guard plan.round == round else { throw .foreignRound(found: plan.round, expected: round) }
    guard let own = plan.cohort.seat(of: seat.jobID) else { throw .memberMissing(seat.jobID) }
    guard own.node == seat.node else {
      throw .nodeMismatch(seat.jobID, found: own.node, expected: seat.node)
    }
    guard own.resultRoot == seat.resultRoot else {
      throw .resultRootAltered(seat.jobID, found: own.resultRoot, expected: seat.resultRoot)
    }
    guard plan.cohort.hidesItsMembers else {
      throw .tooFewAccounts(found: plan.cohort.accountCount, allowed: Cohort.minimumAccounts)
    }
    if let last = memory.attempts[seat.jobID], plan.attempt <= last {
      throw .attemptSeen(found: plan.attempt, last: last)
    }
    guard !memory.roundKeys.contains(secret.publicKey) else { throw .roundKeyReused(seat.jobID) }
    memory.note(attempt: plan.attempt, of: seat.jobID, ownKey: secret.publicKey)
    phase = .announced(plan, secret)
    let content = RoundKey(of: plan, seat: seat, roundKey: secret.publicKey)
    return [.announce(SignedRoundKey(signing: content, in: domain, with: key))]
  }

  private mutating func take(_ roster: Roster) throws(AggregationError) -> [Effect] {
    switch phase {
    case .idle, .closed:
      throw .unexpected(event: "offer", phase: phase.name)
    case .masking(let plan, _, let accepted):
      guard roster.hash == accepted.hash else {
        throw .attemptSeen(found: roster.attempt, last: plan.attempt)
      }
      return []
    case .posted(let signed, _, _):
      guard roster.hash == signed.content.rosterHash else {
        throw .attemptSeen(found: roster.attempt, last: signed.content.attempt)
      }
      return [.post(signed)]
    case .announced(let plan, let secret):
      if roster.attempt < plan.attempt {
        throw .attemptSeen(found: roster.attempt, last: plan.attempt)
      }
      try roster.check(against: plan)
      for entry in roster.entries {
        if entry.jobID == seat.jobID {
          guard entry.roundKey == secret.publicKey else {
            throw .roundKeyMismatch(seat.jobID, found: entry.roundKey, expected: secret.publicKey)
          }
        } else if memory.roundKeys.contains(entry.roundKey) {
          throw .roundKeyReused(entry.jobID)
        }
      }
      try roster.check(in: domain)
      let mask = try UpdateMask(secret: secret, roster: roster, member: seat.jobID)
      memory.note(roster)
      phase = .masking(plan, secret, roster)
      return [.mask(mask, rosterHash: roster.hash)]
    }
  }

  private mutating func post(
    _ vector: MaskedVector, under rosterHash: Bytes32
  ) throws(AggregationError) -> [Effect] {
    switch phase {
    case .idle, .announced, .closed:
      throw .unexpected(event: "stored", phase: phase.name)
    case .posted(let signed, _, let posted):
      guard rosterHash == signed.content.rosterHash else {
        throw .rosterMismatch(found: rosterHash, expected: signed.content.rosterHash)
      }
      guard vector == posted else {
        throw .maskedConflict(seat.jobID, found: vector.root, first: posted.root)
      }
      return [.post(signed)]
    case .masking(let plan, let secret, let roster):
      // A vector of an earlier attempt that comes late has other masks.
      guard rosterHash == roster.hash else {
        throw .rosterMismatch(found: rosterHash, expected: roster.hash)
      }
      guard vector.byteCount == plan.byteCount else {
        throw .vectorMismatch(found: vector.byteCount, expected: plan.byteCount)
      }
      let masked = Masked(
        jobID: seat.jobID, round: round, attempt: plan.attempt, rosterHash: roster.hash,
        maskedRoot: vector.root)
      let signed = SignedMasked(signing: masked, in: domain, with: key)
      phase = .posted(signed, secret, vector)
      return [.post(signed)]
    }
  }

  private mutating func close() -> [Effect] {
    phase = .closed
    return []
  }
}
