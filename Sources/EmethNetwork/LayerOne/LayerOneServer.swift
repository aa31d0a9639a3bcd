import EmethCompute
import EmethKit
import Foundation
import Synchronization

/// A server of layer 1: it divides jobs of EMETH Core whose requesters let it, registers their parts, registers anew what
/// failed, joins the outputs, and hands the results in.
///
/// A requester lets it by `numParallel` above 1 and by `setServer`. Parts are paid from the job's own escrow; the server pays
/// gas, and risks nothing else. Where everything stands the chain says: a restart goes on from there, and several servers of
/// one requester do not disturb each other.
///
/// ```swift
/// let server = try LayerOneServer(account: account, files: client, folder: folder)
/// try await server.run()          // until the task is cancelled
/// ```
public final class LayerOneServer: Sendable {
  /// A job that waits for a server, and what this one would do for it.
  public struct Plan: Encodable, Sendable {
    /// The job.
    public var job: JobID
    /// What it computes.
    public var program: ProgramID
    /// Into how many parts it is divided.
    public var parts: UInt32
    /// How many of them are verified.
    public var verified: UInt32
    /// When its result must be there, unix seconds.
    public var deadline: UInt64
    /// Why this server does not work for it; nil: it does.
    public var refusal: String?
    /// What it would send now, in words; nil where it would wait.
    public var next: String?
    /// The most that each such transaction costs, in wei; nil where that is not known.
    public var wei: String?
  }

  private struct State {
    /// Jobs that are looked after now.
    var busy: Set<JobID> = []
    /// When what is not this server's is looked at again.
    var later: [JobID: ContinuousClock.Instant] = [:]
    /// When an attempt was first seen to have ended, or to have left nothing, seconds of the chain.
    var ended: [JobID: UInt64] = [:]
    /// What was divided in this process.
    var divisions: [JobID: LayerOneDivision] = [:]
    /// Whether a data set is being divided, or outputs are being joined.
    var isHeavy = false
  }

  /// What comes next for a part.
  private enum Next {
    /// An attempt is to be registered.
    case register(UInt32)
    /// It was verified, and the server lacks its output: that may come back until the deadline.
    case lacking(String)
    /// Its output lies there.
    case done(URL)
    /// What anybody may do for its newest attempt.
    case upkeep(LayerOneUpkeep, JobID)
    case wait
    /// No attempt is left.
    case hopeless(String)
  }

  private let desk: LayerOneDesk
  private let sweep: JobSweep
  private let orphanSweep: JobSweep
  private let folder: URL
  private let retry: RetryPolicy
  private let requesters: Set<Address>
  private let lock: FolderLock
  private let state = Mutex(State())
  private var files: ServerClient { desk.files }
  private var account: ChainAccount { desk.account }

  /// So many parts of a job are registered at once.
  private static let registrationLimit = 16
  /// So many inputs of a job are given in one turn.
  private static let inputLimit = 16

  /// A server with its account on the chain and its own folder. One process works on a folder at a time.
  ///
  /// - Parameters:
  ///   - files: a server that watches the chain and keeps files, with the account's key.
  ///   - requesters: whose jobs it divides; empty: those of anybody who lets it, and whoever does makes it pay gas, without
  ///     bound.
  ///   - retry: how often and when what failed is registered anew.
  public init(
    account: ChainAccount, files: ServerClient, folder: URL, requesters: Set<Address> = [],
    retry: RetryPolicy = .standard,
    onEvent: @escaping @Sendable (AgentEvent) -> Void = { _ in }
  ) throws(NetworkError) {
    try Files.makeFolder(folder)
    lock = try FolderLock(folder: folder)
    desk = LayerOneDesk(account, files, onEvent: onEvent)
    (sweep, orphanSweep) = (JobSweep(files), JobSweep(files))
    (self.folder, self.retry, self.requesters) = (folder, retry, requesters)
  }

  /// Works until the task is cancelled. Each job is looked after beside the others: transactions wait for many blocks.
  ///
  /// - Throws: ``NetworkError/interrupted``.
  public func run() async throws(NetworkError) {
    let rest = desk.pollSeconds
    await withDiscardingTaskGroup { group in
      group.addTask {
        while !Task.isCancelled {
          await self.endOrphans()
          await pause(rest)
        }
      }
      while !Task.isCancelled {
        for id in await due() { group.addTask { await self.look(after: id) } }
        await pause(rest)
      }
      group.cancelAll()
    }
    throw .interrupted
  }

  /// All of it once, one after another.
  func turn() async {
    for id in await due() { await look(after: id) }
    await endOrphans()
  }

  // MARK: - Jobs

  /// The jobs in parts that have not ended, which count as being looked after until ``look(after:)`` returns.
  private func due() async -> [JobID] {
    var found: [JobID] = []
    await desk.attempt("looking for jobs in parts") { () async throws(NetworkError) in
      found = try await self.listed()
    }
    return state.withLock { state in
      state.later = state.later.filter { $0.value > .now }
      return found.filter { state.later[$0] == nil && state.busy.insert($0).inserted }
    }
  }

  private func listed() async throws(NetworkError) -> [JobID] {
    var found: [JobID] = []
    for status in [JobStatus.processing, .requested] {
      found += try await sweep.look(at: status) { $0.parts > 1 && $0.parent == nil }.map(\.id)
    }
    // One look is not at all of them, and of what has ended a folder may be left.
    let known = Set(found)
    let own = try kept()
    return found + own.filter { !known.contains($0) }
  }

  /// The jobs of which its folder has something.
  private func kept() throws(NetworkError) -> [JobID] {
    let place = folder.appending(path: Self.place)
    guard isThere(place) else { return [] }
    return try asNetworkError { try FileManager.default.contentsOfDirectory(atPath: place.path) }
      .compactMap { try? JobID(hex: $0) }
  }

  private func look(after id: JobID) async {
    let isWell = await desk.attempt("job \(id)") { () async throws(NetworkError) in try await self.tend(id) }
    if !isWell { leave(id, polls: 5) }
    state.withLock { _ = $0.busy.remove(id) }
  }

  /// Does not look at a job for so many turns.
  private func leave(_ id: JobID, polls: Double) {
    let rest = polls * desk.pollSeconds
    state.withLock { $0.later[id] = ContinuousClock.now + .seconds(rest) }
  }

  /// Does what takes much memory, for one job at a time; nil while that is another one's turn.
  private func alone<Value: Sendable>(
    _ body: () async throws(NetworkError) -> Value
  ) async throws(NetworkError) -> Value? {
    let isFree = state.withLock { state in
      if state.isHeavy { return false }
      state.isHeavy = true
      return true
    }
    guard isFree else { return nil }
    defer { state.withLock { $0.isHeavy = false } }
    return try await body()
  }

  /// Does what a job wants now.
  private func tend(_ id: JobID) async throws(NetworkError) {
    // A node of the chain that is behind does not know it yet.
    guard let job = try await desk.read(id) else { return leave(id, polls: LayerOneChoice.restingPolls) }
    guard !job.status.isFinal else { return try forget(id) }
    guard try await refusal(of: job) == nil else { return leave(id, polls: LayerOneChoice.restingPolls) }
    if let reason = obstacle(to: job) {
      // Its requester counts on this server: that is told.
      throw .refused(
        code: "layerOne.notDivided", message: "job \(id) is not divided: \(reason)",
        hint: "it ends at its deadline, or its requester takes it back with cancel-job")
    }
    if let upkeep = job.upkeep {
      // Too late: what is left of the escrow goes back.
      if try await desk.carryOut(upkeep, of: id) { try forget(id) }
      return
    }
    let division: LayerOneDivision
    do throws(NetworkError) {
      guard let found = try await self.division(of: job) else { return }
      division = found
    } catch {
      // What is there does not change any more; a server that has something else may be ill for a while. Once parts are
      // registered, and nodes work for them, the job could be divided: that is waited for until its deadline.
      guard error.isOfTheData, job.status == .requested, isThere(input(of: id)) || isOver(id, at: job.now)
      else { throw error }
      return try await giveUp(job, because: error.message)
    }
    state.withLock { _ = $0.ended.removeValue(forKey: id) }
    try await goOn(job, division)
  }

  /// Why a job is none of this server's; nil: its requester has named it.
  private func refusal(of job: LayerOneJob) async throws(NetworkError) -> String? {
    guard job.detail.numParallel > 1, job.job.parentJob == nil else { return "it is no job in parts" }
    let (me, owner) = (account.address, job.job.owner)
    guard requesters.isEmpty || requesters.contains(owner) else {
      return "this server does not divide jobs of its requester, \(owner)"
    }
    if owner != me, try await !desk.call(EmethCore.isServer(me, of: owner), at: desk.core) {
      return "its requester, \(owner), has not said that this server may divide it (setServer)"
    }
    return nil
  }

  /// Why a job can't be divided here; nil: it can, as far as its input is not looked at.
  private func obstacle(to job: LayerOneJob) -> String? {
    guard job.detail.numEpoch == 1 else { return "it has \(job.detail.numEpoch) rounds, allowed is 1" }
    do throws(NetworkError) {
      // Core wants another number for the parts of an external program than for the whole, and a module has one.
      guard !job.detail.programID.isExternal else {
        return "program \(job.detail.programID) is not divided on layer 1, allowed is 999"
      }
      _ = try LayerOneWork(job, modules: [])
    } catch {
      return error.message
    }
    return nil
  }

  /// How a job is divided; nil while its input is not there, or another one is being divided.
  private func division(of job: LayerOneJob) async throws(NetworkError) -> LayerOneDivision? {
    if let known = state.withLock({ $0.divisions[job.id] }) { return known }
    let found = try await alone { () async throws(NetworkError) in try await self.divided(job) }
    return found ?? nil
  }

  private func divided(_ job: LayerOneJob) async throws(NetworkError) -> LayerOneDivision? {
    let work = try LayerOneWork(job, modules: [])
    let file = input(of: job.id)
    if !isThere(file) {
      guard try await files.size(of: .input, of: job.id) != nil else { return nil }
      try Files.write(try await work.input(from: files, in: place(job.id)), to: file)
    }
    let division = try await files.offload { () throws(NetworkError) in
      try LayerOneDivision(job, work, file: file)
    }.get()
    state.withLock { $0.divisions[job.id] = division }
    return division
  }

  private func goOn(_ job: LayerOneJob, _ division: LayerOneDivision) async throws(NetworkError) {
    let attempts = try await desk.attempts(at: job, upTo: retry.attempts).compactMapValues(\.last)
    var (outputs, due, late): ([URL], [Due], [Late]) = ([], [], [])
    var (lacking, hopeless): (String?, String?) = (nil, nil)
    var failure: NetworkError?
    var inputs = 0
    for part in division.parts.indices where hopeless == nil {
      do throws(NetworkError) {
        switch try await next(attempts[part], part, division, job, inputs: &inputs) {
        case .done(let file): outputs.append(file)
        case .register(let number): due.append(Due(part: part, number: number))
        case .lacking(let why): lacking = lacking ?? "part \(part): \(why)"
        case .upkeep(let upkeep, let id): late.append(Late(upkeep: upkeep, id: id))
        case .wait: break
        case .hopeless(let reason): hopeless = "part \(part): \(reason)"
        }
      } catch {
        // What fails for one part holds up no other; but nothing is paid for a job that can't come to anything.
        if Task.isCancelled || error == .interrupted || error.code == Self.foreignPart { throw error }
        failure = failure ?? error
      }
    }
    if let hopeless { return try await giveUp(job, because: hopeless) }
    if outputs.count == division.parts.count { return try await handIn(job, division, outputs) }
    let isRunning = attempts.values.contains { !$0.job.status.isFinal }
    let actions = try registrations(due, of: job, division)
    // What the server lacks, or does not say, may come back: that ends no job.
    let isOpen = isRunning || lacking != nil || failure != nil
    guard due.isEmpty || !actions.isEmpty || isOpen else {
      return try await giveUp(job, because: "its escrow does not pay for part \(due[0].part) once more")
    }
    if job.status == .requested, !actions.isEmpty { desk.onEvent(.took(job.id)) }
    // Each waits for many blocks.
    await withDiscardingTaskGroup { group in
      for action in actions { group.addTask { await self.register(action) } }
      for part in late { group.addTask { await self.carryOut(part) } }
    }
    if let failure { throw failure }
    if let lacking {
      throw .refused(
        code: "layerOne.outputMissing", message: "job \(job.id) is not joined: \(lacking)",
        hint: "it is waited for until the job's deadline: does \(files.server) have its storage?")
    }
  }

  /// Its requester, or another server of that one, has registered a part for something else.
  private static let foreignPart = "layerOne.foreignPart"

  /// What comes next for a part, after what its newest attempt wants was done.
  private func next(
    _ attempt: LayerOneAttempt?, _ part: Int, _ division: LayerOneDivision, _ parent: LayerOneJob,
    inputs: inout Int
  ) async throws(NetworkError) -> Next {
    guard let attempt else { return .register(0) }
    let job = attempt.job
    guard attempt.isRegistered(by: division, for: parent) else {
      throw .refused(
        code: Self.foreignPart,
        message: "part \(part) of job \(parent.id) was registered for other data, program or parameters",
        hint: "its requester ends the job by rejectResult, or waits for its deadline")
    }
    let reason: String
    switch job.status {
    case .requested, .processing, .submitted:
      if let upkeep = job.upkeep { return .upkeep(upkeep, job.id) }
      if job.status == .requested, inputs < Self.inputLimit, try await isMissing(job.id) {
        inputs += 1
        let input = try await files.offload { () throws(NetworkError) in try division.input(part) }.get()
        try await files.giveInput(input, of: job.id)
      }
      return .wait
    case .verified:
      let file = place(parent.id).appending(path: "\(part)-\(attempt.number).out")
      if isThere(file) { return .done(file) }
      switch try await desk.output(of: attempt, division, in: place(parent.id)) {
      case .success(let output):
        try Files.write(output, to: file)
        return .done(file)
      case .failure(.void(let why)):
        guard isOver(job.id, at: job.now) else { return .wait }
        reason = why
      case .failure(.missing(let why)):
        guard isOver(job.id, at: job.now) else { return .wait }
        return .lacking(why)
      }
    case .canceled, .timeout, .failed, .declined: reason = "its last attempt is \(job.status.name)"
    }
    guard let delay = retry.delayMilliseconds(afterAttempt: attempt.number) else { return .hopeless(reason) }
    guard seen(job.id, at: job.now) + delay / 1_000 <= job.now else { return .wait }
    return .register(attempt.number + 1)
  }

  /// Whether the input of a part is not where its nodes look for it; not before the server has seen the part.
  private func isMissing(_ id: JobID) async throws(NetworkError) -> Bool {
    do throws(NetworkError) {
      return try await files.size(of: .input, of: id) == nil
    } catch {
      guard case .unknownJob = error else { throw error }
      return false
    }
  }

  /// When an attempt was first seen to have ended.
  private func seen(_ id: JobID, at now: UInt64) -> UInt64 {
    state.withLock { state in
      let since = state.ended[id] ?? now
      state.ended[id] = since
      return min(since, now)
    }
  }

  /// Whether what a server has, or has not, is no passing illness of it any more.
  private func isOver(_ id: JobID, at now: UInt64) -> Bool {
    seen(id, at: now) + LayerOneDesk.patienceSeconds <= now
  }

  // MARK: - Transactions

  /// An attempt that is to be registered.
  private struct Due: Sendable {
    var part: Int
    var number: UInt32
  }

  /// An attempt for which anybody may do something.
  private struct Late: Sendable {
    var upkeep: LayerOneUpkeep
    var id: JobID
  }

  /// A registration that is to be sent.
  private struct Registration: Sendable {
    var id: JobID
    var action: ChainAction
  }

  /// The registrations of attempts: as many as the escrow pays for now.
  private func registrations(
    _ due: [Due], of job: LayerOneJob, _ division: LayerOneDivision
  ) throws(NetworkError) -> [Registration] {
    var (paid, found): (TokenAmount, [Registration]) = (.zero, [])
    for attempt in due.prefix(Self.registrationLimit) {
      paid = try asNetworkError { try paid.adding(division.parts[attempt.part].escrow) }
      guard paid <= job.terms.escrow else { break }
      found.append(
        Registration(
          id: division.id(attempt.part, attempt.number), action: registration(attempt, of: job, division)))
    }
    return found
  }

  private func register(_ registration: Registration) async {
    let id = registration.id
    await desk.attempt("registering job \(id)") { () async throws(NetworkError) in
      do throws(NetworkError) {
        try await self.desk.send(registration.action, of: id)
      } catch {
        // Another server of the requester was faster: that one names the same data.
        guard error.isReverted, error.message.contains("core.idInUse") else { throw error }
      }
    }
  }

  private func carryOut(_ late: Late) async {
    await desk.attempt("upkeep of job \(late.id)") { () async throws(NetworkError) in
      try await self.desk.carryOut(late.upkeep, of: late.id)
    }
  }

  /// The registration of an attempt: whatever the time, one and the same of it is in the journal.
  private func registration(
    _ attempt: Due, of job: LayerOneJob, _ division: LayerOneDivision
  ) -> ChainAction {
    let (part, number) = (attempt.part, attempt.number)
    let (id, own) = (division.id(part, number), division.parts[part])
    // A quarter of the time that is left is for verifiers and for the sum.
    let left = job.job.deadline - min(job.job.deadline, job.now)
    let deadline = ParentBudget.attemptDeadline(
      now: job.now, parentDeadline: job.job.deadline - left / 4, roundsLeft: 1, attempt: number,
      lastAttempt: retry.lastAttempt)
    let call = EmethCore.requestSubJob(
      parent: job.id, round: 0, part: UInt32(part), attempt: number, program: division.manifest.partProgram,
      dataset: division.dataset(part, number), parameters: job.detail.parameters, fuelLimit: own.fuelLimit,
      verifierFee: own.verifierFee, deadline: deadline, isMasked: false)
    return account.action(call, at: desk.core, mark: "\(call.function.name) \(id)")
  }

  /// Joins the outputs and hands the result in: the job is VERIFIED, and the rest of its escrow its requester's.
  private func handIn(
    _ job: LayerOneJob, _ division: LayerOneDivision, _ outputs: [URL]
  ) async throws(NetworkError) {
    let id = job.id
    let joined = try await alone { () async throws(NetworkError) in
      try await self.result(of: job, division, outputs)
    }
    guard let result = joined else { return }
    let call = EmethCore.submit(id, result: result, fuelUsed: Fuel(units: 0))
    let action = account.action(call, at: desk.core, mark: "\(call.function.name) \(id)")
    try await desk.send(action, of: id)
    try forget(id)
    desk.onEvent(.ended(id, .verified, reason: ""))
  }

  /// What a job's result says, once its output was given: the same after a restart.
  private func result(
    of job: LayerOneJob, _ division: LayerOneDivision, _ outputs: [URL]
  ) async throws(NetworkError) -> String {
    let (id, place) = (job.id, place(job.id))
    let kept = place.appending(path: "result.txt")
    if isThere(kept) { return String(decoding: try Files.read(kept), as: UTF8.self) }
    let (result, hash) = try await files.offload { () throws(NetworkError) in
      let result = try division.result(of: outputs, in: place.appending(path: "result.dat"))
      return (result, result.withUnsafeBytes { SHA256.hash($0) })
    }.get()
    let name = try await files.give(.output, of: id, result)
    guard let given = JobFile(name: name, giver: job.job.owner) else {
      throw .malformed(what: "answer of \(files.server)", reason: "it calls an output \(name)")
    }
    let text = JobFileReference(given, contentHash: hash).text
    try Files.write(Data(text.utf8), to: kept)
    return text
  }

  /// Ends a job that comes to nothing: what is left of its escrow is its requester's.
  private func giveUp(_ job: LayerOneJob, because reason: String) async throws(NetworkError) {
    let (id, isBegun) = (job.id, job.status == .processing)
    if isBegun {
      try await desk.send(EmethCore.rejectResult(id), to: desk.core, of: id)
    } else {
      try await desk.send(EmethCore.cancel(id), to: desk.core, of: id)
    }
    try forget(id)
    desk.onEvent(.ended(id, isBegun ? .failed : .canceled, reason: reason))
  }

  /// Ends the parts of jobs that have ended, of requesters who let this server: a node's deposit is free then.
  private func endOrphans() async {
    await desk.attempt("looking for parts of jobs that have ended") { () async throws(NetworkError) in
      var listed = try await self.orphanSweep.look(at: .requested)
      listed += try await self.orphanSweep.look(at: .processing)
      // A job of another requester at the parent's id is not the parent.
      let running = Dictionary(
        listed.filter { $0.parts > 1 }.map { ($0.id, $0.requester) }, uniquingKeysWith: { $1 })
      for part in listed where part.parent.map({ running[$0] != part.requester }) ?? false {
        await self.desk.attempt("upkeep of job \(part.id)") { () async throws(NetworkError) in
          try await self.endOrphan(part.id)
        }
      }
    }
  }

  private func endOrphan(_ id: JobID) async throws(NetworkError) {
    guard let part = try await desk.read(id), part.upkeep == .cancel else { return }
    let (me, owner) = (account.address, part.job.owner)
    guard requesters.isEmpty || requesters.contains(owner) else { return }
    if owner != me {
      guard try await desk.call(EmethCore.isServer(me, of: owner), at: desk.core) else { return }
    }
    try await desk.carryOut(.cancel, of: id)
  }

  // MARK: - Files

  private static let place = "layer-1/divided"

  private func place(_ id: JobID) -> URL { folder.appending(path: "\(Self.place)/\(id)") }

  /// Its whole data set, as it names it.
  private func input(of id: JobID) -> URL { place(id).appending(path: "input.dat") }

  private func isThere(_ file: URL) -> Bool { FileManager.default.fileExists(atPath: file.path) }

  private func forget(_ id: JobID) throws(NetworkError) {
    try Files.remove(place(id))
    state.withLock { state in
      for part in 0..<(state.divisions[id]?.parts.count ?? 0) {
        for number in 0..<retry.attempts { state.ended[LayerOneDivision.id(part, number, of: id)] = nil }
      }
      state.divisions[id] = nil
      state.ended[id] = nil
    }
  }

  // MARK: - Plans

  /// What it would do now, and for which jobs nothing, and why. Nothing is sent, and no file is given.
  public func plans() async throws(NetworkError) -> [Plan] {
    var plans: [Plan] = []
    for id in try await listed() {
      guard let job = try await desk.read(id), !job.status.isFinal else { continue }
      var plan = Plan(
        job: id, program: job.detail.programID, parts: job.detail.numParallel, verified: 0,
        deadline: job.job.deadline, refusal: try await refusal(of: job) ?? obstacle(to: job))
      if plan.refusal == nil { try await complete(&plan, job) }
      plans.append(plan)
    }
    return plans
  }

  private func complete(_ plan: inout Plan, _ job: LayerOneJob) async throws(NetworkError) {
    let attempts = try await desk.attempts(at: job, upTo: retry.attempts).compactMapValues(\.last)
    plan.verified = UInt32(attempts.values.count { $0.job.status == .verified })
    if job.upkeep == .timeout {
      plan.next = "timeout: its deadline has come"
      return
    }
    if plan.verified == plan.parts {
      plan.next = "submit: all parts are verified"
      return
    }
    do throws(NetworkError) {
      guard let division = try await division(of: job) else {
        plan.refusal = "its input is not at \(files.server) yet"
        return
      }
      let due = division.parts.indices.compactMap { part -> Due? in
        guard let newest = attempts[part] else { return Due(part: part, number: 0) }
        let hasFailed = newest.job.status.isFinal && newest.job.status != .verified
        return hasFailed && newest.number < retry.lastAttempt
          ? Due(part: part, number: newest.number + 1) : nil
      }
      guard let first = due.first else { return }
      plan.next = "requestSubJob: \(due.count) of \(plan.parts) parts"
      let action = registration(first, of: job, division)
      let sender = account.sender
      let preview = try? await sender.preview(action.request, action.function)
      plan.wei = preview.map { "\($0.mostWei)" }
    } catch {
      guard error.isOfTheData else { throw error }
      plan.next = job.status == .requested ? "cancel: \(error.message)" : "rejectResult: \(error.message)"
    }
  }
}
