import EmethKit
import Foundation
import Synchronization

@testable import EmethNetwork

/// A service that can be dropped and made anew, as when its process is killed.
final class RestartableService: Sendable {
  let folder: URL
  let settings: ServiceSettings
  let database: DatabaseLocation?
  let chain: SettlementChain?
  /// How many milliseconds the system's clock was put ahead.
  let ahead = Mutex<UInt64>(0)
  private let current = Mutex<NetworkService?>(nil)
  private let driving = Mutex<Task<Void, Never>?>(nil)
  let errors = Mutex<[String]>([])
  /// What went wrong; that a test has moved the chain's time alone is none of it.
  var failures: [String] { errors.withLock { $0.filter { !$0.contains("the chain's newest block") } } }

  init(
    folder: URL, settings: ServiceSettings, database: DatabaseLocation? = nil, chain: SettlementChain? = nil
  ) throws {
    self.folder = folder
    self.chain = chain
    self.settings = settings
    self.database = database
    try start()
  }

  func start() throws {
    let service = try NetworkService(
      folder: folder, settings: settings, database: database, chain: chain,
      time: NetworkClock.Source(
        wall: { NetworkClock.Source.system.wall() + self.ahead.withLock { $0 } },
        steady: NetworkClock.Source.system.steady))
    current.withLock { $0 = service }
    driving.withLock {
      $0 = Task { [self] in
        try? await service.run { job, error in
          self.errors.withLock { $0.append("\(job.map { "\($0)" } ?? "epoch"): \(error.message)") }
        }
      }
    }
  }

  /// Lets everything that runs end wherever it is.
  func stop() async {
    current.withLock { $0 = nil }
    let task = driving.withLock { driving in
      defer { driving = nil }
      return driving
    }
    task?.cancel()
    await task?.value
  }

  func restart() async throws {
    await stop()
    // The lock goes with the last call that is still on its way.
    for _ in 0..<200 {
      do { return try start() } catch NetworkError.folderInUse {
        try await Task.sleep(for: .milliseconds(10))
      }
    }
    try start()
  }

  func service() throws(NetworkError) -> NetworkService {
    guard let service = current.withLock({ $0 }) else { throw .database(reason: "the service is away") }
    return service
  }
}

/// A connection without a wire.
struct DirectConnection: NetworkConnection {
  let account: Address
  let server: RestartableService
  /// Given before each answer to an errand, as a liar would.
  var lie: @Sendable (NetworkService, Data) throws -> Data? = { _, _ in nil }
  var refused: @Sendable (NetworkError) -> Void = { _ in }
  /// Comes before errands are asked for.
  var asking: @Sendable () async -> Void = {}
  /// Comes before an object is fetched.
  var fetching: @Sendable () async throws(NetworkError) -> Void = {}

  func facts() async throws(NetworkError) -> NetworkFacts { try server.service().facts() }

  func balances() async throws(NetworkError) -> Balances { try server.service().balances(of: account) }

  func openSubJobs(
    _ filter: SubJobFilter, waitingUpTo seconds: Double
  ) async throws(NetworkError) -> [SubJobOffer] {
    let end = ContinuousClock.now + .seconds(seconds)
    while true {
      let service = try server.service()
      let mark = service.changeMark
      let offers = try service.openSubJobs(filter, for: account)
      let isNew = !offers.isEmpty && SubJobOffer.mark(of: offers) != filter.seen
      if isNew || ContinuousClock.now >= end || Task.isCancelled { return offers }
      _ = await service.change(after: mark, waitingUpTo: 0.25)
    }
  }

  func process(_ subJob: JobID, binding: SignedKeyBinding) async throws(NetworkError) -> Assignment {
    try server.service().process(subJob, by: account, binding: binding)
  }

  func renew(_ subJob: JobID) async throws(NetworkError) { try server.service().renew(subJob, by: account) }

  func decline(_ subJob: JobID, reason: String) async throws(NetworkError) {
    try server.service().decline(subJob, by: account, reason: reason)
  }

  func submit(_ result: NodeResult) async throws(NetworkError) {
    let data = try asNetworkError { try WireFormat.encoder.encode(result) }
    let received = try asNetworkError { try JSONDecoder().decode(NodeResult.self, from: data) }
    try server.service().submit(received, by: account)
  }

  func state(of subJob: JobID) async throws(NetworkError) -> SubJobState {
    try server.service().state(of: subJob)
  }

  func errands(
    of kinds: Set<Errand.Kind>, except known: Set<String>, waitingUpTo seconds: Double
  ) async throws(NetworkError) -> [Errand] {
    await asking()
    let end = ContinuousClock.now + .seconds(seconds)
    while true {
      let service = try server.service()
      let mark = service.changeMark
      let errands = try service.errands(of: account, kinds: kinds, except: known)
      if !errands.isEmpty || ContinuousClock.now >= end || Task.isCancelled {
        // As they come over a wire.
        let data = try asNetworkError { try WireFormat.encoder.encode(errands) }
        return try asNetworkError { try JSONDecoder().decode([Errand].self, from: data) }
      }
      _ = await service.change(after: mark, waitingUpTo: 0.25)
    }
  }

  func answer(_ errand: String, _ body: Data) async throws(NetworkError) {
    let service = try server.service()
    if let lie = try asNetworkError({ try lie(service, body) }) {
      do throws(NetworkError) { try service.answer(errand, by: account, lie) } catch { refused(error) }
    }
    try service.answer(errand, by: account, body)
  }

  func postBond(
    upTo amount: TokenAmount, binding: SignedKeyBinding, modules: [Bytes32]
  ) async throws(NetworkError) {
    try server.service().postBond(upTo: amount, binding: binding, modules: modules, by: account)
  }

  func postCommitments(_ commitments: [Bytes32], from first: UInt32) async throws(NetworkError) {
    try server.service().postCommitments(commitments, from: first, by: account)
  }

  func verifier() async throws(NetworkError) -> VerifierAccount { try server.service().verifier(account) }

  func liveModels() async throws(NetworkError) -> [LiveModel] {
    let gateway = try server.service().gateway
    return gateway?.liveModels ?? []
  }

  func take(_ turn: LiveTurn) async throws(NetworkError) -> LiveWork {
    let gateway = try server.service().gateway
    return await gateway?.desk.take(turn, from: account) ?? LiveWork()
  }

  func receipts(after count: UInt64) async throws(NetworkError) -> [SignedReceipt] {
    try server.service().receipts(of: account, after: count)
  }

  func fetch(object hash: Bytes32, into store: ContentStore) async throws(NetworkError) {
    try await fetching()
    try store.put(try server.service().store.get(hash), durable: false)
  }

  /// What a server does with what comes to it.
  private func hold(_ kind: UploadStore.Kind, _ hash: Bytes32) throws(NetworkError) {
    try UploadHolds(database: try server.service().database, byteLimit: .max).take(
      UploadStore.Name(kind: kind, hash: hash, account: account), byteCount: 1)
  }

  func give(object hash: Bytes32, from store: ContentStore) async throws(NetworkError) {
    try hold(.object, hash)
    try server.service().store.put(try store.get(hash))
  }

  func give(vector root: Bytes32, from store: ContentStore) async throws(NetworkError) {
    try hold(.vector, root)
    let vector = try store.vector(root, work: VectorWork(threads: 1))
    try server.service().store.put(vector: vector, root: root)
  }
}

/// A served network with agents that have their own keys and folders, on the real clock.
final class ServiceScene: Sendable {
  let folder: TemporaryFolder
  let server: RestartableService
  private let tasks = Mutex<[Task<Void, Never>]>([])
  let events = Mutex<[String]>([])

  static let requester = TestNetwork.key("served requester", 0)
  static func node(_ index: Int) -> PrivateKey { TestNetwork.key("served node", UInt32(index)) }
  static func verifier(_ index: Int) -> PrivateKey { TestNetwork.key("served verifier", UInt32(index)) }

  static func settings() throws -> ServiceSettings {
    var settings = ServiceSettings()
    settings.epochMilliseconds = 100
    settings.threads = 1
    settings.auditShare = 1_000_000
    settings.keySeconds = 30
    settings.maskSeconds = 30
    settings.revealSeconds = 20
    settings.periods.leaseRenewalSeconds = 1
    settings.periods.leaseSeconds = 3
    settings.periods.openingSeconds = 60
    settings.periods.verificationSeconds = 60
    let money = try TokenAmount(emeth: "100")
    settings.grants[requester.address] = money
    for index in 0..<8 {
      settings.grants[node(index).address] = money
      settings.grants[verifier(index).address] = money
    }
    return settings
  }

  init(_ settings: ServiceSettings, database: DatabaseLocation? = nil, chain: SettlementChain? = nil) throws {
    folder = try TemporaryFolder()
    server = try RestartableService(
      folder: folder.url.appending(path: "server"), settings: settings, database: database, chain: chain)
  }

  /// In which everybody signs.
  private var domain: EIP712Domain { server.chain?.contracts.domain ?? .embedded }

  private func run(_ body: @escaping @Sendable () async throws -> Void) -> Task<Void, Never> {
    let task = Task { _ = try? await body() }
    tasks.withLock { $0.append(task) }
    return task
  }

  /// - Parameter isDeaf: whether it hears of no errand.
  /// - Returns: what runs it; cancelled, it ends wherever it is.
  @discardableResult
  func startNode(
    _ index: Int, at other: RestartableService? = nil, fault: NodeFault? = nil, isDraining: Bool = false,
    isDeaf: Bool = false,
    minimumFuelPrice: FuelPrice = FuelPrice(gholon: 0), modules: [ProgramModule] = []
  ) throws -> Task<Void, Never> {
    let key = Self.node(index)
    var settings = NodeAgent.Settings()
    settings.threads = 1
    settings.patience = 1
    settings.filter.minimumFuelPrice = minimumFuelPrice
    settings.modules = modules
    var connection = DirectConnection(account: key.address, server: other ?? server)
    if isDeaf { connection.asking = { try? await Task.sleep(for: .seconds(86_400)) } }
    let agent = try NodeAgent(
      key: key, folder: folder.url.appending(path: "node-\(index)"), connection: connection, domain: domain,
      settings: settings,
      fault: fault
    ) { event in self.note("node \(index)", event) }
    if isDraining { agent.drain() }
    return run { try await agent.run() }
  }

  @discardableResult
  func startVerifier(
    _ index: Int, at other: RestartableService? = nil, fault: NodeFault? = nil, modules: [ProgramModule] = [],
    stock: UInt32 = 64, folder name: String? = nil, isLeaving: Bool = false,
    lie: @escaping @Sendable (NetworkService, Data) throws -> Data? = { _, _ in nil },
    fetching: @escaping @Sendable () async throws(NetworkError) -> Void = {}
  ) throws -> Task<Void, Never> {
    let key = Self.verifier(index)
    var connection = DirectConnection(
      account: key.address, server: other ?? server, lie: lie, fetching: fetching)
    connection.refused = { error in self.events.withLock { $0.append("refused: \(error.message)") } }
    var settings = VerifierAgent.Settings()
    settings.threads = 1
    settings.patience = 1
    settings.stock = stock
    settings.isLeaving = isLeaving
    settings.modules = modules
    let agent = try VerifierAgent(
      key: key, folder: folder.url.appending(path: name ?? "verifier-\(index)"), connection: connection,
      domain: domain, settings: settings,
      fault: fault
    ) { event in self.note("verifier \(index)", event) }
    return run { try await agent.run() }
  }

  /// Two verifiers that can be drawn and never answer: bonds and commitments are there.
  func bindSilentVerifiers() throws {
    for index in 6..<8 { try bindSilentVerifier(Self.verifier(index)) }
  }

  /// An account that can be drawn as a verifier and never answers.
  func bindSilentVerifier(_ key: PrivateKey, modules: [ProgramModule] = []) throws {
    let service = try server.service()
    let verifier = Verifier(key: key, store: service.store, domain: .embedded)
    try service.postBond(
      upTo: TokenAmount(emeth: "10"), binding: verifier.binding(expiry: secondsNow() + 30 * 86_400),
      modules: modules.map(\.manifest.hash), by: key.address)
    try service.postCommitments((0..<8).map { verifier.commitment($0) }, from: 0, by: key.address)
  }

  /// Waits until so many verifiers can be drawn.
  func verifiersStand(_ count: Int) async throws {
    for _ in 0..<200 {
      let standing = try (0..<8).count { try server.service().verifier(Self.verifier($0).address).unused > 0 }
      if standing >= count { break }
      try await Task.sleep(for: .milliseconds(50))
    }
    // Commitments must be older than submissions, by the second.
    try await Task.sleep(for: .seconds(1))
  }

  private func note(_ who: String, _ event: AgentEvent) {
    switch event {
    case .step, .speed: break
    default: events.withLock { $0.append("\(who): \(event)") }
    }
  }

  func submission(
    manifest: TrainingManifest, parallel: UInt32 = 3, salt: UInt64 = 0, attempts: UInt32 = 3,
    timeLimit: UInt64 = 3_600
  ) throws -> JobSubmission {
    let dataSet = try server.service().give(Data(TestNetwork.text().utf8), by: Self.requester.address)
    return JobSubmission(
      salt: SHA256.hash(Array("salt \(salt)".utf8)), manifest: manifest, dataSetName: "sentences",
      dataSet: dataSet, parallel: parallel, fuelPrice: FuelPrice(gholon: 120), timeLimitSeconds: timeLimit,
      retry: RetryPolicy(attempts: attempts, baseDelayMilliseconds: 100, factor: 2))
  }

  func submit(_ submission: JobSubmission) throws -> JobID {
    try server.service().submit(submission, by: Self.requester.address)
  }

  /// Waits for a job's end and for its last SubJob.
  func end(of job: JobID, within seconds: Double = 120) async throws -> JobReport {
    let end = ContinuousClock.now + .seconds(seconds)
    while ContinuousClock.now < end {
      if let service = try? server.service(), let view = try? service.job(job), view.summary.status.isFinal {
        let open = try service.subJobs(of: job).contains { !$0.status.isFinal }
        if !open { return try service.report(on: job) }
      }
      try await Task.sleep(for: .milliseconds(50))
    }
    let report = try server.service().report(on: job)
    throw NetworkError.jobEnded(
      id: job, status: try server.service().job(job).summary.status,
      reason:
        "not ended in \(seconds) s; \(report.subJobs.map { "\($0.round).\($0.part).\($0.attempt) \($0.status) \($0.reason)" }); "
        + "\(server.errors.withLock { $0.suffix(5) }); \(events.withLock { $0.suffix(30) })")
  }

  /// Stops everybody; folders stay for whoever looks at them.
  func stop() async {
    let running = tasks.withLock { tasks in
      defer { tasks = [] }
      return tasks
    }
    for task in running { task.cancel() }
    for task in running { await task.value }
    await server.stop()
  }

  /// Runs a body with the scene and stops everybody after it.
  static func with<Result>(
    _ settings: ServiceSettings, on kind: TestDatabase, _ body: (ServiceScene) async throws -> Result
  ) async throws -> Result {
    // The file is where the service puts it by itself.
    let database = kind == .sqlite ? nil : try kind.location(in: TemporaryFolder())
    return try await with(settings, database: database, body)
  }

  /// The same with its state in a database that is there.
  static func with<Result>(
    _ settings: ServiceSettings, database: DatabaseLocation?, _ body: (ServiceScene) async throws -> Result
  ) async throws -> Result {
    let scene = try ServiceScene(settings, database: database)
    do {
      let result = try await body(scene)
      await scene.stop()
      return result
    } catch {
      await scene.stop()
      throw error
    }
  }
}

extension NetworkService {
  /// An output as verifiers hand it over.
  func seal(output: Data) throws -> Bytes32 {
    var random = SystemRandomNumberGenerator()
    return try store.putSealed(output, to: operatorKeys.aggregator.sealingRecipient(), using: &random)
  }

  /// A data set as it lies after an account has given it.
  func give(_ dataSet: Data, by account: Address) throws -> Bytes32 {
    try UploadHolds(database: database, byteLimit: .max).take(
      UploadStore.Name(kind: .dataSet, hash: sha256(dataSet), account: account),
      byteCount: UInt64(dataSet.count))
    let hash = try splitterStore.put(dataSet)
    try dataSetGivers.add(account, of: hash)
    return hash
  }
}
