import EmethKit

/// One open transaction, whatever database it is in. It counts inside the call that was given it, and on its thread.
///
/// ```swift
/// try database.write { db in
///   try db.execute(sql: "UPDATE setting SET value = ? WHERE name = ?", arguments: ["5", "clock"])
///   let clock = try String.fetchOne(db, sql: "SELECT value FROM setting WHERE name = 'clock'")
/// }
/// ```
/// Statements are written once for all databases: `?` stands for the arguments in turn, `?1` for the first one
/// wherever it stands; what the databases say differently is in ``SQLDialect``.
final class SQLSession {
  /// How the database says what others say differently.
  let dialect: SQLDialect
  /// How many rows the transaction has inserted, changed or deleted.
  private(set) var changedRows = 0
  /// Whose jobs the transaction changes, as far as anybody has said so.
  private var noted: Set<JobID>?
  private let connection: any SQLConnection

  init(_ connection: any SQLConnection, dialect: SQLDialect) {
    self.connection = connection
    self.dialect = dialect
  }

  /// Carries out a statement.
  ///
  /// - Returns: the number of rows that it inserted, changed or deleted.
  @discardableResult
  func execute(sql: String, arguments: SQLArguments = []) throws -> Int {
    let count = try connection.execute(sql, arguments.values)
    changedRows += count
    return count
  }

  /// Carries out a statement that returns the rows that it inserted, changed or deleted.
  func change(sql: String, arguments: SQLArguments) throws -> [SQLRow] {
    let rows = try connection.rows(sql, arguments.values)
    changedRows += rows.count
    return rows
  }

  /// Carries out a part of the transaction by itself: where it fails, what it changed is as it was, and the rest goes on.
  ///
  /// - Parameter body: is given a session of its own, which counts what this part changes.
  /// - Returns: what came of it.
  /// - Throws: what the body threw, when the transaction can't go on as a whole.
  func part(_ body: (SQLSession) throws -> Void) throws -> Result<Void, any Error> {
    _ = try connection.execute("SAVEPOINT part", [])
    let part = SQLSession(connection, dialect: dialect)
    do {
      try body(part)
    } catch {
      guard connection.canGoOn else { throw error }
      _ = try connection.execute("ROLLBACK TO SAVEPOINT part", [])
      _ = try connection.execute("RELEASE SAVEPOINT part", [])
      return .failure(error)
    }
    // A body may have swallowed the database's error.
    _ = try connection.execute("RELEASE SAVEPOINT part", [])
    changedRows += part.changedRows
    return .success(())
  }

  /// Says that the transaction changes something about a job.
  func concerns(_ job: JobID) { noted = noted?.union([job]) ?? [job] }

  /// Says that what the transaction changes here is nothing that a job's work waits for.
  func concernsNoJob() { noted = noted ?? [] }

  /// Whom it concerns: everybody, where nothing was said.
  var changedJobs: ChangedJobs { noted.map { .some($0) } ?? .all }

  fileprivate func rows(_ sql: String, _ arguments: SQLArguments) throws -> [SQLRow] {
    try connection.rows(sql, arguments.values)
  }

  fileprivate func cursor(_ sql: String, _ arguments: SQLArguments) throws -> SQLCursor {
    SQLCursor(next: try connection.cursor(sql, arguments.values))
  }
}

/// What a backend's connection can do inside a transaction.
protocol SQLConnection: AnyObject {
  /// Carries out a statement, or several without arguments; returns the number of rows changed.
  func execute(_ sql: String, _ arguments: [SQLValue]) throws -> Int
  /// All rows of a query.
  func rows(_ sql: String, _ arguments: [SQLValue]) throws -> [SQLRow]
  /// The rows of a query one after the other, while other statements are carried out between them.
  func cursor(_ sql: String, _ arguments: [SQLValue]) throws -> () throws -> SQLRow?
  /// Whether the transaction is still open, and its end not decided.
  var canGoOn: Bool { get }
}

/// What the databases say differently.
enum SQLDialect: Sendable {
  case sqlite, postgres

  /// Behind a `SELECT` of rows that are to be changed: passes over rows that another transaction is changing. SQLite
  /// has one writer at a time and needs no word for it.
  var skippingLocked: String {
    switch self {
    case .sqlite: ""
    case .postgres: " FOR UPDATE SKIP LOCKED"
    }
  }

  /// The same where rows of several tables are joined, and those of one are to be changed.
  func skippingLocked(of table: String) -> String {
    switch self {
    case .sqlite: ""
    case .postgres: " FOR UPDATE OF \(table) SKIP LOCKED"
    }
  }

  /// Lets one transaction after the other go on that says this; nil where they come one after the other anyway.
  var inTurn: String? {
    switch self {
    case .sqlite: nil
    // The number is that of migrations and one more.
    case .postgres: "SELECT pg_advisory_xact_lock(\(0x45_4D45_5449))"
    }
  }

  /// The texts of a group's rows as one, with commas between them; NULL where there are no rows.
  func list(_ text: String) -> String {
    switch self {
    case .sqlite: "group_concat(\(text))"
    case .postgres: "string_agg(\(text), ',')"
    }
  }

  /// A member of a column of JSON, as text; NULL where there is none.
  func member(_ column: String, _ path: [String]) -> String {
    switch self {
    case .sqlite: "json_extract(\(column), '$.\(path.joined(separator: "."))')"
    case .postgres: "(\(column)::json #>> '{\(path.joined(separator: ","))}')"
    }
  }

  /// Behind a table's name: the index to go by. SQLite would rather sort what another one finds; PostgreSQL knows better.
  func by(index: String) -> String {
    switch self {
    case .sqlite: " INDEXED BY \(index)"
    case .postgres: ""
    }
  }
}

/// The columns of a query by name. Names are compared without regard to case, as SQL does.
final class SQLColumns: Sendable {
  private let names: [String]

  init(_ names: [String]) { self.names = names }

  /// Found by looking through them: they are few, and most queries ask for one.
  fileprivate func place(of name: String) -> Int? {
    if let place = names.firstIndex(of: name) { return place }
    let name = name.lowercased()
    return names.firstIndex { $0.lowercased() == name }
  }
}

/// One row of a query's result.
struct SQLRow: Sendable {
  fileprivate let columns: SQLColumns
  /// The values in the order of the columns.
  let values: [SQLValue]

  init(_ columns: SQLColumns, _ values: [SQLValue]) {
    self.columns = columns
    self.values = values
  }

  /// A column's value.
  ///
  /// - Throws: ``NetworkError/inconsistent(what:)`` when there is no such column or it holds something else.
  subscript<Value: SQLConvertible>(_ name: String) -> Value {
    get throws {
      guard let place = columns.place(of: name) else {
        throw NetworkError.inconsistent(what: "a query has no column \(name)")
      }
      return try value(at: place, name)
    }
  }

  fileprivate func value<Value: SQLConvertible>(at place: Int, _ name: String) throws -> Value {
    guard let value = Value(sqlValue: values[place]) else {
      throw NetworkError.inconsistent(what: "column \(name) holds no \(Value.self)")
    }
    return value
  }

  static func fetchAll(_ db: SQLSession, sql: String, arguments: SQLArguments = []) throws
    -> [SQLRow]
  {
    try db.rows(sql, arguments)
  }

  /// The first row.
  static func fetchOne(_ db: SQLSession, sql: String, arguments: SQLArguments = []) throws
    -> SQLRow?
  {
    try db.rows(sql, arguments).first
  }

  /// For results that are not to be in memory as a whole.
  static func fetchCursor(_ db: SQLSession, sql: String, arguments: SQLArguments = []) throws
    -> SQLCursor
  {
    try db.cursor(sql, arguments)
  }
}

/// The rows of a query one after the other, inside its transaction.
struct SQLCursor {
  /// The next row; nil behind the last one.
  let next: () throws -> SQLRow?
}

extension SQLConvertible {
  /// The first column of the first row; nil when there is none, or it is NULL.
  static func fetchOne(_ db: SQLSession, sql: String, arguments: SQLArguments = []) throws -> Self? {
    guard let row = try db.rows(sql, arguments).first, row.values.first != .null else { return nil }
    return try row.value(at: 0, "1")
  }

  /// The first column of all rows.
  static func fetchAll(_ db: SQLSession, sql: String, arguments: SQLArguments = []) throws -> [Self] {
    try db.rows(sql, arguments).map { try $0.value(at: 0, "1") }
  }
}
