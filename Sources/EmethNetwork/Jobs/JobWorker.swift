import EmethCompute
import EmethKit
import Foundation
import Synchronization

/// Brings one job from its present state to its end. It keeps nothing of importance in memory: each step
/// reads the records and changes them in one transaction, so that it can be killed and begun again
/// anywhere.
final class JobWorker: Sendable {
  let network: any Surroundings
  let id: JobID
  let request: JobRequest
  /// What computes the parts of a job that is no training, and where modules run; nil where nodes and verifiers are
  /// elsewhere, and have them.
  let program: ComputedProgram?
  let sandbox: ModuleSandbox?
  /// Models that text is generated with; as above.
  let models: ModelShelf?
  let rules: RuleSet
  let cost: JobCost
  let threads: Int
  let stop: StopFlag
  /// Whether evidence is kept as files; it may be as large as a state.
  let keepsEvidence: Bool
  /// Bytes of boundary states that each node keeps that computes here.
  let modelCache: UInt64
  let progress: @Sendable (WorkProgress) -> Void
  /// Seconds that nodes worked since they were last taken down, and how many of them went into traces.
  let worked = Mutex((all: 0.0, trace: 0.0))
  /// What it has computed of sums and may need again.
  let sumsSeen = SumsSeen()
  /// What it has read and will not change any more.
  let ended = EndedSubJobs()

  /// SubJobs of all rounds when each is done at the first attempt.
  var subJobCount: Int { Int(request.rounds) * Int(request.parallel) }
  /// What is trained.
  ///
  /// - Throws: ``NetworkError/refused(code:message:hint:)`` for a job that is no training.
  var manifest: TrainingManifest {
    get throws(NetworkError) { try request.training.manifest }
  }
  var database: NetworkDatabase { network.database }
  var store: ContentStore { network.store }
  var parties: any Parties { network.parties(for: self) }

  /// A worker of a job that is there.
  ///
  /// - Parameter request: what was asked for, where it was read already; it never changes.
  // Not inlined: swiftc 6.3.1 crashes ("ownership error") where it puts a worker with its Mutex on the stack.
  @inline(never)
  init(
    network: any Surroundings, job id: JobID, request: JobRequest? = nil, threads: Int,
    keepsEvidence: Bool = false,
    modelCache: UInt64 = 0, modules: [ProgramModule] = [],
    stop: StopFlag,
    progress: @escaping @Sendable (WorkProgress) -> Void
  ) throws(NetworkError) {
    guard (1...1024).contains(threads) else {
      throw .badSetting(name: "threads", found: "\(threads)", allowed: "1 to 1024")
    }
    self.network = network
    self.id = id
    self.threads = threads
    self.stop = stop
    self.keepsEvidence = keepsEvidence
    self.modelCache = modelCache
    self.progress = progress
    if let request {
      self.request = request
    } else {
      self.request = try network.database.read { db in try JobStore.request(of: id, in: db) }
    }
    switch self.request {
    case .training: (program, sandbox, models) = (nil, nil, nil)
    case .computed(let computed):
      if network.isLive {
        (program, sandbox, models) = (nil, nil, nil)
      } else {
        let program = try ComputedProgram(computed.manifest, modules: modules)
        self.program = program
        models = ModelShelf(folder: network.folder.appending(path: "models"), byteLimit: modelCache)
        sandbox = try program.module.map { module throws(NetworkError) in try ModuleSandbox(for: [module]) }
      }
    }
    rules = try JobCost.ruleSet(named: self.request.ruleSet)
    cost = try JobCost(self.request)
  }

  func run() async throws(NetworkError) {
    while try !job().status.isFinal {
      try checkStop()
      if try timeOut() { break }
      do throws(NetworkError) {
        try await prepareInMemory()
      } catch {
        guard try refuse(because: error) else { throw error }
        break
      }
      if try job().status.isFinal { break }
      let round = try job().machine.roundsComplete
      guard try await runRound(round) else { continue }
      if request.isTraining { try await aggregate(round) } else { try await join(round) }
    }
    // A result that can't be sealed is tried again; nobody's money waits for that.
    var unsealed: NetworkError?
    do throws(NetworkError) { try sealResult() } catch { unsealed = error }
    try await settle()
    if let unsealed { throw unsealed }
    try sweep()
    try finishEvidence()
  }

  func job() throws(NetworkError) -> JobRecord {
    try database.read { [id] db in try JobStore.job(id, in: db) }
  }

  /// Gives a job back whose data set can't be divided, where its requester is elsewhere and can't be told
  /// otherwise; false for what is no fault of the request.
  private func refuse(because error: NetworkError) throws(NetworkError) -> Bool {
    guard network.isLive else { return false }
    switch error {
    case .badDataSet, .malformed, .refused, .badSetting: break
    default: return false
    }
    return try database.write { db in
      var parent = try JobStore.job(id, in: db)
      guard parent.status == .requested else { return false }
      parent.reason = error.message
      try ExecutionLayer.apply(
        .cancel(by: parent.job.requester), to: &parent, at: try network.tick(in: db), in: db)
      return true
    }
  }

  /// Waits until there is something to be done that there was not at `mark`.
  func rest(since mark: UInt64) async throws(NetworkError) {
    try checkStop()
    try await network.rest(since: mark, of: id)
  }

  /// What the parts of a text generation are computed with here, nodes' and verifiers' alike.
  func bench(on device: Device) -> GenerationBench? {
    models.map { GenerationBench(models: $0, store: store, device: device) }
  }

  func checkStop() throws(NetworkError) { if stop.isRaised { throw .interrupted } }
}
