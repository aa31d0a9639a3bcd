/// The Aggregator's side of a masked sum, for one cohort: event and time in, effects out (PROTOCOL 8).
///
/// It collects the members' keys, offers the roster, collects the masked vectors, and has them added when all
/// are in. A node that is missing at a deadline is reported, its part is computed again elsewhere, and the
/// cohort forms again with the next attempt's number and fresh keys: the sum is always over all parts. Once a
/// member's vectors are all in, nobody is needed any more. A refused event changes nothing; events may come
/// twice, late, or out of order.
///
/// ```swift
/// var collector = try CohortCollector(plan: plan, domain: .embedded, keySeconds: 30, maskSeconds: 120)
/// var effects = try collector.start(at: now)                       // .form: tell the members
/// effects = try collector.apply(.roundKey(signedKey), at: now)     // .offer once all keys are there
/// effects = collector.tick(at: now)                                // .absent: who is missing
/// ```
public struct CohortCollector: Sendable {
  /// What happens.
  public enum Event: Sendable {
    /// A member's key.
    case roundKey(SignedRoundKey)
    /// A member's word on its masked vector, and the root and length of the bytes that are really there.
    case masked(SignedMasked, stored: MaskedVector)
    /// The Execution Layer has given a node up (a lapsed lease, a timeout of its own).
    case lose(JobID)
    /// A member failed after its vector was posted: it masked another update than it submitted.
    case expel(JobID)
    /// The part of a lost SubJob was computed again: this one takes its seat.
    case replace(JobID, by: CohortSeat)
    /// The vectors are added: the root of the sum.
    case summed(sumRoot: Bytes32)
  }

  /// What to do.
  public enum Effect: Hashable, Sendable {
    /// Tell the members of an attempt; their keys are due at the deadline (unix seconds).
    case form(CohortPlan, deadline: UInt64)
    /// Send the roster to its members; their vectors are due at the deadline.
    case offer(Roster, deadline: UInt64)
    /// Report these as absent: they end as TIMEOUT, and their parts are computed again elsewhere.
    case absent([JobID])
    /// Add the members' vectors, named by their roots, in the roster's order.
    case add(Roster, maskedRoots: [Bytes32])
    /// Sign and publish the sum.
    case publish(CohortSum)
  }

  enum Phase: Hashable, Sendable {
    case waiting
    case keys([JobID: SignedRoundKey], deadline: UInt64)
    case vectors(Roster, [JobID: SignedMasked], deadline: UInt64)
    /// SubJobs whose seats are empty, and what has taken the seats of others in the meantime.
    case replacing(Set<JobID>, [JobID: CohortSeat])
    case adding(Roster, [JobID: SignedMasked])
    case complete(Roster, [JobID: SignedMasked], CohortSum)

    var name: String {
      switch self {
      case .waiting: "before its start"
      case .keys: "collecting keys"
      case .vectors: "collecting masked vectors"
      case .replacing: "waiting for parts to be computed again"
      case .adding: "adding"
      case .complete: "complete"
      }
    }
  }

  /// The attempt that runs, or the last one.
  public internal(set) var plan: CohortPlan
  /// Round keys that were in a roster, of this cohort's attempts and of what came before: to be given to the
  /// next collector, since no member answers when one of them comes again.
  public internal(set) var usedKeys: Set<Bytes32>
  var phase = Phase.waiting

  let domain: EIP712Domain
  let keySeconds: UInt64
  let maskSeconds: UInt64

  /// The collector of a cohort.
  ///
  /// - Parameters:
  ///   - plan: The first attempt; after a restart one with a higher number than was ever formed.
  ///   - keySeconds: How long members have for their keys.
  ///   - maskSeconds: How long they have for their masked vectors.
  ///   - usedKeys: Round keys of earlier rosters, which are not taken again.
  /// - Throws: ``AggregationError/tooFewAccounts(found:allowed:)``: no member would answer.
  public init(
    plan: CohortPlan, domain: EIP712Domain, keySeconds: UInt64, maskSeconds: UInt64,
    usedKeys: Set<Bytes32> = []
  ) throws(AggregationError) {
    guard plan.cohort.hidesItsMembers else {
      throw .tooFewAccounts(found: plan.cohort.accountCount, allowed: Cohort.minimumAccounts)
    }
    self.plan = plan
    self.domain = domain
    self.keySeconds = keySeconds
    self.maskSeconds = maskSeconds
    self.usedKeys = usedKeys
  }

  /// When ``tick(at:)`` has something to do next, in unix seconds; nil when nothing is due.
  public var deadline: UInt64? {
    switch phase {
    case .keys(_, let deadline), .vectors(_, _, let deadline): deadline
    case .waiting, .replacing, .adding, .complete: nil
    }
  }

  /// The SubJobs whose seats are empty until ``Event/replace(_:by:)``, ascending.
  public var emptySeats: [JobID] {
    if case .replacing(let empty, _) = phase { return empty.sorted() }
    return []
  }

  /// The finished sum with the roster and the members' words that it stands on; nil before.
  public var result: (sum: CohortSum, roster: Roster, masked: [SignedMasked])? {
    guard case .complete(let roster, let masked, let sum) = phase else { return nil }
    return (sum, roster, roster.entries.compactMap { masked[$0.jobID] })
  }
}
