import EmethKit
import Foundation
import Synchronization
import Testing

@testable import EmethNetwork

extension PostgresAddress {
  fileprivate var databaseName: String { parameters.first { $0.keyword == "dbname" }?.value ?? "" }
}

/// What goes wrong between a process and its PostgreSQL server.
@Suite struct PostgresFaultTests {
  private func kind(of error: NetworkError?) -> DatabaseFault.Kind? {
    guard case .databaseFailed(let fault)? = error else { return nil }
    return fault.kind
  }

  @Test func urlsAreReadAndPasswordsAreNotShown() throws {
    for (text, shown) in [
      (
        "postgres://emeth:se%20cret@db.example:5433/net?sslmode=require",
        "postgres://emeth@db.example:5433/net"
      ),
      ("postgresql://db.example/net", "postgres://db.example/net"),
      (
        "postgres://emeth:secret@/net?host=/run/postgresql",
        "postgres://emeth@/net?host=/run/postgresql"
      ),
      ("postgres://u:secret@[::1]:5432/net", "postgres://u@::1:5432/net"),
    ] {
      let address = try PostgresAddress(text)
      #expect("\(address)" == shown)
    }
    for text in [
      "", "net", "mysql://secret@host/net", "postgres://", "postgres://host", "postgres://host/",
      "postgres://u:secret@host:port/net", "postgres://u:secret@host/net?nothing=1",
      "postgres://u:sec\0ret@host/net",
      "postgres://u:%zzsecret@host/net",
    ] {
      let error = #expect(throws: NetworkError.self, "\(text)") { try PostgresAddress(text) }
      #expect(
        error?.code == "setting.invalid" && error?.message.contains("sec") == false,
        "\(error?.message ?? "")")
    }
  }

  @Test func argumentsAreNumberedOutsideOfTexts() {
    for (text, wanted) in [
      ("SELECT 1", "SELECT 1"), ("a = ? AND b = ?", "a = $1 AND b = $2"), ("?1 OR ?1", "$1 OR $1"),
      ("'?' || ? || 'it''s ?'", "'?' || $1 || 'it''s ?'"), ("(?, ?, ?)", "($1, $2, $3)"),
    ] { #expect(PostgresConnection.numbered(text) == wanted) }
  }

  @Test func whoIsNotLetInIsToldWhy() throws {
    let server = try TestPostgres.shared.get()
    let address = try server.makeDatabase()
    let name = address.databaseName
    try PostgresConnection(server.address("postgres")).run(
      """
      DO $$ BEGIN
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'guarded') THEN
          CREATE ROLE guarded LOGIN PASSWORD 'right';
        END IF;
      END $$
      """)
    func open(_ url: String) -> NetworkError? {
      do throws(NetworkError) {
        _ = try NetworkDatabase(.postgres(PostgresAddress(url)))
        return nil
      } catch {
        return error
      }
    }
    let host = "host=\(server.folder.path)"
    let wrong = open("postgres://guarded:wr0ng@/\(name)?\(host)")
    #expect(
      kind(of: wrong) == .refused && wrong?.code == "database.refused", "\(wrong?.message ?? "")")
    #expect(wrong?.message.contains("wr0ng") == false && wrong?.message.contains("guarded") == true)
    let missing = open("postgres://emeth@/nothing?\(host)")
    #expect(kind(of: missing) == .missing, "\(missing?.message ?? "")")
    let nobody = open("postgres://nobody-is-called-so@/\(name)?\(host)")
    #expect(kind(of: nobody) == .refused, "\(nobody?.message ?? "")")
    let old = PostgresConnection.refusal(ofVersion: 110_022, address)
    #expect(old?.kind == .tooOld && old?.reason == "found 11.22, needed 12 or newer")
    #expect(PostgresConnection.refusal(ofVersion: 120_000, address) == nil)
    let full = PostgresFailure(state: "53100", message: "no space left", isLost: false)
      .asNetworkError(address)
    #expect(kind(of: full) == .full)
  }

  @Test func aServerThatIsNotThereIsWaitedForAndThenNamed() throws {
    let folder = try TemporaryFolder()
    let address = try PostgresAddress("postgres://emeth:secret@/net?host=\(folder.url.path)")
    let begin = ContinuousClock.now
    let error = #expect(throws: NetworkError.self) { try PostgresBackend(address, patience: 1) }
    #expect(kind(of: error) == .unreachable && error?.message.contains("secret") == false)
    let time = ContinuousClock.now - begin
    // Four pauses, of 25, 50, 100 and 200 ms at least; a fifth may be longer than what is left.
    #expect(time > .milliseconds(350) && time < .seconds(PostgresBackend.patience - 1))
  }

  @Test func aTextWithAZeroIsRefusedAndNotCut() throws {
    let database = try NetworkDatabase(.postgres(TestPostgres.shared.get().makeDatabase()))
    let error = #expect(throws: NetworkError.self) {
      try database.write { db in
        try db.execute(
          sql: "INSERT INTO setting (name, value) VALUES ('a', ?)", arguments: ["b\0c"])
      }
    }
    #expect(error?.code == "wire.malformed")
    #expect(
      try database.read { db in try Int.fetchOne(db, sql: "SELECT count(*) FROM setting") } == 0)
  }

  @Test func anErrorThatABodySwallowsIsNotLost() throws {
    let database = try NetworkDatabase(.postgres(TestPostgres.shared.get().makeDatabase()))
    #expect(throws: NetworkError.self) {
      try database.write { db in
        try db.execute(sql: "INSERT INTO setting (name, value) VALUES ('a', 'b')")
        _ = try? db.execute(sql: "INSERT INTO nothing (name) VALUES (?)", arguments: ["a"])
      }
    }
    #expect(
      try database.read { db in try Int.fetchOne(db, sql: "SELECT count(*) FROM setting") } == 0)
    // What stays wrong when nobody is in the way is an error.
    try database.write { db in
      try db.execute(sql: "INSERT INTO setting (name, value) VALUES ('a', 'b')")
    }
    let twice = #expect(throws: NetworkError.self) {
      try database.write { db in
        try db.execute(sql: "INSERT INTO setting (name, value) VALUES ('a', 'c')")
      }
    }
    #expect(twice?.code == "database.failed" && twice?.message.contains("23505") == true)
  }

  /// The connection breaks at the commit, before or after it was done: either way it counts once.
  @Test(arguments: [PostgresRelay.Mode.breakBeforeCommit, .breakAfterCommit])
  func aCommitWhoseAnswerIsLostCountsOnce(mode: PostgresRelay.Mode) throws {
    let server = try TestPostgres.shared.get()
    let relay = try PostgresRelay(to: server)
    let direct = try server.makeDatabase()
    let name = direct.databaseName
    let backend = try PostgresBackend(relay.address(name), patience: 60)
    let other = try NetworkDatabase(.postgres(direct))
    var runs = 0
    func add(_ db: SQLSession) throws {
      runs += 1
      try db.execute(
        sql: """
          INSERT INTO transfer (at, reason, sourceAccount, sourcePot, targetAccount, targetPot, holon)
          VALUES (1, 'x', 'a', 'b', 'c', 'd', '1')
          """)
    }
    func count() throws -> Int? {
      try other.read { db in try Int.fetchOne(db, sql: "SELECT count(*) FROM transfer") }
    }
    // Also of a connection that has committed nothing yet.
    for round in 1...3 {
      relay.set(mode)
      runs = 0
      _ = try backend.write(.onDisk, add)
      #expect(try count() == round)
      if case .breakBeforeCommit = mode { #expect(runs == 2) } else { #expect(runs == 1) }
    }
  }

  @Test func whatNobodyCanSayIsSaid() throws {
    let server = try TestPostgres.shared.get()
    let relay = try PostgresRelay(to: server)
    let direct = try server.makeDatabase()
    let name = direct.databaseName
    let backend = try PostgresBackend(relay.address(name), patience: 3)
    var runs = 0
    relay.set(.breakAfterCommit, afterwards: .refuse)
    let error = #expect(throws: NetworkError.self) {
      try backend.write(.onDisk) { db in
        runs += 1
        try db.execute(sql: "INSERT INTO setting (name, value) VALUES ('a', 'b')")
      }
    }
    #expect(kind(of: error) == .outcomeUnknown && runs == 1, "\(error?.message ?? "")")
    let database = try NetworkDatabase(.postgres(direct))
    #expect(
      try database.read { db in try Int.fetchOne(db, sql: "SELECT count(*) FROM setting") } == 1)
  }

  /// A server that is killed as if the power had failed: whoever writes waits and goes on, and nothing that was said to
  /// be done is lost.
  @Test func aServerThatIsKilledIsWaitedFor() async throws {
    let server = try TestPostgres()
    let address = try server.makeDatabase()
    // How long a server takes to come back is its disk's affair.
    let database = try NetworkDatabase(.postgres(address), patience: 120)
    let writer = EndlessWriter()
    async let writing: Void = blocking { try writer.write(to: database) }
    for _ in 0..<3 {
      try await Task.sleep(for: .milliseconds(300))
      let before = writer.done.withLock { $0 }
      try await blocking {
        server.kill(SIGKILL)
        server.waitUntilGone()
        try server.start()
      }
      for _ in 0..<2_400 where writer.done.withLock({ $0 }) <= before {
        try await Task.sleep(for: .milliseconds(50))
      }
      #expect(writer.done.withLock { $0 } > before, "it goes on")
    }
    writer.isOver.withLock { $0 = true }
    try await writing
    let transfers = try database.read { db in
      try Ledger.audit(in: db)
      return try Int.fetchOne(db, sql: "SELECT count(*) FROM transfer")
    }
    #expect(transfers == writer.done.withLock { $0 }, "each once")
    withExtendedLifetime(server) {}
  }
}

/// Somebody who changes something again and again.
private final class EndlessWriter: Sendable {
  let done = Mutex(0)
  let isOver = Mutex(false)

  func write(to database: NetworkDatabase) throws {
    while !isOver.withLock({ $0 }) {
      try database.write { db in
        try Ledger.transfer(
          TokenAmount(holon: 1), from: (Ledger.outside, .granted), to: (.zero, .unspent), reason: "grant",
          job: nil, at: 1, in: db)
      }
      done.withLock { $0 += 1 }
    }
  }
}
