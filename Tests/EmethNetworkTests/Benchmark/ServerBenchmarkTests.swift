import Foundation
import GRDB
import Testing

@testable import EmethNetwork

/// What `emeth benchmark server` compares a server with, and all of it on a database server.
@Suite(.serialized) struct ServerBenchmarkTests {
  private static let program = Bundle.module.bundleURL.deletingLastPathComponent().appending(path: "emeth")

  /// As many rows are there as it says that there were transactions, but for those that SQLite's log is filled with first.
  @Test(arguments: TestDatabase.all)
  func theFloorCountsTransactionsThatWereDone(on kind: TestDatabase) throws {
    let folder = try TemporaryFolder()
    let location: DatabaseLocation =
      switch kind {
      case .sqlite: .file(folder.url.appending(path: "floor.sqlite"))
      case .postgres: .postgres(try TestPostgres.shared.get().makeDatabase())
      }
    let seconds = 0.5
    let rate = try DatabaseFloor(location: location, writers: 4).measure(seconds: seconds)
    let rows: Int
    switch location {
    case .file(let file):
      let all = try DatabaseQueue(path: file.path).read { db in
        try Int.fetchOne(db, sql: "SELECT count(*) FROM floor")
      }
      rows = try #require(all) - 25_000
    case .postgres(let address):
      let found = try PostgresConnection(address).rows("SELECT count(*) FROM floor", [])
      rows = try #require(found.first?.values.first.flatMap { Int(sqlValue: $0) })
    }
    // It lasts as long as the last transaction takes.
    #expect(rows > 0 && Double(rows) / rate >= seconds && Double(rows) / rate < 60, "\(rows) at \(rate)")
  }

  @Test func aServerOnPostgreSQLIsMeasuredBesideIt() async throws {
    let address = try TestPostgres.shared.get().makeDatabase()
    var settings = ServerBenchmark.Settings(program: Self.program, plainProgram: Self.program)
    settings.database = "\(address)"
    (settings.jobs, settings.connections, settings.seconds) = (40, 10, 2)
    let report = try await ServerBenchmark.run(settings) { _ in }
    #expect(report.database == "\(address)" && report.jobs == 40 && report.waiting.connections == 10)
    #expect(report.changes.map(\.name) == ["withdrawals", "claims"])
    for change in report.changes {
      #expect(change.databasePerSecond > 0 && change.rate.perSecond > 0)
      #expect(abs(change.ratio - change.rate.perSecond / change.databasePerSecond) < 1e-9)
    }
    // Another one finds it in use.
    let error = await #expect(throws: NetworkError.self) {
      _ = try await ServerBenchmark.run(settings) { _ in }
    }
    #expect(error?.code == "setting.invalid" && error?.message.contains(" tables") == true)
  }

  @Test func anotherProgramsDatabaseIsRefusedAndLeftAsItIs() async throws {
    let address = try TestPostgres.shared.get().makeDatabase()
    let connection = try PostgresConnection(address)
    try connection.run("CREATE SCHEMA shop; CREATE TABLE shop.orders (number bigint)")
    var settings = ServerBenchmark.Settings(program: Self.program, plainProgram: Self.program)
    settings.database = "\(address)"
    let error = await #expect(throws: NetworkError.self) {
      _ = try await ServerBenchmark.run(settings) { _ in }
    }
    #expect(error?.code == "setting.invalid" && error?.message.contains("1 tables") == true)
    let found = try connection.rows("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", [])
    #expect(found.first?.values.first.flatMap { Int(sqlValue: $0) } == 0)
  }
}
