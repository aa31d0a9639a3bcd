import EmethKit
import Foundation
import GRDB
import Synchronization
import Testing

@testable import EmethNetwork

/// What every database must do, whichever it is.
@Suite struct DatabaseTests {
  /// Copying a large database takes longer than a change may wait: here, until the copy's file is let go.
  @Test func aCopyIsOfOneStateAndStopsNobody() async throws {
    let folder = try TemporaryFolder()
    let database = try NetworkDatabase(file: folder.url.appending(path: "network.sqlite"))
    @Sendable func set(_ value: String) throws {
      try database.write { db in
        try db.execute(
          sql: """
            INSERT INTO setting (name, value) VALUES ('x', ?)
            ON CONFLICT (name) DO UPDATE SET value = excluded.value
            """, arguments: [value])
      }
    }
    try set("before")
    let copy = folder.url.appending(path: "copy.sqlite")
    var configuration = Configuration()
    configuration.allowsUnsafeTransactions = true
    let held = try DatabaseQueue(path: copy.path, configuration: configuration)
    try await held.writeWithoutTransaction { try $0.execute(sql: "CREATE TABLE x (y); BEGIN EXCLUSIVE") }
    let (told, state) = AsyncStream<Void>.makeStream()
    async let copying: Void = blocking {
      defer { state.finish() }
      try database.copy(to: copy) { () throws(NetworkError) in _ = state.yield() }
    }
    for await _ in told { break }
    let start = ContinuousClock.now
    try await blocking { try set("after") }
    #expect(ContinuousClock.now - start < .seconds(15))
    try await held.writeWithoutTransaction { try $0.execute(sql: "ROLLBACK") }
    try held.close()
    try await copying
    func value(_ database: NetworkDatabase) throws -> String? {
      try database.read { db in try String.fetchOne(db, sql: "SELECT value FROM setting WHERE name = 'x'") }
    }
    #expect(try value(NetworkDatabase(file: copy)) == "before" && value(database) == "after")
  }

  @Test(arguments: TestDatabase.all)
  func valuesComeBackAsTheyWere(on kind: TestDatabase) throws {
    let folder = try TemporaryFolder()
    let database = try kind.open(in: folder)
    let name = "a 'name' with ? and ü\u{1F600}\n"
    let nonce = Data((0...31).map { UInt8($0 * 8) })
    let changed = try database.write { db in
      let one = try db.execute(
        sql: "INSERT INTO setting (name, value) VALUES (?, ?)", arguments: [name, "it's ?"])
      let two = try db.execute(
        sql: "INSERT INTO requestNonce (account, nonce, at) VALUES (?, ?, ?)",
        arguments: ["x", nonce, Int64.max])
      let none = try db.execute(
        sql: "UPDATE setting SET value = 'it''s ?' WHERE name = ?", arguments: ["no"])
      return [one, two, none, db.changedRows]
    }
    #expect(changed == [1, 1, 0, 2])
    let row = try #require(
      try database.read { db in
        try SQLRow.fetchOne(db, sql: "SELECT nonce, at, account AS \"Who\" FROM requestNonce")
      })
    #expect(try row["nonce"] == nonce && row["AT"] == Int64.max && row["who"] == "x")
    #expect(throws: NetworkError.self) { let _: String = try row["nothing"] }
    #expect(throws: NetworkError.self) { let _: Int = try row["nonce"] }
    #expect(throws: NetworkError.self, "it does not fit") { let _: UInt32 = try row["at"] }
    try database.read { db throws in
      #expect(
        try String.fetchOne(db, sql: "SELECT value FROM setting WHERE name = ?1", arguments: [name])
          == "it's ?")
      #expect(try String.fetchOne(db, sql: "SELECT value FROM setting WHERE name = 'none'") == nil)
      #expect(try Int.fetchOne(db, sql: "SELECT max(number) FROM job") == nil)
      #expect(try Bool.fetchOne(db, sql: "SELECT EXISTS (SELECT 1 FROM setting)") == true)
      #expect(try Int.fetchOne(db, sql: "SELECT EXISTS (SELECT 1 FROM job)") == 0)
    }
  }

  @Test(arguments: TestDatabase.all)
  func aCursorGoesOnWhileOthersAreAsked(on kind: TestDatabase) throws {
    let folder = try TemporaryFolder()
    let database = try kind.open(in: folder)
    try database.write { db in
      for number in 0..<1_001 {
        try db.execute(
          sql: "INSERT INTO setting (name, value) VALUES (?, ?)",
          arguments: ["n\(number)", "\(number)"])
      }
    }
    let sums = try database.read { db in
      let cursors = try (0..<2).map { rest in
        try SQLRow.fetchCursor(
          db, sql: "SELECT name FROM setting WHERE value != ? ORDER BY name", arguments: ["\(rest)"]
        )
      }
      return try cursors.map { cursor in
        var sum = 0
        while let row = try cursor.next() {
          let value = try String.fetchOne(
            db, sql: "SELECT value FROM setting WHERE name = ?", arguments: [row["name"] as String])
          sum += Int(value ?? "") ?? 0
        }
        return sum
      }
    }
    #expect(sums == [500_500, 500_499])
  }

  @Test(arguments: TestDatabase.all)
  func readersSeeOneStateAndWaitForNobody(on kind: TestDatabase) async throws {
    let folder = try TemporaryFolder()
    let database = try kind.open(in: folder)
    func count(_ db: SQLSession) throws -> Int {
      try Int.fetchOne(db, sql: "SELECT count(*) FROM setting") ?? -1
    }
    let isInside = DispatchSemaphore(value: 0)
    let mayEnd = DispatchSemaphore(value: 0)
    async let writing: Void = blocking {
      try database.write { db in
        try db.execute(sql: "INSERT INTO setting (name, value) VALUES ('a', 'b')")
        isInside.signal()
        mayEnd.wait()
      }
    }
    try await blocking { isInside.wait() }
    // Somebody writes now and has not come to the end.
    let seen = try await blocking {
      try database.read { db in
        let before = try Int.fetchOne(db, sql: "SELECT count(*) FROM setting") ?? -1
        mayEnd.signal()
        Thread.sleep(forTimeInterval: 0.3)
        return [before, try Int.fetchOne(db, sql: "SELECT count(*) FROM setting") ?? -1]
      }
    }
    try await writing
    #expect(seen == [0, 0])
    #expect(try database.read(count) == 1)
  }

  /// Who is alone has seen all changes before, and none is made until it has ended.
  @Test(arguments: TestDatabase.all)
  func whoIsAloneHasNobodyBeside(on kind: TestDatabase) async throws {
    let folder = try TemporaryFolder()
    let location = try kind.location(in: folder)
    let databases = [try NetworkDatabase(location), try NetworkDatabase(location)]
    let isInside = DispatchSemaphore(value: 0)
    let order = Mutex<[String]>([])
    async let alone: Int = blocking {
      try databases[0].writeAlone { db in
        isInside.signal()
        Thread.sleep(forTimeInterval: 0.4)
        order.withLock { $0.append("alone") }
        return try Int.fetchOne(db, sql: "SELECT count(*) FROM setting") ?? -1
      }
    }
    try await blocking {
      isInside.wait()
      try databases[1].write { db in try Setting(name: "a").set("b", in: db) }
      order.withLock { $0.append("other") }
    }
    #expect(try await alone == 0)
    #expect(order.withLock { $0 } == ["alone", "other"])
    let seen = try databases[0].writeAlone { db in try Setting(name: "a").text(in: db) }
    #expect(seen == "b")
  }

  @Test(arguments: TestDatabase.all)
  func theTimeIsThatOfTheDatabasesServer(on kind: TestDatabase) throws {
    let folder = try TemporaryFolder()
    let steady = Mutex<UInt64>(5_000)
    let time = try SharedTime(of: kind.open(in: folder)) { steady.withLock { $0 } }
    let wall = NetworkClock.Source.system.wall()
    #expect(time.source.wall() > wall - 20_000 && time.source.wall() < wall + 20_000)
    // In between this machine's steady clock counts, and it is forgotten at the next question.
    let before = time.source.wall()
    steady.withLock { $0 += 3_600_000 }
    #expect(time.source.wall() == before + 3_600_000)
    try time.ask()
    #expect(time.source.wall() >= before && time.source.wall() < before + 60_000)
  }

  /// Two services' worth of writers on one database, whose ledger everybody changes.
  @Test(arguments: TestDatabase.all)
  func writersLoseNothing(on kind: TestDatabase) async throws {
    let seed =
      ProcessInfo.processInfo.environment["EMETH_TEST_SEED"] ?? "\(UInt64.random(in: 0...9_999))"
    let folder = try TemporaryFolder()
    let location = try kind.location(in: folder)
    let databases = [try NetworkDatabase(location), try NetworkDatabase(location)]
    let accounts = (0..<5).map { TestNetwork.key("writer", $0).address }
    try databases[0].write { db in
      for account in accounts {
        try Ledger.transfer(
          TokenAmount(holon: 1_000), from: (Ledger.outside, .granted), to: (account, .unspent),
          reason: "grant", job: nil, at: 1, in: db)
      }
    }
    let count = 25
    let tally = Tally()
    let marks = databases.map(\.changes.mark)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for writer in 0..<16 {
        group.addTask {
          try await blocking {
            try tally.write(to: databases[writer % 2], among: accounts, count, seed: "\(seed) \(writer)")
          }
        }
      }
      try await group.waitForAll()
    }
    let (moved, refused) = tally.counts.withLock { $0 }
    #expect(moved + refused == 16 * count && moved > 0, "seed \(seed)")
    try databases[1].read { db in
      try Ledger.audit(in: db)
      #expect(
        try Int.fetchOne(db, sql: "SELECT count(*) FROM transfer") == 5 + 2 * moved, "seed \(seed)")
      let conservation = try Ledger.conservation(in: db)
      #expect(
        conservation.holds && conservation.out.holon == 5_000 && conservation.locked == .zero,
        "seed \(seed)")
    }
    for (database, mark) in zip(databases, marks) { #expect(database.changes.mark > mark) }
  }

  @Test(arguments: TestDatabase.all)
  func aNonceCountsOnceWhoeverTakesIt(on kind: TestDatabase) async throws {
    let folder = try TemporaryFolder()
    let location = try kind.location(in: folder)
    let databases = [try NetworkDatabase(location), try NetworkDatabase(location)]
    let used = try await withThrowingTaskGroup(of: Int.self) { group in
      for writer in 0..<8 {
        group.addTask {
          try await blocking {
            let store = NonceStore(databases[writer % 2])
            return try (0..<50).count { number in
              // Old ones are deleted on the way.
              try store.use(
                TestNetwork.seed(UInt64(number)), of: .zero, at: 1_000 + 100 * UInt64(number / 10))
            }
          }
        }
      }
      return try await group.reduce(0, +)
    }
    #expect(used == 50)
  }
}

/// What writers of transfers have done.
private final class Tally: Sendable {
  let counts = Mutex((moved: 0, refused: 0))

  /// Moves money between accounts as a seed draws it, over a pot on the way.
  func write(to database: NetworkDatabase, among accounts: [Address], _ count: Int, seed: String) throws {
    var random = ChaCha20Generator(key: SHA256.hash(Array(seed.utf8)))
    for _ in 0..<count {
      let source = accounts[Int(random.below(5))]
      let target = accounts[Int(random.below(5))]
      let amount = TokenAmount(holon: UInt256(UInt64(random.below(400)) + 1))
      do throws(NetworkError) {
        try database.write { db in
          try Ledger.transfer(
            amount, from: (source, .unspent), to: (target, .locked), reason: "there", job: nil, at: 2, in: db)
          try Ledger.transfer(
            amount, from: (target, .locked), to: (target, .unspent), reason: "and free", job: nil, at: 2,
            in: db)
        }
        counts.withLock { $0.moved += 1 }
      } catch {
        guard case .insufficientBalance = error else { throw error }
        counts.withLock { $0.refused += 1 }
      }
    }
  }
}
