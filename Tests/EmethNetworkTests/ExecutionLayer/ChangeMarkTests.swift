import EmethKit
import Testing

@testable import EmethNetwork

/// Who is woken by a change.
@Suite struct ChangeMarkTests {
  private static func job(_ number: UInt64) -> JobID {
    JobID(requester: .zero, salt: TestNetwork.seed(number))
  }
  private static let (one, other) = (job(1), job(2))

  @Test func aChangeOfOneJobIsOneForItAloneAndOneThatNamesNoneIsForAll() {
    let changes = ChangeMark()
    changes.raise(.some([Self.one]))
    #expect(
      changes.mark == 1 && changes.mark(of: .job(Self.one)) == 1 && changes.mark(of: .job(Self.other)) == 0)
    changes.raise(.some([]))
    #expect(
      changes.mark == 2 && changes.mark(of: .job(Self.one)) == 1 && changes.mark(of: .job(Self.other)) == 0)
    changes.raise()
    #expect(
      changes.mark == 3 && changes.mark(of: .job(Self.one)) == 3 && changes.mark(of: .job(Self.other)) == 3)
  }

  @Test func whatCanNotBeRememberedIsForAll() {
    let changes = ChangeMark()
    for number in 10..<UInt64(10_020) { changes.raise(.some([Self.job(number)])) }
    #expect(changes.mark(of: .job(Self.job(10))) >= 1)
    // Forgotten, and hence counted as concerned.
    #expect(changes.mark(of: .job(Self.one)) > 0)
  }

  @Test func onlyThoseWhomItConcernsAreWoken() async {
    let changes = ChangeMark()
    async let mine: Void = changes.wait(after: 0, of: .job(Self.one), upTo: 60)
    async let any: Void = changes.wait(after: 0, upTo: 60)
    let begun = ContinuousClock.now
    // Another job's change wakes the one who waits for any, and not the one who waits for this job.
    changes.raise(.some([Self.other]))
    await any
    let before = changes.mark(of: .job(Self.one))
    await changes.wait(after: 0, of: .job(Self.one), upTo: 0.05)
    #expect(before == 0 && ContinuousClock.now - begun >= .milliseconds(50))
    changes.raise(.some([Self.one, Self.other]))
    await mine
    #expect(ContinuousClock.now - begun < .seconds(30))
  }

  @Test func whoWaitsForAnyJobIsNotWokenByWhatConcernsNone() async {
    let changes = ChangeMark()
    changes.raise(.some([]))
    #expect(changes.mark == 1 && changes.mark(of: .anyJob) == 0)
    let begun = ContinuousClock.now
    await changes.wait(after: 0, of: .anyJob, upTo: 0.05)
    #expect(ContinuousClock.now - begun >= .milliseconds(50))
    async let any: Void = changes.wait(after: 0, of: .anyJob, upTo: 60)
    changes.raise(.some([Self.other]))
    await any
    #expect(changes.mark(of: .anyJob) == 2 && ContinuousClock.now - begun < .seconds(30))
    changes.raise()
    #expect(changes.mark(of: .anyJob) == 3)
  }

  @Test func aTransactionConcernsTheJobsThatItChangesAndAllWhenNobodySaysMore() throws {
    let folder = try TemporaryFolder()
    let database = try NetworkDatabase(file: folder.url.appending(path: "network.sqlite"))
    try database.write { db in try Setting.clock.set("1", in: db) }
    #expect(database.changes.mark(of: .job(Self.one)) == 1)
    try database.write { db in
      try Setting.clock.set("2", in: db)
      db.concernsNoJob()
    }
    #expect(database.changes.mark == 2 && database.changes.mark(of: .job(Self.one)) == 1)
    try database.write { db in
      try ErrandStore.removeAll(of: Self.other, in: db)
      try Setting.clock.set("3", in: db)
      db.concernsNoJob()
    }
    #expect(
      database.changes.mark(of: .job(Self.one)) == 1 && database.changes.mark(of: .job(Self.other)) == 3)
    try database.write { db in _ = try Setting.clock.text(in: db) }
    #expect(database.changes.mark == 3, "what changes nothing is no change")
  }

  @Test func processesTellEachOtherWhomAChangeConcerns() throws {
    let many = Set((0..<UInt64(200)).map(Self.job))
    for jobs in [.all, .some([]), .some([Self.one]), .some([Self.one, Self.other]), .some(many)]
      as [ChangedJobs]
    {
      #expect(ChangedJobs(message: jobs.message) == jobs)
      #expect(jobs.message.utf8.count < 8_000 && !jobs.message.contains("'"))
    }
    // Too many to be named, and what another program says.
    #expect(ChangedJobs(message: ChangedJobs.some(many.union([Self.job(1_000)])).message) == .all)
    for text in ["", "nonsense", "\(Self.one) nonsense"] { #expect(ChangedJobs(message: text) == .all) }
  }
}
