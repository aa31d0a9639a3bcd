extension JobMachine {
  mutating func fixCohort(attempt: UInt32, deadline: UInt64, at now: UInt64) throws(JobError) {
    try requireAcceptedAndMasked(for: .fixCohort)
    if let cohort, attempt <= cohort.attempt {
      throw .cohortAttempt(found: attempt, above: cohort.attempt)
    }
    guard deadline > now else { throw .tooLate(event: .fixCohort, now: now, deadline: deadline) }
    cohort = Cohort(attempt: attempt, deadline: deadline)
  }

  mutating func postMasked(by sender: Address, maskedRoot: Bytes32, at now: UInt64) throws(JobError) {
    let cohort = try fixedCohort(for: .postMasked)
    guard sender == node else { throw .wrongSender(event: .postMasked, found: sender, allowed: node) }
    guard cohort.maskedRoot == nil else { throw .maskedPosted(event: .postMasked) }
    guard now < cohort.deadline else {
      throw .tooLate(event: .postMasked, now: now, deadline: cohort.deadline)
    }
    self.cohort?.maskedRoot = maskedRoot
  }

  mutating func standIn(_ other: Address, verdict digest: Bytes32) throws(JobError) {
    let cohort = try fixedCohort(for: .standIn)
    guard cohort.maskedRoot != nil else { throw .maskedMissing(attempt: cohort.attempt) }
    guard other != node, other != job.requester, other != verdict?.verifier else {
      throw .verifierNotEligible(found: other)
    }
    verdict = AcceptingVerdict(verifier: other, digest: digest, sharedWith: nil)
    verifier = other
  }

  /// An acceptance falls as a submission does: by two that found it wrong. What they were drawn for is put on record, so
  /// that the record shows who they are.
  mutating func overrule(
    by first: Address, confirmedBy second: Address, evidence: Bytes32, at now: UInt64
  ) throws(JobError) -> [JobEffect] {
    let cohort = try fixedCohort(for: .overrule)
    guard cohort.maskedRoot != nil else { throw .maskedMissing(attempt: cohort.attempt) }
    // Zero is a verdict that was struck.
    guard first != second, evidence != .zero else { throw .rejectionUnconfirmed(by: first) }
    for finder in [first, second] {
      guard finder != node, finder != job.requester, finder != verdict?.verifier else {
        throw .verifierNotEligible(found: finder)
      }
    }
    for (finder, dispute) in [(first, evidence), (second, nil)] {
      if let place = draws.firstIndex(where: { $0.verifier == finder }) {
        // It was drawn before the acceptance, and this is what it said; or to take the place of who accepted.
        guard draws[place].inPlaceOf == nil else {
          draws[place].dispute = dispute
          continue
        }
        guard draws[place].hasFound, dispute == nil || dispute == draws[place].dispute else {
          throw .verifierNotEligible(found: finder)
        }
        continue
      }
      draws.append(Draw(verifier: finder, drawnAt: now, openBy: now, openedAt: now, dispute: dispute))
    }
    verdict?.sharedWith = nil
    verifier = first
    return try end(.failed, as: .failed, because: .rejected, at: now)
  }

  mutating func completeCohort(sumChecks: Bool, at now: UInt64) throws(JobError) -> [JobEffect] {
    let cohort = try fixedCohort(for: .completeCohort)
    guard cohort.maskedRoot != nil else { throw .maskedMissing(attempt: cohort.attempt) }
    guard sumChecks else { throw .cohortSumWrong(attempt: cohort.attempt) }
    return try end(.verified(fuelUsed: fuelUsed ?? .zero), as: .verified, because: .accepted, at: now)
  }

  mutating func endAbsent(at now: UInt64) throws(JobError) -> [JobEffect] {
    let cohort = try fixedCohort(for: .absent)
    guard cohort.maskedRoot == nil else { throw .maskedPosted(event: .absent) }
    guard now >= cohort.deadline else { throw .tooEarly(event: .absent, now: now, from: cohort.deadline) }
    return try end(.timeoutByNode, as: .timeout, because: .absentFromCohort, at: now)
  }

  /// The parent has ended, so no cohort's sum will ever check: the accepted work is paid all the same.
  mutating func releaseFromCohort(at now: UInt64) throws(JobError) -> [JobEffect] {
    try requireAcceptedAndMasked(for: .endWithParent)
    return try end(.verified(fuelUsed: fuelUsed ?? .zero), as: .verified, because: .accepted, at: now)
  }

  private func requireAcceptedAndMasked(for event: JobEvent.Name) throws(JobError) {
    switch parameters.aggregation {
    case .plain: throw .notMasked(event: event)
    case .masked: break
    }
    guard verdict != nil else { throw .verdictMissing(event: event) }
  }

  private func fixedCohort(for event: JobEvent.Name) throws(JobError) -> Cohort {
    try requireAcceptedAndMasked(for: event)
    guard let cohort else { throw .noCohort(event: event) }
    return cohort
  }
}
