import EmethKit
import Foundation

/// A network's state in a PostgreSQL database that several processes may work on at once.
///
/// Transactions that change something are serializable: the server lets them run side by side and ends one with an
/// error where their outcome would not be that of one after the other. That one is run again; after some attempts it
/// has its turn alone. A transaction is run again only when it is known not to have been committed.
final class PostgresBackend: DatabaseBackend {
  /// Side by side, as each waits for the server's answers. As many do not wait for the disk (nonces), and readers find
  /// connections all the same.
  let writersAtOnce = 6
  private let address: PostgresAddress
  private let pool: PostgresPool
  /// How long a transaction is tried while the server is away or busy, seconds.
  private let patience: Double
  /// The same where nobody says otherwise: a request is answered before its sender gives up.
  static let patience = 10.0
  /// After so many attempts a transaction waits until it is alone.
  private static let sharedAttempts = 2

  /// Connects and brings the database to the supported layout.
  ///
  /// - Throws: ``NetworkError/databaseFailed(_:)``, ``NetworkError/otherVersion(path:found:supported:)``.
  init(_ address: PostgresAddress, patience: Double = PostgresBackend.patience) throws(NetworkError) {
    self.address = address
    self.patience = patience
    pool = PostgresPool(address)
    let pool = pool
    do {
      let connection = try pool.take(until: .now + .seconds(patience))
      defer { pool.give(connection) }
      try PostgresMigrations.migrate(connection)
    } catch {
      throw Self.networkError(error, address)
    }
  }

  private static func networkError(_ error: any Error, _ address: PostgresAddress) -> NetworkError {
    (error as? PostgresFailure)?.asNetworkError(address) ?? NetworkError(error)
  }

  func write<Result>(
    _ mode: WriteMode, _ body: (SQLSession) throws -> Result
  ) throws -> Written<Result> {
    try repeating { attempt, end in
      let isAlone = mode == .alone || attempt >= Self.sharedAttempts
      // The lock is taken before the transaction's view of the data is: who is alone sees what all others did.
      let beginning =
        switch mode {
        case .onDisk, .alone:
          // Who waits for a row that another is changing ends with an error when that one has: it need not wait long,
          // least of all in a circle, which the server finds only after a second.
          isAlone
            ? "BEGIN ISOLATION LEVEL SERIALIZABLE; LOCK TABLE turn IN EXCLUSIVE MODE"
            : "BEGIN ISOLATION LEVEL SERIALIZABLE; LOCK TABLE turn IN ROW SHARE MODE; SET LOCAL lock_timeout = 100"
        case .inLog: "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL synchronous_commit = off"
        }
      let isMarked = mode != .inLog
      return try transaction(
        beginning, until: end, isMarked: isMarked, mayBeDuplicate: !isAlone, body)
    }
  }

  func read<Result>(_ body: (SQLSession) throws -> Result) throws -> Result {
    try repeating { _, end in
      try transaction(
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", until: end, isMarked: false,
        mayBeDuplicate: false,
        body
      ).result
    }
  }

  let dialect = SQLDialect.postgres

  func rows(_ sql: String, _ arguments: SQLArguments) throws -> [SQLRow] {
    try repeating { _, end in
      let connection = try pool.take(until: end)
      defer { pool.give(connection) }
      return try connection.rows(sql, arguments.values)
    }
  }

  func serverMilliseconds() throws -> UInt64 {
    try rows("SELECT CAST(floor(extract(epoch FROM clock_timestamp()) * 1000) AS bigint) AS now", []).first
      .map { try $0["now"] } ?? 0
  }

  func foldLog() throws {}

  func close() throws {}

  /// Runs a body again while it ends with what may pass and certainly left nothing changed.
  private func repeating<Result>(
    _ body: (_ attempt: Int, _ end: ContinuousClock.Instant) throws -> Result
  ) throws -> Result {
    let end = ContinuousClock.now + .seconds(patience)
    var attempt = 0
    while true {
      do {
        return try body(attempt, end)
      } catch let failure as PostgresFailure {
        let mayRepeat = failure.isPassing || failure.isDuplicate
        guard mayRepeat, !failure.isCommit, ContinuousClock.now < end else {
          throw failure.asNetworkError(address)
        }
        // Not all of those who were in each other's way at once.
        let pause = failure.isLost ? 50.0 : min(50, Double(1 << min(attempt, 6)))
        Thread.sleep(forTimeInterval: Double.random(in: 0...pause) / 1_000)
      }
      attempt += 1
    }
  }

  /// Runs one transaction once.
  ///
  /// - Throws: ``PostgresFailure`` when the database failed, and what the body threw when it did not.
  private func transaction<Result>(
    _ beginning: String, until end: ContinuousClock.Instant, isMarked: Bool, mayBeDuplicate: Bool,
    _ body: (SQLSession) throws -> Result
  ) throws -> Written<Result> {
    let connection = try pool.take(until: end)
    defer { pool.give(connection) }
    do {
      try connection.begin(beginning)
      let session = SQLSession(connection, dialect: .postgres)
      let written = Written(try body(session), in: session)
      let isChange = session.changedRows > 0
      do {
        try connection.commit(isMarked: isMarked && isChange)
      } catch let failure as PostgresFailure {
        guard failure.isCommit else { throw failure }
        // Nothing to lose is nothing to ask for.
        guard isChange else { return written }
        guard isMarked, try wasCommitted(connection, failure, until: end) else { throw failure }
      }
      return written
    } catch {
      connection.rollBack()
      // The body may have made something else of what the database said.
      guard let failure = connection.failure, (error as? PostgresFailure)?.isCommit != true else {
        throw error
      }
      if failure.isDuplicate, !mayBeDuplicate {
        throw NetworkError.database(reason: "\(failure.state): \(failure.message)")
      }
      throw failure
    }
  }

  /// Asks the server, over another connection, what became of a commit whose answer never came.
  ///
  /// - Throws: `failure` as the commit's when nobody can say; the same as one of a transaction that may be run again
  ///   when it was not committed.
  private func wasCommitted(
    _ connection: PostgresConnection, _ failure: PostgresFailure, until end: ContinuousClock.Instant
  ) throws -> Bool {
    let isDone: Bool
    do {
      let other = try pool.take(until: max(end, .now + .seconds(patience)))
      defer { pool.give(other) }
      isDone = try other.wasCommitted(mark: connection.lastMark, of: connection.name)
    } catch {
      throw failure
    }
    guard isDone else {
      var known = failure
      known.isCommit = false
      throw known
    }
    return true
  }
}
