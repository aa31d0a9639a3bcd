import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

@Suite struct LocalNetworkJobsTests {
  private func network() throws -> (TemporaryFolder, LocalNetwork) {
    let folder = try TemporaryFolder()
    return (
      folder,
      try LocalNetwork(folder: folder.url, seed: TestNetwork.seed(), settings: NetworkSettings(nodes: 2))
    )
  }

  @Test func aQueuedJobCanBeCanceledAndEverythingReturns() throws {
    let (folder, network) = try network()
    let job = try network.submit(TestNetwork.request(network, manifest: TestNetwork.manifest()))
    #expect(try network.job(job).status == .requested)
    let requester = try #require(network.accounts.first).address
    #expect(try network.balances(of: requester).locked == network.job(job).escrow)
    try network.cancel(job)
    #expect(try network.job(job).status == .canceled)
    #expect(try network.balances(of: requester).locked == .zero)
    #expect(try network.audit().locked == .zero)
    #expect(throws: NetworkError.self) { try network.cancel(job) }
    withExtendedLifetime(folder) {}
  }

  @Test func jobsThatAreTheSameHaveDifferentIdsUnlessOnceIsAsked() throws {
    let (folder, network) = try network()
    let request = try TestNetwork.request(network, manifest: TestNetwork.manifest())
    let first = try network.submit(request, once: true)
    #expect(try network.submit(request, once: true) == first)
    let second = try network.submit(request)
    let third = try network.submit(request)
    #expect(Set([first, second, third]).count == 3)
    #expect(try network.jobs().map(\.jobId) == [first, second, third])
    #expect(try network.nextJob() == first)
    withExtendedLifetime(folder) {}
  }

  @Test func theQueueIsWorkedInOrderWithOneLedger() async throws {
    let (folder, network) = try network()
    let first = try network.submit(
      TestNetwork.request(network, manifest: TestNetwork.manifest(rounds: 1), parallel: 2))
    let second = try network.submit(
      TestNetwork.request(network, manifest: TestNetwork.manifest(rounds: 1, seed: 2), parallel: 2))
    while let job = try network.nextJob() { _ = try await network.work(on: job, threads: 2) }
    #expect(try network.job(first).status == .verified)
    #expect(try network.job(second).status == .verified)
    #expect(try network.audit().locked == .zero)
    withExtendedLifetime(folder) {}
  }

  @Test func anUnknownJobIsNamed() throws {
    let (folder, network) = try network()
    let id = JobID(requester: .zero, salt: .zero)
    #expect(throws: NetworkError.unknownJob(id: "\(id)")) { try network.job(id) }
    withExtendedLifetime(folder) {}
  }

  @Test func aFolderOfANewerLayoutIsRefused() throws {
    let (folder, network) = try network()
    try network.database.write { db in try db.execute(sql: "PRAGMA user_version = 99") }
    let supported = NetworkDatabase.supportedVersion
    #expect(throws: NetworkError.otherVersion(path: folder.url.path, found: 99, supported: supported)) {
      try LocalNetwork(folder: folder.url)
    }
  }

  /// Takes back what layouts 5 to 9 have brought.
  private static let withoutServices = """
    DROP TABLE IF EXISTS errand;
    DROP TABLE IF EXISTS bond;
    DROP INDEX IF EXISTS jobStatus;
    DROP INDEX IF EXISTS jobRequester;
    DROP INDEX IF EXISTS jobRequestedAt;
    DROP INDEX IF EXISTS jobRequesterStatus;
    DROP INDEX IF EXISTS jobDue;
    DROP INDEX IF EXISTS subJobOffer;
    DROP INDEX IF EXISTS batchToTime;
    DROP INDEX IF EXISTS settledOpen;
    DROP INDEX IF EXISTS subJobOpen;
    DROP INDEX IF EXISTS subJobNode;
    DROP TABLE IF EXISTS requestNonce;
    DROP TABLE IF EXISTS hold;
    DROP TABLE IF EXISTS removal;
    """

  /// The same of the columns that are there.
  private static func dropColumns(in db: SQLSession) throws {
    for (table, column) in [
      ("job", "requester"), ("job", "requestedAt"), ("job", "line"), ("job", "view"), ("job", "dueAt"),
      ("subJob", "node"), ("subJob", "program"), ("subJob", "price"), ("batch", "toTime"),
    ] {
      let count = try Int.fetchOne(
        db, sql: "SELECT count(*) FROM pragma_table_info(?) WHERE name = ?", arguments: [table, column])
      if count == 1 { try db.execute(sql: "ALTER TABLE \(table) DROP COLUMN \(column)") }
    }
  }

  @Test(arguments: [SegmentCheck.drawn(3), .all])
  func aFolderOfTheFirstLayoutIsBroughtToThePresentOne(check: SegmentCheck) throws {
    let folder = try TemporaryFolder()
    let settings = try NetworkSettings(nodes: 2, check: check)
    do {
      let network = try LocalNetwork(folder: folder.url, seed: TestNetwork.seed(), settings: settings)
      try network.database.write { db in
        let count = check == .all ? "null" : "3"
        try db.execute(
          sql: """
            UPDATE setting SET value = json_remove(json_set(value, '$.checkSegments', json('\(count)')), '$.check')
            WHERE name = 'network';
            DROP TABLE cohort;
            DROP TABLE forfeit;
            \(Self.withoutServices)
            DELETE FROM grdb_migrations WHERE identifier IN ('2', '3', '4', '5', '6', '7');
            PRAGMA user_version = 1;
            """)
        try Self.dropColumns(in: db)
      }
    }
    #expect(try LocalNetwork(folder: folder.url).settings == settings)
  }

  @Test func anUnfinishedJobOfTheLayoutBeforeIsRefused() throws {
    let (folder, network) = try network()
    let job = try network.submit(TestNetwork.request(network, manifest: TestNetwork.manifest()))
    func layOut(status: JobStatus) throws {
      try network.database.write { db in
        try db.execute(
          sql: """
            UPDATE job SET status = \(status.rawValue);
            DROP TABLE IF EXISTS cohort;
            DROP TABLE IF EXISTS forfeit;
            \(Self.withoutServices)
            DELETE FROM grdb_migrations WHERE identifier IN ('3', '4', '5', '6', '7');
            PRAGMA user_version = 2;
            """)
        try Self.dropColumns(in: db)
      }
    }
    try layOut(status: .processing)
    let supported = NetworkDatabase.supportedVersion
    #expect(throws: NetworkError.unfinishedWork(path: folder.url.path, layout: 2, supported: supported)) {
      try LocalNetwork(folder: folder.url)
    }
    // Nothing was changed by the refusal; one that has not begun, or has ended, is no obstacle.
    for status in [JobStatus.requested, .verified] {
      try layOut(status: status)
      #expect(try LocalNetwork(folder: folder.url).jobs().map(\.jobId) == [job])
    }
  }

  @Test func settingsOutsideTheirLimitsAreRefused() {
    #expect(throws: NetworkError.self) { try NetworkSettings(nodes: 0) }
    #expect(throws: NetworkError.self) { try NetworkSettings(nodes: 65) }
    #expect(throws: NetworkError.self) { try NetworkSettings(verifiers: 1) }
    #expect(throws: NetworkError.self) { try NetworkSettings(check: .drawn(0)) }
    #expect(throws: NetworkError.self) {
      try NetworkSettings(nodes: 2, fault: FaultPlan(fault: .stall, node: 3))
    }
    #expect(throws: NetworkError.badSetting(name: "fault", found: "aggregator 2", allowed: "1 to 1")) {
      try NetworkSettings(fault: FaultPlan(fault: .wrongSum, node: 2))
    }
    #expect(throws: Never.self) { try NetworkSettings(fault: FaultPlan(fault: .wrongSum, node: 1)) }
    #expect(FaultPlan("skip-steps@2") == FaultPlan(fault: .skipSteps, node: 2))
    for text in ["", "stall", "stall@", "stall@0", "stall@x", "sleep@1", "stall@1@2"] {
      #expect(FaultPlan(text) == nil)
    }
  }

  @Test func aJobBelowItsFlatFeeIsRefused() throws {
    let (folder, network) = try network()
    let request = try TestNetwork.request(network, manifest: TestNetwork.manifest(), ruleSet: "round3-2")
    #expect(throws: NetworkError.self) { try network.submit(request) }
    #expect(try network.jobs().isEmpty)
    #expect(try network.audit().in == .zero, "nothing was granted for a job that is refused")
    withExtendedLifetime(folder) {}
  }

  /// What has the same bytes is one object: a job leaves alone what is another's result.
  @Test func aJobThatBeginsWithAnothersModelLeavesItThere() async throws {
    let first = try await TestNetwork.run(settings: NetworkSettings(nodes: 3))
    let network = first.network
    func result(_ job: JobID) throws -> Bytes32 {
      let record = try network.database.read { db in try JobStore.job(job, in: db) }
      return try #require(record.progress.rounds.last).startingParameters
    }
    let model = try result(first.job)
    let plain = try TestNetwork.manifest()
    var request = try TestNetwork.request(
      network,
      manifest: TrainingManifest(
        model: plain.model, tokenizerHash: plain.tokenizerHash, seed: plain.seed, batch: plain.batch,
        optimizer: plain.optimizer, initialWeights: .model(model), stepsPerRound: plain.stepsPerRound,
        rounds: plain.rounds, segmentLength: plain.segmentLength, outer: plain.outer,
        quantiserExponent: plain.quantiserExponent))
    request.initialParameters = model
    let second = try network.submit(request)
    #expect(try await network.work(on: second, threads: 2).status == "VERIFIED")
    #expect(try network.store.contains(model) && network.store.contains(result(second)))
    #expect(try result(second) != model)
    // The same once more, whose models are those of the second all the way.
    let third = try network.submit(request)
    #expect(try await network.work(on: third, threads: 2).status == "VERIFIED")
    #expect(try result(third) == result(second))
    for (number, job) in [first.job, second, third].enumerated() {
      try network.exportModel(of: job, to: first.folder.url.appending(path: "model-\(number)"))
    }
  }
}
