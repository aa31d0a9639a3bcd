import EmethCompute
import EmethKit
import Foundation
import GRDB
import Synchronization

/// Brings one job from its present state to its end. It keeps nothing of importance in memory: each step reads
/// the records and changes them in one transaction, so that it can be killed and begun again anywhere.
final class JobWorker: Sendable {
  let network: LocalNetwork
  let id: JobID
  let manifest: TrainingManifest
  let request: TrainingRequest
  let rules: RuleSet
  let cost: JobCost
  let threads: Int
  let stop: StopFlag
  /// Whether evidence is kept as files; it may be as large as a state.
  let keepsEvidence: Bool
  /// Bytes of boundary states that each node keeps.
  let modelCache: UInt64
  let progress: @Sendable (WorkProgress) -> Void
  /// Seconds that nodes worked since they were last taken down, and how many of them went into traces.
  let worked = Mutex((all: 0.0, trace: 0.0))

  /// SubJobs of all rounds when each is done at the first attempt.
  var subJobCount: Int { Int(manifest.rounds) * Int(request.parallel) }
  var database: NetworkDatabase { network.database }
  var store: ContentStore { network.store }
  var settings: NetworkSettings { network.settings }
  var signer: Signer { Signer(key: network.keys.signer, domain: network.domain) }

  init(
    network: LocalNetwork, job id: JobID, threads: Int, keepsEvidence: Bool, modelCache: UInt64,
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
    request = try network.database.read { db in try JobStore.job(id, in: db).request }
    manifest = request.manifest
    rules = try JobCost.ruleSet(named: request.ruleSet)
    cost = try JobCost(request)
  }

  func run() async throws(NetworkError) {
    while try !job().status.isFinal {
      try checkStop()
      try await prepare()
      let round = try job().machine.roundsComplete
      if try await runRound(round) { try await aggregate(round) }
    }
    try sweep()
    try finishEvidence()
  }

  func job() throws(NetworkError) -> JobRecord {
    try database.read { [id] db in try JobStore.job(id, in: db) }
  }

  func checkStop() throws(NetworkError) { if stop.isRaised { throw .interrupted } }
}
