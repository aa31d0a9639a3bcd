import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// Many jobs whose SubJobs wait for nodes: who is offered which, and what they cost the server that keeps them.
@Suite(.serialized) struct NetworkServiceOpenJobsTests {
  private static let node = OpenJobs.key("node", 0)

  /// A network with so many open jobs.
  private static func filled(
    _ count: Int, on kind: TestDatabase, _ change: (inout ServiceSettings) -> Void = { _ in },
    _ test: (NetworkService, [OpenJobs.Open]) async throws -> Void
  ) async throws {
    let folder = try TemporaryFolder()
    var settings = ServiceSettings()
    let amount = try TokenAmount(emeth: "1000000")
    for index in 0..<OpenJobs.requesters {
      settings.grants[OpenJobs.key("requester", index).address] = amount
    }
    settings.grants[node.address] = amount
    change(&settings)
    let service = try NetworkService(
      folder: folder.url.appending(path: "network"), settings: settings, database: kind.location(in: folder))
    let open = try await OpenJobs(service: service).fill(count: count) { false }
    try await test(service, open)
  }

  @Test(arguments: TestDatabase.all)
  func theBestPaidAreOfferedFirstHoweverOldTheOthersAre(on kind: TestDatabase) async throws {
    try await Self.filled(40, on: kind) { service, open in
      #expect(open.count == 40)
      var filter = SubJobFilter()
      func offers() throws -> [SubJobOffer] { try service.openSubJobs(filter, for: Self.node.address) }
      let all = try offers()
      #expect(Set(all.map(\.id)) == Set(open.map(\.subJob)))
      #expect(all.map(\.fuelPrice) == all.map(\.fuelPrice).sorted(by: >))
      filter.limit = 7
      let best = try offers()
      #expect(best == Array(all.prefix(7)))
      // Five jobs at each of the eight prices.
      #expect(
        best.map(\.fuelPrice) == Array(repeating: OpenJobs.price(7), count: 5) + [
          OpenJobs.price(6), OpenJobs.price(6),
        ])
      filter.limit = 100
      filter.minimumFuelPrice = OpenJobs.price(6)
      #expect(try offers() == Array(all.prefix(10)))
      let program = try #require(all.first?.programId)
      filter.programs = [program]
      #expect(try offers().count == 10)
      filter.withoutPrograms = [program]
      #expect(try offers().isEmpty)
      (filter.programs, filter.withoutPrograms) = (
        [.proofOfWork, try #require(ProgramID(rawValue: .max))], []
      )
      #expect(try offers().isEmpty)
      (filter.programs, filter.minimumFuelPrice) = ([], FuelPrice(holonPerFuel: .max))
      #expect(try offers().isEmpty)
    }
  }

  @Test func aJobThatRestsIsLookedAfterOnceANodeTakesItsSubJob() async throws {
    let change: (inout ServiceSettings) -> Void = { settings in
      settings.waitingJobs = 2
      settings.periods.leaseSeconds = 6
    }
    try await Self.filled(20, on: .sqlite, change) { service, open in
      let taken = try #require(open.last)
      let now = UInt64(Date().timeIntervalSince1970)
      let binding = SignedKeyBinding(
        signing: KeyBinding(of: Self.node, expiry: now + 3_600), in: .embedded, with: Self.node)
      _ = try service.process(taken.subJob, by: Self.node.address, binding: binding)
      // While its node computes, the job rests as all others do.
      let unfinished = try service.unfinishedJobs([])
      #expect(unfinished.jobs == [] && unfinished.running == [] && !unfinished.moreWait)
      let driving = Task { try? await service.run() }
      defer { driving.cancel() }
      // Its node says nothing more: the lease lapses, and the part is offered again.
      let end = ContinuousClock.now + .seconds(30)
      var ended: SubJobState?
      while ContinuousClock.now < end, ended?.status != .timeout {
        ended = try service.state(of: taken.subJob)
        try await Task.sleep(for: .milliseconds(50))
      }
      #expect(ended?.status == .timeout)
      let resting = try service.database.read { db in
        try Int.fetchOne(db, sql: "SELECT count(*) FROM job WHERE dueAt > 0")
      }
      #expect(resting == 19, "all others rest")
    }
  }
}
