import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// A served network that settles on a chain, which is a real EVM of the test's own.
@Suite(.serialized, .enabled(if: ChainBridge.python != nil, ChainBridge.reason), .timeLimit(.minutes(5)))
struct NetworkServiceChainTests {
  /// A chain with contracts, and services of one network that settle there.
  final class Scene: Sendable {
    let chain: ChainScene
    let folder: TemporaryFolder
    let database: DatabaseLocation
    let confirmations: UInt64
    let server: RestartableService

    init(_ kind: TestDatabase = .sqlite, confirmations: UInt64 = 1) async throws {
      chain = try await ChainScene.deploy()
      folder = try TemporaryFolder()
      database = try kind.location(in: folder)
      self.confirmations = confirmations
      do {
        // Nothing is served before the chain takes what the network signs.
        let service = try NetworkService(
          folder: folder.url.appending(path: "net"), settings: Self.settings(), database: database,
          chain: try await Self.settlement(chain, folder, confirmations))
        try await chain.prepareSettlement(signer: service.signerAddress)
      }
      server = try await Self.server(chain, folder, database, confirmations)
    }

    static func settings() -> ServiceSettings {
      var settings = ServiceSettings()
      settings.epochMilliseconds = 100
      return settings
    }

    private static func server(
      _ chain: ChainScene, _ folder: TemporaryFolder, _ database: DatabaseLocation, _ confirmations: UInt64
    ) async throws -> RestartableService {
      try RestartableService(
        folder: folder.url.appending(path: "net"), settings: settings(), database: database,
        chain: try await settlement(chain, folder, confirmations))
    }

    /// The chain as a server sees it. Batches are sent by the account that owns the contracts.
    static func settlement(
      _ chain: ChainScene, _ folder: TemporaryFolder, _ confirmations: UInt64, core: Address? = nil,
      chainID: UInt64? = nil
    ) async throws -> SettlementChain {
      var settings = SettlementChain.Settings()
      settings.confirmations = confirmations
      settings.pollSeconds = 0.05
      let client = try chain.bridge.client {
        $0.attempts = 2
        $0.expectedChainID = chainID ?? chain.bridge.chainID
        $0.expectedSettlement = core == nil ? chain.contracts.settlement : nil
      }
      return try await SettlementChain.open(
        client: client, core: core ?? chain.contracts.core, operatorKey: chain.owner,
        journal: folder.url.appending(path: "operator.sqlite"), settings: settings)
    }

    /// Another process that serves the same network.
    func replica() async throws -> RestartableService {
      try await Self.server(chain, folder, database, confirmations)
    }

    func deposit(_ emeth: UInt64, _ name: String, by key: PrivateKey? = nil) async throws {
      let key = key ?? chain.user
      let call = EmethCore.depositToLayer2(account: key.address, amount: ChainScene.amount(emeth))
      _ = try await chain.sender(key).submit(call, to: chain.contracts.settlement, under: name)
    }

    var balances: Balances {
      get throws { try server.service().balances(of: chain.user.address) }
    }

    var standing: ChainStanding {
      get throws { try #require(try server.service().chainStanding) }
    }

    /// Waits for something that must come.
    func until(
      _ what: Comment, seconds: Double = 30, _ location: SourceLocation = #_sourceLocation,
      _ isSo: () async throws -> Bool
    ) async throws {
      let end = ContinuousClock.now + .seconds(seconds)
      while ContinuousClock.now < end {
        if try await isSo() { return }
        try await Task.sleep(for: .milliseconds(30))
      }
      let standing = try? standing
      Issue.record(
        "\(what): \(String(describing: standing)) \(server.errors.withLock { $0.suffix(3) })",
        sourceLocation: location)
      throw NetworkError.interrupted
    }

    /// Waits until all that the chain has was read and taken in.
    func untilRead(deposits: UInt64) async throws {
      let head = try await chain.client.blockNumber()
      try await until("all is read") { try standing.read == head && standing.deposits == deposits }
    }

    /// The batch that the settlement has.
    func posted() async throws -> EmethCore.PostedBatch? {
      let settlement = chain.contracts.settlement
      guard let digest = try await chain.client.call(EmethCore.latestBatch(), at: settlement) else {
        return nil
      }
      return try await chain.client.call(EmethCore.batch(digest), at: settlement)
    }

    /// Waits for a batch that has seen the first deposit. The first epoch is closed for a deposit that is not credited yet:
    /// then it is the next batch, some hours later.
    ///
    /// - Returns: whether that was so, and batches look hours old to the chain, whose clock alone was moved.
    @discardableResult
    func untilTheFirstDepositIsPosted() async throws -> Bool {
      try await until("the deposit is credited") { try standing.deposits == 1 }
      try await until("a batch") { try await posted() != nil }
      let isNext = try await posted()?.depositsSeen != 1
      if isNext { try await pass(seconds: 7 * 3_600) }
      try await until("the first batch") { try await posted()?.depositsSeen == 1 }
      return isNext
    }

    func pass(seconds: UInt64) async throws {
      try await chain.bridge.tell("evm_increaseTime", .hex(seconds))
      try await chain.bridge.mine()
    }
  }

  // MARK: - Deposits

  /// Three blocks are replaced after a credit, servers are killed and, on PostgreSQL, several try at once: each deposit is
  /// credited once.
  @Test(arguments: TestDatabase.all)
  func depositsAreCreditedOnce(on kind: TestDatabase) async throws {
    let scene = try await Scene(kind, confirmations: 3)
    let others = kind == .postgres ? [try await scene.replica(), try await scene.replica()] : []
    let snapshot = try await scene.chain.bridge.snapshot()
    try await scene.deposit(3, "a")
    try await Task.sleep(for: .milliseconds(300))
    #expect(try scene.balances.unspent == .zero, "one block is not deep enough")
    try await scene.chain.bridge.mine(2)
    try await scene.until("the first deposit") { try scene.balances.unspent == ChainScene.amount(3) }
    for _ in 0..<3 { try await scene.server.restart() }

    // Another fork, in which the deposit comes later.
    try await scene.chain.bridge.tell("evm_revert", snapshot)
    try await scene.pass(seconds: 60)
    try await scene.server.restart()
    try await scene.chain.sender().resume()
    try await scene.deposit(3, "a")
    try await scene.deposit(1, "b")
    try await scene.chain.bridge.mine(4)
    for other in others { await other.stop() }
    try await scene.until("the second deposit") { try scene.balances.unspent == ChainScene.amount(4) }
    try await scene.server.restart()
    try await scene.untilRead(deposits: 2)
    let service = try scene.server.service()
    #expect(try scene.balances.unspent == ChainScene.amount(4))
    let audit = try service.audit()
    #expect(audit.holds && audit.in == ChainScene.amount(4))
    try await scene.until("a batch that says so") { try service.latestBatch()?.batch.depositsSeen == 2 }
    let facts = try service.facts()
    #expect(facts.domain == scene.chain.contracts.domain)
    let ticket = try #require(try service.ticket(of: scene.chain.user.address))
    try ticket.check(signer: service.signerAddress, in: scene.chain.contracts.domain)
    await scene.server.stop()
  }

  /// Many processes that have just started take in the same deposits at once.
  @Test(arguments: TestDatabase.all)
  func whoeverTakesADepositInItCountsOnce(on kind: TestDatabase) async throws {
    let scene = try await Scene(kind)
    await scene.server.stop()
    for number in 1...4 { try await scene.deposit(UInt64(number), "\(number)") }
    let database = try NetworkDatabase(scene.database)
    let contracts = [scene.chain.contracts.core, scene.chain.contracts.settlement]
    let store = try EventStore(
      database: database, chainID: scene.chain.bridge.chainID, contracts: contracts)
    let follower = EventFollower(client: scene.chain.client, store: store, contracts: contracts)
    while try await !follower.advance().isAtHead {}
    let settlement = scene.chain.contracts.settlement
    let due = try store.dueDeposits(confirmations: 1, of: settlement)
    let credited = try await withThrowingTaskGroup(of: Int.self) { group in
      for _ in 0..<4 {
        group.addTask {
          try await blocking {
            try store.creditDeposits(confirmations: 1, of: settlement, checked: due) { deposit, db in
              try Ledger.transfer(
                deposit.amount, from: (Ledger.outside, .granted), to: (deposit.account, .unspent),
                reason: "deposit \(deposit.number)", job: nil, at: 1, in: db)
            }.count
          }
        }
      }
      return try await group.reduce(0, +)
    }
    #expect(credited == 4)
    let balance = try database.read { db in
      try Ledger.audit(in: db)
      return try Ledger.balance(of: scene.chain.user.address, pot: .unspent, in: db)
    }
    #expect(balance == ChainScene.amount(10))
  }

  @Test func aChainThatIsAwayIsToldAndTheRestGoesOn() async throws {
    let scene = try await Scene()
    try await scene.deposit(3, "a")
    try await scene.until("the first deposit") { try scene.balances.unspent == ChainScene.amount(3) }
    #expect(try scene.standing.readingError == nil && scene.standing.isFollowed)
    try await scene.chain.bridge.fault("*", "status", .number("503"), count: 1_000_000)
    try await scene.until("the fault is told") { try scene.standing.readingError != nil }
    let service = try scene.server.service()
    let epoch = try service.facts().epoch
    _ = try service.withdraw(ChainScene.amount(1), by: scene.chain.user.address)
    try await scene.until("epochs go on") { try service.facts().epoch > epoch }
    #expect(
      scene.server.errors.withLock { $0.count { $0.contains("chain's node") } } <= 4,
      "told, and not each time")
    try await scene.chain.bridge.noFaults()
    try await scene.deposit(2, "b")
    try await scene.until("the second deposit") { try scene.balances.unspent == ChainScene.amount(4) }
    try await scene.until("no fault any more") { try scene.standing.readingError == nil }
    await scene.server.stop()
  }

  /// What does not fit is refused before anything is served.
  @Test func anotherChainContractOrSignerIsRefused() async throws {
    let chain = try await ChainScene.deploy()
    let folder = try TemporaryFolder()
    func error(_ body: () async throws -> Void) async -> String? {
      do {
        try await body()
        return nil
      } catch { return (error as? any EmethError)?.code }
    }
    #expect(
      await error { _ = try await Scene.settlement(chain, folder, 1, chainID: 5) } == "chain.wrongChain")
    #expect(
      await error { _ = try await Scene.settlement(chain, folder, 1, core: chain.user.address) }
        == "chain.noContract")
    #expect(
      await error { _ = try await Scene.settlement(chain, folder, 1, core: chain.contracts.token) }
        == "chain.wrongContract")
    let settlement = try await Scene.settlement(chain, folder, 1)
    let net = folder.url.appending(path: "net")
    do {
      let service = try NetworkService(folder: net, settings: Scene.settings(), chain: settlement)
      #expect(await error { try await service.checkSigner() } == "chain.otherSigner")
      try await chain.prepareSettlement(signer: service.signerAddress)
      try await service.checkSigner()
    }
    var granting = Scene.settings()
    granting.grants[chain.user.address] = ChainScene.amount(1)
    #expect(throws: NetworkError.self, "money from nowhere") {
      try NetworkService(folder: net, settings: granting, chain: settlement)
    }
    // For life: neither embedded nor in one process.
    #expect(
      await error { _ = try NetworkService(folder: net, settings: Scene.settings()) } == "network.otherRun")
    #expect(await error { _ = try LocalNetwork(folder: net) } == "network.otherRun")
    #expect(
      await error { _ = try NetworkService(folder: net, settings: Scene.settings(), chain: settlement) }
        == nil)
    // A network that has made money of its own has no place on a chain.
    let embedded = folder.url.appending(path: "embedded")
    do { _ = try NetworkService(folder: embedded, settings: granting) }
    #expect(
      await error { _ = try NetworkService(folder: embedded, settings: Scene.settings(), chain: settlement) }
        == "network.otherRun")
  }

  /// A training, paid out of deposits: what it moves is in the batches, and everybody is paid on the chain to the holon.
  @Test func aWholeJobIsPaidOnTheChain() async throws {
    let chain = try await ChainScene.deploy()
    let folder = try TemporaryFolder()
    var settings = try ServiceScene.settings()
    settings.grants = [:]
    let scene = try ServiceScene(settings, chain: try await Scene.settlement(chain, folder, 1))
    let service = try scene.server.service()
    try await chain.prepareSettlement(signer: service.signerAddress)
    let (settlement, client) = (chain.contracts.settlement, chain.client)
    let workers = (0..<3).map { ServiceScene.node($0) } + (0..<2).map { ServiceScene.verifier($0) }
    for (index, key) in ([ServiceScene.requester] + workers).enumerated() {
      let call = EmethCore.depositToLayer2(account: key.address, amount: ChainScene.amount(60))
      _ = try await chain.sender().submit(call, to: settlement, under: "money \(index)")
    }
    for _ in 0..<400 where service.chainStanding?.deposits != 6 {
      try await Task.sleep(for: .milliseconds(30))
    }
    // Served before its Signer was named, it has told that.
    scene.server.errors.withLock { $0.removeAll() }
    for index in 0..<3 { try scene.startNode(index) }
    for index in 0..<2 { try scene.startVerifier(index) }
    try await scene.verifiersStand(2)
    let job = try scene.submit(scene.submission(manifest: TestNetwork.manifest()))
    let report = try await scene.end(of: job)
    #expect(report.status == "VERIFIED", "\(report.reason)")
    for key in workers where try service.balances(of: key.address).unspent > .zero {
      _ = try service.withdraw(service.balances(of: key.address).unspent, by: key.address)
    }
    var owed = TokenAmount.zero
    for key in workers {
      let balances = try service.balances(of: key.address)
      owed += balances.payout
      for _ in 0..<200 where try service.ticket(of: key.address)?.ticket.cumulativePayout != balances.payout {
        try await Task.sleep(for: .milliseconds(30))
      }
    }
    #expect(owed > ChainScene.amount(3 * 60 + 2 * 50), "more than they paid in and have not bound")
    // More than the cap of signed tickets: by proof, a day after the batch was posted.
    try await chain.bridge.tell("evm_increaseTime", .hex(UInt64(7 * 3_600)))
    try await chain.bridge.mine()
    let newest = try #require(try service.latestBatch())
    var posted: EmethCore.PostedBatch?
    for _ in 0..<400 where posted == nil {
      posted = try await client.call(EmethCore.batch(newest.digest), at: settlement)
      try await Task.sleep(for: .milliseconds(30))
    }
    #expect(posted?.depositsSeen == 6)
    try await chain.bridge.tell("evm_increaseTime", .hex(UInt64(86_401)))
    try await chain.bridge.mine()
    let leaves = try service.tickets().map(\.ticket)
    for key in workers {
      let proven = try ProvenTicket(account: key.address, leaves: leaves, batch: newest)
      _ = try await chain.sender(chain.other).submit(
        EmethCore.redeemFromBatch(proven), to: settlement, under: "redeem \(key.address)")
      #expect(try await chain.balance(key.address) == (try service.balances(of: key.address)).payout)
    }
    #expect(try await client.call(EmethCore.pool(), at: settlement) == ChainScene.amount(6 * 60) - owed)
    #expect(scene.server.failures == [])
    await scene.stop()
  }

  // MARK: - Batches

  /// Batches are posted, by one who was killed as well, what was burned is burned there, and tickets are paid.
  @Test(arguments: TestDatabase.all)
  func batchesArePostedAndTicketsRedeemed(on kind: TestDatabase) async throws {
    let scene = try await Scene(kind)
    let (client, settlement) = (scene.chain.client, scene.chain.contracts.settlement)
    let user = scene.chain.user.address
    try await scene.deposit(9, "a")
    try await scene.untilTheFirstDepositIsPosted()
    // No service is held on to: what is stopped below must let go of the folder and of its leases.
    _ = try scene.server.service().withdraw(ChainScene.amount(2), by: user)
    // A penalty, as the end of a SubJob books it.
    try scene.server.service().database.write { db in
      try Ledger.transfer(
        ChainScene.amount(1), from: (user, .unspent), to: (Ledger.outside, .burned), reason: "penalty",
        job: nil, at: 1, in: db)
    }
    try await scene.until("a ticket") {
      let ticket = try scene.server.service().ticket(of: user)?.ticket
      return ticket?.cumulativePayout == ChainScene.amount(2) && ticket?.unspent == ChainScene.amount(6)
    }
    let first = try #require(try await scene.posted())
    await scene.server.stop()
    try await scene.pass(seconds: 6 * 3_600)
    try await scene.server.restart()
    try await scene.until("the second batch") { try await scene.posted()?.epoch != first.epoch }
    let second = try #require(try await scene.posted())
    #expect(second.totalBurned == ChainScene.amount(1) && second.totalPayout == ChainScene.amount(2))
    #expect(try await client.call(EmethCore.totalBurned(), at: settlement) == ChainScene.amount(1))

    let before = try await scene.chain.balance(user)
    let ticket = try #require(try scene.server.service().ticket(of: user))
    _ = try await scene.chain.sender(scene.chain.other).submit(
      EmethCore.redeemTicket(ticket), to: settlement, under: "redeem")
    #expect(try await scene.chain.balance(user) == before + ChainScene.amount(2))

    // Nothing changes for a day: a batch all the same, before anybody may freeze the network.
    try await scene.pass(seconds: 21 * 3_600)
    try await scene.until("a batch in a quiet day") {
      try await scene.posted()?.epoch ?? 0 > second.epoch
    }
    #expect(scene.server.failures == [])
    await scene.server.stop()
  }

  // MARK: - The way out

  /// Who asks the contract for the way out has all of it granted at once, and the operator shows it.
  @Test(arguments: TestDatabase.all)
  func whoAsksToLeaveIsLetGo(on kind: TestDatabase) async throws {
    let scene = try await Scene(kind)
    let (client, settlement) = (scene.chain.client, scene.chain.contracts.settlement)
    let user = scene.chain.user.address
    try await scene.deposit(5, "a")
    let isOld = try await scene.untilTheFirstDepositIsPosted()
    let posted = try #require(try await scene.posted())
    let proven = try scene.server.service().database.read { db in
      try ProvenTicket(
        account: user, leaves: Signer.tickets(asOf: posted.epoch, in: db),
        batch: Signer.batch(epoch: posted.epoch, in: db))
    }
    _ = try await scene.chain.sender().submit(
      EmethCore.requestExit(proven), to: settlement, under: "exit")
    try await scene.until("all is granted") { try scene.balances.payout == ChainScene.amount(5) }
    #expect(try scene.balances.unspent == .zero)
    #expect(throws: NetworkError.self) {
      try scene.server.service().withdraw(ChainScene.amount(1), by: user)
    }
    // What comes in meanwhile is granted too.
    try await scene.deposit(2, "b")
    try await scene.until("a deposit while leaving") { try scene.balances.payout == ChainScene.amount(7) }
    try await scene.server.restart()
    #expect(try scene.balances.unspent == .zero)
    // A batch is posted for it an hour after the one before.
    let isAsked = try await client.call(EmethCore.exit(of: user), at: settlement) != nil
    #expect(isAsked || isOld)

    try await scene.pass(seconds: SettlementChain.exitSeconds + 60)
    try await scene.until("the exit is served") {
      try await client.call(EmethCore.exit(of: user), at: settlement) == nil
    }
    try await scene.until("and that is seen") { try scene.standing.leaving == 0 }
    try await scene.deposit(1, "c")
    try await scene.until("a deposit afterwards") { try scene.balances.unspent == ChainScene.amount(1) }
    #expect(try scene.server.service().audit().holds)
    #expect(scene.server.failures == [])
    await scene.server.stop()
  }

  // MARK: - Over HTTP

  /// The 2023 cache lists the chain's jobs, and the server says how it stands with its chain.
  @Test func theServerTellsOfItsChain() async throws {
    let scene = try await Scene()
    await scene.server.stop()
    let (chain, folder) = (scene.chain, scene.folder)
    let settlement = try await Scene.settlement(chain, folder, 1)
    let server = try await RunningServer.start { _ in
      try NetworkService(
        folder: folder.url.appending(path: "net"), settings: Scene.settings(), database: scene.database,
        chain: settlement)
    }
    let program = EmethCore.Program(
      programID: .meanOfNumbers, name: "mean", mode: .normal, minFuelPrice: FuelPrice(holonPerFuel: 0),
      cooldownSeconds: 0, defaultFuelLimit: .zero, defaultFuelPrice: FuelPrice(holonPerFuel: 0),
      minTarget: .zero)
    _ = try await chain.sender(chain.owner).submit(
      EmethCore.setProgram(program), to: chain.contracts.core, under: "program")
    let now = try #require(try await chain.client.block(.latest)).timestamp
    _ = try await chain.sender().submit(
      EmethCore.request(
        salt: .zero, program: .meanOfNumbers, dataset: "one.zip", parameters: "{}",
        fuelLimit: Fuel(units: 100), fuelPrice: FuelPrice(holonPerFuel: 1_000_000), deadline: now + 100_000,
        maxEscrow: ChainScene.amount(1)), to: chain.contracts.core, under: "job")
    let id = JobID(requester: chain.user.address, salt: .zero)
    func get(_ path: String) async throws -> (status: Int, text: String) {
      let asked = try await Asked.send(to: server, "GET", path, body: nil, headers: [])
      return (asked.status, String(decoding: asked.received, as: UTF8.self))
    }
    try await scene.until("the chain's job") { try await get("/api/v1/jobs?status=1").text.contains("\(id)") }
    #expect(try await get("/api/v1/jobs?id=\(id)").text.contains("one.zip"))
    #expect(try await get("/api/v1/jobs?id=0x\(String(repeating: "5", count: 32))").status == 404)
    let ready = try await get("/ready")
    #expect(ready.status == 200 && ready.text.contains(#""chain":"followed"#), "\(ready.text)")
    #expect(try await get("/metrics").text.contains("emeth_chain_reading_up 1"))

    try await chain.bridge.fault("*", "status", .number("503"), count: 1_000_000)
    try await scene.until("the fault is told") {
      try await get("/metrics").text.contains("emeth_chain_reading_up 0")
    }
    let away = try await get("/ready")
    #expect(away.status == 200 && away.text.contains("can't reach"), "\(away.text)")
    try await chain.bridge.noFaults()
    try await scene.until("it is back") { try await get("/ready").text.contains(#""chain":"followed"#) }
    try await server.stop()
  }
}
