/// Why a job is refused, or an event on it.
public enum JobError: EmethError, Equatable {
  // What is asked for.
  /// Text that is no job id.
  case malformedID(cause: FormatError)
  /// An id that does not follow from the job's place.
  case idMismatch(found: JobID, expected: JobID)
  /// Terms for another fee limit than fuel limit x price.
  case termsMismatch(found: TokenAmount, expected: TokenAmount)
  /// A deadline that is no later than the request.
  case deadlineNotAfterRequest(deadline: UInt64, requestedAt: UInt64)
  /// NumParallel 0.
  case noParts
  /// NumEpoch 0.
  case noRounds
  /// A SubJob that would be divided again.
  case subJobDivided(found: UInt32)
  /// Text longer than its limit, in bytes.
  case textTooLong(field: String, found: Int, allowed: Int)
  /// An id that a job has had already.
  case idInUse(JobID)
  /// Somebody registers what is not theirs to register.
  case wrongRegistrar(job: JobID, isSubJob: Bool, found: Address)
  /// Not enough money for the escrow.
  case escrowNotCovered(found: TokenAmount, required: TokenAmount)
  /// A verifier fee for a program that nobody verifies.
  case verifierFeeForSelfProving(found: TokenAmount)
  /// A state number of the Opening Phase that stands for no status of today.
  case openingPhaseStatus(found: String)
  /// Money that can't be calculated.
  case money(cause: EconomicsError)

  // Who and when.
  /// The state has no such event.
  case eventNotAllowed(status: JobStatus, event: JobEvent.Name)
  /// An event from somebody else than it must come from.
  case wrongSender(event: JobEvent.Name, found: Address, allowed: Address?)
  /// Unix seconds at or after the deadline.
  case tooLate(event: JobEvent.Name, now: UInt64, deadline: UInt64)
  /// Unix seconds before the event's time.
  case tooEarly(event: JobEvent.Name, now: UInt64, from: UInt64)

  // Taking and computing.
  /// The node took another job too recently.
  case cooldownNotOver(node: Address)
  /// Not enough money for the deposit.
  case depositNotCovered(found: TokenAmount, required: TokenAmount)
  /// Another claim, or the same one, still holds; unix seconds.
  case claimed(by: Address, until: UInt64)
  /// The sealed header for the node is not written yet.
  case headerMissing(node: Address)
  /// More fuel used than is paid for.
  case fuelAboveLimit(found: Fuel, allowed: Fuel)
  /// The result of a self-proving program does not prove itself.
  case proofRefused
  /// The gap between two batches is no outage.
  case noOutage(from: UInt64, to: UInt64, longerThan: UInt64)
  /// The outage was counted before, or ended before the job was registered.
  case outageNotCounted(from: UInt64, to: UInt64, countedUntil: UInt64)
  /// A job that is no SubJob.
  case noParent(JobID)
  /// A parent that goes on.
  case parentNotEnded(status: JobStatus)

  // Verification.
  /// No verifier has been drawn yet.
  case noVerifierDrawn(event: JobEvent.Name)
  /// A verifier that is the requester, a node of the parent, or was drawn before.
  case verifierNotEligible(found: Address)
  /// The current verifier still has time; unix seconds.
  case verifierDue(found: Address, until: UInt64)
  /// So many verifiers stayed silent that the verification expires.
  case verifiersSilent(count: Int)
  /// Too few verifiers stayed silent for that.
  case verifiersNotSilent(found: Int, required: Int)
  /// The openings are there; unix seconds.
  case openingsReceived(event: JobEvent.Name, at: UInt64)
  /// The verifier, or one before it, has spoken.
  case verdictGiven(event: JobEvent.Name)
  /// No verifier has accepted yet.
  case verdictMissing(event: JobEvent.Name)
  /// Nobody but this verifier has found a mismatch yet.
  case rejectionUnconfirmed(by: Address)
  /// This network fails a node on one verifier's word.
  case disputeNotNeeded

  // Cohorts.
  /// Results of this job are not masked.
  case notMasked(event: JobEvent.Name)
  /// No cohort has been fixed yet.
  case noCohort(event: JobEvent.Name)
  /// A cohort attempt that is not newer.
  case cohortAttempt(found: UInt32, above: UInt32)
  /// The masked vector is there already.
  case maskedPosted(event: JobEvent.Name)
  /// The masked vector is missing.
  case maskedMissing(attempt: UInt32)
  /// The cohort's sum does not check.
  case cohortSumWrong(attempt: UInt32)

  // Parents.
  /// The parent's state has no such event.
  case parentEventNotAllowed(status: JobStatus, event: ParentEvent.Name)
  /// A SubJob that would be registered at or after its parent's deadline; unix seconds.
  case parentTooLate(now: UInt64, deadline: UInt64)
  /// A SubJob that belongs to another parent, requester, program or place.
  case foreignSubJob(JobID, field: String)
  /// A SubJob that the parent does not know as running.
  case unknownSubJob(JobID)
  /// A round that is not the next to be completed.
  case wrongRound(found: UInt32, expected: UInt32)
  /// A part of the current round that is verified or running already.
  case partTaken(round: UInt32, part: UInt32)
  /// Parts of the current round that are not verified yet.
  case partsMissing(round: UInt32, found: Int, required: UInt32)
}
