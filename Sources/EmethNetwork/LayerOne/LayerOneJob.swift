import EmethKit

/// All that EMETH Core and EmethVerifiers say of a job, at one look. Servers only name jobs: what they are worth, and how
/// they stand, the chain says.
final class LayerOneJob: Sendable {
  let id: JobID
  let job: EmethCore.Job
  let detail: EmethCore.JobDetail
  let assign: EmethCore.JobAssign?
  let terms: EmethCore.JobTerms
  let review: EmethVerifiers.Review
  /// The chain's time and height.
  let now: UInt64
  let block: UInt64

  var status: JobStatus { job.status }

  /// A job; nil when there is none of that id.
  static func read(_ id: JobID, with account: ChainAccount) async throws(ChainError) -> LayerOneJob? {
    let (client, core) = (account.client, account.contracts.core)
    guard let head = try await client.block(.latest) else {
      throw .malformed(method: "eth_getBlockByNumber", reason: "there is no newest block")
    }
    let results = try await client.batch([
      ChainClient.ethCall(EmethCore.job(id), core), ChainClient.ethCall(EmethCore.jobDetail(id), core),
      ChainClient.ethCall(EmethCore.jobAssign(id), core), ChainClient.ethCall(EmethCore.jobTerms(id), core),
      ChainClient.ethCall(EmethVerifiers.review(id), account.contracts.verification),
    ])
    guard results.count == 5, let job = try await client.output(of: EmethCore.job(id), at: core, results[0])
    else { return nil }
    return LayerOneJob(
      id, job, try await client.output(of: EmethCore.jobDetail(id), at: core, results[1]),
      try await client.output(of: EmethCore.jobAssign(id), at: core, results[2]),
      try await client.output(of: EmethCore.jobTerms(id), at: core, results[3]),
      try await client.output(
        of: EmethVerifiers.review(id), at: account.contracts.verification, results[4]), head)
  }

  private init(
    _ id: JobID, _ job: EmethCore.Job, _ detail: EmethCore.JobDetail, _ assign: EmethCore.JobAssign?,
    _ terms: EmethCore.JobTerms, _ review: EmethVerifiers.Review, _ head: ChainBlock
  ) {
    (self.id, self.job, self.detail, self.assign) = (id, job, detail, assign)
    (self.terms, self.review, now, block) = (terms, review, head.timestamp, head.number)
  }

  /// Whether the check of its result waits longer than it may.
  var isOverdue: Bool { review.dueBy.map { now >= $0 } ?? false }

  /// What anybody may do for it now.
  var upkeep: LayerOneUpkeep? {
    switch status {
    case .requested, .processing: now >= job.deadline ? .timeout : nil
    case .submitted:
      switch review.phase {
      case .waitsForDraw: review.beaconBlock.map { block > $0 } ?? false ? .draw : nil
      case .waitsForChallenge, .waitsForVerdict:
        isOverdue ? review.silent < Self.silentNeeded - 1 ? .draw : .expire : nil
      case .waitsForOpenings: isOverdue ? .withhold : nil
      case .waitsForKey, .waitsForMasked: isOverdue ? .absent : nil
      case .accepted, .keyPosted, .maskedPosted: isOverdue ? .complete : nil
      case .notSubmitted: nil
      }
    case .verified, .canceled, .timeout, .failed, .declined: nil
    }
  }

  /// So many drawn verifiers must be silent before a result counts unseen (PROTOCOL 2).
  private static let silentNeeded: UInt64 = 2
}

/// What anybody may do for a job whose time has come, so that no silence locks money (PROTOCOL 2).
enum LayerOneUpkeep: Sendable {
  /// Draws the verifier, or notes that the one before was silent.
  case draw
  /// The node did not open.
  case withhold
  /// Two verifiers were silent.
  case expire
  /// The node's key or vector is missing.
  case absent
  /// The server did not say that a cohort's sum checks.
  case complete
  /// The deadline has come.
  case timeout

  /// Does it; nil where somebody else was faster.
  func carriedOut(for job: JobID, by account: ChainAccount) async throws(NetworkError) -> ChainReceipt? {
    do throws(NetworkError) {
      return try await onChain { () async throws(ChainError) in try await send(for: job, by: account) }
    } catch {
      guard error.isReverted else { throw error }
      return nil
    }
  }

  private func send(for job: JobID, by account: ChainAccount) async throws(ChainError) -> ChainReceipt? {
    let checks = account.contracts.verification
    switch self {
    case .draw: return try await account.carryOut(EmethVerifiers.drawVerifier(job), at: checks)
    case .withhold: return try await account.carryOut(EmethVerifiers.withhold(job), at: checks)
    case .expire: return try await account.carryOut(EmethVerifiers.expireVerification(job), at: checks)
    case .absent: return try await account.carryOut(EmethVerifiers.absent(job), at: checks)
    case .complete: return try await account.carryOut(EmethVerifiers.completeCohort(job), at: checks)
    case .timeout: return try await account.carryOut(EmethCore.timeout(job), at: account.contracts.core)
    }
  }
}

extension ChainAccount {
  /// Sends a call that the contract's state asks for, and waits for it. What an earlier process sent of it is gone on
  /// with; what has arrived the state shows, so that it is not asked for again.
  func carryOut<Output>(
    _ call: ContractCall<Output>, at contract: Address
  ) async throws(ChainError) -> ChainReceipt? {
    let request = TransactionRequest(from: address, to: contract, data: call.data, value: .zero)
    return try await sender.perform(
      ChainAction(request, call.function.name, .isNothing), isDryRun: false
    ).receipt
  }
}

/// What a chain says, with its errors as the network's.
func onChain<Value>(
  _ body: () async throws(ChainError) -> Value
) async throws(NetworkError) -> Value {
  do throws(ChainError) {
    return try await body()
  } catch {
    throw error == .interrupted ? .interrupted : NetworkError(error)
  }
}

extension NetworkError {
  /// Whether a contract has refused a call: mostly somebody else was faster.
  var isReverted: Bool { code == ChainError.reverted(function: "", reason: .silent).code }
}
