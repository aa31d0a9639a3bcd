import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// A chain with a server that watches it, verifiers that are listed, and a requester with money.
final class LayerOneScene: Sendable {
  let chain: ChainScene
  let server: RunningServer
  private let following: Task<Void, Never>

  var requester: PrivateKey { chain.user }
  var node: PrivateKey { chain.other }
  var verifiers: [PrivateKey] { Array(chain.bridge.keys[4...5]) }
  /// A server of layer 1.
  var divider: PrivateKey { chain.bridge.keys[7] }
  var core: Address { chain.contracts.core }

  static let numbers = Data("1\n2\nno number\n4.5\n".utf8)

  /// Runs a test in one.
  ///
  /// - Parameters:
  ///   - pageLimit: so many jobs its server lists at once.
  ///   - areBonded: whether its verifiers have posted bonds and commitments, so that jobs are taken.
  static func run(
    pageLimit: Int = 4, areBonded: Bool = true, _ test: (LayerOneScene) async throws -> Void
  ) async throws {
    let scene = try await LayerOneScene(ChainScene.deploy(), pageLimit)
    do {
      if areBonded {
        for number in scene.verifiers.indices { await (try await scene.layerOneVerifier(number)).turn() }
      }
      try await test(scene)
    } catch {
      scene.following.cancel()
      throw error
    }
    scene.following.cancel()
    try await scene.server.stop()
  }

  private init(_ chain: ChainScene, _ pageLimit: Int) async throws {
    self.chain = chain
    let store = try EventStore(
      file: chain.folder.url.appending(path: "events.sqlite"), chainID: chain.bridge.chainID,
      contracts: [chain.contracts.core])
    let follower = EventFollower(client: chain.client, store: store, contracts: [chain.contracts.core])
    let jobs = ChainJobs(
      client: chain.client, store: store, contracts: chain.contracts, pageLimit: pageLimit)
    var settings = ServerSettings()
    (settings.requestRate, settings.requestBurst) = (10_000, 10_000)
    server = try await RunningServer.start(settings) { folder in
      try FakeNetwork(folder, chainJobs: jobs)
    }
    following = Task {
      while !Task.isCancelled {
        _ = try? await follower.advance()
        try? await Task.sleep(for: .milliseconds(100))
      }
    }
    for id in [ProgramID.meanOfNumbers, .meanOfNumbersPart] {
      let program = EmethCore.Program(
        programID: id, name: "mean", mode: .normal, minFuelPrice: FuelPrice(gholon: 0),
        cooldownSeconds: 0, defaultFuelLimit: Fuel(units: 0), defaultFuelPrice: FuelPrice(gholon: 0),
        minTarget: .zero)
      try await send(chain.owner, EmethCore.setProgram(program), core)
    }
    for verifier in verifiers {
      let money = EmethToken.transfer(to: verifier.address, amount: ChainScene.amount(20))
      try await send(chain.owner, money, chain.contracts.token)
      try await send(chain.owner, EmethCore.addVerifier(verifier.address), core)
    }
  }

  func send<Output>(_ key: PrivateKey, _ call: ContractCall<Output>, _ contract: Address) async throws {
    _ = try await chain.sender(key).submit(call, to: contract, under: UUID().uuidString)
  }

  // MARK: - People

  /// An account with a journal of its own, opened anew.
  func account(_ key: PrivateKey) async throws -> ChainAccount {
    var settings = SenderSettings()
    settings.confirmations = 1
    settings.pollSeconds = 0.05
    settings.patienceSeconds = 60
    return try await ChainAccount.open(
      client: chain.bridge.client(), core: core, key: key,
      journal: chain.folder.url.appending(path: "\(key.address)/transactions.sqlite"), settings: settings)
  }

  /// The node, as it is when it starts.
  func layerOneNode(
    _ programs: Set<ProgramID> = [.meanOfNumbers], fault: NodeFault? = nil,
    _ onEvent: @escaping @Sendable (AgentEvent) -> Void = { _ in }
  ) async throws -> LayerOneNode {
    var settings = NodeAgent.Settings()
    settings.threads = 1
    settings.filter.programs = programs
    let node = try LayerOneNode(
      account: try await account(node), files: server.client(node), folder: folder(of: node),
      settings: settings, fault: fault, onEvent: onEvent)
    try await node.prepare()
    return node
  }

  func layerOneVerifier(
    _ number: Int, workers: Int = 4, _ onEvent: @escaping @Sendable (AgentEvent) -> Void = { _ in }
  ) async throws -> LayerOneVerifier {
    var settings = VerifierAgent.Settings()
    (settings.threads, settings.stock, settings.workers) = (1, 8, workers)
    let key = verifiers[number]
    return try LayerOneVerifier(
      account: try await account(key), key: key, files: server.client(key), folder: folder(of: key),
      settings: settings, onEvent: onEvent)
  }

  /// The server of layer 1, as it is when it starts.
  func layerOneServer(
    _ onEvent: @escaping @Sendable (AgentEvent) -> Void = { _ in }
  ) async throws -> LayerOneServer {
    try LayerOneServer(
      account: try await account(divider), files: server.client(divider), folder: folder(of: divider),
      onEvent: onEvent)
  }

  func folder(of key: PrivateKey) -> URL { chain.folder.url.appending(path: "\(key.address)/own") }

  // MARK: - Jobs

  /// Fee, V, D, and P where it is lost: of 10 fuel for a tenth of an EMETH each.
  static let fee = ChainScene.amount(1)
  static let verifierFee = TokenAmount(holon: ChainScene.emeth / 20)
  static let deposit = TokenAmount(holon: ChainScene.emeth + ChainScene.emeth / 20)
  static let penalty = TokenAmount(holon: ChainScene.emeth / 4)
  /// What one fuel costs: three numbers are one fuel.
  static let fuel = TokenAmount(holon: ChainScene.emeth / 10)

  /// Requests a job and gives its input.
  func request(
    _ input: Data = LayerOneScene.numbers, named hash: Bytes32? = nil, seconds: UInt64 = 100_000,
    parameters: String = "{}", parts: UInt32 = 1, rounds: UInt32 = 1, divider: Address? = nil,
    fuelLimit: UInt64 = 10
  ) async throws -> JobID {
    let hash = hash ?? input.withUnsafeBytes { SHA256.hash($0) }
    let account = try await account(requester)
    let report = try await account.submit(
      ChainJob(
        program: .meanOfNumbers, parallel: parts, epochs: rounds, dataset: .input(hash: hash),
        parameters: parameters, fuelLimit: Fuel(units: fuelLimit), fuelPrice: FuelPrice(gholon: 100_000_000),
        lifeSeconds: seconds, divider: divider))
    try account.sender.settle(report)
    let id = try #require(report.job)
    try await server.client(requester).giveInput(input, of: id)
    return id
  }

  /// An attempt at a part of a job; nil while it is not registered.
  func part(_ part: Int, _ attempt: UInt32 = 0, of id: JobID) async throws -> LayerOneJob? {
    let part = LayerOneDivision.id(part, attempt, of: id)
    return try await LayerOneJob.read([part], with: account(requester))[part]
  }

  func job(_ id: JobID) async throws -> LayerOneJob {
    try #require(try await LayerOneJob.read([id], with: account(requester))[id])
  }

  /// Waits until the server has seen that a job stands so.
  func listed(_ id: JobID, _ status: JobStatus) async throws {
    for _ in 0..<1_200 {
      if try await server.client().allListedJobs(status).contains(where: { $0.id == id }) { return }
      try await Task.sleep(for: .milliseconds(50))
    }
    Issue.record("the server does not list job \(id) as \(status.name)")
  }

  /// Lets a node take and compute what there is.
  func work(_ node: LayerOneNode) async throws {
    for id in await node.turn() {
      try await listed(id, .processing)
      await node.compute(id)
    }
  }

  /// Goes on until a job has ended; so many blocks pass before each draw.
  func finish(_ id: JobID, _ node: LayerOneNode, _ verifiers: [LayerOneVerifier]) async throws {
    for _ in 0..<20 {
      let job = try await job(id)
      if job.status.isFinal { return }
      try await listed(id, job.status)
      if job.review.phase == .waitsForDraw { try await chain.bridge.mine(33) }
      for verifier in verifiers { await verifier.turn() }
      _ = await node.turn()
    }
    Issue.record("job \(id) does not end")
  }

  func wait(_ seconds: UInt64) async throws {
    try await chain.bridge.tell("evm_increaseTime", .number("\(seconds)"))
    try await chain.bridge.mine()
  }

  /// What an account has in all, in wallet and ledger.
  func money(_ key: PrivateKey) async throws -> TokenAmount {
    let (wallet, ledger) = (try await chain.balance(key.address), try await chain.ledger(key.address))
    return wallet + ledger
  }
}
