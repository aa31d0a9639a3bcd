import EmethKit
import Foundation
import Synchronization

@testable import EmethNetwork

/// A network that only remembers what it was asked, for tests of the HTTP side.
final class FakeNetwork: ServedNetwork {
  struct State {
    /// What was changed, in words.
    var changes: [String] = []
    var status = JobStatus.requested
    var unspent = TokenAmount(gholon: 5)
    var offers: [SubJobOffer] = []
    /// How often these were read.
    var looks = 0
    var uploaders: Set<Address> = []
    /// Objects that the requester alone may have.
    var secrets: Set<Bytes32> = []
    var isBroken = false
    /// Jobs whose records can't be read.
    var damaged: Set<JobID> = []
    /// What somebody outside has called a data set, and said as a reason.
    var dataSet = "neko"
    var reason = ""
    /// What the cache of 2023 lists.
    var listed: [JobID: CachedJob] = [:]
    var chain: ChainStanding?
  }

  let folder: URL
  let store: ContentStore
  /// The chain whose jobs the cache lists; nil for those of this network.
  let chainJobs: ChainJobs?
  let database: NetworkDatabase
  let splitterStore: ContentStore
  let state = Mutex(State())
  /// The one job that is there.
  let jobID = JobID(requester: TestKeys.requester.address, salt: TestNetwork.seed(1))
  private let marks = AsyncStream<UInt64>.makeStream()

  init(_ folder: TemporaryFolder, stores: NetworkStores? = nil, chainJobs: ChainJobs? = nil) throws {
    self.chainJobs = chainJobs
    self.folder = folder.url
    let stores = try stores ?? NetworkStores(folder: folder.url, storage: nil)
    (store, splitterStore) = (stores.objects, stores.splitter)
    database = try NetworkDatabase(file: folder.url.appending(path: "network.sqlite"))
  }

  var chainStanding: ChainStanding? { state.withLock { $0.chain } }

  /// What was changed so far.
  var changed: [String] { state.withLock { $0.changes } }

  /// Changes something and says so.
  func change(_ body: (inout State) -> Void) {
    state.withLock { body(&$0) }
    marks.continuation.yield(1)
  }

  private func note(_ text: String) { change { $0.changes.append(text) } }

  func run(onError: @escaping @Sendable (JobID?, NetworkError) -> Void) async throws(NetworkError) {
    do { try await Task.sleep(for: .seconds(3_600)) } catch { throw .interrupted }
  }

  func changes() -> AsyncStream<UInt64> { marks.stream }

  func listedJob(_ id: JobID) throws(NetworkError) -> CachedJob? { state.withLock { $0.listed[id] } }

  func facts() throws(NetworkError) -> NetworkFacts {
    if state.withLock({ $0.isBroken }) { throw .database(reason: "the secret place /var/lib/emeth is full") }
    return NetworkFacts(
      domain: .embedded, time: 1_700_000_000, signer: TestKeys.other.address,
      aggregator: TestKeys.other.address,
      epochMilliseconds: 60_000, periods: .standard, epoch: 7)
  }

  // MARK: - Requesters

  func submit(_ submission: JobSubmission, by requester: Address) throws(NetworkError) -> JobID {
    note("submit by \(requester)")
    return JobID(requester: requester, salt: submission.salt)
  }

  func cancel(_ id: JobID, by requester: Address) throws(NetworkError) {
    guard requester == TestKeys.requester.address else {
      throw NetworkError(JobError.wrongSender(event: .cancel, found: requester, allowed: nil))
    }
    note("cancel")
  }

  func job(_ id: JobID) throws(NetworkError) -> JobView {
    guard id == jobID else { throw .unknownJob(id: "\(id)") }
    let summary = JobSummary(
      jobId: id, status: state.withLock { $0.status }, reason: state.withLock { $0.reason },
      dataSet: state.withLock { $0.dataSet }, roundsDone: 0, rounds: 2,
      parallel: 3,
      escrow: TokenAmount(gholon: 1), losses: [])
    return JobView(
      number: 1, summary: summary, requester: TestKeys.requester.address, programId: .languageModelTraining,
      requestedAt: 1_700_000_000, deadline: 1_700_086_400, fuelLimit: Fuel(units: 10),
      fuelPrice: FuelPrice(gholon: 120), subJobs: ["REQUESTED": 3])
  }

  /// Called before jobs are read.
  let onJobTexts = Mutex<@Sendable (Set<JobID>) -> Void>({ _ in })

  func jobTexts(_ ids: Set<JobID>) throws(NetworkError) -> [JobID: Result<JobText, NetworkError>] {
    onJobTexts.withLock { $0 }(ids)
    var found: [JobID: Result<JobText, NetworkError>] = [:]
    for id in state.withLock({ $0.damaged }).intersection(ids) {
      found[id] = .failure(.inconsistent(what: "job \(id) can't be read"))
    }
    if ids.contains(jobID) {
      let job = try job(jobID)
      found[jobID] = .success(
        JobText(number: job.number, view: try asNetworkError { try job.wireText() }, subJobs: "1:3"))
    }
    return found
  }

  func jobs(_ filter: JobFilter) throws(NetworkError) -> JobPage {
    JobPage(jobs: [try job(jobID)], next: filter.before == nil ? 1 : nil)
  }

  func subJobs(of id: JobID) throws(NetworkError) -> [SubJobState] { [] }
  func report(on id: JobID) throws(NetworkError) -> JobReport { throw .unknownJob(id: "\(id)") }
  func records(of id: JobID) throws(NetworkError) -> PublicRecords { throw .unknownJob(id: "\(id)") }

  func result(of id: JobID, for requester: Address) throws(NetworkError) -> JobResult {
    throw .refused(code: "job.wrongSender", message: "not yours", hint: nil)
  }

  // MARK: - Money

  func leaves(of id: JobID) throws(NetworkError) -> (url: URL, byteCount: UInt64) {
    throw .unknownJob(id: "\(id)")
  }

  func balances(of account: Address) throws(NetworkError) -> Balances {
    Balances(unspent: state.withLock { $0.unspent })
  }

  func withdraw(_ amount: TokenAmount, by account: Address) throws(NetworkError) -> Balances {
    let held = state.withLock { $0.unspent }
    guard amount <= held else { throw .insufficientBalance(account: account, found: held, needed: amount) }
    change { state in
      state.unspent = held - amount
      state.changes.append("withdraw \(amount.holon) by \(account)")
    }
    return try balances(of: account)
  }

  func ticket(of account: Address) throws(NetworkError) -> SignedTicket? { nil }
  func epoch(of batch: ProvenBatch) throws(NetworkError) -> UInt64? { batch == .posted ? nil : 7 }
  func provenTicket(of account: Address, epoch: UInt64) throws(NetworkError) -> ProvenTicket? { nil }
  func batch(epoch: UInt64) throws(NetworkError) -> SignedBatch? { nil }
  func latestBatch() throws(NetworkError) -> SignedBatch? { nil }
  func askedBatch() throws(NetworkError) -> SignedBatch? { nil }
  func cosign(epoch: UInt64, with added: [Cosignature]) async throws(NetworkError) -> [Address] { [] }

  // MARK: - Nodes and verifiers

  func changeMark(of job: JobID) -> UInt64? { nil }

  func openSubJobs(_ filter: SubJobFilter, for node: Address) throws(NetworkError) -> [SubJobOffer] {
    state.withLock { state in
      state.looks += 1
      return state.offers
    }
  }
  func offerMark() throws(NetworkError) -> String {
    state.withLock { $0.offers.map { "\($0.id)" }.joined(separator: " ") }
  }

  func process(
    _ subJob: JobID, by node: Address, binding: SignedKeyBinding
  ) throws(NetworkError) -> Assignment { throw .unknownJob(id: "\(subJob)") }

  func renew(_ subJob: JobID, by node: Address) throws(NetworkError) { note("renew \(subJob)") }
  func decline(_ subJob: JobID, by node: Address, reason: String) throws(NetworkError) {
    note("decline: \(reason)")
  }
  func submit(_ result: NodeResult, by node: Address) throws(NetworkError) { note("submit") }
  func state(of subJob: JobID) throws(NetworkError) -> SubJobState { throw .unknownJob(id: "\(subJob)") }
  func work(
    of node: Address, newest limit: Int, before number: UInt32?
  ) throws(NetworkError) -> NodeAccount {
    NodeAccount(account: node, balances: Balances(), earned: .zero, pending: .zero, lost: .zero, work: [])
  }

  func errands(
    of account: Address, kinds: Set<Errand.Kind>, except known: Set<String>
  ) throws(NetworkError) -> [Errand] { [] }
  func answer(_ errand: String, by account: Address, _ body: Data) throws(NetworkError) {
    note("answer \(errand) with \(body.count) bytes")
  }

  func postBond(
    upTo amount: TokenAmount, binding: SignedKeyBinding, modules: [Bytes32], by verifier: Address
  ) throws(NetworkError) { note("bond") }

  func leave(_ verifier: Address) throws(NetworkError) { note("leave") }

  func postCommitments(
    _ commitments: [Bytes32], from first: UInt32, by verifier: Address
  ) throws(NetworkError) { note("commitments \(first) and \(commitments.count)") }

  func verifier(_ account: Address) throws(NetworkError) -> VerifierAccount {
    VerifierAccount(account: account, bond: .zero, isStruck: false, bindingExpiry: nil, posted: 0, unused: 0)
  }

  // MARK: - Pages

  func overview() throws(NetworkError) -> NetworkOverview {
    if state.withLock({ $0.isBroken }) { throw .database(reason: "the secret place /var/lib/emeth is full") }
    return NetworkOverview(jobs: 1, subJobs: 0, counts: [:], batch: nil, slots: [])
  }

  func jobRows(_ filter: JobFilter) throws(NetworkError) -> JobRowPage {
    let job = try job(jobID)
    return JobRowPage(jobs: [
      JobRow(
        number: job.number, id: job.summary.jobId, status: job.summary.status, requester: job.requester,
        requestedAt: job.requestedAt,
        line: JobLine(
          dataSetName: job.summary.dataSet, escrow: job.summary.escrow, rounds: job.summary.rounds,
          roundsDone: job.summary.roundsDone))
    ])
  }

  func jobDetail(_ id: JobID, round: UInt32?) throws(NetworkError) -> JobDetail {
    let subJob = SubJobDetail(
      state: SubJobState(
        id: JobID(parent: id, round: 0, part: 0, attempt: 0),
        position: SubJobPosition(parent: id, round: 0, part: 0, attempt: 0), node: TestKeys.other.address,
        status: .declined, reason: state.withLock { $0.reason }, deadline: 1_700_086_400, leaseExpiresAt: nil,
        isOver: true),
      endReason: .declined, wait: nil, verdicts: [], silent: [], settlement: nil, deposit: .zero)
    return JobDetail(
      view: try job(id), endReason: nil, remarks: [state.withLock { $0.reason }], initialLoss: 5.5,
      stepsPerRound: 10, parameters: 1_000, escrow: .zero, roundsBegun: 1, round: 0, subJobs: [subJob],
      cohorts: [])
  }

  func tickets(of account: Address, before epoch: UInt64?, limit: Int) throws(NetworkError) -> TicketPage {
    TicketPage(tickets: [])
  }

  func ticketDetail(of account: Address, epoch: UInt64) throws(NetworkError) -> TicketDetail? { nil }

  func batches(before epoch: UInt64?, limit: Int) throws(NetworkError) -> BatchPage { BatchPage(batches: []) }

  func leaves(epoch: UInt64, after account: Address?, limit: Int) throws(NetworkError) -> TicketPage {
    TicketPage(tickets: [])
  }

  func checkMayFetch(_ object: Bytes32, by account: Address) throws(NetworkError) {
    let isSecret = state.withLock { $0.secrets.contains(object) }
    guard isSecret, account != TestKeys.requester.address else { return }
    throw NetworkService.notYours(jobID, "the result of job", account)
  }

  func mayUpload(_ account: Address) throws(NetworkError) -> Bool {
    state.withLock { $0.uploaders.contains(account) }
  }
}

/// Accounts of the tests.
enum TestKeys {
  static let requester = PrivateKey(seed: TestNetwork.seed(), label: "requester", index: 0)
  static let other = PrivateKey(seed: TestNetwork.seed(), label: "other", index: 0)
}

extension TokenAmount {
  fileprivate init(gholon: UInt64) { self.init(holon: UInt256(gholon) * 1_000_000_000) }
}
