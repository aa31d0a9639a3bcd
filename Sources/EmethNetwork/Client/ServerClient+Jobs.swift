import EmethKit
import Foundation

/// What a requester asks of a server.
extension ServerClient {
  /// A job as it stood, with the tag by which the next state is told from it.
  public struct SeenJob: Sendable {
    /// The job.
    public var job: JobView
    /// The state's tag.
    public var tag: String
  }

  /// How long beyond a job's deadline the key counts that its result is sealed to, seconds.
  private static let sealingGraceSeconds: UInt64 = 30 * 86_400

  /// Sends a job; what it names by hash must be there. Sent twice, it is one job. Its result is sealed to this account's
  /// sealing key when it has ended, unless the submission names another of its keys.
  public func submit(_ submission: JobSubmission) async throws(NetworkError) -> JobID {
    var submission = submission
    if submission.requesterKey == nil, let key {
      let facts = try await facts()
      let (until, overflow) = facts.time.addingReportingOverflow(
        submission.timeLimitSeconds.addingReportingOverflow(Self.sealingGraceSeconds).partialValue)
      let binding = KeyBinding(of: key, expiry: overflow ? .max : until)
      submission.requesterKey = SignedKeyBinding(signing: binding, in: facts.domain, with: key)
    }
    let answer: Routes.Submitted = try await send("POST", "/api/v2/jobs", submission, repeatable: true)
    return answer.jobId
  }

  /// Gives the Splitter a data set.
  public func give(dataSet file: URL, hash: Bytes32) async throws(NetworkError) {
    try await upload(file, to: .dataSet, as: hash)
  }

  /// Gives the network an object.
  public func give(object file: URL, hash: Bytes32) async throws(NetworkError) {
    try await upload(file, to: .object, as: hash)
  }

  /// A job; with `seen`, waits up to `seconds` until it is another than that.
  ///
  /// - Returns: `nil` when it is still the same.
  public func job(
    _ id: JobID, otherThan seen: String? = nil, waitingUpTo seconds: Double = 0
  ) async throws(NetworkError) -> SeenJob? {
    var call = Call(path: "/api/v2/jobs/\(id)?wait=\(Int(seconds.rounded(.up)))")
    call.timeoutSeconds = settings.timeoutSeconds + seconds
    if let seen { call.headers["If-None-Match"] = seen }
    let answer = try await send(call)
    guard answer.status != 304 else { return nil }
    let job: JobView = try decode(answer.body, from: call.path)
    return SeenJob(job: job, tag: answer.headers["etag"] ?? "")
  }

  /// A page of jobs, newest first.
  public func jobs(_ filter: JobFilter) async throws(NetworkError) -> JobPage {
    var query = ["limit=\(filter.limit)"]
    if !filter.statuses.isEmpty {
      query.append("status=" + filter.statuses.map(\.name).sorted().joined(separator: ","))
    }
    if let requester = filter.requester { query.append("requester=\(requester)") }
    if let before = filter.before { query.append("before=\(before)") }
    return try await get("/api/v2/jobs?" + query.joined(separator: "&"))
  }

  /// All that is known of how a job went.
  public func report(on id: JobID) async throws(NetworkError) -> JobReport {
    try await get("/api/v2/jobs/\(id)/report")
  }

  /// What anyone needs to check a job.
  public func records(of id: JobID) async throws(NetworkError) -> PublicRecords {
    try await get("/api/v2/jobs/\(id)/records")
  }

  /// The objects that are evidence against the node of a SubJob that FAILED, each sealed to those whom it concerns.
  public func evidence(on subJob: JobID) async throws(NetworkError) -> [Bytes32] {
    let state: SubJobState = try await get("/api/v2/sub-jobs/\(subJob)")
    return state.evidence ?? []
  }

  /// The objects of which a job's newest model is made; only its requester gets them.
  public func result(of id: JobID) async throws(NetworkError) -> JobResult {
    try await get("/api/v2/jobs/\(id)/result", signed: true)
  }

  /// Fetches an object to a file, which has it whole then.
  ///
  /// - Throws: ``NetworkError/corruptObject(hash:found:)`` when what came is another; the file is gone then.
  public func fetch(object hash: Bytes32, to file: URL) async throws(NetworkError) {
    try await download("/api/v2/objects/\(hash)", to: file)
    let found = try Files.hash(of: file)
    guard found == hash else {
      try Files.remove(file)
      throw .corruptObject(hash: hash, found: found)
    }
  }

  /// Takes a job back that nobody works on yet.
  public func cancel(_ id: JobID) async throws(NetworkError) -> JobView {
    try await send("POST", "/api/v2/jobs/\(id)/cancel", Nothing())
  }

  /// What the network is and by what terms it works.
  public func facts() async throws(NetworkError) -> NetworkFacts { try await get("/api/v2/network") }

  /// An account's money.
  public func balances(of account: Address) async throws(NetworkError) -> Balances {
    try await get("/api/v2/accounts/\(account)/balances")
  }

  /// An account's newest ticket.
  public func ticket(of account: Address) async throws(NetworkError) -> SignedTicket {
    try await get("/api/v2/accounts/\(account)/ticket")
  }

  /// An account's ticket with its proof in a batch: what the chain's contract takes without the Signer's signature on it.
  public func provenTicket(
    of account: Address, in batch: ProvenBatch
  ) async throws(NetworkError) -> ProvenTicket {
    try await get("/api/v2/accounts/\(account)/proven-ticket?batch=\(batch.text)")
  }

  /// The batch that members of the Signer's contract are to sign; nil: none waits.
  func askedBatch() async throws(NetworkError) -> SignedBatch? {
    do throws(NetworkError) {
      return try await get("/api/v2/batches/asked")
    } catch {
      if error.code == "batch.none" { return nil }
      throw error
    }
  }

  /// A batch with more leaves is not fetched: a server that makes up leaves fills no memory.
  private static let leafLimit = 1 << 20

  /// All leaves of a batch, by account.
  func leaves(ofBatch epoch: UInt64) async throws(NetworkError) -> [Ticket] {
    var (leaves, after): ([Ticket], Address?) = ([], nil)
    repeat {
      let query = after.map { "?after=\($0)" } ?? ""
      let page: Routes.BatchLeaves = try await get("/api/v2/batches/\(epoch)/leaves\(query)")
      leaves += page.leaves
      guard leaves.count <= Self.leafLimit else {
        throw .malformed(
          what: "answer of \(server) to the leaves of batch \(epoch)",
          reason: "there are more than \(Self.leafLimit)")
      }
      // A server that goes round in circles is not followed.
      if let next = page.next, next <= after ?? .zero || page.leaves.isEmpty {
        throw .malformed(
          what: "answer of \(server) to the leaves of batch \(epoch)", reason: "they are not in order")
      }
      after = page.next
    } while after != nil
    return leaves
  }

  /// Gives the account's signature of a batch; who has signed it by then.
  func cosign(_ epoch: UInt64, _ added: [Cosignature]) async throws(NetworkError) -> [Address] {
    guard let first = added.first else { return [] }
    let signed: Routes.BatchSigners = try await send(
      "POST", "/api/v2/batches/\(epoch)/cosignatures", first, repeatable: true)
    return signed.signers
  }

  /// Moves money that can be spent here to what can be withdrawn.
  public func withdraw(_ amount: TokenAmount) async throws(NetworkError) -> Balances {
    try await send("POST", "/api/v2/withdrawals", Routes.Withdrawal(amount: amount))
  }

  /// Leaves as a verifier: it is drawn no more, and gets its bond back when all that it was drawn for has ended.
  public func leave() async throws(NetworkError) -> VerifierAccount {
    try await send("POST", "/api/v2/verifiers/leave", Nothing(), repeatable: true)
  }

  /// What a node earned, may earn, and lost; its newest SubJobs, or those before a ``NodeAccount/next``.
  public func work(
    of node: Address, newest limit: Int = 50, before number: UInt32? = nil
  ) async throws(NetworkError) -> NodeAccount {
    try await get("/api/v2/nodes/\(node)?limit=\(limit)" + (number.map { "&before=\($0)" } ?? ""))
  }
}
