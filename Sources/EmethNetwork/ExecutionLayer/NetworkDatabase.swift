import EmethKit
import Foundation

/// The Execution Layer's state: jobs, ledger, submissions, verdicts, batches, tickets, in one database.
///
/// Every change is one transaction and on the disk when it is reported as done. Amounts are decimal text, since no
/// database has 256-bit integers.
final class NetworkDatabase: Sendable {
  /// The layout this program reads and writes; a higher one was made by a newer program.
  static let supportedVersion = 13

  /// Who waits for changes, of this process and of others that share the database.
  let changes: ChangeMark
  /// What one process at a time does where several share the database; nil where one works alone.
  let leases: PostgresLeases?
  /// Whether several processes may work on it at once, and it is waited for as whatever is elsewhere.
  var isShared: Bool { leases != nil }
  private let replicas: PostgresReplicas?
  private let backend: any DatabaseBackend
  /// Changes that wait for the disk, and those that do not.
  private let durable: CommitQueue
  private let hasty: CommitQueue

  /// Opens the SQLite database at `file` and brings it to the supported layout.
  convenience init(file: URL) throws(NetworkError) { try self.init(.file(file)) }

  /// Opens a database and brings it to the supported layout.
  ///
  /// - Parameter patience: how long a transaction is tried while a database server is away or busy, seconds.
  /// - Throws: ``NetworkError/otherVersion(path:found:supported:)``,
  ///   ``NetworkError/unfinishedWork(path:layout:supported:)``, ``NetworkError/databaseFailed(_:)``,
  ///   ``NetworkError/database(reason:)``.
  init(
    _ location: DatabaseLocation, patience: Double = PostgresBackend.patience
  ) throws(NetworkError) {
    let changes = ChangeMark()
    self.changes = changes
    switch location {
    case .file(let file):
      backend = try SQLiteBackend(file: file)
      replicas = nil
      leases = nil
    case .postgres(let address):
      backend = try PostgresBackend(address, patience: patience)
      replicas = PostgresReplicas(address) { changes.raise($0) }
      leases = PostgresLeases(address)
    }
    durable = CommitQueue(backend, .onDisk)
    hasty = CommitQueue(backend, .inLog)
  }

  /// Runs one transaction, with those that come at the same time (``CommitQueue``); an error thrown inside leaves nothing
  /// changed. The body changes nothing but the database: it is run again where another transaction was faster. It may be
  /// run on another caller's thread.
  @discardableResult
  func write<Result>(_ body: (SQLSession) throws -> Result) throws(NetworkError) -> Result {
    try announced { try durable.write(body) }
  }

  /// The same while no other change is made, for what has to fit what is in the database without being in it: nobody
  /// registers what names an object between the question and its deletion.
  @discardableResult
  func writeAlone<Result>(_ body: (SQLSession) throws -> Result) throws(NetworkError) -> Result {
    try announced { try backend.write(.alone, body) }
  }

  private func announced<Result>(
    _ write: () throws -> Written<Result>
  ) throws(NetworkError) -> Result {
    let written = try asNetworkError { try write() }
    if written.changedRows > 0 {
      changes.raise(written.changedJobs)
      replicas?.announce(written.changedJobs)
    }
    return written.result
  }

  /// The same for what nobody waits for, and without waiting for the disk (``WriteMode/inLog``).
  @discardableResult
  func writeHastily<Result>(_ body: (SQLSession) throws -> Result) throws(NetworkError) -> Result {
    try asNetworkError { try hasty.write(body) }.result
  }

  /// Reads one consistent state.
  func read<Result>(_ body: (SQLSession) throws -> Result) throws(NetworkError) -> Result {
    try asNetworkError { try backend.read(body) }
  }

  /// Reads one consistent state by one statement: of a database on a server, in one round trip.
  func rows(
    sql: (SQLDialect) -> String, arguments: SQLArguments
  ) throws(NetworkError) -> [SQLRow] {
    try asNetworkError { try backend.rows(sql(backend.dialect), arguments) }
  }

  /// The time of the machine that the database is on, milliseconds since 1970.
  func serverMilliseconds() throws(NetworkError) -> UInt64 {
    try asNetworkError { try backend.serverMilliseconds() }
  }

  /// Copies one consistent state of an SQLite database into a file; changes go on meanwhile.
  ///
  /// - Parameter together: done while nobody can change anything, at the state that is copied.
  func copy(to file: URL, _ together: () throws(NetworkError) -> Void) throws(NetworkError) {
    guard let backend = backend as? SQLiteBackend else {
      throw .inconsistent(what: "only a database in a file is copied into a file")
    }
    try asNetworkError { try backend.copy(to: file) { try together() } }
  }
  /// Takes what a log holds into the database's file, so that the file is all of it.
  func foldLog() throws(NetworkError) { try asNetworkError { try backend.foldLog() } }

  /// Lets go of the database, for good.
  func close() throws(NetworkError) { try asNetworkError { try backend.close() } }
}
