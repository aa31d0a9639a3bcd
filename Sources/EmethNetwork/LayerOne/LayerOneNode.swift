import EmethCompute
import EmethKit
import Foundation
import Synchronization

/// A node that works for jobs of EMETH Core on a chain, and that its owner can leave alone.
///
/// It looks for jobs that pay enough and that it can end in time, deposits what Core locks, takes them, fetches inputs and
/// hands outputs over through a server's storage API, submits, and opens to verifiers. A job stands in its journal before
/// it is taken, and every transaction before it is sent: killed at any moment and started again, it goes on.
///
/// ```swift
/// let node = try LayerOneNode(account: account, files: client, folder: folder)
/// try await node.run()          // until the task is cancelled, or everything has ended after drain()
/// ```
public final class LayerOneNode: Sendable {
  private struct State {
    var isPaused = false
    var isDraining = false
    /// Whether it has looked for what it took before this start.
    var hasAdopted = false
    /// Whether it takes a job now: of what it deposits for one, another one may not count on the same.
    var isTaking = false
    /// What it computes, or looks after.
    var busy: Set<JobID> = []
    /// What it has handed in: of what is in its journal, everything else keeps a worker's place.
    var handedIn: Set<JobID> = []
    /// When what failed is tried again.
    var later: [JobID: ContinuousClock.Instant] = [:]
  }

  /// What its owner decides.
  public let settings: NodeAgent.Settings
  let pace: NodePace
  let sandbox: ModuleSandbox?
  private let folder: URL
  private let journal: NodeJournal
  private let desk: LayerOneDesk
  private let choice: LayerOneChoice
  private let fault: NodeFault?
  private let state = Mutex(State())
  private let lock: FolderLock
  private var account: ChainAccount { desk.account }
  private var files: ServerClient { desk.files }

  /// Where in its folder a node keeps what belongs to the chain: the same folder may be that of a node on L2.
  public static let place = "layer-1"

  /// A node with its account on the chain and its own folder. One process works on a folder at a time.
  ///
  /// - Parameter files: a server that watches the chain, with the account's key.
  /// - Throws: as ``NodeAgent/init(key:folder:connection:domain:settings:onEvent:)``.
  public convenience init(
    account: ChainAccount, files: ServerClient, folder: URL, settings: NodeAgent.Settings = .init(),
    onEvent: @escaping @Sendable (AgentEvent) -> Void = { _ in }
  ) throws(NetworkError) {
    try self.init(
      account: account, files: files, folder: folder, settings: settings, fault: nil, onEvent: onEvent)
  }

  init(
    account: ChainAccount, files: ServerClient, folder: URL, settings: NodeAgent.Settings, fault: NodeFault?,
    onEvent: @escaping @Sendable (AgentEvent) -> Void
  ) throws(NetworkError) {
    try Files.makeFolder(folder)
    let filter = try NodeAgent.filter(settings)
    sandbox = settings.modules.isEmpty ? nil : try ModuleSandbox(for: settings.modules)
    lock = try FolderLock(folder: folder)
    desk = LayerOneDesk(account, files, onEvent: onEvent)
    (self.settings, self.fault) = (settings, fault)
    self.folder = folder.appending(path: Self.place)
    journal = NodeJournal(folder: self.folder.appending(path: "journal"))
    pace = NodePace(file: folder.appending(path: "speed.json"), settings: settings)
    choice = try LayerOneChoice(
      desk, settings: settings, filter: filter, pace: pace,
      losses: NodeLosses(file: self.folder.appending(path: "losses.json")))
  }

  /// Whether it takes nothing more for now.
  public var isPaused: Bool {
    get { state.withLock { $0.isPaused } }
    set { state.withLock { $0.isPaused = newValue } }
  }

  /// Takes nothing more; ``run()`` returns when everything that it took has come to its end.
  public func drain() { state.withLock { $0.isDraining = true } }

  /// Works until the task is cancelled, or until everything has ended after ``drain()``. Each job is looked after beside the
  /// others, and beside the taking of new ones: transactions wait for many blocks, and what a verifier asks is due within an
  /// hour.
  ///
  /// - Throws: ``NetworkError/interrupted`` when the task was cancelled.
  public func run() async throws(NetworkError) {
    try await prepare()
    let rest = desk.pollSeconds
    await withDiscardingTaskGroup { group in
      group.addTask {
        while !Task.isCancelled {
          // What it has taken the other loop finds in the journal.
          _ = await self.takeIfRoom()
          await pause(rest)
        }
      }
      while !Task.isCancelled {
        await adoptOnce()
        for id in await due() {
          group.addTask { if await self.look(after: id) { await self.compute(id) } }
        }
        if isDrained { break }
        await pause(rest)
      }
      group.cancelAll()
    }
    if Task.isCancelled { throw .interrupted }
  }

  private var isDrained: Bool {
    guard state.withLock({ $0.isDraining && !$0.isTaking && $0.busy.isEmpty }) else { return false }
    return (try? journal.all().isEmpty) ?? false
  }

  /// Measures what it must know before it takes anything.
  func prepare() async throws(NetworkError) {
    try await pace.measure(choice.filter.programs.intersection([.meanOfNumbersPart]), desk.onEvent)
  }

  // MARK: - Turns

  /// Looks after what it has taken and takes what it may, one after another; the jobs that are to be computed now, which
  /// count as being computed until ``compute(_:)`` returns.
  func turn() async -> [JobID] {
    var ready: [JobID] = []
    await adoptOnce()
    for id in await due() {
      if await look(after: id) { ready.append(id) }
    }
    if let id = await takeIfRoom() {
      state.withLock { _ = $0.busy.insert(id) }
      ready.append(id)
    }
    return ready
  }

  private func adoptOnce() async {
    guard !state.withLock({ $0.hasAdopted }) else { return }
    await desk.attempt("looking for what it took before") { () async throws(NetworkError) in
      try await self.adopt()
    }
  }

  /// What is in its journal and may be looked after; it counts as busy until ``look(after:)`` returns.
  private func due() async -> [JobID] {
    var found: [JobID] = []
    await desk.attempt("looking after what it took") { () async throws(NetworkError) in
      found = try self.journal.all().sorted(by: { "\($0)" < "\($1)" })
    }
    return found.filter { id in !isBusy(id) && state.withLock { $0.busy.insert(id).inserted } }
  }

  /// Does what a job in the journal wants; whether it is to be computed now: then it stays busy until ``compute(_:)``
  /// returns.
  private func look(after id: JobID) async -> Bool {
    var isReady = false
    await desk.attempt("job \(id)") { () async throws(NetworkError) in isReady = try await self.tend(id) }
    if !isReady { state.withLock { _ = $0.busy.remove(id) } }
    return isReady
  }

  /// Takes one more job, if a worker has nothing to do.
  private func takeIfRoom() async -> JobID? {
    guard beginTaking(again: false) else { return nil }
    var taken: JobID?
    await desk.attempt("looking for jobs") { () async throws(NetworkError) in
      guard try self.hasRoom() else { return }
      taken = try await self.take()
    }
    endTaking()
    return taken
  }

  private func hasRoom() throws(NetworkError) -> Bool {
    let noted = try journal.all()
    let taken = state.withLock { state in noted.count(where: { !state.handedIn.contains($0) }) }
    return taken < max(1, settings.workers)
  }

  /// Whether a job may be taken now; whoever is told so ends it with ``endTaking()``.
  ///
  /// - Parameter again: whether it stands in the journal already: that one also a node takes that takes nothing more.
  private func beginTaking(again: Bool) -> Bool {
    state.withLock { state in
      guard !state.isTaking, again || !state.isDraining && !state.isPaused && state.hasAdopted
      else { return false }
      state.isTaking = true
      return true
    }
  }

  private func endTaking() { state.withLock { $0.isTaking = false } }

  /// Takes into its journal what the chain says it has taken: the folder may be another one than before.
  private func adopt() async throws(NetworkError) {
    for status in [JobStatus.processing, .submitted] {
      for listed in try await files.allListedJobs(status) where listed.assignedNode == "\(account.address)" {
        // What another program has taken with this key is that one's.
        guard let job = try await desk.read(listed.id),
          (try? LayerOneWork(job, modules: settings.modules)) != nil
        else { continue }
        try journal.begin(listed.id)
      }
    }
    state.withLock { $0.hasAdopted = true }
  }

  /// Whether it is being computed, or rests after a failure.
  private func isBusy(_ id: JobID) -> Bool {
    state.withLock { state in
      state.busy.contains(id) || state.later[id].map { $0 > .now } ?? false
    }
  }

  /// Looks after a job in the journal; whether it is to be computed now.
  private func tend(_ id: JobID) async throws(NetworkError) -> Bool {
    guard let job = try await desk.read(id) else {
      try await forgetUnlessBeingTaken(id)
      return false
    }
    let isMine = job.assign?.node == account.address
    switch job.status {
    case .requested:
      // Killed before it was taken, or a reorganisation has undone that. What is on its way arrives, whatever is thought
      // of the job by now.
      state.withLock { _ = $0.handedIn.remove(id) }
      guard beginTaking(again: true) else { return false }
      defer { endTaking() }
      let isInTime = job.now < job.job.deadline
      let solved: Submission? = try isInTime ? kept(Self.submissionFile, of: id) : nil
      // What it has found is worth its pay, whatever is in the way now.
      if solved == nil, try await !isBeingTaken(id), try await choice.refusal(of: job) != nil {
        try forget(id)
        return false
      }
      return try await process(job)
    case .processing where isMine:
      state.withLock { _ = $0.handedIn.remove(id) }
      guard let upkeep = job.upkeep else { return true }
      // Too late, or the job of which it is a part is no more: what is left of the deposit is free again.
      try await desk.carryOut(upkeep, of: id)
    case .submitted where isMine:
      state.withLock { _ = $0.handedIn.insert(id) }
      try await answer(job)
    case .processing, .submitted: try await forgetUnlessBeingTaken(id)
    case .verified, .canceled, .timeout, .failed, .declined:
      try forget(id)
      if isMine { desk.onEvent(.ended(id, job.status, reason: "")) }
    }
    return false
  }

  private func forget(_ id: JobID) throws(NetworkError) {
    try Files.remove(place(id))
    try journal.end(id)
    state.withLock { _ = $0.handedIn.remove(id) }
  }

  /// One node's answer does not tell what a transaction on its way will lock.
  private func forgetUnlessBeingTaken(_ id: JobID) async throws(NetworkError) {
    if try await !isBeingTaken(id) { try forget(id) }
  }

  private func place(_ id: JobID) -> URL { folder.appending(path: "work/\(id)") }

  // MARK: - Taking

  /// What it would take now, and what not, and why. Nothing is sent.
  public func offers() async throws(NetworkError) -> [Offer] {
    try await prepare()
    return try await choice.offers()
  }

  /// Takes the best of the jobs that it may take; nil where there is none.
  private func take() async throws(NetworkError) -> JobID? {
    let known = try journal.all()
    for job in try await choice.requested() where !known.contains(job.id) {
      guard state.withLock({ $0.busy.insert(job.id).inserted }) else { continue }
      defer { state.withLock { _ = $0.busy.remove(job.id) } }
      guard try await choice.refusal(of: job) == nil else { continue }
      if try await process(job) { return job.id }
      // Core has refused what looked well: it is not tried again at once.
      choice.rest(job.id)
    }
    return nil
  }

  /// Deposits what a job locks and takes it; false when another one was faster. A proof of work is taken when it is solved.
  private func process(_ job: LayerOneJob) async throws(NetworkError) -> Bool {
    let id = job.id
    try journal.begin(id)
    if job.provesItself { return true }
    do throws(NetworkError) {
      try await cover(job.terms.deposit)
      try await desk.send(EmethCore.process(id), to: desk.core, of: id)
    } catch {
      guard error.isReverted else { throw error }
      try forget(id)
      return false
    }
    desk.onEvent(.took(id))
    if let count = try? await choice.candidates(of: job), count < EmethVerifiers.wantedCandidates {
      desk.onEvent(.fewVerifiers(id, count: count))
    }
    return true
  }

  /// Whether a transaction that takes a job may still come into the chain.
  private func isBeingTaken(_ id: JobID) async throws(NetworkError) -> Bool {
    let (account, core) = (account, account.contracts.core)
    let solved: Submission? = try kept(Self.submissionFile, of: id)
    return try await onChain { () async throws(ChainError) in
      if try await !account.sender.unfinished(EmethCore.process(id), to: core).isEmpty { return true }
      guard let solved else { return false }
      return try await !account.sender.unfinished(Self.proof(solved, of: id), to: core).isEmpty
    }
  }

  /// Puts what is missing for a deposit from the wallet into the ledger.
  private func cover(_ deposit: TokenAmount) async throws(NetworkError) {
    let (account, contracts) = (account, account.contracts)
    let (ledger, allowed) = try await onChain { () async throws(ChainError) in
      (
        try await account.client.call(EmethCore.deposits(of: account.address), at: contracts.core),
        try await account.client.call(
          EmethToken.allowance(owner: account.address, spender: contracts.core), at: contracts.token)
      )
    }
    guard ledger < deposit else { return }
    let missing = try asNetworkError { try deposit.subtracting(ledger) }
    if allowed < missing {
      try await desk.send(
        EmethToken.approve(spender: contracts.core, amount: missing), to: contracts.token, of: nil)
    }
    try await desk.send(EmethCore.deposit(missing), to: contracts.core, of: nil)
  }

  // MARK: - Computing

  /// Computes a job that it has taken and hands the result in. Nothing is lost when it is stopped anywhere.
  func compute(_ id: JobID) async {
    let isDone = await desk.attempt("computing job \(id)") { () async throws(NetworkError) in
      guard let job = try await self.desk.read(id),
        job.status == .processing || job.status == .requested && job.provesItself
      else { return }
      guard let submission = try await self.submission(for: job) else { return }
      if job.status == .requested { return try await self.handInProof(submission, of: job) }
      let call = EmethCore.submit(
        id, result: submission.result, fuelUsed: Fuel(units: submission.fuelUsed))
      try await self.desk.send(call, to: self.desk.core, of: id)
      self.desk.onEvent(.submitted(id))
    }
    let rest = 5 * desk.pollSeconds
    state.withLock { state in
      state.busy.remove(id)
      if isDone { state.handedIn.insert(id) }
      state.later[id] = isDone ? nil : ContinuousClock.now + .seconds(rest)
    }
  }

  /// Takes a proof of work and hands it in by one call, in which its deposit is locked and comes back.
  private func handInProof(_ submission: Submission, of job: LayerOneJob) async throws(NetworkError) {
    // The deposit must be there, and not be another job's.
    while !beginTaking(again: true) {
      await pause(desk.pollSeconds)
      if Task.isCancelled { throw .interrupted }
    }
    defer { endTaking() }
    do throws(NetworkError) {
      try await cover(job.terms.deposit)
      try await desk.send(Self.proof(submission, of: job.id), to: desk.core, of: job.id)
    } catch {
      // Another node was faster, which costs gas at most.
      guard error.isReverted, try await desk.read(job.id)?.status != .requested else { throw error }
      return
    }
    desk.onEvent(.submitted(job.id))
  }

  private static func proof(_ submission: Submission, of id: JobID) -> ContractCall<Bool> {
    EmethCore.directSubmit(
      id, program: .proofOfWork, result: submission.result, fuelUsed: Fuel(units: submission.fuelUsed))
  }

  /// What came of the computing, and what is submitted: each on the disk before it is used, so that it is the same after a
  /// restart.
  private struct Computation: Codable {
    var fuelUsed: UInt64
    /// What the module said; nil where there is an output.
    var refusal: String?
  }

  private struct Submission: Codable {
    var result: String
    var fuelUsed: UInt64
  }

  private static let submissionFile = "submission.json"

  private func kept<Value: Codable>(_ name: String, of id: JobID) throws(NetworkError) -> Value? {
    let file = place(id).appending(path: name)
    guard FileManager.default.fileExists(atPath: file.path) else { return nil }
    let data = try Files.read(file)
    return try asNetworkError { try JSONDecoder().decode(Value.self, from: data) }
  }

  private func keep(_ value: some Codable, _ name: String, of id: JobID) throws(NetworkError) {
    let data = try asNetworkError { try WireFormat.encoder.encode(value) }
    try Files.write(data, to: place(id).appending(path: name))
  }

  private func submission(for job: LayerOneJob) async throws(NetworkError) -> Submission? {
    let id = job.id
    if let submission: Submission = try kept(Self.submissionFile, of: id) { return submission }
    guard let computation = try await computation(for: job) else { return nil }
    let result: LayerOneResult
    if let words = computation.refusal {
      result = LayerOneResult(refusal: words)
    } else if job.provesItself {
      let solution = try Files.read(outputFile(id))
      let made = Submission(
        result: String(decoding: solution, as: UTF8.self), fuelUsed: computation.fuelUsed)
      try keep(made, Self.submissionFile, of: id)
      return made
    } else {
      let file = outputFile(id)
      let (output, hash) = try await files.offload { () throws(NetworkError) in
        let output = try Files.read(file)
        return (output, output.withUnsafeBytes { SHA256.hash($0) })
      }.get()
      let name = try await files.give(.output, of: id, output)
      guard let given = JobFile(name: name, giver: account.address) else {
        throw .malformed(what: "answer of \(files.server)", reason: "it calls an output \(name)")
      }
      result = .output(JobFileReference(given, contentHash: hash))
    }
    let made = Submission(result: result.text, fuelUsed: computation.fuelUsed)
    try keep(made, Self.submissionFile, of: id)
    return made
  }

  private func outputFile(_ id: JobID) -> URL { place(id).appending(path: "output.dat") }

  /// Computes a job, or finds what was computed; nil when it was given up.
  private func computation(for job: LayerOneJob) async throws(NetworkError) -> Computation? {
    if let computation: Computation = try kept("computation.json", of: job.id) { return computation }
    guard let (work, input) = try await fetched(job) else { return nil }
    let outcome: LayerOneWork.Outcome
    do throws(NetworkError) {
      outcome = try await computed(work, input)
    } catch {
      guard error.isOfTheData else { throw error }
      try await decline(job, because: error)
      return nil
    }
    // Of a job without an input file nothing is there yet.
    try Files.makeFolder(place(job.id))
    if let output = outcome.outcome.output { try Files.write(output, to: outputFile(job.id)) }
    let made = Computation(fuelUsed: outcome.fuel.units, refusal: outcome.outcome.refusal)
    try keep(made, "computation.json", of: job.id)
    return made
  }

  /// What is to be computed; nil when there is no use in waiting for it any more.
  private func fetched(_ job: LayerOneJob) async throws(NetworkError) -> (LayerOneWork, Data)? {
    // It has taken only what it can compute: a module that is missing now its owner can name again.
    let work = try LayerOneWork(job, modules: settings.modules)
    do throws(NetworkError) {
      return (work, try await work.input(from: files, in: place(job.id)))
    } catch {
      // A server may be ill for a while; whoever gives up early loses as much as who is late.
      let since = job.assign?.startedAt ?? job.now
      guard error.isOfTheData, job.now - min(job.now, since) >= LayerOneDesk.patienceSeconds else {
        throw error
      }
      try await decline(job, because: error)
      return nil
    }
  }

  /// Gives a job up, which costs P, and takes nothing of its requester any more.
  private func decline(_ job: LayerOneJob, because error: NetworkError) async throws(NetworkError) {
    try choice.avoid(job)
    try await desk.send(EmethCore.decline(job.id), to: desk.core, of: job.id)
    desk.onEvent(.declined(job.id, reason: error.message))
  }

  private func computed(
    _ work: LayerOneWork, _ input: Data
  ) async throws(NetworkError) -> LayerOneWork.Outcome {
    let (sandbox, stop, began) = (sandbox, StopFlag(), ContinuousClock.now)
    let lane = try AgentLane(threads: settings.threads, device: settings.device(ofWorker: 0))
    let own = account.address
    let watching = work.program.provesItself ? Task { await self.raise(stop, whenOver: work.id) } : nil
    defer { watching?.cancel() }
    var outcome = try await raising(stop) { () async throws(NetworkError) in
      try await lane.run { _ in try work.compute(input, by: own, sandbox: sandbox, stop: stop) }
    }
    let (program, seconds) = (work.program.partID, (ContinuousClock.now - began) / .seconds(1))
    if let speed = try? pace.learn(program, fuel: outcome.fuel, seconds: seconds) {
      desk.onEvent(.speed(program: program, fuelPerSecond: speed))
    }
    if fault == .swappedFinal, let output = outcome.outcome.output {
      outcome.outcome = .output(output + Data("0\n".utf8))
    }
    return outcome
  }

  /// Stops a search of which nothing comes any more: another node was faster, or it is too late.
  private func raise(_ stop: StopFlag, whenOver id: JobID) async {
    while !Task.isCancelled {
      await pause(5 * desk.pollSeconds)
      guard let job = try? await desk.read(id) else { continue }
      let isOurs =
        job.status == .requested || job.status == .processing && job.assign?.node == account.address
      if !isOurs || job.now >= job.job.deadline { return stop.raise() }
    }
  }

  // MARK: - Verification

  /// Does what the check of a result wants of its node.
  private func answer(_ job: LayerOneJob) async throws(NetworkError) {
    let (id, contracts) = (job.id, account.contracts)
    if job.review.phase == .waitsForOpenings, !job.isOverdue {
      let result = LayerOneResult(job.detail.result, of: id, from: account.address)
      try await desk.send(
        EmethVerifiers.open(id, openings: result?.openings ?? .zero), to: contracts.verification, of: id)
      return desk.onEvent(.answered(.open, id))
    }
    // What gets it its pay; that it has not opened in time it need not tell.
    switch job.upkeep {
    case .draw: try await desk.carryOut(.draw, of: id)
    case .expire: try await desk.carryOut(.expire, of: id)
    case .complete: try await desk.carryOut(.complete, of: id)
    case .withhold, .absent, .timeout, .cancel, nil: break
    }
  }
}
