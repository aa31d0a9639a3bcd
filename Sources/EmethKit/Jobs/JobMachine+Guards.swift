extension JobMachine {
  /// The event's sender must be a certain account.
  func require(_ sender: Address, is allowed: Address?, for event: JobEvent) throws(JobError) {
    guard let allowed, sender == allowed else {
      throw .wrongSender(event: event.name, found: sender, allowed: allowed)
    }
  }

  func requireBeforeDeadline(_ event: JobEvent, at now: UInt64) throws(JobError) {
    guard now < deadline else { throw .tooLate(event: event.name, now: now, deadline: deadline) }
  }

  func requireTakeable(
    by sender: Address, cooldownOver: Bool, depositAvailable: TokenAmount, _ event: JobEvent, at now: UInt64
  ) throws(JobError) {
    try requireBeforeDeadline(event, at: now)
    guard cooldownOver else { throw .cooldownNotOver(node: sender) }
    guard depositAvailable >= job.terms.deposit else {
      throw .depositNotCovered(found: depositAvailable, required: job.terms.deposit)
    }
  }

  func requireEndedParent(_ parentStatus: JobStatus) throws(JobError) {
    guard job.position != nil else { throw .noParent(job.id) }
    guard parentStatus.isFinal else { throw .parentNotEnded(status: parentStatus) }
  }

  /// Grows every deadline that still runs by an outage and the grace: nobody is punished for it.
  mutating func extendDeadlines(outageFrom from: UInt64, outageTo to: UInt64, at now: UInt64) throws(JobError)
  {
    let growth = try parameters.growth(
      outageFrom: from, outageTo: to, at: now, requestedAt: job.requestedAt, countedUntil: outagesCountedUntil
    )
    outagesCountedUntil = to
    deadline = deadline.addingSaturated(growth)
    leaseExpiresAt = leaseExpiresAt?.addingSaturated(growth)
    if let last = draws.indices.last {
      draws[last].openBy = draws[last].openBy.addingSaturated(growth)
      draws[last].answerBy = draws[last].answerBy?.addingSaturated(growth)
    }
    if var current = cohort {
      current.deadline = current.deadline.addingSaturated(growth)
      cohort = current
    }
  }

  /// Ends the job and settles it.
  mutating func end(
    _ end: JobEnd, as final: JobStatus, because reason: JobEndReason, at now: UInt64
  ) throws(JobError) -> [JobEffect] {
    let settled: Settlement
    do throws(EconomicsError) {
      settled = try Settlement(end: end, terms: job.terms, fuelPrice: job.fuelPrice)
    } catch {
      throw .money(cause: error)
    }
    status = final
    claim = nil
    leaseExpiresAt = nil
    endedAt = now
    endReason = reason
    settlement = settled
    let payee = settled.verifier == .zero ? nil : verifier
    let second = settled.verifier == .zero ? nil : verdict?.sharedWith
    if let position = job.position {
      return [.settleSubJob(settled, parent: position.parent, node: node, verifier: payee, second: second)]
    }
    return [.settle(settled, requester: job.requester, node: node, verifier: payee, second: second)]
  }
}

extension UInt64 {
  /// The sum, or the largest number where it does not fit: a deadline that far away never comes.
  func addingSaturated(_ seconds: some UnsignedInteger) -> UInt64 {
    let (sum, overflow) = addingReportingOverflow(UInt64(clamping: seconds))
    return overflow ? .max : sum
  }
}
