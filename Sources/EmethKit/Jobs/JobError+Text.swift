extension JobError {
  /// A stable identifier such as `job.eventNotAllowed`.
  public var code: String {
    switch self {
    case .malformedID: "job.malformedID"
    case .idMismatch: "job.idMismatch"
    case .termsMismatch: "job.termsMismatch"
    case .deadlineNotAfterRequest: "job.deadlineNotAfterRequest"
    case .noParts: "job.noParts"
    case .noRounds: "job.noRounds"
    case .subJobDivided: "job.subJobDivided"
    case .textTooLong: "job.textTooLong"
    case .idInUse: "job.idInUse"
    case .wrongRegistrar: "job.wrongRegistrar"
    case .escrowNotCovered: "job.escrowNotCovered"
    case .verifierFeeForSelfProving: "job.verifierFeeForSelfProving"
    case .openingPhaseStatus: "job.openingPhaseStatus"
    case .money(let cause): cause.code
    case .eventNotAllowed: "job.eventNotAllowed"
    case .wrongSender: "job.wrongSender"
    case .tooLate: "job.tooLate"
    case .tooEarly: "job.tooEarly"
    case .cooldownNotOver: "job.cooldownNotOver"
    case .depositNotCovered: "job.depositNotCovered"
    case .claimed: "job.claimed"
    case .headerMissing: "job.headerMissing"
    case .fuelAboveLimit: "job.fuelAboveLimit"
    case .proofRefused: "job.proofRefused"
    case .noOutage: "job.noOutage"
    case .outageNotCounted: "job.outageNotCounted"
    case .noParent: "job.noParent"
    case .parentNotEnded: "job.parentNotEnded"
    case .noVerifierDrawn: "job.noVerifierDrawn"
    case .verifierNotEligible: "job.verifierNotEligible"
    case .verifierDue: "job.verifierDue"
    case .verifiersSilent: "job.verifiersSilent"
    case .verifiersNotSilent: "job.verifiersNotSilent"
    case .openingsReceived: "job.openingsReceived"
    case .verdictGiven: "job.verdictGiven"
    case .verdictMissing: "job.verdictMissing"
    case .rejectionUnconfirmed: "job.rejectionUnconfirmed"
    case .disputeNotNeeded: "job.disputeNotNeeded"
    case .notMasked: "job.notMasked"
    case .noCohort: "job.noCohort"
    case .cohortAttempt: "job.cohortAttempt"
    case .maskedPosted: "job.maskedPosted"
    case .maskedMissing: "job.maskedMissing"
    case .cohortSumWrong: "job.cohortSumWrong"
    case .parentEventNotAllowed: "job.parentEventNotAllowed"
    case .parentTooLate: "job.parentTooLate"
    case .foreignSubJob: "job.foreignSubJob"
    case .unknownSubJob: "job.unknownSubJob"
    case .wrongRound: "job.wrongRound"
    case .partTaken: "job.partTaken"
    case .partsMissing: "job.partsMissing"
    }
  }

  /// One lower-case sentence: what, where, the value found, what is allowed.
  public var message: String {
    switch self {
    case .malformedID(let cause):
      "job id can't be read: \(cause.message)"
    case .idMismatch(let found, let expected):
      "job id is \(found), its place under the parent gives \(expected)"
    case .termsMismatch(let found, let expected):
      "terms are for a fee limit of \(found), fuel limit x price is \(expected)"
    case .deadlineNotAfterRequest(let deadline, let requestedAt):
      "deadline \(deadline) is not after the request at \(requestedAt)"
    case .noParts:
      "NumParallel is 0, allowed are 1 and above"
    case .noRounds:
      "NumEpoch is 0, allowed are 1 and above"
    case .subJobDivided(let found):
      "a SubJob has NumParallel \(found), allowed is 1"
    case .textTooLong(let field, let found, let allowed):
      "\(field) has \(found) bytes, allowed are \(allowed)"
    case .idInUse(let id):
      "job id \(id) is in use already"
    case .wrongRegistrar(let job, let isSubJob, let found):
      isSubJob
        ? "SubJob \(job) is registered for \(found), allowed is the Execution Layer for its parent's"
        : "job \(job) is registered by \(found), allowed is its requester"
    case .escrowNotCovered(let found, let required):
      "\(found) are available, the escrow needs \(required)"
    case .verifierFeeForSelfProving(let found):
      "a program that verifies itself has a verifier fee of \(found), allowed is 0"
    case .openingPhaseStatus(let found):
      found == "5"
        ? "state 5 of the Opening Phase, REJECTED by the assigner, has no status today"
        : "\(quoted(found)) is no state of the Opening Phase, allowed are 0 to 9"
    case .money(let cause):
      cause.message
    case .eventNotAllowed(let status, let event):
      "event \(event.rawValue) is not allowed while a job is \(status)"
    case .wrongSender(let event, let found, let allowed):
      "event \(event.rawValue) comes from \(found), allowed is \(allowed?.description ?? "nobody")"
    case .tooLate(let event, let now, let deadline):
      "event \(event.rawValue) at \(now) is not before the deadline \(deadline)"
    case .tooEarly(let event, let now, let from):
      "event \(event.rawValue) at \(now) is allowed from \(from) on"
    case .cooldownNotOver(let node):
      "the cooldown of node \(node) is not over"
    case .depositNotCovered(let found, let required):
      "\(found) are available, the deposit needs \(required)"
    case .claimed(let by, let until):
      "the job is claimed by \(by) until \(until)"
    case .headerMissing(let node):
      "the sealed header for node \(node) does not exist yet"
    case .fuelAboveLimit(let found, let allowed):
      "\(found) are claimed as used, the limit is \(allowed)"
    case .proofRefused:
      "the result does not prove itself"
    case .noOutage(let from, let to, let longerThan):
      "from \(from) to \(to) is no past gap of more than \(longerThan) seconds"
    case .outageNotCounted(let from, let to, let countedUntil):
      "the outage from \(from) to \(to) is not after \(countedUntil), until when all are counted"
    case .noParent(let id):
      "job \(id) has no parent"
    case .parentNotEnded(let status):
      "the parent is \(status), which is not final"
    case .noVerifierDrawn(let event):
      "event \(event.rawValue) needs a drawn verifier, and none has been drawn"
    case .verifierNotEligible(let found):
      "\(found) can't verify: it is the requester, a node of this parent, or was drawn before"
    case .verifierDue(let found, let until):
      "verifier \(found) is drawn and has time until \(until)"
    case .verifiersSilent(let count):
      "\(count) drawn verifiers stayed silent, so the verification expires"
    case .verifiersNotSilent(let found, let required):
      "\(found) drawn verifiers stayed silent, needed are \(required)"
    case .openingsReceived(let event, let at):
      "event \(event.rawValue) is too late, the openings were received at \(at)"
    case .verdictGiven(let event):
      "event \(event.rawValue) is too late, the verdict is given"
    case .verdictMissing(let event):
      "event \(event.rawValue) needs an accepting verdict, and there is none"
    case .rejectionUnconfirmed(let by):
      "verifier \(by) is the first to find a mismatch, a second one has to replay before the node fails"
    case .disputeNotNeeded:
      "a dispute is recorded only where a rejection needs a second verifier"
    case .notMasked(let event):
      "event \(event.rawValue) needs masked aggregation, and this job's results are added as they are"
    case .noCohort(let event):
      "event \(event.rawValue) needs a fixed cohort, and there is none"
    case .cohortAttempt(let found, let above):
      "cohort attempt is \(found), allowed are those above \(above)"
    case .maskedPosted(let event):
      "event \(event.rawValue) is too late, the masked vector is there"
    case .maskedMissing(let attempt):
      "the masked vector of cohort attempt \(attempt) is missing"
    case .cohortSumWrong(let attempt):
      "the sum of cohort attempt \(attempt) does not check"
    case .parentEventNotAllowed(let status, let event):
      "event \(event.rawValue) is not allowed while a parent is \(status)"
    case .parentTooLate(let now, let deadline):
      "a SubJob registered at \(now) is not before its parent's deadline \(deadline)"
    case .foreignSubJob(let id, let field):
      "SubJob \(id) does not belong to the parent: its \(field) differs"
    case .unknownSubJob(let id):
      "SubJob \(id) is not one of the parent's running SubJobs"
    case .wrongRound(let found, let expected):
      "round \(found) is not the next one, which is \(expected)"
    case .partTaken(let round, let part):
      "part \(part) of round \(round) is verified or running already"
    case .partsMissing(let round, let found, let required):
      "round \(round) has \(found) verified parts, needed are \(required)"
    }
  }

  /// What the user can do about it, when there is something to say.
  public var hint: String? {
    switch self {
    case .escrowNotCovered: "deposit more, or lower the fuel limit or price"
    case .depositNotCovered: "deposit more, or take a cheaper job"
    case .rejectionUnconfirmed: "report it as a dispute, and draw a second verifier"
    case .verifiersSilent: "end it with expireVerification"
    case .openingPhaseStatus(let found) where found == "5":
      "if its escrow went back to the requester, read it as CANCELED"
    case .malformedID(let cause): cause.hint
    case .money(let cause): cause.hint
    case .openingPhaseStatus, .idMismatch, .termsMismatch, .deadlineNotAfterRequest, .noParts, .noRounds,
      .subJobDivided,
      .textTooLong,
      .idInUse, .wrongRegistrar, .verifierFeeForSelfProving, .eventNotAllowed, .wrongSender, .tooLate,
      .tooEarly,
      .cooldownNotOver, .claimed, .headerMissing, .fuelAboveLimit, .proofRefused, .noOutage,
      .outageNotCounted,
      .noParent, .parentNotEnded, .noVerifierDrawn, .verifierNotEligible, .verifierDue, .verifiersNotSilent,
      .openingsReceived, .verdictGiven, .verdictMissing, .disputeNotNeeded, .notMasked, .noCohort,
      .cohortAttempt,
      .maskedPosted, .maskedMissing, .cohortSumWrong, .parentEventNotAllowed, .parentTooLate, .foreignSubJob,
      .unknownSubJob, .wrongRound, .partTaken, .partsMissing:
      nil
    }
  }
}
