extension JobMachine {
  /// Carries an event out, or refuses it and changes nothing.
  ///
  /// - Parameters:
  ///   - event: What happened.
  ///   - now: The time, unix seconds. A deadline is reached at its own second.
  /// - Returns: What a ledger has to carry out.
  /// - Throws: ``JobError/eventNotAllowed(status:event:)`` where PROTOCOL 2 has no such row, and the error of
  ///   the guard that does not hold where it has one.
  public mutating func apply(_ event: JobEvent, at now: UInt64) throws(JobError) -> [JobEffect] {
    // All or nothing: a guard that fails half-way must leave no trace.
    var next = self
    let effects: [JobEffect]
    switch status {
    case .requested: effects = try next.applyWhenRequested(event, at: now)
    case .processing: effects = try next.applyWhenProcessing(event, at: now)
    case .submitted: effects = try next.applyWhenSubmitted(event, at: now)
    case .verified, .canceled, .timeout, .failed, .declined:
      throw .eventNotAllowed(status: status, event: event.name)
    }
    self = next
    return effects
  }

  private mutating func applyWhenRequested(_ event: JobEvent, at now: UInt64) throws(JobError) -> [JobEffect]
  {
    switch event {
    case .cancel(let sender):
      try require(sender, is: job.requester, for: event)
      return try end(.canceled, as: .canceled, because: .canceledByRequester, at: now)
    case .claim(let sender, let cooldownOver, let depositAvailable):
      try requireTakeable(
        by: sender, cooldownOver: cooldownOver, depositAvailable: depositAvailable, event, at: now)
      if let claim, now < claim.expiresAt { throw .claimed(by: claim.node, until: claim.expiresAt) }
      claim = Claim(node: sender, expiresAt: now.addingSaturated(parameters.claimSeconds))
      return []
    case .process(let sender, let headerExists, let cooldownOver, let depositAvailable):
      try requireTakeable(
        by: sender, cooldownOver: cooldownOver, depositAvailable: depositAvailable, event, at: now)
      if let claim, claim.node != sender, now < claim.expiresAt {
        throw .claimed(by: claim.node, until: claim.expiresAt)
      }
      guard headerExists else { throw .headerMissing(node: sender) }
      status = .processing
      claim = nil
      node = sender
      startedAt = now
      leaseExpiresAt = now.addingSaturated(parameters.leaseSeconds)
      return [.lockDeposit(node: sender, job.terms.deposit)]
    case .timeout:
      guard now >= deadline else { throw .tooEarly(event: .timeout, now: now, from: deadline) }
      return try end(.timeoutUntaken, as: .timeout, because: .nobodyTookIt, at: now)
    case .extendDeadline(let from, let to):
      try extendDeadlines(outageFrom: from, outageTo: to, at: now)
      return []
    case .endWithParent(let parentStatus):
      try requireEndedParent(parentStatus)
      return try end(.canceled, as: .canceled, because: .parentEnded, at: now)
    case .renewLease, .decline, .submit, .draw, .receiveOpenings, .dispute, .verify, .reject, .withhold,
      .fixCohort,
      .postMasked, .standIn, .overrule, .completeCohort, .absent, .expireVerification, .endUnchecked:
      throw .eventNotAllowed(status: status, event: event.name)
    }
  }

  private mutating func applyWhenProcessing(_ event: JobEvent, at now: UInt64) throws(JobError) -> [JobEffect]
  {
    switch event {
    case .renewLease(let sender):
      try require(sender, is: node, for: event)
      try requireBeforeDeadline(event, at: now)
      leaseExpiresAt = now.addingSaturated(parameters.leaseSeconds)
      return []
    case .decline(let sender, let evidence):
      try require(sender, is: node, for: event)
      return try end(
        .declined(atFault: evidence == nil), as: .declined,
        because: evidence == nil ? .declined : .declinedWithEvidence, at: now)
    case .submit(let sender, let nodeSignatureValid, let fuelUsed, let submission, let proofHolds):
      if !nodeSignatureValid { try require(sender, is: node, for: event) }
      try requireBeforeDeadline(event, at: now)
      guard fuelUsed <= job.fuelLimit else { throw .fuelAboveLimit(found: fuelUsed, allowed: job.fuelLimit) }
      guard proofHolds || !parameters.selfProving else { throw .proofRefused }
      self.fuelUsed = fuelUsed
      self.submission = submission
      submittedAt = now
      if parameters.selfProving {
        return try end(.verified(fuelUsed: fuelUsed), as: .verified, because: .proved, at: now)
      }
      status = .submitted
      return []
    case .timeout:
      let lease = leaseExpiresAt ?? deadline
      guard now >= min(deadline, lease) else {
        throw .tooEarly(event: .timeout, now: now, from: min(deadline, lease))
      }
      let reason: JobEndReason = now >= deadline ? .deadlineReached : .leaseLapsed
      return try end(.timeoutByNode, as: .timeout, because: reason, at: now)
    case .extendDeadline(let from, let to):
      try extendDeadlines(outageFrom: from, outageTo: to, at: now)
      return []
    case .endWithParent(let parentStatus):
      try requireEndedParent(parentStatus)
      return try end(.canceledByParent, as: .canceled, because: .parentEnded, at: now)
    case .cancel, .claim, .process, .draw, .receiveOpenings, .dispute, .verify, .reject, .withhold,
      .fixCohort,
      .postMasked, .standIn, .overrule, .completeCohort, .absent, .expireVerification, .endUnchecked:
      throw .eventNotAllowed(status: status, event: event.name)
    }
  }

  private mutating func applyWhenSubmitted(_ event: JobEvent, at now: UInt64) throws(JobError) -> [JobEffect]
  {
    switch event {
    case .draw(let verifier, let nodesOfParent):
      try draw(verifier, nodesOfParent: nodesOfParent, at: now)
      return []
    case .receiveOpenings:
      try receiveOpenings(at: now)
      return []
    case .dispute(let sender, let evidence):
      try dispute(by: sender, evidence: evidence)
      return []
    case .verify(let sender, let digest, let other):
      return try accept(by: sender, verdict: digest, sharedWith: other, at: now)
    case .reject(let sender, _):
      return try reject(by: sender, at: now)
    case .withhold:
      return try withhold(at: now)
    case .expireVerification:
      return try expireVerification(at: now)
    case .endUnchecked:
      return try endUnchecked(at: now)
    case .fixCohort(let attempt, let deadline):
      try fixCohort(attempt: attempt, deadline: deadline, at: now)
      return []
    case .postMasked(let sender, let maskedRoot):
      try postMasked(by: sender, maskedRoot: maskedRoot, at: now)
      return []
    case .standIn(let verifier, let digest):
      try standIn(verifier, verdict: digest)
      return []
    case .overrule(let first, let second, let evidence):
      return try overrule(by: first, confirmedBy: second, evidence: evidence, at: now)
    case .completeCohort(let sumChecks):
      return try completeCohort(sumChecks: sumChecks, at: now)
    case .absent:
      return try endAbsent(at: now)
    case .extendDeadline(let from, let to):
      try extendDeadlines(outageFrom: from, outageTo: to, at: now)
      return []
    case .endWithParent(let parentStatus):
      try requireEndedParent(parentStatus)
      return try releaseFromCohort(at: now)
    case .cancel, .claim, .process, .renewLease, .decline, .submit, .timeout:
      throw .eventNotAllowed(status: status, event: event.name)
    }
  }
}
