/// Why a job ended as it did, for receipts: nobody shall lose money without being told why.
public enum JobEndReason: String, Codable, Hashable, Sendable, CaseIterable {
  /// The drawn verifier replayed its segments and accepted.
  case accepted
  /// The result proved itself.
  case proved
  /// Two drawn verifiers stayed silent.
  case verifiersSilent
  /// There was nobody who could be drawn to check it.
  case nobodyToCheck
  /// The requester took it back.
  case canceledByRequester
  /// The parent ended first.
  case parentEnded
  /// The deadline passed before anyone took it.
  case nobodyTookIt
  /// The node had not submitted at the deadline.
  case deadlineReached
  /// The node stopped renewing its lease.
  case leaseLapsed
  /// The node's keys or masked vector were missing.
  case absentFromCohort
  /// The node gave up.
  case declined
  /// The node gave up with evidence that what it was given can't be used.
  case declinedWithEvidence
  /// The replay ended in other bytes than the node committed to.
  case rejected
  /// The node did not open its segments in time.
  case openingsWithheld
  /// A parent whose every round's sum checked.
  case roundsComplete
  /// A parent one of whose SubJobs failed at its last attempt.
  case attemptsUsedUp

  /// One lower-case sentence for people.
  public var message: String {
    switch self {
    case .accepted: "the drawn verifier replayed its segments and accepted"
    case .proved: "the result proved itself"
    case .verifiersSilent: "two drawn verifiers stayed silent, so the node is paid and no verifier is"
    case .nobodyToCheck: "nobody was there to check it, so nobody pays and nobody loses"
    case .canceledByRequester: "the requester took it back before anyone computed"
    case .parentEnded: "the job that it is a part of ended first"
    case .nobodyTookIt: "the deadline passed before any node took it"
    case .deadlineReached: "the node had not submitted at the deadline"
    case .leaseLapsed: "the node stopped renewing its lease"
    case .absentFromCohort: "the node's keys or masked vector were missing at the cohort's deadline"
    case .declined: "the node gave up"
    case .declinedWithEvidence: "the node showed that what it was given can't be used"
    case .rejected: "the replay ended in other bytes than the node committed to"
    case .openingsWithheld: "the node did not open its segments to the verifier in time"
    case .roundsComplete: "every round's sum checked"
    case .attemptsUsedUp: "a SubJob ended without a result at its last attempt"
    }
  }
}
