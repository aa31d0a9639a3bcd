import EmethKit
import Foundation
import Synchronization
import Testing

@testable import EmethNetwork

/// Several services over one PostgreSQL database and one folder.
@Suite(.serialized) struct ReplicaTests {
  /// Two services; the second one is stopped when the body ends.
  private func replicas(
    leaseSeconds: UInt32 = 3, _ body: (ServiceScene, RestartableService) async throws -> Void
  ) async throws {
    let database = try TestDatabase.postgres.location(in: TemporaryFolder())
    var settings = try ServiceScene.settings()
    settings.periods.leaseSeconds = leaseSeconds
    try await ServiceScene.with(settings, database: database) { scene in
      let other = try RestartableService(
        folder: scene.server.folder, settings: scene.server.settings, database: database)
      do {
        try await body(scene, other)
        await other.stop()
      } catch {
        await other.stop()
        throw error
      }
    }
  }

  /// One drives the job and closes the epochs; everybody speaks with the other.
  @Test func whatOneIsToldTheOtherKnows() async throws {
    let local = try await NetworkServiceTests.localRoot()
    try await replicas { scene, other in
      let drives = try scene.server.service()
      let answers = try other.service()
      #expect(drives.operatorKeys.signer.address == answers.operatorKeys.signer.address, "one seed")
      // Both want to be the Signer, and one is.
      for _ in 0..<100 where drives.database.leases?.take(["signer"]).isEmpty == true {
        try await Task.sleep(for: .milliseconds(20))
      }
      #expect(drives.database.leases?.take(["signer"]) == ["signer"])
      #expect(answers.database.leases?.take(["signer"]) == [])
      for index in 0..<2 { try scene.startVerifier(index, at: other) }
      try await scene.verifiersStand(2)
      let job = try scene.submit(scene.submission(manifest: TestNetwork.manifest()))
      for index in 0..<3 { try scene.startNode(index, at: other) }
      let report = try await scene.end(of: job)
      #expect(report.status == "VERIFIED", "\(report.reason)")
      #expect(report.stateRoot == local)
      #expect(report.subJobs.allSatisfy { $0.status == "VERIFIED" })
      try await NetworkServiceTests.checkMoney(scene)
      // A request counts once, wherever it is sent.
      let nonce = TestNetwork.seed(77)
      #expect(try NonceStore(drives.database).use(nonce, of: .zero, at: 5))
      #expect(try !NonceStore(answers.database).use(nonce, of: .zero, at: 5))
    }
  }

  /// What one process has changed is in the other's next answer, also of a job that it has answered before.
  @Test func anAnswerIsNeverOlderThanItsQuestion() async throws {
    let folder = try TemporaryFolder()
    let database = try TestDatabase.postgres.location(in: folder)
    var settings = try ServiceScene.settings()
    settings.grants = [OpenJobs.key("requester", 0).address: try TokenAmount(emeth: "1000000")]
    let changes = try NetworkService(folder: folder.url, settings: settings, database: database)
    let answers = try NetworkService(folder: folder.url, settings: settings, database: database)
    let open = try #require(try await OpenJobs(service: changes).fill(count: 1, isCancelled: { false }).first)
    let views = JobViews(answers, threads: WorkExecutor(threads: 2))
    let whole = try changes.job(open.job)
    #expect(try await views.job(open.job).job == whole)
    for number in 0..<50 {
      try changes.database.write { db in
        var record = try JobStore.job(open.job, in: db)
        record.reason = "change \(number)"
        try JobStore.update(record, in: db)
      }
      #expect(try await views.job(open.job).job.summary.reason == "change \(number)")
    }
    // Of its SubJobs the job's own record says nothing.
    let before = try await views.job(open.job)
    try changes.database.write { db in
      var (record, parent) = try JobStore.withParent(open.subJob, in: db)
      try ExecutionLayer.apply(
        .endWithParent(parentStatus: .canceled), to: &record, parent: &parent, at: 1, in: db)
    }
    let after = try await views.job(open.job)
    #expect(before.job.subJobs == ["REQUESTED": 1] && after.job.subJobs == ["CANCELED": 1])
    #expect(before.tag != after.tag)
    #expect(try await views.job(open.job).tag == after.tag)
  }

  /// Whichever of the two is stopped, the other takes over, and the job ends as it would have.
  @Test func whenOneDiesAnotherGoesOn() async throws {
    let local = try await NetworkServiceTests.localRoot()
    let seed = ProcessInfo.processInfo.environment["EMETH_TEST_SEED"] ?? "\(UInt64.random(in: 0...9_999))"
    // A server that is stopped and started on a busy machine may be away for some seconds, and its nodes with it: the
    // other one, which works on, has no outage to make up for.
    try await replicas(leaseSeconds: 15) { scene, other in
      for index in 0..<3 { try scene.startNode(index, at: other) }
      for index in 0..<2 { try scene.startVerifier(index, at: other) }
      try await scene.verifiersStand(2)
      let job = try scene.submit(scene.submission(manifest: TestNetwork.manifest()))
      var random = ChaCha20Generator(key: SHA256.hash(Array(seed.utf8)))
      var deaths = 0
      while deaths < 12 {
        try await Task.sleep(for: .milliseconds(Int64(random.below(500))))
        if let view = try? scene.server.service().job(job), view.summary.status.isFinal { break }
        let one = random.below(2) == 0 ? scene.server : other
        await one.stop()
        try await Task.sleep(for: .milliseconds(Int64(random.below(1_500))))
        try one.start()
        deaths += 1
      }
      #expect(deaths > 2, "seed \(seed)")
      let report = try await scene.end(of: job)
      #expect(report.status == "VERIFIED", "seed \(seed): \(report.reason)")
      #expect(report.stateRoot == local, "seed \(seed)")
      let lost = report.subJobs.filter { $0.status != "VERIFIED" }
      #expect(lost.isEmpty, "seed \(seed): nobody lost anything by it, but \(lost)")
      try await NetworkServiceTests.checkMoney(scene)
    }
  }

  /// A process with other keys or other objects than those that serve the network is none of them.
  @Test func aStrangerIsRefused() async throws {
    let database = try TestDatabase.postgres.location(in: TemporaryFolder())
    let folder = try TemporaryFolder()
    let settings = try ServiceScene.settings()
    let first = try NetworkService(folder: folder.url, settings: settings, database: database)
    let other = try TemporaryFolder()
    func open() throws(NetworkError) {
      _ = try NetworkService(folder: other.url, settings: settings, database: database)
    }
    let wrongSeed = #expect(throws: NetworkError.self) { try open() }
    #expect(wrongSeed?.code == "network.otherRun" && wrongSeed?.message.contains("seed") == true)
    let seed = other.url.appending(path: "seed")
    try FileManager.default.removeItem(at: seed)
    try FileManager.default.copyItem(at: folder.url.appending(path: "seed"), to: seed)
    let wrongStore = #expect(throws: NetworkError.self) { try open() }
    #expect(wrongStore?.code == "network.otherRun" && wrongStore?.message.contains("store") == true)
    // With the same store it is one of them.
    let store = other.url.appending(path: "splitter")
    try FileManager.default.removeItem(at: store)
    try FileManager.default.createSymbolicLink(at: store, withDestinationURL: first.splitterStore.folder)
    try open()
  }

  /// Whoever was away while another worked: nobody gets more time for it.
  @Test func anOutageOfOneIsNone() async throws {
    try await replicas { scene, other in
      let (subJob, key) = try await assigned(scene)
      let (before, deadline) = (
        try scene.server.service().state(of: subJob),
        try scene.server.service().job(subJobsParent(subJob, scene)).deadline
      )
      await other.stop()
      // Longer than the lease, and than three intervals of a second.
      for _ in 0..<11 {
        try await Task.sleep(for: .milliseconds(500))
        try scene.server.service().renew(subJob, by: key.address)
      }
      try other.start()
      try await Task.sleep(for: .milliseconds(500))
      let after = try other.service().state(of: subJob)
      #expect(after.status == .processing && after.deadline == before.deadline)
      #expect(try other.service().job(subJobsParent(subJob, scene)).deadline == deadline)
      try other.service().renew(subJob, by: key.address)
    }
  }

  /// While the database is away nobody can renew a lease: once it is back, everybody has that time.
  @Test func nobodyIsPunishedForADatabaseThatIsAway() async throws {
    let server = try TestPostgres()
    let database = DatabaseLocation.postgres(try server.makeDatabase())
    try await ServiceScene.with(ServiceScene.settings(), database: database) { scene in
      let (subJob, key) = try await assigned(scene)
      let before = try scene.server.service().state(of: subJob)
      try await blocking {
        server.kill(SIGKILL)
        server.waitUntilGone()
        // Longer than a clock that is looked at may stand still.
        Thread.sleep(forTimeInterval: Double(NetworkClock.longestGap) / 1_000 + 1)
        try server.start()
      }
      let service = try scene.server.service()
      let end = ContinuousClock.now + .seconds(120)
      while ContinuousClock.now < end, try service.state(of: subJob).deadline == before.deadline {
        try await Task.sleep(for: .milliseconds(50))
      }
      let after = try service.state(of: subJob)
      #expect(after.status == .processing && after.deadline >= before.deadline + 600)
      try service.renew(subJob, by: key.address)
    }
    withExtendedLifetime(server) {}
  }

  private func subJobsParent(_ subJob: JobID, _ scene: ServiceScene) throws -> JobID {
    try scene.server.service().state(of: subJob).position.parent
  }

  /// A SubJob that a node has taken, and the node's key.
  private func assigned(_ scene: ServiceScene) async throws -> (subJob: JobID, key: PrivateKey) {
    try scene.bindSilentVerifiers()
    let job = try scene.submit(scene.submission(manifest: TestNetwork.manifest()))
    let service = try scene.server.service()
    while try service.subJobs(of: job).count < 3 { try await Task.sleep(for: .milliseconds(20)) }
    let subJob = try #require(try service.subJobs(of: job).first).id
    let key = ServiceScene.node(0)
    let binding = SignedKeyBinding(
      signing: KeyBinding(of: key, expiry: secondsNow() + 3_600), in: .embedded, with: key)
    _ = try service.process(subJob, by: key.address, binding: binding)
    return (subJob, key)
  }

  @Test func ofManyWhoClaimAtTwoServicesOneHasIt() async throws {
    try await replicas { scene, other in
      try scene.bindSilentVerifiers()
      let job = try scene.submit(scene.submission(manifest: TestNetwork.manifest()))
      let services = [try scene.server.service(), try other.service()]
      while try services[0].subJobs(of: job).count < 3 { try await Task.sleep(for: .milliseconds(20)) }
      let subJobs = try services[0].subJobs(of: job).map(\.id)
      let won = Winners()
      let claims = Claims(services: services, subJobs: subJobs, won: won)
      try await withThrowingTaskGroup(of: Void.self) { group in
        for index in 0..<8 {
          group.addTask {
            try await blocking { try claims.make(by: index) }
          }
        }
        try await group.waitForAll()
      }
      let winners = won.all.withLock { $0 }
      #expect(winners.values.allSatisfy { $0.count == 1 } && !winners.isEmpty, "\(winners)")
      for (subJob, nodes) in winners {
        let record = try services[0].database.read { db in try JobStore.subJob(subJob, in: db) }
        #expect(record.machine.node == nodes[0])
      }
      // Only who won has something bound.
      let bound = try (0..<8).map { ServiceScene.node($0).address }.filter {
        try services[1].balances(of: $0).locked > .zero
      }
      #expect(Set(bound) == Set(winners.values.joined()))
      #expect(try services[1].audit().holds)
    }
  }

  /// The database server is killed again and again while a job runs.
  @Test func aJobEndsRightWhenPostgreSQLIsKilled() async throws {
    let local = try await NetworkServiceTests.localRoot()
    let server = try TestPostgres()
    let seed = ProcessInfo.processInfo.environment["EMETH_TEST_SEED"] ?? "\(UInt64.random(in: 0...9_999))"
    try await ServiceScene.with(ServiceScene.settings(), database: .postgres(server.makeDatabase())) {
      scene in
      for index in 0..<3 { try scene.startNode(index) }
      for index in 0..<2 { try scene.startVerifier(index) }
      try await scene.verifiersStand(2)
      let job = try scene.submit(scene.submission(manifest: TestNetwork.manifest()))
      var random = ChaCha20Generator(key: SHA256.hash(Array(seed.utf8)))
      var kills = 0
      while kills < 4 {
        try await Task.sleep(for: .milliseconds(Int64(random.below(1_000))))
        if try scene.server.service().job(job).summary.status.isFinal { break }
        try await blocking {
          server.kill(SIGKILL)
          server.waitUntilGone()
          try server.start()
        }
        kills += 1
      }
      #expect(kills > 0, "seed \(seed)")
      let report = try await scene.end(of: job)
      #expect(report.status == "VERIFIED", "seed \(seed): \(report.reason)")
      #expect(report.stateRoot == local, "seed \(seed)")
      try await NetworkServiceTests.checkMoney(scene)
    }
    withExtendedLifetime(server) {}
  }
}

/// Who has got which SubJob.
private final class Winners: Sendable {
  let all = Mutex<[JobID: [Address]]>([:])
}

/// One node's attempts to get one SubJob after the other.
private struct Claims: Sendable {
  var services: [NetworkService]
  var subJobs: [JobID]
  var won: Winners

  func make(by index: Int) throws {
    let key = ServiceScene.node(index)
    let binding = SignedKeyBinding(
      signing: KeyBinding(of: key, expiry: secondsNow() + 3_600), in: .embedded, with: key)
    // Each begins with another one.
    for place in 0..<3 {
      let subJob = subJobs[(place + index) % 3]
      do throws(NetworkError) {
        _ = try services[index % 2].process(subJob, by: key.address, binding: binding)
        won.all.withLock { $0[subJob, default: []].append(key.address) }
      } catch {
        let isExpected = ["job.eventNotAllowed", "subJob.contended", "node.company"].contains(error.code)
        #expect(isExpected, "\(error)")
      }
    }
  }
}
