extension JobMachine {
  /// How many drawn verifiers in turn must stay silent before a submission is accepted without any.
  public static let silentVerifiersNeeded = 2

  /// How many drawn verifiers had their openings and said nothing in time. None, once one has found a mismatch: that is not
  /// paid because others are silent.
  public func silentVerifiers(at now: UInt64) -> Int {
    draws.contains { $0.hasFound } ? 0 : draws.count { $0.isSilent(at: now) }
  }

  mutating func draw(_ drawn: Address, nodesOfParent: Set<Address>, at now: UInt64) throws(JobError) {
    guard verdict == nil || cohort?.maskedRoot != nil else { throw .verdictGiven(event: .draw) }
    guard drawn != job.requester, drawn != node, !nodesOfParent.contains(drawn),
      !draws.contains(where: { $0.verifier == drawn })
    else { throw .verifierNotEligible(found: drawn) }
    let openBy = now.addingSaturated(parameters.openingSeconds)
    if let verdict {
      if let due = withheldFrom, let current = draws.last {
        throw .verifierDue(found: current.verifier, until: due)
      }
      draws.append(Draw(verifier: drawn, drawnAt: now, openBy: openBy, inPlaceOf: verdict.verifier))
      return
    }
    if let current = draws.last {
      guard silentVerifiers(at: now) < JobMachine.silentVerifiersNeeded else {
        throw .verifiersSilent(count: JobMachine.silentVerifiersNeeded)
      }
      guard current.dispute != nil || current.isSilent(at: now) else {
        throw .verifierDue(found: current.verifier, until: current.answerBy ?? current.openBy)
      }
    }
    draws.append(Draw(verifier: drawn, drawnAt: now, openBy: openBy))
    verifier = drawn
  }

  /// From when the node counts as one that withholds what the verifier drawn last has asked for, unix seconds; nil where
  /// it owes nothing.
  public var withheldFrom: UInt64? {
    guard status == .submitted, let current = draws.last, current.openedAt == nil,
      verdict == nil || current.inPlaceOf != nil
    else { return nil }
    return current.openBy
  }

  /// Verifiers that were drawn in the place of one that vouched, and to which the node has opened something.
  public var openedInPlace: Set<Address> {
    Set(draws.filter { $0.inPlaceOf != nil && $0.openedAt != nil }.map(\.verifier))
  }

  mutating func receiveOpenings(at now: UInt64) throws(JobError) {
    guard let last = draws.indices.last else { throw .noVerifierDrawn(event: .receiveOpenings) }
    guard verdict == nil || draws[last].inPlaceOf != nil else {
      throw .verdictGiven(event: .receiveOpenings)
    }
    if let openedAt = draws[last].openedAt { throw .openingsReceived(event: .receiveOpenings, at: openedAt) }
    draws[last].openedAt = now
    draws[last].answerBy = now.addingSaturated(parameters.verificationSeconds)
  }

  mutating func dispute(by sender: Address, evidence: Bytes32) throws(JobError) {
    let last = try currentDraw(of: sender, for: .dispute)
    guard parameters.confirmsRejection else { throw .disputeNotNeeded }
    draws[last].dispute = evidence
  }

  mutating func accept(
    by sender: Address, verdict digest: Bytes32, sharedWith other: Address?, at now: UInt64
  ) throws(JobError) -> [JobEffect] {
    _ = try currentDraw(of: sender, for: .verify)
    if let other {
      guard other != sender, other != node, other != job.requester else {
        throw .verifierNotEligible(found: other)
      }
    }
    verdict = AcceptingVerdict(verifier: sender, digest: digest, sharedWith: other)
    switch parameters.aggregation {
    case .plain: return try end(.verified(fuelUsed: claimedFuel), as: .verified, because: .accepted, at: now)
    case .masked: return []
    }
  }

  mutating func reject(by sender: Address, at now: UInt64) throws(JobError) -> [JobEffect] {
    if let verdict {
      // A masked vector that does not belong to the accepted result: its verifier recomputes the mask and
      // knows.
      guard cohort?.maskedRoot != nil else { throw .verdictGiven(event: .reject) }
      guard sender == verdict.verifier else {
        throw .wrongSender(event: .reject, found: sender, allowed: verdict.verifier)
      }
      // The fee of a rejection is whose it was found by.
      self.verdict?.sharedWith = nil
      return try end(.failed, as: .failed, because: .rejected, at: now)
    }
    _ = try currentDraw(of: sender, for: .reject)
    let first = draws.first { $0.hasFound }
    guard first != nil || !parameters.confirmsRejection else { throw .rejectionUnconfirmed(by: sender) }
    // The fee is for whoever found it; the one who confirms is paid from the bond pool (PROTOCOL 7).
    verifier = first?.verifier ?? sender
    return try end(.failed, as: .failed, because: .rejected, at: now)
  }

  mutating func withhold(at now: UInt64) throws(JobError) -> [JobEffect] {
    guard let current = draws.last else { throw .noVerifierDrawn(event: .withhold) }
    guard verdict == nil || current.inPlaceOf != nil else { throw .verdictGiven(event: .withhold) }
    if let openedAt = current.openedAt { throw .openingsReceived(event: .withhold, at: openedAt) }
    guard now >= current.openBy else { throw .tooEarly(event: .withhold, now: now, from: current.openBy) }
    verifier = draws.first { $0.hasFound }?.verifier ?? current.verifier
    return try end(.failed, as: .failed, because: .openingsWithheld, at: now)
  }

  mutating func expireVerification(at now: UInt64) throws(JobError) -> [JobEffect] {
    guard verdict == nil else { throw .verdictGiven(event: .expireVerification) }
    let silent = silentVerifiers(at: now)
    guard silent >= JobMachine.silentVerifiersNeeded else {
      throw .verifiersNotSilent(found: silent, required: JobMachine.silentVerifiersNeeded)
    }
    return try end(
      .verifiedByExpiry(fuelUsed: claimedFuel), as: .verified, because: .verifiersSilent, at: now)
  }

  /// From when a submission for which nobody is left to draw may end, unix seconds: a verifier's time after
  /// whatever was due last.
  public var uncheckedFrom: UInt64 {
    let last = draws.last.map { $0.answerBy ?? $0.openBy } ?? submittedAt ?? .max
    return last.addingSaturated(parameters.verificationSeconds)
  }

  mutating func endUnchecked(at now: UInt64) throws(JobError) -> [JobEffect] {
    // An accepted one ends so when nobody can say what its node masked.
    guard verdict == nil || cohort?.maskedRoot != nil else { throw .verdictGiven(event: .endUnchecked) }
    guard now >= uncheckedFrom else { throw .tooEarly(event: .endUnchecked, now: now, from: uncheckedFrom) }
    verifier = nil
    return try end(.unchecked, as: .canceled, because: .nobodyToCheck, at: now)
  }

  /// The index of the current draw, when the sender is its verifier and has not spoken yet.
  private func currentDraw(of sender: Address, for event: JobEvent.Name) throws(JobError) -> Int {
    guard verdict == nil else { throw .verdictGiven(event: event) }
    guard let last = draws.indices.last else { throw .noVerifierDrawn(event: event) }
    guard sender == draws[last].verifier else {
      throw .wrongSender(event: event, found: sender, allowed: draws[last].verifier)
    }
    guard draws[last].dispute == nil else { throw .verdictGiven(event: event) }
    return last
  }

  /// The fuel of the submission; a submitted job always has it.
  private var claimedFuel: Fuel { fuelUsed ?? .zero }
}
