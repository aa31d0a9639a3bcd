import EmethKit
import Foundation
import Synchronization
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

  /// Of jobs that are read together one may be damaged: who asked for it hears so, and nobody else.
  @Test(arguments: TestDatabase.all)
  func aJobThatCantBeReadIsNobodyElsesTrouble(on kind: TestDatabase) async throws {
    try await Self.filled(3, on: kind) { service, open in
      let damaged = open[1].job
      try service.database.write { db in
        try db.execute(
          sql: "UPDATE job SET view = '', machine = '{', line = '{' WHERE id = ?", arguments: ["\(damaged)"])
      }
      let wrong = #expect(throws: NetworkError.self) {
        try service.database.read { db in _ = try JobStore.job(damaged, in: db) }
      }
      let found = try service.jobTexts(Set(open.map(\.job)))
      #expect(found.count == 3)
      for open in open {
        let views = JobViews(service, threads: WorkExecutor(threads: 1))
        if open.job == damaged {
          let alone = #expect(throws: NetworkError.self) { _ = try service.job(damaged) }
          let viewed = await #expect(throws: NetworkError.self) { _ = try await views.job(damaged) }
          #expect(wrong != nil && alone == wrong && viewed == wrong)
          #expect(throws: NetworkError.self) { _ = try found[damaged]?.get() }
        } else {
          #expect(try found[open.job]?.get().decoded().summary.jobId == open.job)
          #expect(try await views.job(open.job).job.summary.jobId == open.job)
        }
      }
      // In lists it is left out, and named where that is said.
      let others = Set(open.map(\.job)).subtracting([damaged])
      var filter = JobFilter()
      filter.limit = 3
      let page = try service.jobs(filter)
      #expect(page.unreadable == [damaged] && Set(page.jobs.map(\.summary.jobId)) == others)
      #expect(try Set(service.jobRows(filter).jobs.map(\.id)) == others)
      // One after the other: the next page begins behind it.
      (filter.limit, filter.before) = (1, nil)
      var alone = Set<JobID>()
      repeat {
        let page = try service.jobs(filter)
        alone.formUnion(page.jobs.map(\.summary.jobId))
        filter.before = page.next
      } while filter.before != nil
      #expect(alone == others)
      // One whose view was left empty is read by its record.
      let plain = open[0].job
      let before = try service.job(plain)
      try service.database.write { db in
        try db.execute(sql: "UPDATE job SET view = '' WHERE id = ?", arguments: ["\(plain)"])
      }
      #expect(try service.job(plain) == before)
    }
  }

  /// Accounts that had money only are numbered as nodes with their first claims, which come all at once here.
  @Test(arguments: TestDatabase.all)
  func nodesThatClaimForTheFirstTimeAtOnceAreNumbered(on kind: TestDatabase) async throws {
    let nodes = (0..<12).map { OpenJobs.key("node", $0) }
    let change: (inout ServiceSettings) -> Void = { settings in
      for node in nodes {
        settings.grants[node.address] = TokenAmount(holon: 1_000_000_000_000_000_000_000_000)
      }
    }
    try await Self.filled(24, on: kind, change) { service, open in
      let expiry = UInt64(Date().timeIntervalSince1970) + 3_600
      let outcomes = Mutex<[Result<Assignment, NetworkError>]>([])
      DispatchQueue.concurrentPerform(iterations: nodes.count) { index in
        let key = nodes[index]
        let binding = SignedKeyBinding(
          signing: KeyBinding(of: key, expiry: expiry), in: .embedded, with: key)
        let outcome = Result { () throws(NetworkError) in
          try service.process(open[index].subJob, by: key.address, binding: binding)
        }
        outcomes.withLock { $0.append(outcome) }
      }
      for outcome in outcomes.withLock({ $0 }) { _ = try outcome.get() }
      let accounts = try service.database.read { db in try service.accounts(in: db) }
      let numbered = accounts.filter { $0.role == "node" }
      #expect(Set(numbered.map(\.address)) == Set(nodes.map(\.address)))
      #expect(Set(numbered.map(\.number)) == Set(1...nodes.count))
      // Asked again, the answer is the same; another node is refused.
      let first = SignedKeyBinding(
        signing: KeyBinding(of: nodes[0], expiry: expiry), in: .embedded, with: nodes[0])
      _ = try service.process(open[0].subJob, by: nodes[0].address, binding: first)
      let refusal = #expect(throws: NetworkError.self) {
        _ = try service.process(open[1].subJob, by: nodes[0].address, binding: first)
      }
      #expect(refusal != nil)
    }
  }

  /// A page of SubJobs is the same whether what is known of them is in memory, read, or read in several turns.
  @Test(arguments: TestDatabase.all)
  func manySubJobsAreOfferedHoweverTheyAreRead(on kind: TestDatabase) async throws {
    try await Self.filled(150, on: kind) { service, open in
      var filter = SubJobFilter()
      filter.limit = 140
      let first = try service.openSubJobs(filter, for: Self.node.address)
      #expect(first.count == 140 && Set(first.map(\.id)).count == 140)
      #expect(first.map(\.fuelPrice) == first.map(\.fuelPrice).sorted(by: >))
      #expect(try service.openSubJobs(filter, for: Self.node.address) == first)
      // One is taken: it is offered no more, and all others are.
      let binding = SignedKeyBinding(
        signing: KeyBinding(of: Self.node, expiry: UInt64(Date().timeIntervalSince1970) + 3_600),
        in: .embedded, with: Self.node)
      _ = try service.process(first[70].id, by: Self.node.address, binding: binding)
      filter.limit = 200
      let rest = try service.openSubJobs(filter, for: OpenJobs.key("node", 1).address)
      #expect(Set(rest.map(\.id)) == Set(open.map(\.subJob)).subtracting([first[70].id]))
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
      let end = ContinuousClock.now + .seconds(120)
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
