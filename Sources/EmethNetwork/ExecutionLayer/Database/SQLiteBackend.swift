import EmethKit
import Foundation
import GRDB
import Synchronization

/// A network's state in one SQLite file.
///
/// Every change is one transaction in write-ahead mode with full synchronisation, so a process that is
/// killed at any instant leaves the state before or after a change, never in between. Readers have
/// connections of their own and wait for no writer.
final class SQLiteBackend: DatabaseBackend {
  /// What the writer keeps of the file in memory, KiB.
  private static let writerCacheKibibytes = 32 << 10
  /// The file's rule.
  let writersAtOnce = 1
  private let writer: DatabaseQueue
  /// Its changes do not wait for the disk.
  private let hasty: DatabaseQueue
  /// Of the two writers one at a time; SQLite itself would let them poll for their turn.
  private let turn = NSLock()
  private let readers = Mutex<[DatabaseQueue]>([])
  private let file: URL

  /// Opens the database at `file` and brings it to the supported layout.
  init(file: URL) throws(NetworkError) {
    self.file = file
    writer = try asNetworkError {
      let queue = try Self.connect(file, synchronous: "FULL")
      try queue.inDatabase { db in
        try db.execute(sql: "PRAGMA journal_mode = WAL")
        // Of a hundred thousand jobs the indices alone take more than the two megabytes that a connection keeps.
        try db.execute(sql: "PRAGMA cache_size = -\(Self.writerCacheKibibytes)")
      }
      return queue
    }
    try SQLiteMigrations.migrate(writer, file: file)
    hasty = try asNetworkError { try Self.connect(file, synchronous: "NORMAL") }
  }

  private static func connect(_ file: URL, synchronous: String) throws -> DatabaseQueue {
    var configuration = Configuration()
    configuration.busyMode = .timeout(20)
    configuration.prepareDatabase { db in try db.execute(sql: "PRAGMA synchronous = \(synchronous)")
    }
    return try DatabaseQueue(path: file.path, configuration: configuration)
  }

  func write<Result>(
    _ mode: WriteMode, _ body: (SQLSession) throws -> Result
  ) throws -> Written<Result> {
    try turn.withLock {
      try reportingFullDisk {
        try (mode == .inLog ? hasty : writer).write { db in
          let session = SQLSession(SQLiteConnection(db), dialect: .sqlite)
          return Written(try body(session), in: session)
        }
      }
    }
  }

  func read<Result>(_ body: (SQLSession) throws -> Result) throws -> Result {
    let reader = try readers.withLock { $0.popLast() } ?? Self.connect(file, synchronous: "FULL")
    defer { readers.withLock { $0.append(reader) } }
    return try reader.read { db in try body(SQLSession(SQLiteConnection(db), dialect: .sqlite)) }
  }

  let dialect = SQLDialect.sqlite

  func rows(_ sql: String, _ arguments: SQLArguments) throws -> [SQLRow] {
    try read { db in try SQLRow.fetchAll(db, sql: sql, arguments: arguments) }
  }

  func serverMilliseconds() -> UInt64 { NetworkClock.Source.system.wall() }

  func foldLog() throws {
    try turn.withLock {
      try writer.writeWithoutTransaction { db in _ = try db.checkpoint(.truncate) }
    }
  }

  func close() throws {
    try turn.withLock {
      try readers.withLock { idle in
        for reader in idle { try reader.close() }
        idle = []
      }
      try hasty.close()
      // The last one takes the log in and deletes it.
      try writer.close()
    }
  }

  /// Copies one consistent state into a file; `together` is done while nobody can change anything, at that state. Copying
  /// takes long, and stops nobody: a reader has the state by then.
  func copy(to copy: URL, _ together: () throws -> Void) throws {
    let reader = try Self.connect(file, synchronous: "FULL")
    try reader.writeWithoutTransaction { source in
      defer { if source.isInsideTransaction { try? source.rollback() } }
      try turn.withLock {
        try writer.writeWithoutTransaction { db in
          try db.execute(sql: "BEGIN IMMEDIATE")
          defer { try? db.execute(sql: "ROLLBACK") }
          try together()
          try source.execute(sql: "BEGIN")
          // The first thing that is read decides which state all that follows is of.
          _ = try Int.fetchOne(source, sql: "SELECT count(*) FROM sqlite_master")
        }
      }
      let target = try Self.connect(copy, synchronous: "FULL")
      try target.writeWithoutTransaction { try source.backup(to: $0) }
      try target.close()
    }
  }

  private func reportingFullDisk<Result>(_ body: () throws -> Result) throws -> Result {
    do {
      return try body()
    } catch let error as DatabaseError where error.resultCode == .SQLITE_FULL {
      throw NetworkError.databaseFailed(
        DatabaseFault(kind: .full, database: file.path, reason: error.message ?? "the disk is full")
      )
    }
  }
}

/// A connection of GRDB inside its transaction.
private final class SQLiteConnection: SQLConnection {
  private let db: Database

  init(_ db: Database) { self.db = db }

  private func statement(_ sql: String, _ arguments: [SQLValue]) throws -> Statement {
    let statement = try db.cachedStatement(sql: sql)
    try statement.setArguments(Self.arguments(arguments))
    return statement
  }

  /// Optional ones: GRDB takes values of one type apart by a key path that it makes anew each time, which is a third of
  /// what a short statement costs.
  private static func arguments(_ values: [SQLValue]) -> StatementArguments {
    StatementArguments(values.map { $0.databaseValue as (any DatabaseValueConvertible)? })
  }

  func execute(_ sql: String, _ arguments: [SQLValue]) throws -> Int {
    let before = db.totalChangesCount
    // Several statements can't be kept for the next time.
    if arguments.isEmpty, sql.utf8.contains(UInt8(ascii: ";")) {
      try db.execute(sql: sql)
    } else {
      try statement(sql, arguments).execute()
    }
    return db.totalChangesCount - before
  }

  /// SQLite itself ends a transaction for which there is no room.
  var canGoOn: Bool { db.isInsideTransaction }

  func rows(_ sql: String, _ arguments: [SQLValue]) throws -> [SQLRow] {
    let statement = try statement(sql, arguments)
    let columns = SQLColumns(statement.columnNames)
    var rows: [SQLRow] = []
    let cursor = try Row.fetchCursor(statement)
    while let row = try cursor.next() { rows.append(SQLRow(columns, row)) }
    return rows
  }

  func cursor(_ sql: String, _ arguments: [SQLValue]) throws -> () throws -> SQLRow? {
    // Not the cached statement: another cursor over the same query may be open.
    let statement = try db.makeStatement(sql: sql)
    try statement.setArguments(Self.arguments(arguments))
    let columns = SQLColumns(statement.columnNames)
    let cursor = try Row.fetchCursor(statement)
    return { try cursor.next().map { SQLRow(columns, $0) } }
  }
}

extension SQLRow {
  fileprivate init(_ columns: SQLColumns, _ row: Row) {
    self.init(columns, row.databaseValues.map { SQLValue($0) })
  }
}

extension SQLValue {
  fileprivate init(_ value: DatabaseValue) {
    switch value.storage {
    case .null: self = .null
    case .int64(let value): self = .integer(value)
    // No table has such a column; sums and averages over one would be.
    case .double(let value): self = .text("\(value)")
    case .string(let value): self = .text(value)
    case .blob(let value): self = .bytes(value)
    }
  }

  fileprivate var databaseValue: DatabaseValue {
    switch self {
    case .null: .null
    case .integer(let value): value.databaseValue
    case .text(let value): value.databaseValue
    case .bytes(let value): value.databaseValue
    }
  }
}
