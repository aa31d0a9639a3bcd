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
    var isDraining = false
    /// Whether it has looked for what it took before this start.
    var hasAdopted = false
    /// Whether it takes a job now: of what it deposits for one, another one may not count on the same.
    var isTaking = false
    /// What it computes, or looks after.
    var busy: Set<JobID> = []
    /// What it has handed in: of what is in its journal, everything else keeps a worker's place.
    var handedIn: Set<JobID> = []
    /// Requesters that have cost it a deposit.
    var avoided: Set<Address> = []
    /// Jobs that it does not take, and why; it does not look at them again.
    var skipped: [JobID: String] = [:]
    /// When what failed is tried again, and what it could not take is looked at again.
    var later: [JobID: ContinuousClock.Instant] = [:]
    /// Failures that were told and still last.
    var told: Set<String> = []
  }

  /// What its owner decides.
  public let settings: NodeAgent.Settings
  let account: ChainAccount
  let files: ServerClient
  let filter: SubJobFilter
  let pace: NodePace
  let sandbox: ModuleSandbox?
  private let folder: URL
  private let journal: NodeJournal
  private let losses: NodeLosses
  private let fault: NodeFault?
  private let state = Mutex(State())
  private let lock: FolderLock
  private let onEvent: @Sendable (AgentEvent) -> Void

  /// Where in its folder a node keeps what belongs to the chain: the same folder may be that of a node on L2.
  public static let place = "layer-1"
  /// Seconds of a job's time that transactions and transfers need beside the computing.
  static let handlingSeconds: UInt64 = 600
  /// So long an input that can't be used may become another one, seconds of the chain.
  static let patienceSeconds: UInt64 = 600
  /// A job that can't be taken yet is looked at again after so many turns: those that nobody can take must not hide others.
  private static let restingPolls = 20.0
  /// So many jobs are looked at in one turn.
  private static let lookLimit = 50

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
    filter = try NodeAgent.filter(settings)
    sandbox = settings.modules.isEmpty ? nil : try ModuleSandbox(for: settings.modules)
    lock = try FolderLock(folder: folder)
    (self.account, self.files, self.settings) = (account, files, settings)
    (self.fault, self.onEvent) = (fault, onEvent)
    self.folder = folder.appending(path: Self.place)
    journal = NodeJournal(folder: self.folder.appending(path: "journal"))
    losses = NodeLosses(file: self.folder.appending(path: "losses.json"))
    pace = NodePace(file: folder.appending(path: "speed.json"), settings: settings)
    let known = losses.all()
    state.withLock { $0.avoided = Set(known.map(\.requester)) }
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
    let rest = account.sender.settings.pollSeconds
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
    try await pace.measure(filter.programs.intersection([.meanOfNumbersPart]), onEvent)
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
    await attempt("looking for what it took before") { () async throws(NetworkError) in
      try await self.adopt()
    }
  }

  /// What is in its journal and may be looked after; it counts as busy until ``look(after:)`` returns.
  private func due() async -> [JobID] {
    var found: [JobID] = []
    await attempt("looking after what it took") { () async throws(NetworkError) in
      found = try self.journal.all().sorted(by: { "\($0)" < "\($1)" })
    }
    return found.filter { id in !isBusy(id) && state.withLock { $0.busy.insert(id).inserted } }
  }

  /// Does what a job in the journal wants; whether it is to be computed now: then it stays busy until ``compute(_:)``
  /// returns.
  private func look(after id: JobID) async -> Bool {
    var isReady = false
    await attempt("job \(id)") { () async throws(NetworkError) in isReady = try await self.tend(id) }
    if !isReady { state.withLock { _ = $0.busy.remove(id) } }
    return isReady
  }

  /// Takes one more job, if a worker has nothing to do.
  private func takeIfRoom() async -> JobID? {
    guard beginTaking(again: false) else { return nil }
    var taken: JobID?
    await attempt("looking for jobs") { () async throws(NetworkError) in
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
      guard !state.isTaking, again || !state.isDraining && state.hasAdopted else { return false }
      state.isTaking = true
      return true
    }
  }

  private func endTaking() { state.withLock { $0.isTaking = false } }

  /// Takes into its journal what the chain says it has taken: the folder may be another one than before.
  private func adopt() async throws(NetworkError) {
    for status in [JobStatus.processing, .submitted] {
      for listed in try await files.listedJobs(status) where listed.assignedNode == "\(account.address)" {
        // What another program has taken with this key is that one's.
        guard let job = try await read(listed.id), (try? LayerOneWork(job, modules: settings.modules)) != nil
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

  /// Tells what fails once, until it goes well again; whether it went well.
  @discardableResult
  private func attempt(_ what: String, _ body: () async throws(NetworkError) -> Void) async -> Bool {
    do throws(NetworkError) {
      try await body()
      state.withLock { _ = $0.told.remove(what) }
      return true
    } catch {
      if Task.isCancelled || error == .interrupted { return false }
      if state.withLock({ $0.told.insert(what).inserted }) { onEvent(.failed(what: what, error)) }
      return false
    }
  }

  private func read(_ id: JobID) async throws(NetworkError) -> LayerOneJob? {
    let account = account
    return try await onChain { () async throws(ChainError) in try await LayerOneJob.read(id, with: account) }
  }

  /// Looks after a job in the journal; whether it is to be computed now.
  private func tend(_ id: JobID) async throws(NetworkError) -> Bool {
    guard let job = try await read(id) else {
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
      if try await !isBeingTaken(id), try await refusal(of: job) != nil {
        try forget(id)
        return false
      }
      return try await process(job)
    case .processing where isMine:
      state.withLock { _ = $0.handedIn.remove(id) }
      guard job.now >= job.job.deadline else { return true }
      // Too late: what is left of the deposit is free again.
      try await carryOut(.timeout, of: id)
    case .submitted where isMine:
      state.withLock { _ = $0.handedIn.insert(id) }
      try await answer(job)
    case .processing, .submitted: try await forgetUnlessBeingTaken(id)
    case .verified, .canceled, .timeout, .failed, .declined:
      try forget(id)
      if isMine { onEvent(.ended(id, job.status, reason: "")) }
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

  /// A job of the server's list, with what this node thinks of it.
  public struct Offer: Encodable, Sendable {
    /// The job.
    public var job: JobID
    /// What it computes.
    public var program: ProgramID
    /// The most that it pays.
    public var fee: TokenAmount
    /// What has to be locked for it.
    public var deposit: TokenAmount
    /// When it must be submitted, unix seconds.
    public var deadline: UInt64
    /// Why it is not taken; nil: it would be.
    public var refusal: String?
    /// The most that taking it costs, in wei; nil where that is not known before the deposit is made.
    public var wei: String?
  }

  /// What it would take now, and what not, and why. Nothing is sent.
  public func offers() async throws(NetworkError) -> [Offer] {
    try await prepare()
    var offers: [Offer] = []
    for job in try await requested() {
      let id = job.id
      var offer = Offer(
        job: id, program: job.detail.programID, fee: try Self.fee(of: job), deposit: job.terms.deposit,
        deadline: job.job.deadline, refusal: try await refusal(of: job))
      if offer.refusal == nil {
        let (account, core) = (account, account.contracts.core)
        let preview = try? await account.sender.preview(EmethCore.process(id), to: core)
        offer.wei = preview.map { "\($0.mostWei)" }
      }
      offers.append(offer)
    }
    return offers
  }

  private static func fee(of job: LayerOneJob) throws(NetworkError) -> TokenAmount {
    try asNetworkError { try job.job.fuelPrice.fee(for: job.job.fuelLimit) }
  }

  /// The jobs that wait for a node, as the chain has them, the best paid first; none of those that it has seen and does
  /// not take, or not yet.
  private func requested() async throws(NetworkError) -> [LayerOneJob] {
    var found: [LayerOneJob] = []
    state.withLock { state in state.later = state.later.filter { $0.value > .now } }
    for listed in try await files.listedJobs(.requested) {
      guard state.withLock({ $0.skipped[listed.id] == nil && $0.later[listed.id] == nil }) else { continue }
      if let job = try await read(listed.id), job.status == .requested { found.append(job) }
      if found.count == Self.lookLimit { break }
    }
    return found.sorted { $0.job.fuelPrice > $1.job.fuelPrice }
  }

  /// Takes the best of the jobs that it may take; nil where there is none.
  private func take() async throws(NetworkError) -> JobID? {
    for job in try await requested() {
      guard state.withLock({ $0.busy.insert(job.id).inserted }) else { continue }
      defer { state.withLock { _ = $0.busy.remove(job.id) } }
      if try await refusal(of: job) == nil, try await process(job) { return job.id }
    }
    return nil
  }

  /// Why it does not take a job; nil: it does.
  private func refusal(of job: LayerOneJob) async throws(NetworkError) -> String? {
    if let reason = lastingRefusal(of: job) {
      state.withLock { state in
        if state.skipped.count > 10_000 { state.skipped = [:] }
        state.skipped[job.id] = reason
      }
      return reason
    }
    let reason = try await passingRefusal(of: job)
    if reason != nil {
      let rest = Self.restingPolls * account.sender.settings.pollSeconds
      state.withLock { $0.later[job.id] = ContinuousClock.now + .seconds(rest) }
    }
    return reason
  }

  /// What may change soon.
  private func passingRefusal(of job: LayerOneJob) async throws(NetworkError) -> String? {
    let (client, contracts, account) = (account.client, account.contracts, account.address)
    let (ledger, wallet) = try await onChain { () async throws(ChainError) in
      (
        try await client.call(EmethCore.deposits(of: account), at: contracts.core),
        try await client.call(EmethToken.balance(of: account), at: contracts.token)
      )
    }
    let money = try asNetworkError { try ledger.adding(wallet) }
    guard job.terms.deposit <= money else {
      return "it locks \(job.terms.deposit.emethText) EMETH, ledger and wallet have \(money.emethText)"
    }
    guard let size = try await files.size(of: .input, of: job.id) else {
      return "its input is not at \(files.server) yet"
    }
    guard size <= UInt64(LayerOneWork.archiveByteLimit) else {
      return "its input has \(size) bytes, allowed are \(LayerOneWork.archiveByteLimit)"
    }
    return nil
  }

  /// What will not change.
  private func lastingRefusal(of job: LayerOneJob) -> String? {
    guard job.detail.numParallel == 1 else { return "it is a job in parts" }
    // Whether it is to be masked Core says only after it was submitted.
    guard job.job.parentJob == nil else { return "it is a part of another job" }
    guard !state.withLock({ $0.avoided.contains(job.job.owner) }) else {
      return "a job of its requester, \(job.job.owner), has cost this node a deposit"
    }
    let program = job.detail.programID
    let part = (try? ProgramCatalogue.standard.subJobProgram(of: program)) ?? program
    guard filter.programs.contains(part), !filter.withoutPrograms.contains(part) else {
      return "this node does not compute program \(program)"
    }
    guard job.job.fuelPrice >= filter.minimumFuelPrice else {
      return "it pays \(job.job.fuelPrice) for a fuel, wanted are \(filter.minimumFuelPrice)"
    }
    do throws(NetworkError) {
      let work = try LayerOneWork(job, modules: settings.modules)
      let end = job.job.deadline - min(job.job.deadline, Self.handlingSeconds)
      guard
        pace.canEnd(
          part, fuel: job.job.fuelLimit, module: work.program.module?.manifest.hash, by: end, at: job.now)
      else { return "it can't be computed before its deadline" }
    } catch {
      return error.message
    }
    return nil
  }

  /// Deposits what a job locks and takes it; false when another one was faster.
  private func process(_ job: LayerOneJob) async throws(NetworkError) -> Bool {
    let id = job.id
    try journal.begin(id)
    do throws(NetworkError) {
      try await cover(job.terms.deposit)
      try await send(EmethCore.process(id), to: account.contracts.core, of: id)
    } catch {
      guard error.isReverted else { throw error }
      try forget(id)
      return false
    }
    onEvent(.took(id))
    return true
  }

  /// Whether a transaction that takes a job may still come into the chain.
  private func isBeingTaken(_ id: JobID) async throws(NetworkError) -> Bool {
    let account = account
    return try await onChain { () async throws(ChainError) in
      try await !account.sender.unfinished(EmethCore.process(id), to: account.contracts.core).isEmpty
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
      try await send(
        EmethToken.approve(spender: contracts.core, amount: missing), to: contracts.token, of: nil)
    }
    try await send(EmethCore.deposit(missing), to: contracts.core, of: nil)
  }

  // MARK: - Computing

  /// Computes a job that it has taken and hands the result in. Nothing is lost when it is stopped anywhere.
  func compute(_ id: JobID) async {
    let isDone = await attempt("computing job \(id)") { () async throws(NetworkError) in
      guard let job = try await self.read(id), job.status == .processing else { return }
      guard let submission = try await self.submission(for: job) else { return }
      let call = EmethCore.submit(
        id, result: submission.result, fuelUsed: Fuel(units: submission.fuelUsed))
      try await self.send(call, to: self.account.contracts.core, of: id)
      self.onEvent(.submitted(id))
    }
    let rest = 5 * account.sender.settings.pollSeconds
    state.withLock { state in
      state.busy.remove(id)
      if isDone { state.handedIn.insert(id) }
      state.later[id] = isDone ? nil : ContinuousClock.now + .seconds(rest)
    }
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
    if let submission: Submission = try kept("submission.json", of: id) { return submission }
    guard let computation = try await computation(for: job) else { return nil }
    let result: LayerOneResult
    if let words = computation.refusal {
      result = LayerOneResult(refusal: words)
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
    try keep(made, "submission.json", of: id)
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
      guard Self.isOfTheData(error) else { throw error }
      try await decline(job, because: error)
      return nil
    }
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
      guard Self.isOfTheData(error), job.now - min(job.now, since) >= Self.patienceSeconds else {
        throw error
      }
      try await decline(job, because: error)
      return nil
    }
  }

  /// Gives a job up, which costs P, and takes nothing of its requester any more.
  private func decline(_ job: LayerOneJob, because error: NetworkError) async throws(NetworkError) {
    let module = try? LayerOneWork(job, modules: settings.modules).program.module?.manifest.hash
    state.withLock { _ = $0.avoided.insert(job.job.owner) }
    var known = losses.all()
    known.insert(NodeLosses.Loss(module: module ?? .zero, requester: job.job.owner))
    try losses.keep(known)
    try await send(EmethCore.decline(job.id), to: account.contracts.core, of: job.id)
    onEvent(.declined(job.id, reason: error.message))
  }

  private func computed(
    _ work: LayerOneWork, _ input: Data
  ) async throws(NetworkError) -> LayerOneWork.Outcome {
    let (sandbox, stop, began) = (sandbox, StopFlag(), ContinuousClock.now)
    let lane = try AgentLane(threads: settings.threads, device: settings.device)
    var outcome = try await raising(stop) { () async throws(NetworkError) in
      try await lane.run { _ in try work.compute(input, sandbox: sandbox, stop: stop) }
    }
    let (program, seconds) = (work.program.partID, (ContinuousClock.now - began) / .seconds(1))
    if let speed = try? pace.learn(program, fuel: outcome.fuel, seconds: seconds) {
      onEvent(.speed(program: program, fuelPerSecond: speed))
    }
    if fault == .swappedFinal, let output = outcome.outcome.output {
      outcome.outcome = .output(output + Data("0\n".utf8))
    }
    return outcome
  }

  /// Whether an error says that the job can't be computed, whoever tries.
  private static func isOfTheData(_ error: NetworkError) -> Bool {
    switch error {
    case .malformed, .badSetting, .moduleCutShort: true
    case .refused(let code, _, _): code.hasPrefix("program.") || code.hasPrefix("splitting.")
    default: false
    }
  }

  // MARK: - Verification

  /// Does what the check of a result wants of its node.
  private func answer(_ job: LayerOneJob) async throws(NetworkError) {
    let (id, contracts) = (job.id, account.contracts)
    if job.review.phase == .waitsForOpenings, !job.isOverdue {
      let result = LayerOneResult(job.detail.result, of: id, from: account.address)
      try await send(
        EmethVerifiers.open(id, openings: result?.openings ?? .zero), to: contracts.verification, of: id)
      return onEvent(.answered(.open, id))
    }
    // What gets it its pay; that it has not opened in time it need not tell.
    switch job.upkeep {
    case .draw: try await carryOut(.draw, of: id)
    case .expire: try await carryOut(.expire, of: id)
    case .complete: try await carryOut(.complete, of: id)
    case .withhold, .absent, .timeout, nil: break
    }
  }

  // MARK: - Transactions

  private func send<Output>(
    _ call: ContractCall<Output>, to contract: Address, of id: JobID?
  ) async throws(NetworkError) {
    let account = account
    let receipt = try await onChain { () async throws(ChainError) in
      try await account.carryOut(call, at: contract)
    }
    if let receipt { onEvent(.sent(call.function.name, id, transaction: receipt.transaction)) }
  }

  private func carryOut(_ upkeep: LayerOneUpkeep, of id: JobID) async throws(NetworkError) {
    if let receipt = try await upkeep.carriedOut(for: id, by: account) {
      onEvent(.sent("\(upkeep)", id, transaction: receipt.transaction))
    }
  }
}
