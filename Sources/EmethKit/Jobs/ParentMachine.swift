/// The life of a job that is divided into SubJobs, as a value: events in, effects for a ledger out (PROTOCOL
/// 3).
///
/// It holds the escrow that the SubJobs are paid from. The parent ends when every round's sum has checked,
/// when a SubJob's last attempt ended without a result, or at its deadline; the rest of the escrow goes back
/// once the last running SubJob has ended.
///
/// ```swift
/// var parent = try ParentMachine(request: job, by: address, idIsUnused: true, fundsAvailable: balance)
/// var effects = parent.requestEffects
/// effects += try parent.apply(.registerSubJob(part), at: now)
/// ```
public struct ParentMachine: Hashable, Codable, Sendable {
  /// What was asked for.
  public let job: Job
  /// The periods fixed at registration.
  public let parameters: JobParameters
  /// REQUESTED, PROCESSING, VERIFIED, CANCELED, TIMEOUT or FAILED.
  public private(set) var status: JobStatus = .requested
  /// When the last round must have checked, unix seconds, outages included.
  public private(set) var deadline: UInt64
  /// What is left of the escrow, beside what running SubJobs hold.
  public private(set) var escrow: TokenAmount
  /// The SubJobs that have not ended, in the order of their registration.
  public private(set) var running: [RunningSubJob] = []
  /// How many rounds are complete.
  public private(set) var roundsComplete: UInt32 = 0
  /// The verified parts of the current round, ascending.
  public private(set) var verifiedParts: [UInt32] = []
  /// The end of the last outage that was added to the deadline, unix seconds.
  public private(set) var outagesCountedUntil: UInt64?
  /// When it ended, unix seconds.
  public private(set) var endedAt: UInt64?
  /// Why it ended as it did.
  public private(set) var endReason: JobEndReason?

  /// A SubJob that has not ended.
  public struct RunningSubJob: Hashable, Codable, Sendable {
    /// Its id.
    public let id: JobID
    /// Its part of the current round.
    public let part: UInt32
    /// What it holds of the parent's escrow.
    public let escrow: TokenAmount
  }

  /// A parent that is registered: REQUESTED, with ``requestEffects`` to carry out.
  ///
  /// - Throws: ``JobError``: `idInUse`, `wrongRegistrar` (also for a SubJob), `escrowNotCovered`.
  public init(
    request job: Job, by registrar: Address, idIsUnused: Bool, fundsAvailable: TokenAmount,
    parameters: JobParameters = .standard
  ) throws(JobError) {
    guard idIsUnused else { throw .idInUse(job.id) }
    guard job.position == nil, registrar == job.requester else {
      throw .wrongRegistrar(job: job.id, isSubJob: job.position != nil, found: registrar)
    }
    guard fundsAvailable >= job.terms.escrow else {
      throw .escrowNotCovered(found: fundsAvailable, required: job.terms.escrow)
    }
    self.job = job
    self.parameters = parameters
    deadline = job.deadline
    escrow = job.terms.escrow
  }

  /// What a ledger has to carry out for the registration.
  public var requestEffects: [ParentEffect] {
    [.escrow(from: job.requester, job.terms.escrow)]
  }

  /// Why it ended as it did, in words.
  public var reason: String? { endReason?.message }

  /// Whether it has ended and its whole escrow is paid out.
  public var isSettled: Bool { status.isFinal && running.isEmpty }

  /// Carries an event out, or refuses it and changes nothing.
  ///
  /// - Throws: ``JobError/parentEventNotAllowed(status:event:)`` where there is no such step, and the error
  ///   of the guard that does not hold where there is.
  public mutating func apply(_ event: ParentEvent, at now: UInt64) throws(JobError) -> [ParentEffect] {
    var next = self
    let effects: [ParentEffect]
    switch status {
    case .requested: effects = try next.applyWhenRequested(event, at: now)
    case .processing: effects = try next.applyWhenProcessing(event, at: now)
    case .submitted, .verified, .canceled, .timeout, .failed, .declined:
      effects = try next.applyWhenEnded(event)
    }
    self = next
    return effects
  }

  private mutating func applyWhenRequested(_ event: ParentEvent, at now: UInt64) throws(JobError)
    -> [ParentEffect]
  {
    switch event {
    case .cancel(let sender):
      guard sender == job.requester else {
        throw .wrongSender(event: .cancel, found: sender, allowed: job.requester)
      }
      return end(.canceled, because: .canceledByRequester, at: now)
    case .registerSubJob(let subJob):
      try register(subJob, at: now)
      status = .processing
      return []
    case .timeout:
      return try timeOut(at: now)
    case .extendDeadline(let from, let to):
      try extendDeadline(outageFrom: from, outageTo: to, at: now)
      return []
    case .subJobEnded, .completeRound, .giveUp:
      throw .parentEventNotAllowed(status: status, event: event.name)
    }
  }

  private mutating func applyWhenProcessing(_ event: ParentEvent, at now: UInt64) throws(JobError)
    -> [ParentEffect]
  {
    switch event {
    case .registerSubJob(let subJob):
      try register(subJob, at: now)
      return []
    case .subJobEnded(let id, let end, let returned):
      try release(id, returned: returned) { machine, part in
        if end == .verified { machine.verifiedParts = (machine.verifiedParts + [part]).sorted() }
      }
      return []
    case .completeRound(let round):
      guard round == roundsComplete else { throw .wrongRound(found: round, expected: roundsComplete) }
      guard verifiedParts.count == job.numParallel else {
        throw .partsMissing(round: round, found: verifiedParts.count, required: job.numParallel)
      }
      roundsComplete += 1
      verifiedParts = []
      guard roundsComplete == job.numEpoch else { return [] }
      return end(.verified, because: .roundsComplete, at: now)
    case .giveUp:
      return end(.failed, because: .attemptsUsedUp, at: now)
    case .timeout:
      return try timeOut(at: now)
    case .extendDeadline(let from, let to):
      try extendDeadline(outageFrom: from, outageTo: to, at: now)
      return []
    case .cancel:
      throw .parentEventNotAllowed(status: status, event: event.name)
    }
  }

  private mutating func applyWhenEnded(_ event: ParentEvent) throws(JobError) -> [ParentEffect] {
    switch event {
    case .subJobEnded(let id, _, let returned):
      try release(id, returned: returned) { _, _ in }
      return refundWhenSettled()
    case .cancel, .registerSubJob, .completeRound, .giveUp, .timeout, .extendDeadline:
      throw .parentEventNotAllowed(status: status, event: event.name)
    }
  }
}

extension ParentMachine {
  private mutating func register(_ subJob: Job, at now: UInt64) throws(JobError) {
    guard let position = subJob.position, position.parent == job.id else {
      throw .foreignSubJob(subJob.id, field: "parent")
    }
    guard subJob.requester == job.requester else { throw .foreignSubJob(subJob.id, field: "requester") }
    guard subJob.fuelPrice == job.fuelPrice else { throw .foreignSubJob(subJob.id, field: "fuelPrice") }
    guard subJob.deadline <= deadline else { throw .foreignSubJob(subJob.id, field: "deadline") }
    guard position.part < job.numParallel else { throw .foreignSubJob(subJob.id, field: "part") }
    guard position.round == roundsComplete else {
      throw .wrongRound(found: position.round, expected: roundsComplete)
    }
    guard now < deadline else { throw .parentTooLate(now: now, deadline: deadline) }
    guard !verifiedParts.contains(position.part), !running.contains(where: { $0.part == position.part })
    else {
      throw .partTaken(round: position.round, part: position.part)
    }
    guard escrow >= subJob.terms.escrow else {
      throw .escrowNotCovered(found: escrow, required: subJob.terms.escrow)
    }
    escrow -= subJob.terms.escrow
    running.append(RunningSubJob(id: subJob.id, part: position.part, escrow: subJob.terms.escrow))
  }

  /// Takes back what a SubJob's end gives to "the requester".
  private mutating func release(
    _ id: JobID, returned: TokenAmount, then: (inout ParentMachine, UInt32) -> Void
  ) throws(JobError) {
    guard let index = running.firstIndex(where: { $0.id == id }) else { throw .unknownSubJob(id) }
    guard returned <= running[index].escrow else {
      throw .escrowNotCovered(found: running[index].escrow, required: returned)
    }
    let ended = running.remove(at: index)
    escrow += returned
    then(&self, ended.part)
  }

  private mutating func timeOut(at now: UInt64) throws(JobError) -> [ParentEffect] {
    guard now >= deadline else { throw .tooEarly(event: .timeout, now: now, from: deadline) }
    return end(.timeout, because: .deadlineReached, at: now)
  }

  private mutating func extendDeadline(outageFrom from: UInt64, outageTo to: UInt64, at now: UInt64)
    throws(JobError)
  {
    let growth = try parameters.growth(
      outageFrom: from, outageTo: to, at: now, requestedAt: job.requestedAt, countedUntil: outagesCountedUntil
    )
    outagesCountedUntil = to
    deadline = deadline.addingSaturated(growth)
  }

  private mutating func end(_ final: JobStatus, because reason: JobEndReason, at now: UInt64)
    -> [ParentEffect]
  {
    status = final
    endedAt = now
    endReason = reason
    let open: [ParentEffect] = running.isEmpty ? [] : [.endSubJobs(running.map(\.id))]
    return open + refundWhenSettled()
  }

  private mutating func refundWhenSettled() -> [ParentEffect] {
    guard running.isEmpty else { return [] }
    let rest = escrow
    escrow = .zero
    return [.refund(to: job.requester, rest)]
  }
}
