import EmethKit
import Foundation
import Synchronization

/// Which jobs of EMETH Core a node takes, and why not the others.
final class LayerOneChoice: Sendable {
  private struct State {
    /// What has cost the node a deposit: it takes nothing more of those requesters.
    var losses: Set<NodeLosses.Loss> = []
    /// Jobs that it does not take, and why; it does not look at them again.
    var skipped: [JobID: String] = [:]
    /// Jobs that it could not take yet.
    var resting: [JobID: Rest] = [:]
  }

  /// When a job is looked at again, and after how many turns: twice as many each time.
  private struct Rest {
    var until: ContinuousClock.Instant
    var polls: Double
  }

  let filter: SubJobFilter
  private let desk: LayerOneDesk
  private let settings: NodeAgent.Settings
  private let pace: NodePace
  private let losses: NodeLosses
  private let sweep: JobSweep
  private let state: Mutex<State>
  private var files: ServerClient { desk.files }

  /// Seconds of a job's time that transactions and transfers need beside the computing.
  static let handlingSeconds: UInt64 = 600
  /// A job that can't be taken yet is looked at again after so many turns at most: those that nobody can take must not hide
  /// others.
  static let restingPolls = 20.0
  /// So many jobs are looked at in one turn.
  private static let lookLimit = 50

  init(
    _ desk: LayerOneDesk, settings: NodeAgent.Settings, filter: SubJobFilter, pace: NodePace,
    losses: NodeLosses
  ) throws(NetworkError) {
    (self.desk, self.settings, self.filter, self.pace) = (desk, settings, filter, pace)
    self.losses = losses
    sweep = JobSweep(desk.files)
    state = Mutex(State(losses: try losses.all()))
  }

  /// Takes nothing more of the requester of a job that was given up; and of its module nothing more today, after too many.
  func avoid(_ job: LayerOneJob) throws(NetworkError) {
    let loss = NodeLosses.Loss(
      module: module(of: job) ?? .zero, requester: job.job.owner, at: secondsNow())
    state.withLock { _ = $0.losses.insert(loss) }
    var known = try losses.all()
    known.insert(loss)
    try losses.keep(known)
  }

  /// The module of an external program; nil where this node has none of that hash.
  private func module(of job: LayerOneJob) -> Bytes32? {
    (try? LayerOneWork(job, modules: settings.modules))?.program.module?.manifest.hash
  }

  /// What the node would take now, and what not, and why.
  func offers() async throws(NetworkError) -> [LayerOneNode.Offer] {
    var offers: [LayerOneNode.Offer] = []
    for job in try await requested() {
      let id = job.id
      var offer = LayerOneNode.Offer(
        job: id, program: job.detail.programID, fee: try Self.fee(of: job), deposit: job.terms.deposit,
        deadline: job.job.deadline, refusal: try await refusal(of: job))
      offer.candidates = try await candidates(of: job).map { UInt32(clamping: $0) }
      if offer.refusal == nil, !job.provesItself {
        let (sender, core) = (desk.account.sender, desk.core)
        let preview = try? await sender.preview(EmethCore.process(id), to: core)
        offer.wei = preview.map { "\($0.mostWei)" }
      }
      offers.append(offer)
    }
    return offers
  }

  /// How many verifiers could be drawn for what this node would submit; nil for what proves itself.
  func candidates(of job: LayerOneJob) async throws(NetworkError) -> UInt64? {
    guard !job.provesItself else { return nil }
    return try await desk.call(
      EmethVerifiers.candidates(of: job.id, by: desk.account.address), at: desk.checks)
  }

  private static func fee(of job: LayerOneJob) throws(NetworkError) -> TokenAmount {
    try asNetworkError { try job.job.fuelPrice.fee(for: job.job.fuelLimit) }
  }

  /// The jobs that wait for a node, as the chain has them, the best paid first; none of those that it has seen and does
  /// not take, or not yet.
  func requested() async throws(NetworkError) -> [LayerOneJob] {
    var found: [LayerOneJob] = []
    state.withLock { state in
      if state.resting.count > 10_000 { state.resting = state.resting.filter { $0.value.until > .now } }
    }
    let candidates = try await sweep.look(at: .requested, limit: Self.lookLimit / 2) { listed in
      state.withLock { state in
        state.skipped[listed.id] == nil && (state.resting[listed.id].map { $0.until <= .now } ?? true)
      }
    }
    for listed in candidates {
      if let job = try await desk.read(listed.id), job.status == .requested { found.append(job) }
    }
    return found.sorted { $0.job.fuelPrice > $1.job.fuelPrice }
  }

  /// Why it does not take a job; nil: it does.
  func refusal(of job: LayerOneJob) async throws(NetworkError) -> String? {
    if let reason = lastingRefusal(of: job) {
      state.withLock { state in
        if state.skipped.count > 10_000 { state.skipped = [:] }
        state.skipped[job.id] = reason
      }
      return reason
    }
    let reason = try await passingRefusal(of: job)
    if reason != nil { rest(job.id) }
    return reason
  }

  /// Does not look at a job for a while, each time for longer.
  func rest(_ id: JobID) {
    let seconds = desk.pollSeconds
    state.withLock { state in
      let polls = min(Self.restingPolls, 2 * (state.resting[id]?.polls ?? 0.5))
      state.resting[id] = Rest(until: .now + .seconds(polls * seconds), polls: polls)
    }
  }

  /// What may change soon.
  private func passingRefusal(of job: LayerOneJob) async throws(NetworkError) -> String? {
    guard !job.isOrphan else { return "the job of which it is a part has ended, or was put out" }
    let (module, owner) = (self.module(of: job), job.job.owner)
    if let module, state.withLock({ $0.losses.forbid(module, for: owner, at: secondsNow()) }) {
      return "its module has cost this node deposits today, with the data of too many requesters"
    }
    let (client, contracts, account) = (
      desk.account.client, desk.account.contracts, desk.account.address
    )
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
    if job.provesItself { return try await proofRefusal(of: job) }
    if try await candidates(of: job) == 0 {
      return "nobody could check it: no verifier is listed that has bonded ten times its fee of "
        + "\(job.terms.verifierFee) and has a commitment left"
    }
    guard let size = try await files.size(of: .input, of: job.id) else {
      return "its input is not at \(files.server) yet"
    }
    guard size <= UInt64(LayerOneWork.archiveByteLimit) else {
      return "its input has \(size) bytes, allowed are \(LayerOneWork.archiveByteLimit)"
    }
    return nil
  }

  /// What Core would refuse of a proof of work, however it is solved.
  private func proofRefusal(of job: LayerOneJob) async throws(NetworkError) -> String? {
    guard case .proof(let work, _)? = try? LayerOneWork(job, modules: settings.modules).source else {
      return "its data set is no challenge with a target"
    }
    let program = try await desk.call(EmethCore.program(job.detail.programID), at: desk.core)
    guard let target = UInt256(bigEndianBytes: work.target.bytes), target == program.minTarget else {
      let wanted = Bytes32(program.minTarget.bigEndianBytes) ?? .zero
      return "it names the target \(work.target), and EMETH Core takes \(wanted)"
    }
    let (signer, found) = (
      try await desk.call(EmethCore.challengeSigner(), at: desk.core), try? work.challenger(of: job.id)
    )
    guard let signer else { return "nobody signs challenges: EMETH Core would refuse every proof" }
    guard found == signer else {
      return "its challenge is signed for it by \(found.map { "\($0)" } ?? "nobody"), wanted is \(signer)"
    }
    return nil
  }

  /// What will not change.
  private func lastingRefusal(of job: LayerOneJob) -> String? {
    guard job.detail.numParallel == 1 else { return "it is a job in parts" }
    guard !job.isMasked else { return "its result is to be masked" }
    let owner = job.job.owner
    guard !state.withLock({ $0.losses.contains { $0.requester == owner } }) else {
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
          Workload(program: part, fuel: job.job.fuelLimit, module: work.program.module?.manifest.hash),
          by: end, at: job.now)
      else { return "it can't be computed before its deadline" }
    } catch {
      return error.message
    }
    return nil
  }
}

extension LayerOneNode {
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
    /// How many verifiers could be drawn for its result; nil where it proves itself.
    public var candidates: UInt32?
    /// The most that taking it costs, in wei; nil where that is not known before the deposit is made.
    public var wei: String?
  }
}

extension NetworkError {
  /// Whether an error says that the job can't be computed, whoever tries.
  var isOfTheData: Bool {
    switch self {
    case .malformed, .badSetting, .moduleCutShort: true
    case .refused(let code, _, _): code.hasPrefix("program.") || code.hasPrefix("splitting.")
    default: false
    }
  }
}
