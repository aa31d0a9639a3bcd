import EmethKit
import Foundation
import Synchronization

/// The network that a node is to its workers, machines of the same owner (Docs/Decisions/0031).
///
/// They speak to it as nodes speak to a server, over the same API. What they take is taken by the node, with its key, its
/// deposit and its journal; what they compute comes back to it sealed, and it signs, hands in and answers for it.
final class WorkerDesk: ServedNetwork {
  /// A SubJob in a worker's hands.
  private struct Hand {
    var worker: Address
    var given: Assignment?
    /// What the node was given itself.
    var own: Assignment?
    /// When the worker was last heard of.
    var heard = ContinuousClock.now
    /// Raised when there is nothing to renew any more; each giving has its own.
    let stop: StopFlag
    var renewal: Task<Void, Never>?
    /// Whether it has brought what it computed.
    var isHandedIn = false
  }

  private struct State {
    var offers: [SubJobOffer] = []
    var facts: NetworkFacts?
    /// When that was asked.
    var factsAt = ContinuousClock.now
    /// When a worker last asked for SubJobs.
    var asked: ContinuousClock.Instant?
    var hands: [JobID: Hand] = [:]
    /// Why SubJobs could not be given to the workers that asked for them, until they ask again.
    var failures: [JobID: NetworkError] = [:]
  }

  let folder: URL
  let store: ContentStore
  let database: NetworkDatabase
  let splitterStore: ContentStore
  /// Where it settles is the server's to say.
  let chainStanding: ChainStanding? = nil
  let chainJobs: ChainJobs? = nil
  private let agent: NodeAgent
  private let workers: NodeAgent.Workers
  /// Where parts are sealed and what comes back is opened, off the cooperative pool.
  private let lane: AgentLane
  /// One vault is filled at a time: a worker may ask again while it is.
  private let takingOver = NSLock()
  private let state = Mutex(State())
  private let marks = AsyncStream<UInt64>.makeStream(bufferingPolicy: .bufferingNewest(1))

  init(_ agent: NodeAgent, _ workers: NodeAgent.Workers, folder: URL) throws(NetworkError) {
    self.agent = agent
    self.workers = workers
    self.folder = folder
    try Files.makeFolder(folder)
    store = agent.node.store
    splitterStore = try ContentStore(folder: folder.appending(path: "splitter"))
    database = try NetworkDatabase(file: folder.appending(path: "workers.sqlite"))
    // It seals and opens: nothing is computed here.
    lane = try AgentLane(threads: 1, device: .cpu)
  }

  // MARK: - The node's side

  /// Looks for SubJobs as long as workers ask for some, and gives up waiting for those that are silent, until the task is
  /// cancelled.
  func run(
    onError: @escaping @Sendable (JobID?, NetworkError) -> Void
  ) async throws(NetworkError) {
    await withTaskGroup { group in
      group.addTask { await self.look() }
      group.addTask { await self.watch() }
    }
    throw .interrupted
  }

  private func look() async {
    var seen = SeenOffers()
    while !Task.isCancelled {
      let isWanted = state.withLock { state in
        state.asked.map { ContinuousClock.now - $0 < .seconds(60) } ?? false
      }
      guard isWanted || state.withLock({ $0.facts == nil }), !agent.takesNothing else {
        // What is offered while nobody looks is offered to who comes next.
        seen = SeenOffers()
        await pause(0.25)
        continue
      }
      do throws(NetworkError) {
        let facts = try await agent.connection.facts()
        state.withLock { ($0.facts, $0.factsAt) = (facts, .now) }
        var filter = agent.filter
        filter.programs = [.languageModelTrainingPart]
        filter.seen = seen.mark
        let asked = ContinuousClock.now
        let offers = try await agent.connection.openSubJobs(filter, waitingUpTo: agent.settings.patience)
        let money = try await agent.connection.balances().unspent
        let payable = offers.filter { $0.deposit <= money }
        let isNew = state.withLock { state in
          defer { state.offers = payable }
          return state.offers != payable
        }
        if isNew { marks.continuation.yield(1) }
        // Workers have these now: the network is asked for others, and tells of them when they come.
        await pause(seen.note(offers, asked: asked, patience: agent.settings.patience))
      } catch {
        agent.report("looking for SubJobs for workers", error)
        await pause(1)
      }
    }
  }

  /// Takes back what a worker has been silent about.
  private func watch() async {
    let silence = Duration.seconds(workers.silenceSeconds)
    while !Task.isCancelled {
      await pause(0.5)
      let lost = state.withLock { state in
        state.hands.filter {
          $0.value.own != nil && !$0.value.isHandedIn && ContinuousClock.now - $0.value.heard > silence
        }
      }
      for (subJob, hand) in lost {
        guard drop(subJob, given: hand.stop) else { continue }
        agent.onEvent(.lostWorker(subJob, hand.worker))
        agent.resume(subJob)
      }
    }
  }

  /// Ends what was done for one giving of a worker's SubJob.
  ///
  /// - Parameter isHandedIn: said by who hands in what the worker has brought; nobody else ends that.
  /// - Returns: whether there was something to end. Who did it decides what becomes of the SubJob: nobody else may.
  private func drop(_ subJob: JobID, given giving: StopFlag, isHandedIn: Bool = false) -> Bool {
    let hand = state.withLock { state -> Hand? in
      guard let hand = state.hands[subJob], hand.stop === giving, hand.isHandedIn == isHandedIn else {
        return nil
      }
      return state.hands.removeValue(forKey: subJob)
    }
    guard let hand else { return false }
    hand.renewal?.cancel()
    if let given = hand.given { try? store.remove(given.data) }
    return true
  }

  /// Changes what is in a worker's hands, where it is still there from this giving.
  private func change(
    _ subJob: JobID, given giving: StopFlag, _ body: (inout Hand) -> Void
  ) throws(NetworkError) {
    let isThere = state.withLock { state in
      guard var hand = state.hands[subJob], hand.stop === giving else { return false }
      body(&hand)
      state.hands[subJob] = hand
      return true
    }
    if !isThere { throw .interrupted }
  }

  /// Takes a SubJob for a worker. What the node has taken and can't give on it computes itself, whether or not the worker
  /// asks again: nothing is held for nobody. What the worker declines meanwhile is the node's already.
  private func take(_ subJob: JobID, for binding: SignedKeyBinding, _ giving: StopFlag) async {
    let (agent, lane) = (agent, lane)
    var isTaken = false
    do throws(NetworkError) {
      try agent.journal.begin(subJob)
      guard let own = try await agent.take(subJob) else {
        throw NetworkError.refused(
          code: "subJob.taken", message: "SubJob \(subJob) is another node's by now", hint: nil)
      }
      isTaken = true
      let renewal = Task { await agent.renew(subJob, giving) }
      do throws(NetworkError) {
        try change(subJob, given: giving) { $0.renewal = renewal }
      } catch {
        renewal.cancel()
        throw error
      }
      agent.onEvent(.took(subJob))
      for object in [own.data, own.startingParameters] {
        try await agent.untilAnswered("fetching what SubJob \(subJob) needs") { () throws(NetworkError) in
          try await agent.connection.fetch(object: object, into: agent.node.store)
        }
      }
      let given = try await lane.run { _ in try agent.node.assignment(own, for: binding, at: secondsNow()) }
      do throws(NetworkError) {
        try change(subJob, given: giving) { hand in
          (hand.own, hand.heard, hand.given) = (own, .now, given)
        }
      } catch {
        try store.remove(given.data)
        throw error
      }
    } catch {
      agent.report("giving SubJob \(subJob) to a worker", error)
      guard drop(subJob, given: giving) else { return }
      state.withLock { $0.failures[subJob] = error }
      if isTaken { agent.resume(subJob) } else { agent.letGo(subJob) }
    }
  }

  /// Hands in what a worker has computed.
  private func handIn(_ result: NodeResult, _ document: Bytes32, _ giving: StopFlag) async {
    let subJob = result.submission.submission.jobID
    let agent = agent
    do throws(NetworkError) {
      try await agent.untilAnswered("handing in SubJob \(subJob)") { () throws(NetworkError) in
        try await agent.connection.submit(result)
      }
      agent.onEvent(.submitted(subJob))
    } catch {
      agent.report("SubJob \(subJob)", error)
    }
    try? agent.node.forgetHandover(document)
    if drop(subJob, given: giving, isHandedIn: true) { agent.letGo(subJob) }
  }

  // MARK: - The workers' side

  private func check(_ worker: Address) throws(NetworkError) {
    guard workers.accounts.contains(worker) else {
      throw .refused(
        code: "account.notAllowed", message: "account \(worker) is no worker of this node",
        hint: "its owner names workers with --worker ADDRESS")
    }
  }

  func changes() -> AsyncStream<UInt64> { marks.stream }

  func changeMark(of job: JobID) -> UInt64? { nil }

  func facts() throws(NetworkError) -> NetworkFacts {
    let (known, asked) = state.withLock { ($0.facts, $0.factsAt) }
    guard var facts = known else { throw .interrupted }
    facts.time += UInt64((ContinuousClock.now - asked) / .seconds(1))
    // By these, workers renew what they have: the node itself renews at its network.
    facts.periods.leaseSeconds = UInt32(max(3, workers.silenceSeconds))
    facts.periods.leaseRenewalSeconds = facts.periods.leaseSeconds / 3
    return facts
  }

  func offerMark() throws(NetworkError) -> String {
    state.withLock { state in
      state.offers.filter { state.hands[$0.id] == nil }.map { "\($0.id)" }.joined(separator: " ")
    }
  }

  func openSubJobs(_ filter: SubJobFilter, for node: Address) throws(NetworkError) -> [SubJobOffer] {
    try check(node)
    return state.withLock { state in
      state.asked = .now
      return state.offers.filter { offer in
        state.hands[offer.id] == nil && filter.programs.contains(offer.programId)
      }.map { offer in
        // The node pays it.
        var offer = offer
        offer.deposit = .zero
        return offer
      }
    }
  }

  /// Takes a SubJob for a worker; the answer may take a while, and the worker asks again then.
  func process(
    _ subJob: JobID, by node: Address, binding: SignedKeyBinding
  ) throws(NetworkError) -> Assignment {
    try check(node)
    if let giving = try begin(subJob, by: node) { Task { await take(subJob, for: binding, giving) } }
    let deadline = ContinuousClock.now + .seconds(5)
    while ContinuousClock.now < deadline {
      let (hand, failure) = state.withLock { ($0.hands[subJob], $0.failures.removeValue(forKey: subJob)) }
      if let failure { throw failure }
      if let given = hand?.given { return given }
      guard hand != nil else { break }
      usleep(20_000)
    }
    throw .interrupted
  }

  /// What a giving is known by, where it is the first time that this worker asks for it; nil where it asks again.
  private func begin(_ subJob: JobID, by worker: Address) throws(NetworkError) -> StopFlag? {
    let known = state.withLock { state in
      if state.hands[subJob]?.worker == worker { state.hands[subJob]?.heard = .now }
      return state.hands[subJob]?.worker
    }
    if known == worker { return nil }
    guard known == nil, agent.seize(subJob) else {
      throw .refused(code: "subJob.taken", message: "SubJob \(subJob) is in other hands", hint: nil)
    }
    let giving = StopFlag()
    state.withLock { state in
      state.failures[subJob] = nil
      state.hands[subJob] = Hand(worker: worker, stop: giving)
    }
    return giving
  }

  private func hand(_ subJob: JobID, of worker: Address) throws(NetworkError) -> Hand {
    try check(worker)
    let hand = state.withLock { state in
      if state.hands[subJob]?.worker == worker { state.hands[subJob]?.heard = .now }
      return state.hands[subJob]
    }
    guard let hand, hand.worker == worker, !hand.stop.isRaised else {
      throw .refused(
        code: "subJob.taken", message: "SubJob \(subJob) is not, or no longer, that of worker \(worker)",
        hint: nil)
    }
    return hand
  }

  func renew(_ subJob: JobID, by node: Address) throws(NetworkError) { _ = try hand(subJob, of: node) }

  /// What one worker gives up the node computes itself.
  func decline(_ subJob: JobID, by node: Address, reason: String) throws(NetworkError) {
    let hand = try hand(subJob, of: node)
    if drop(subJob, given: hand.stop) { agent.resume(subJob) }
  }

  func submit(_ result: NodeResult, by node: Address) throws(NetworkError) {
    let subJob = result.submission.submission.jobID
    takingOver.lock()
    defer { takingOver.unlock() }
    // It is asked again when an answer was lost.
    if try agent.hasResult(of: subJob) { return }
    let hand = try hand(subJob, of: node)
    guard let own = hand.own, let document = result.output else {
      throw .malformed(what: "work on SubJob \(subJob)", reason: "it names no object with what was computed")
    }
    // It renews no more: from now on this is the node's, unless somebody has ended it meanwhile.
    try change(subJob, given: hand.stop) { $0.isHandedIn = true }
    do throws(NetworkError) {
      let taken = try agent.node.takeOver(document, for: own)
      Task { await handIn(taken, document, hand.stop) }
    } catch {
      try? change(subJob, given: hand.stop) { $0.isHandedIn = false }
      throw error
    }
  }

  func state(of subJob: JobID) throws(NetworkError) -> SubJobState {
    guard let hand = state.withLock({ $0.hands[subJob] }), let own = hand.own, !hand.isHandedIn else {
      throw .unknownJob(id: "\(subJob)")
    }
    return SubJobState(
      id: subJob, position: own.position, node: hand.worker, status: .processing, reason: "", deadline: 0,
      leaseExpiresAt: nil, isOver: false)
  }

  func checkMayFetch(_ object: Bytes32, by account: Address) throws(NetworkError) {}
  func mayUpload(_ account: Address) throws(NetworkError) -> Bool { workers.accounts.contains(account) }

  func balances(of account: Address) throws(NetworkError) -> Balances { Balances() }

  func errands(
    of account: Address, kinds: Set<Errand.Kind>, except known: Set<String>
  ) throws(NetworkError) -> [Errand] { [] }

  // MARK: - What a node is not

  private static let notServed = NetworkError.refused(
    code: "worker.notServed", message: "a node serves its workers and nothing else",
    hint: "ask the network's server")

  func submit(_ submission: JobSubmission, by requester: Address) throws(NetworkError) -> JobID {
    throw Self.notServed
  }
  func cancel(_ id: JobID, by requester: Address) throws(NetworkError) { throw Self.notServed }
  func job(_ id: JobID) throws(NetworkError) -> JobView { throw Self.notServed }
  func jobTexts(_ ids: Set<JobID>) throws(NetworkError) -> [JobID: Result<JobText, NetworkError>] {
    throw Self.notServed
  }
  func jobs(_ filter: JobFilter) throws(NetworkError) -> JobPage { throw Self.notServed }
  func subJobs(of id: JobID) throws(NetworkError) -> [SubJobState] { throw Self.notServed }
  func report(on id: JobID) throws(NetworkError) -> JobReport { throw Self.notServed }
  func records(of id: JobID) throws(NetworkError) -> PublicRecords { throw Self.notServed }
  func leaves(of id: JobID) throws(NetworkError) -> (url: URL, byteCount: UInt64) { throw Self.notServed }
  func result(of id: JobID, for requester: Address) throws(NetworkError) -> JobResult { throw Self.notServed }
  func withdraw(_ amount: TokenAmount, by account: Address) throws(NetworkError) -> Balances {
    throw Self.notServed
  }
  func ticket(of account: Address) throws(NetworkError) -> SignedTicket? { throw Self.notServed }
  func epoch(of batch: ProvenBatch) throws(NetworkError) -> UInt64? { throw Self.notServed }
  func provenTicket(of account: Address, epoch: UInt64) throws(NetworkError) -> ProvenTicket? {
    throw Self.notServed
  }
  func batch(epoch: UInt64) throws(NetworkError) -> SignedBatch? { throw Self.notServed }
  func latestBatch() throws(NetworkError) -> SignedBatch? { throw Self.notServed }
  func askedBatch() throws(NetworkError) -> SignedBatch? { throw Self.notServed }
  func cosign(epoch: UInt64, with added: [Cosignature]) async throws(NetworkError) -> [Address] {
    throw Self.notServed
  }
  func work(
    of node: Address, newest limit: Int, before number: UInt32?
  ) throws(NetworkError) -> NodeAccount { throw Self.notServed }
  func answer(_ errand: String, by account: Address, _ body: Data) throws(NetworkError) {
    throw Self.notServed
  }
  func postBond(
    upTo amount: TokenAmount, binding: SignedKeyBinding, modules: [Bytes32], by verifier: Address
  ) throws(NetworkError) { throw Self.notServed }
  func leave(_ verifier: Address) throws(NetworkError) { throw Self.notServed }
  func postCommitments(
    _ commitments: [Bytes32], from first: UInt32, by verifier: Address
  ) throws(NetworkError) { throw Self.notServed }
  func verifier(_ account: Address) throws(NetworkError) -> VerifierAccount { throw Self.notServed }
  func overview() throws(NetworkError) -> NetworkOverview { throw Self.notServed }
  func jobRows(_ filter: JobFilter) throws(NetworkError) -> JobRowPage { throw Self.notServed }
  func jobDetail(_ id: JobID, round: UInt32?) throws(NetworkError) -> JobDetail { throw Self.notServed }
  func tickets(of account: Address, before epoch: UInt64?, limit: Int) throws(NetworkError) -> TicketPage {
    throw Self.notServed
  }
  func ticketDetail(of account: Address, epoch: UInt64) throws(NetworkError) -> TicketDetail? {
    throw Self.notServed
  }
  func batches(before epoch: UInt64?, limit: Int) throws(NetworkError) -> BatchPage { throw Self.notServed }
  func leaves(epoch: UInt64, after account: Address?, limit: Int) throws(NetworkError) -> TicketPage {
    throw Self.notServed
  }
}
