import EmethKit

/// All that EMETH Core and EmethVerifiers say of a job, at one look. Servers only name jobs: what they are worth, and how
/// they stand, the chain says.
final class LayerOneJob: Sendable {
  let id: JobID
  let job: EmethCore.Job
  let detail: EmethCore.JobDetail
  let assign: EmethCore.JobAssign?
  let terms: EmethCore.JobTerms
  /// Whether it is a part that ends only when its masked vector is in.
  let isMasked: Bool
  let review: EmethVerifiers.Review
  /// Whether it is a part of a job that has ended, or that another one has put out, also one of the same requester: nobody is
  /// paid for it any more, unless it was submitted.
  let isOrphan: Bool
  /// The chain's time and height.
  let now: UInt64
  let block: UInt64

  var status: JobStatus { job.status }

  /// Whether its result proves itself: it is computed before it is taken, and taken and handed in by one call.
  var provesItself: Bool { detail.programID == .proofOfWork }

  /// Jobs, by their ids; those that there are.
  ///
  /// - Parameter isAlone: whether one job is asked for, and whoever asks is told where it holds what no type of this project
  ///   holds. Else such a one is left out: a stranger can register it, and it hides no other.
  static func read(
    _ ids: [JobID], isAlone: Bool = false, with account: ChainAccount
  ) async throws(ChainError) -> [JobID: LayerOneJob] {
    let (client, core, checks) = (account.client, account.contracts.core, account.contracts.verification)
    guard let head = try await client.block(.latest) else {
      throw .malformed(method: "eth_getBlockByNumber", reason: "there is no newest block")
    }
    let jobs = try await Self.jobs(ids, isAlone: isAlone, with: account)
    let ids = ids.filter { jobs[$0] != nil }
    let parents = try await Self.jobs(
      Array(Set(ids.compactMap { jobs[$0]?.parentJob })), isAlone: isAlone, with: account)
    let results = try await client.batch(
      ids.flatMap { id in
        [
          ChainClient.ethCall(EmethCore.jobDetail(id), core),
          ChainClient.ethCall(EmethCore.jobAssign(id), core),
          ChainClient.ethCall(EmethCore.jobTerms(id), core),
          ChainClient.ethCall(EmethCore.isMasked(id), core),
          ChainClient.ethCall(EmethVerifiers.review(id), checks),
        ]
      })
    guard results.count == 5 * ids.count else { return [:] }
    var found: [JobID: LayerOneJob] = [:]
    for (index, id) in ids.enumerated() {
      guard let job = jobs[id] else { continue }
      let said = Array(results[5 * index..<5 * index + 5])
      // A node of the chain that is behind does not know the parent of a part that was just registered.
      let isOrphan = job.parentJob.flatMap { parents[$0] }.map { Self.isOrphan(job, of: $0) } ?? false
      do throws(ChainError) {
        found[id] = LayerOneJob(
          job, try await client.output(of: EmethCore.jobDetail(id), at: core, said[0]),
          try await client.output(of: EmethCore.jobAssign(id), at: core, said[1]),
          try await client.output(of: EmethCore.jobTerms(id), at: core, said[2]),
          try await client.output(of: EmethCore.isMasked(id), at: core, said[3]),
          try await client.output(of: EmethVerifiers.review(id), at: checks, said[4]), isOrphan, head)
      } catch {
        guard case .contract = error, !isAlone else { throw error }
      }
    }
    return found
  }

  /// Whether nothing comes of a part, by its parent. Where a node of the chain is behind, it knows the parent as it was before it
  /// was divided, or before it put out another one; but what a part was put out by is newer than the part.
  private static func isOrphan(_ part: EmethCore.Job, of parent: EmethCore.Job) -> Bool {
    guard parent.owner == part.owner else { return parent.requestedAt >= part.requestedAt }
    return switch parent.status {
    case .processing: false
    case .requested: parent.requestedAt > part.requestedAt
    case .submitted, .verified, .canceled, .timeout, .failed, .declined: true
    }
  }

  private static func jobs(
    _ ids: [JobID], isAlone: Bool, with account: ChainAccount
  ) async throws(ChainError) -> [JobID: EmethCore.Job] {
    let (client, core) = (account.client, account.contracts.core)
    let results = try await client.batch(ids.map { ChainClient.ethCall(EmethCore.job($0), core) })
    var found: [JobID: EmethCore.Job] = [:]
    for (id, result) in zip(ids, results) {
      do throws(ChainError) {
        found[id] = try await client.output(of: EmethCore.job(id), at: core, result)
      } catch {
        guard case .contract = error, !isAlone else { throw error }
      }
    }
    return found
  }

  private init(
    _ job: EmethCore.Job, _ detail: EmethCore.JobDetail, _ assign: EmethCore.JobAssign?,
    _ terms: EmethCore.JobTerms, _ isMasked: Bool, _ review: EmethVerifiers.Review, _ isOrphan: Bool,
    _ head: ChainBlock
  ) {
    (id, self.job, self.detail, self.assign) = (job.jobID, job, detail, assign)
    (self.terms, self.isMasked, self.review, self.isOrphan) = (terms, isMasked, review, isOrphan)
    (now, block) = (head.timestamp, head.number)
  }

  /// Who gives what its result names: its node, or its requester, for whom a server does that, where it is in parts.
  var resultGiver: Address? { assign?.node ?? (detail.numParallel > 1 ? job.owner : nil) }

  /// Whether the check of its result waits longer than it may.
  var isOverdue: Bool { review.dueBy.map { now >= $0 } ?? false }

  /// What anybody may do for it now.
  var upkeep: LayerOneUpkeep? {
    switch status {
    case .requested, .processing: isOrphan ? .cancel : now >= job.deadline ? .timeout : nil
    case .submitted:
      switch review.phase {
      case .waitsForDraw: review.beaconBlock.map { block > $0 } ?? false ? .draw : nil
      case .waitsForChallenge: isOverdue ? review.verifier == nil ? .expire : .draw : nil
      case .waitsForVerdict:
        isOverdue ? review.finder == nil && review.silent + 1 >= Self.silentNeeded ? .expire : .draw : nil
      case .waitsForOpenings: isOverdue ? .withhold : nil
      case .waitsForKey, .waitsForMasked: isOverdue ? .absent : nil
      case .accepted, .keyPosted, .maskedPosted: isOverdue ? .complete : nil
      case .notSubmitted: nil
      }
    case .verified, .canceled, .timeout, .failed, .declined: nil
    }
  }

  /// So many drawn verifiers must be silent with their openings before a result counts unseen (PROTOCOL 2).
  private static let silentNeeded: UInt64 = 2
}

/// What anybody may do for a job whose time has come, so that no silence locks money (PROTOCOL 2).
enum LayerOneUpkeep: Sendable {
  /// Draws the verifier, or notes that the one before let its time pass.
  case draw
  /// The node did not open.
  case withhold
  /// Two verifiers were silent, or nobody is left to be drawn.
  case expire
  /// The node's key or vector is missing.
  case absent
  /// The server did not say that a cohort's sum checks.
  case complete
  /// The deadline has come.
  case timeout
  /// The job of which it is a part has ended, or was put out.
  case cancel

  /// The transaction that does it.
  func action(for job: JobID, by account: ChainAccount) -> ChainAction {
    let (core, checks) = (account.contracts.core, account.contracts.verification)
    return switch self {
    case .draw: account.action(EmethVerifiers.drawVerifier(job), at: checks)
    case .withhold: account.action(EmethVerifiers.withhold(job), at: checks)
    case .expire: account.action(EmethVerifiers.expireVerification(job), at: checks)
    case .absent: account.action(EmethVerifiers.absent(job), at: checks)
    case .complete: account.action(EmethVerifiers.completeCohort(job), at: checks)
    case .timeout: account.action(EmethCore.timeout(job), at: core)
    case .cancel: account.action(EmethCore.cancel(job), at: core)
    }
  }
}
