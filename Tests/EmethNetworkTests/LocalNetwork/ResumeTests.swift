import EmethKit
import Foundation
import Synchronization
import Testing

@testable import EmethNetwork

/// A run that is stopped anywhere and begun again ends like one that was never stopped.
@Suite struct ResumeTests {
  /// Stops the work at the event of this number, counted from 1.
  private func run(_ network: LocalNetwork, _ job: JobID, stoppingAt number: Int) async throws -> JobReport? {
    let stop = StopFlag()
    let seen = Atomic<Int>(0)
    do {
      return try await network.work(on: job, threads: 2, stop: stop) { _ in
        if seen.add(1, ordering: .relaxed).newValue == number { stop.raise() }
      }
    } catch NetworkError.interrupted {
      return nil
    }
  }

  @Test(arguments: [1, 2, 3, 5, 8, 13, 20, 26, 33, 40])
  func aStoppedRunGoesOnToTheSameEnd(number: Int) async throws {
    let fault = FaultPlan(fault: .skipSteps, node: 2)
    let settings = try NetworkSettings(nodes: 3, check: .all, fault: fault)
    let whole = try await TestNetwork.run(settings: settings).report

    let folder = try TemporaryFolder()
    var report: JobReport?
    var processes = 0
    // Each turn opens the folder anew, as another process does.
    while report == nil {
      processes += 1
      try #require(processes < 200, "the run makes no progress")
      let network = try LocalNetwork(folder: folder.url, seed: TestNetwork.seed(), settings: settings)
      let job = try network.submit(
        TestNetwork.request(network, manifest: TestNetwork.manifest()), once: true)
      report = try await run(network, job, stoppingAt: number * processes)
      #expect(try network.audit().holds)
    }
    #expect(processes > 1, "the run was not interrupted at all")
    #expect(try report?.comparable == whole.comparable)
  }

  /// Lets the transaction with the tick of this number fail, as a process that is killed never ends it; returns
  /// the number of ticks that the run came to, and its report if it was not stopped.
  private func run(
    in folder: URL, settings: NetworkSettings, failingAtTick number: Int
  ) async throws -> (report: JobReport?, ticks: Int) {
    let network = try LocalNetwork(folder: folder, seed: TestNetwork.seed(), settings: settings)
    let job = try network.submit(TestNetwork.request(network, manifest: TestNetwork.manifest()), once: true)
    try network.database.write { db in
      try db.execute(
        sql: """
          CREATE TEMP TABLE tick (count INTEGER);
          INSERT INTO tick VALUES (0);
          CREATE TEMP TRIGGER kill AFTER UPDATE ON main.setting WHEN NEW.name = 'clock' BEGIN
            UPDATE tick SET count = count + 1;
            SELECT RAISE(ABORT, 'killed') FROM tick WHERE count >= \(number);
          END;
          """)
    }
    var report: JobReport?
    do { report = try await network.work(on: job, threads: 2) } catch NetworkError.database {}
    // Only the connection that writes has the table.
    let ticks = try network.database.write { db in
      try Int.fetchOne(db, sql: "SELECT count FROM temp.tick") ?? 0
    }
    return (report, ticks)
  }

  /// Every moment between two transactions (a few of them, unless the large counts are asked for).
  @Test(arguments: [
    FaultPlan(fault: .skipSteps, node: 2), FaultPlan(fault: .stall, node: 1),
    FaultPlan(fault: .dropBeforeKeys, node: 2), FaultPlan(fault: .dropBeforeMask, node: 3),
    FaultPlan(fault: .poisonedUpdate, node: 1), FaultPlan(fault: .wrongSum, node: 1),
    FaultPlan(fault: .accusingVerifier, node: 2), FaultPlan(fault: .silentVerifier, node: 2),
    FaultPlan(fault: .stampingVerifier, node: 1), FaultPlan(fault: .rejectingVerifier, node: 2),
    FaultPlan(fault: .twoVerdicts, node: 3),
  ])
  func killedBetweenTransactionsItGoesOnToTheSameEnd(fault: FaultPlan) async throws {
    var settings = try NetworkSettings(nodes: 3, check: .all, fault: fault)
    settings.auditOneIn = 3
    let reference = try TemporaryFolder()
    let whole = try await run(in: reference.url, settings: settings, failingAtTick: .max)
    let expected = try #require(whole.report).comparable
    try #require(whole.ticks > 30)

    let scale = ProcessInfo.processInfo.environment["EMETH_TEST_SCALE"].flatMap(Int.init) ?? 1
    let step = scale > 1 ? 1 : 6
    for tick in stride(from: Int.random(in: 1...step), through: whole.ticks, by: step) {
      let folder = try TemporaryFolder()
      let killed = try await run(in: folder.url, settings: settings, failingAtTick: tick)
      #expect(killed.report == nil)
      let resumed = try await run(in: folder.url, settings: settings, failingAtTick: .max)
      #expect(try resumed.report?.comparable == expected, "killed at tick \(tick)")
    }
  }

  @Test func aFinishedJobIsNotWorkedOnAgain() async throws {
    let finished = try await TestNetwork.run(settings: NetworkSettings(nodes: 2), parallel: 2)
    let again = try await finished.network.work(on: finished.job, threads: 1)
    #expect(try again.comparable == finished.report.comparable)
    #expect(again.tokensPerSecond == finished.report.tokensPerSecond, "nothing was trained")
  }

  @Test func twoWorkersOnOneFolderAreRefused() async throws {
    let folder = try TemporaryFolder()
    let network = try LocalNetwork(
      folder: folder.url, seed: TestNetwork.seed(), settings: NetworkSettings(nodes: 2))
    let job = try network.submit(TestNetwork.request(network, manifest: TestNetwork.manifest()))
    #expect(network.isFree)
    let lock = try FolderLock(folder: folder.url)
    await #expect {
      _ = try await network.work(on: job, threads: 1)
    } throws: { error in
      guard case NetworkError.folderInUse(_, let holder) = error else { return false }
      return holder.contains("\(ProcessInfo.processInfo.processIdentifier)")
    }
    #expect(!network.isFree)
    withExtendedLifetime(lock) {}
  }

  @Test func anUnfinishedRunKeepsItsSettings() async throws {
    let folder = try TemporaryFolder()
    let settings = try NetworkSettings(nodes: 3)
    let network = try LocalNetwork(folder: folder.url, seed: TestNetwork.seed(), settings: settings)
    let job = try network.submit(TestNetwork.request(network, manifest: TestNetwork.manifest()))
    #expect(try await run(network, job, stoppingAt: 6) == nil)
    #expect(throws: NetworkError.self) {
      try LocalNetwork(folder: folder.url, seed: TestNetwork.seed(), settings: NetworkSettings(nodes: 4))
    }
    #expect(throws: NetworkError.self) {
      try LocalNetwork(folder: folder.url, seed: TestNetwork.seed(2), settings: settings)
    }
    _ = try LocalNetwork(folder: folder.url, seed: TestNetwork.seed(), settings: settings)
  }
}
