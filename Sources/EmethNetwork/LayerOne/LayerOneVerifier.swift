import EmethCompute
import EmethKit
import Foundation
import Synchronization

/// A verifier of EMETH Core's jobs: it keeps bond and commitments posted, computes again what it is drawn for, and does for
/// all jobs what anybody may do when their time has come.
///
/// ```swift
/// let verifier = try LayerOneVerifier(account: account, key: key, files: client, folder: folder)
/// try await verifier.run()          // until the task is cancelled
/// ```
/// It keeps nothing: where each job stands the chain says, and its secrets follow from its key.
public final class LayerOneVerifier: Sendable {
  /// What it would send, or why it sends nothing.
  public struct Plan: Encodable, Sendable {
    /// For which job; nil: for its own standing.
    public var job: JobID?
    /// Why it does nothing; nil: it does something.
    public var refusal: String?
    /// What it would send, in words.
    public var next: String?
    /// The most that it costs, in wei, of several the first; nil where that is not known.
    public var wei: String?
  }

  private struct State {
    /// Jobs that it can't check, by what was told of them.
    var unable: Set<JobID> = []
    /// Jobs for which it does its duty now.
    var busy: Set<JobID> = []
    /// For so many of these it computes.
    var judging = 0
  }

  /// What its owner decides.
  public let settings: VerifierAgent.Settings
  private let desk: LayerOneDesk
  private let key: PrivateKey
  private let folder: URL
  private let sandbox: ModuleSandbox?
  private let state = Mutex(State())
  private let lock: FolderLock
  private let sweep: JobSweep
  private let draws: DrawnJobs
  private var account: ChainAccount { desk.account }
  private var files: ServerClient { desk.files }
  private var checks: Address { desk.checks }
  /// Whose bond it is.
  var address: Address { account.address }

  /// A verifier with its account on the chain, that account's key, and its own folder. One process works on a folder at a
  /// time.
  ///
  /// - Parameter files: a server that watches the chain, with the account's key.
  public init(
    account: ChainAccount, key: PrivateKey, files: ServerClient, folder: URL,
    settings: VerifierAgent.Settings = .init(), onEvent: @escaping @Sendable (AgentEvent) -> Void = { _ in }
  ) throws(NetworkError) {
    try Files.makeFolder(folder)
    lock = try FolderLock(folder: folder)
    sandbox = settings.modules.isEmpty ? nil : try ModuleSandbox(for: settings.modules)
    desk = LayerOneDesk(account, files, onEvent: onEvent)
    (sweep, draws) = (JobSweep(files), DrawnJobs(account))
    (self.key, self.folder, self.settings) = (key, folder, settings)
  }

  /// Works until the task is cancelled. What it was drawn for waits neither for other such jobs nor for what it does for
  /// everybody: transactions wait for many blocks, and a challenge or a verdict is due within an hour.
  ///
  /// - Throws: ``NetworkError/interrupted``.
  public func run() async throws(NetworkError) {
    let rest = desk.pollSeconds
    await withDiscardingTaskGroup { group in
      for round in [keepStanding, doUpkeep] {
        group.addTask {
          while !Task.isCancelled {
            await round()
            await pause(rest)
          }
        }
      }
      while !Task.isCancelled {
        for job in await duties() { group.addTask { await self.doDuty(job) } }
        await pause(rest)
      }
      group.cancelAll()
    }
    throw .interrupted
  }

  /// All of it once, one after another.
  func turn() async {
    await keepStanding()
    for job in await duties() { await doDuty(job) }
    await doUpkeep()
  }

  @Sendable private func keepStanding() async {
    await desk.attempt("posting bond and commitments") { () async throws(NetworkError) in
      try await self.stand()
    }
  }

  /// The jobs that wait for this verifier, which count as being looked after until ``doDuty(_:)`` returns.
  ///
  /// It computes for as many as it has workers, and shows its secret for no more than it could then compute at once; what waits
  /// for its node's openings keeps no place, since nothing is computed for it. So that nobody gets a bad result past it by
  /// many cheap ones, those go first on which most depends; and where it does not come to show its secret it is passed over for
  /// another, while who shows it and gives no verdict helps to get the result paid unseen.
  func duties() async -> [LayerOneJob] {
    var drawn: [LayerOneJob] = []
    await desk.attempt("looking for results") { () async throws(NetworkError) in
      // By the chain's word: no list is long enough to hide one.
      let ids = try await self.draws.jobs().filter { id in self.state.withLock { !$0.busy.contains(id) } }
      guard !ids.isEmpty else { return }
      let jobs = try await self.desk.read(ids)
      drawn = jobs.values.filter { self.isDrawn(for: $0) }
      self.draws.forget(jobs.values.filter { !self.isDrawn(for: $0) }.map(\.id))
    }
    let room = max(1, settings.workers)
    drawn.sort { $0.terms.verifierFee > $1.terms.verifierFee }
    let opened = drawn.filter { $0.review.phase == .waitsForVerdict }
    return state.withLock { state in
      let judged = opened.prefix(room - min(room, state.judging))
      let able = drawn.filter { $0.review.phase == .waitsForChallenge && !state.unable.contains($0.id) }
      let places = room - min(room, opened.count + state.busy.count)
      let found = judged + able.prefix(places)
      state.judging += judged.count
      for job in found { state.busy.insert(job.id) }
      return Array(found)
    }
  }

  /// What anybody may do for jobs: first for those whose result waits, then one late job, which a stranger can have many of
  /// for hardly any money.
  @Sendable private func doUpkeep() async {
    await desk.attempt("looking for results to draw for") { () async throws(NetworkError) in
      for listed in try await self.sweep.look(at: .submitted) { await self.look(after: listed.id) }
    }
    await desk.attempt("looking for late jobs") { () async throws(NetworkError) in
      let account = self.account
      let now = try await onChain { () async throws(ChainError) in
        try await account.client.block(.latest)?.timestamp ?? 0
      }
      for status in [JobStatus.requested, .processing] {
        for listed in try await self.sweep.look(at: status) where listed.deadline <= now {
          if await self.look(after: listed.id) { return }
        }
      }
    }
  }

  // MARK: - Standing

  /// What the contracts lack of it.
  private struct Missing {
    var bond = TokenAmount.zero
    /// The numbers of the commitments that are to be posted.
    var commitments: Range<UInt64> = 0..<0
    /// That nobody has listed it, or somebody has removed it; nil: it is listed.
    var notListed: NetworkError?
  }

  /// What is to be posted. Of one that was removed commitments: it is drawn still for jobs of its time, which would end
  /// unpaid without them (0043).
  private func missing() async throws(NetworkError) -> Missing {
    let (account, checks) = (account, checks)
    let (isListed, bond, wallet) = try await onChain { () async throws(ChainError) in
      (
        try await account.client.call(EmethCore.isVerifier(account.address), at: account.contracts.core),
        try await account.client.call(EmethVerifiers.bond(of: account.address), at: checks),
        try await account.client.call(EmethToken.balance(of: account.address), at: account.contracts.token)
      )
    }
    var missing = Missing()
    if !isListed {
      missing.notListed = .refused(
        code: "verifier.notListed", message: "\(account.address) is not listed as a verifier",
        hint: "let an owner of EMETH Core call addVerifier(\(account.address)); late jobs are ended meanwhile"
      )
    }
    // An owner who takes the bond out does not want it posted again.
    guard bond.unbondingAt == nil, isListed || bond.amount > .zero else { return missing }
    if isListed, settings.bond > bond.amount, wallet > .zero {
      // Who has less binds what there is.
      missing.bond = try asNetworkError { try min(wallet, settings.bond.subtracting(bond.amount)) }
    }
    guard bond.used <= bond.posted, bond.posted < 1 << 32 else {
      throw NetworkError(
        ChainError.contradiction(
          method: "eth_call", what: "commitments used", found: "\(bond.used)",
          expected: "at most the \(bond.posted) posted, below 2^32"))
    }
    let unused = bond.posted - bond.used
    if unused < UInt64(settings.stock) / 2 {
      let count = min(UInt64(settings.stock) - unused, UInt64(EmethVerifiers.commitmentLimit))
      missing.commitments = bond.posted..<bond.posted + count
    }
    return missing
  }

  /// Posts what is missing of bond and commitments.
  private func stand() async throws(NetworkError) {
    let missing = try await missing()
    if missing.bond > .zero {
      try await desk.send(
        EmethToken.approve(spender: checks, amount: missing.bond), to: account.contracts.token, of: nil)
      try await desk.send(EmethVerifiers.bond(missing.bond), to: checks, of: nil)
    }
    if !missing.commitments.isEmpty {
      try await desk.send(
        EmethVerifiers.commitSecrets(missing.commitments.map { commitment($0) }), to: checks, of: nil)
    }
    if let notListed = missing.notListed { throw notListed }
  }

  // MARK: - Plans

  /// What it would do now. Nothing is sent, and nothing is computed.
  public func plans() async throws(NetworkError) -> [Plan] {
    var plans: [Plan] = []
    let missing = try await missing()
    if let notListed = missing.notListed { plans.append(Plan(job: nil, refusal: notListed.message)) }
    if missing.bond > .zero {
      let approval = EmethToken.approve(spender: checks, amount: missing.bond)
      plans.append(
        await plan(
          nil, "approve and bondVerifier: \(missing.bond.emethText)",
          account.action(approval, at: account.contracts.token)))
    }
    if !missing.commitments.isEmpty {
      let call = EmethVerifiers.commitSecrets(missing.commitments.map { commitment($0) })
      plans.append(
        await plan(nil, "commitSecrets: \(missing.commitments.count)", account.action(call, at: checks)))
    }
    for status in [JobStatus.submitted, .processing, .requested] {
      for listed in try await files.allListedJobs(status) {
        guard let job = try await desk.read(listed.id) else { continue }
        if let upkeep = job.upkeep {
          let action = upkeep.action(for: job.id, by: account)
          plans.append(await plan(job.id, action.function, action))
        } else if isDrawn(for: job), let plan = duty(at: job) {
          plans.append(plan)
        }
      }
    }
    return plans
  }

  /// What it does for a job for which it is drawn; nil while the job's node is waited for.
  private func duty(at job: LayerOneJob) -> Plan? {
    do throws(NetworkError) {
      _ = try LayerOneWork(job, modules: settings.modules)
    } catch {
      return Plan(job: job.id, refusal: error.message)
    }
    switch job.review.phase {
    case .waitsForChallenge: return Plan(job: job.id, next: "challenge")
    case .waitsForVerdict: return Plan(job: job.id, next: "verify or rejectResult, once it is computed again")
    default: return nil
    }
  }

  private func plan(_ job: JobID?, _ next: String, _ action: ChainAction) async -> Plan {
    let preview = try? await account.sender.preview(action.request, action.function)
    return Plan(job: job, next: next, wei: preview.map { "\($0.mostWei)" })
  }

  /// Nobody knows it who has not the key, and no two contracts are given the same.
  private func secret(_ number: UInt64) -> Bytes32 {
    let contract = checks.bytes + account.contracts.chainID.bigEndianBytes
    return key.withSecretBytes {
      HMACSHA256.authenticate(
        Array("secret of EmethVerifiers".utf8) + contract + number.bigEndianBytes, key: $0)
    }
  }

  /// Among so many of those used the one is looked for that a job has drawn.
  private static let commitmentsSearched: UInt64 = 10_000

  private func commitment(_ number: UInt64) -> Bytes32 {
    Keccak256.hash(account.address.bytes + secret(number).bytes)
  }

  // MARK: - Jobs

  /// Whether this verifier is drawn for a job and neither silent nor done.
  private func isDrawn(for job: LayerOneJob) -> Bool {
    guard job.status == .submitted, job.review.verifier == account.address, !job.isOverdue else {
      return false
    }
    switch job.review.phase {
    case .waitsForChallenge, .waitsForOpenings, .waitsForVerdict: return true
    case .notSubmitted, .waitsForDraw, .accepted, .waitsForKey, .keyPosted, .waitsForMasked, .maskedPosted:
      return false
    }
  }

  func doDuty(_ job: LayerOneJob) async {
    await desk.attempt("job \(job.id)") { () async throws(NetworkError) in
      if job.review.phase == .waitsForVerdict {
        try await self.judge(job)
      } else {
        try await self.challenge(job)
      }
    }
    state.withLock { state in
      state.busy.remove(job.id)
      if job.review.phase == .waitsForVerdict { state.judging -= 1 }
    }
  }

  /// Does for a job what anybody may; whether a transaction was needed that is in the chain now.
  @discardableResult
  private func look(after id: JobID) async -> Bool {
    var isSent = false
    await desk.attempt("upkeep of job \(id)") { () async throws(NetworkError) in
      guard let job = try await self.desk.read(id) else { return }
      // A node of the chain may have left out the log that says so.
      if self.isDrawn(for: job) { self.draws.note(id, at: job.block) }
      guard let upkeep = job.upkeep else { return }
      isSent = try await self.desk.carryOut(upkeep, of: id)
    }
    return isSent
  }

  /// Shows its secret, if it can compute the job: who can't stays silent, and another one is drawn.
  private func challenge(_ job: LayerOneJob) async throws(NetworkError) {
    do throws(NetworkError) {
      _ = try LayerOneWork(job, modules: settings.modules)
    } catch {
      if state.withLock({ $0.unable.insert(job.id).inserted }) {
        desk.onEvent(.failed(what: "checking job \(job.id)", error))
      }
      return
    }
    let (account, checks, wanted) = (account, checks, job.review.commitment)
    let bond = try await onChain { () async throws(ChainError) in
      try await account.client.call(EmethVerifiers.bond(of: account.address), at: checks)
    }
    // The newest are drawn; a chain's node that names more is not believed for hours.
    let oldest = bond.used - min(bond.used, Self.commitmentsSearched)
    guard let number = (oldest..<bond.used).reversed().first(where: { commitment($0) == wanted }) else {
      throw .refused(
        code: "verifier.foreignCommitment",
        message: "commitment \(wanted) was posted by \(account.address), and does not follow from this key",
        hint: "was it posted by another program? it must show the secret")
    }
    try await desk.send(EmethVerifiers.challenge(job.id, secret: secret(number)), to: checks, of: job.id)
  }

  private func judge(_ job: LayerOneJob) async throws(NetworkError) {
    let finding = try await finding(on: job)
    let core = desk.core
    if finding == nil {
      try await desk.send(EmethCore.verify(job.id), to: core, of: job.id)
    } else {
      try await desk.send(EmethCore.rejectResult(job.id), to: core, of: job.id)
    }
    desk.onEvent(
      .judged(job.id, accepted: finding == nil, finding: finding ?? "computed again to the same output"))
  }

  /// What is wrong with a result; nil accepts.
  ///
  /// - Throws: what says nothing of the node: then no verdict follows, and others are asked.
  private func finding(on job: LayerOneJob) async throws(NetworkError) -> String? {
    let (id, sandbox, stop) = (job.id, sandbox, StopFlag())
    let place = folder.appending(path: "jobs/\(id)")
    let work = try LayerOneWork(job, modules: settings.modules)
    guard let assign = job.assign, let claimed = LayerOneResult(job.detail.result, of: id, from: assign.node)
    else { return "its result names no output of its node, with the hash of what is in it" }
    let input = try await work.input(from: files, in: place)
    let lane = try AgentLane(threads: settings.threads, device: settings.device)
    let own = try await raising(stop) { () async throws(NetworkError) in
      try await lane.run { _ in try work.compute(input, by: assign.node, sandbox: sandbox, stop: stop) }
    }
    let finding = try await files.offload { () throws(NetworkError) in
      Self.difference(claimed, assign.fuelUsed, own)
    }.get()
    if finding == nil, case .output(let output) = own.outcome {
      try await deliver(output, of: job, in: place)
    }
    try Files.remove(place)
    return finding
  }

  /// What a node claims that is not so; nil where all is.
  private static func difference(
    _ claimed: LayerOneResult, _ fuel: Fuel, _ own: LayerOneWork.Outcome
  ) -> String? {
    guard fuel <= own.fuel else { return "it claims \(fuel) fuel, computed again it is \(own.fuel)" }
    switch (claimed, own.outcome) {
    case (.refusal, .refusal): return nil
    case (.refusal, .output): return "computed again, there is an output"
    case (.output, .refusal(let words)): return "computed again, the module says no to it: \(words)"
    case (.output(let reference), .output(let output)):
      let hash = output.withUnsafeBytes { SHA256.hash($0) }
      return hash == reference.contentHash
        ? nil : "computed again, the output has the hash \(hash), the node's is \(reference.contentHash)"
    }
  }

  /// Gives the output to this verifier's server, where that has it neither from the node nor from this verifier: the node may
  /// have given it to another one, which is no fault of its. What it names, its requester then finds here, too.
  private func deliver(_ output: Data, of job: LayerOneJob, in place: URL) async throws(NetworkError) {
    do throws(NetworkError) {
      _ = try await files.output(of: job, in: place)
    } catch {
      guard error.isOfFile else { throw error }
      do throws(NetworkError) {
        _ = try await files.give(.output, of: job.id, output)
      } catch {
        // That there is no room for it is no fault of the node's either.
        guard error.code == "upload.quota" else { throw error }
        desk.onEvent(.failed(what: "giving the output of job \(job.id)", error))
      }
    }
  }
}
