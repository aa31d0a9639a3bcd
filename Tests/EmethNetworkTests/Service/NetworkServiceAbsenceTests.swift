import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// A node that is away for an hour, by the network's clock: it loses what PROTOCOL 2 and 3 say, and nothing more.
@Suite(.serialized) struct NetworkServiceAbsenceTests {
  /// Lets time pass for everybody, in steps of which none is an outage.
  private static func pass(_ seconds: UInt64, _ scene: ServiceScene) throws {
    let step: UInt64 = 5
    for _ in 0..<(seconds / step) {
      scene.server.ahead.withLock { $0 += step * 1_000 }
      _ = try scene.server.service().facts()
    }
  }

  private static func wait(_ what: String, _ isDone: () throws -> Bool) async throws {
    let limit = ContinuousClock.now + .seconds(120)
    while try !isDone() {
      try #require(ContinuousClock.now < limit, "\(what)")
      try await Task.sleep(for: .milliseconds(20))
    }
  }

  /// Nodes have an hour to open what they submitted: who is back within it opens then, and keeps its deposit.
  @Test func whoIsBackInTimeToOpenLosesNothing() async throws {
    var settings = try ServiceScene.settings()
    settings.periods.openingSeconds = 3_600
    try await ServiceScene.with(settings, on: .sqlite) { scene in
      for index in 0..<2 { try scene.startVerifier(index) }
      try await scene.verifiersStand(2)
      let node = ServiceScene.node(0).address
      let away = try scene.startNode(0, isDeaf: true)
      let job = try scene.submit(
        scene.submission(manifest: TestNetwork.manifest(rounds: 1), parallel: 1, timeLimit: 86_400))
      let service = try scene.server.service()
      func isAsked() throws -> Bool {
        try !service.errands(of: node, kinds: [.open], except: []).isEmpty
      }
      try await Self.wait("nobody asks the node to open", isAsked)
      away.cancel()
      await away.value
      let began = try service.facts().time
      try Self.pass(3_500, scene)
      #expect(try service.facts().time >= began + 3_500)
      #expect(try isAsked(), "it still may")
      try scene.startNode(0)
      let report = try await scene.end(of: job)
      #expect(report.status == "VERIFIED" && report.subJobs.count == 1, "\(report.reason)")
      let account = try service.work(of: node, newest: 10)
      #expect(account.lost == .zero && account.earned > .zero)
      try await NetworkServiceTests.checkMoney(scene)
    }
  }

  /// Its lease is gone, and with it the penalty of one attempt; somebody else computes the part to the same bits, and it
  /// works on when it is back.
  @Test func whoIsAwayWhileItComputesLosesOnePenalty() async throws {
    let local = try await NetworkServiceTests.localRoot(parallel: 1)
    try await ServiceScene.with(ServiceScene.settings(), on: .sqlite) { scene in
      for index in 0..<2 { try scene.startVerifier(index) }
      try await scene.verifiersStand(2)
      let node = ServiceScene.node(0).address
      let away = try scene.startNode(0, fault: .stall)
      let job = try scene.submit(
        scene.submission(manifest: TestNetwork.manifest(), parallel: 1, timeLimit: 86_400))
      let service = try scene.server.service()
      try await NetworkServiceTests.aNodeTakesPart(in: job, of: service)
      let taken = try #require(try service.subJobs(of: job).first { $0.node == node })
      away.cancel()
      await away.value
      try Self.pass(3_600, scene)
      try await Self.wait("its lease never ends") { try service.state(of: taken.id).status == .timeout }
      let journal = scene.folder.url.appending(path: "node-0/journal/\(taken.id)")
      #expect(FileManager.default.fileExists(atPath: journal.path))
      for index in 0..<2 { try scene.startNode(index) }
      let report = try await scene.end(of: job)
      #expect(report.status == "VERIFIED", "\(report.reason)")
      #expect(report.stateRoot == local)
      let record = try service.database.read { db in try JobStore.subJob(taken.id, in: db) }
      let account = try service.work(of: node, newest: 10)
      #expect(account.lost > .zero && account.lost == record.machine.job.terms.timeoutPenalty)
      // It finds out, and puts it away.
      try await Self.wait("the journal is never empty") {
        !FileManager.default.fileExists(atPath: journal.path)
      }
      try await NetworkServiceTests.checkMoney(scene)
    }
  }
}
