import EmethKit
import Foundation

/// Where a network's state lies.
public enum DatabaseLocation: Sendable, Hashable {
  /// An SQLite file.
  case file(URL)
  /// A database of a PostgreSQL server, which several `emeth serve` may share.
  case postgres(PostgresAddress)

  /// Whether several processes may work on it at once.
  var isShared: Bool { if case .postgres = self { true } else { false } }
}

/// What is promised about a change.
enum WriteMode: Sendable {
  /// Once it is reported as done it is on the disk.
  case onDisk
  /// The same, and no other change that is on the disk is made meanwhile, by any process.
  case alone
  /// Once it is reported as done it survives the end of the process; a power failure it survives when a later
  /// durable change does, for both are in one log and in this order.
  case inLog
}

/// What came of a transaction.
struct Written<Result> {
  /// What its body returned.
  var result: Result
  /// How many rows it changed.
  var changedRows: Int
  /// Whom that concerns.
  var changedJobs: ChangedJobs

  init(_ result: Result, in session: SQLSession) {
    self.result = result
    changedRows = session.changedRows
    changedJobs = session.changedJobs
  }
}

/// A database that holds a network's state.
protocol DatabaseBackend: Sendable {
  /// So many transactions that change something are worth being open at once.
  var writersAtOnce: Int { get }

  /// Runs one transaction; an error thrown inside leaves nothing changed. The body may be run several times, of which
  /// one counts: it changes nothing but the database.
  ///
  /// - Returns: what the body returned, and what it changed.
  func write<Result>(
    _ mode: WriteMode, _ body: (SQLSession) throws -> Result
  ) throws -> Written<Result>

  /// Reads one consistent state, beside whoever writes.
  func read<Result>(_ body: (SQLSession) throws -> Result) throws -> Result

  /// How it says what others say differently.
  var dialect: SQLDialect { get }

  /// Reads with one statement, which needs no transaction around it: a server is asked once.
  func rows(_ sql: String, _ arguments: SQLArguments) throws -> [SQLRow]

  /// The time of the machine that the database is on, milliseconds since 1970.
  func serverMilliseconds() throws -> UInt64

  /// Takes what a log holds into the database's file, where it has one.
  func foldLog() throws

  /// Lets go of the database, which can't be used any more then: a file is all of it, with nothing beside it.
  func close() throws
}

/// What can be wrong with a database on a server.
public struct DatabaseFault: Sendable, Hashable {
  /// The kinds, by what can be done about them.
  public enum Kind: String, Sendable, Hashable, CaseIterable {
    /// It can't be reached, or the connection broke; nothing was changed.
    case unreachable
    /// It does not let this user in.
    case refused
    /// There is no such database.
    case missing
    /// Its disk is full; nothing was changed.
    case full
    /// Its server's version is too old.
    case tooOld
    /// Too much was going on at once; nothing was changed.
    case busy
    /// The connection broke while a change was being made durable, and nobody could say whether it was.
    case outcomeUnknown
  }

  /// What is wrong.
  public var kind: Kind
  /// The database, without the password.
  public var database: String
  /// What the server or the system said.
  public var reason: String
}

extension DatabaseFault {
  /// One sentence: what, where, why.
  var message: String {
    switch kind {
    case .unreachable: "database \(database) can't be reached: \(reason)"
    case .refused: "database \(database) refuses this user: \(reason)"
    case .missing: "there is no database \(database): \(reason)"
    case .full: "the disk of database \(database) is full: \(reason)"
    case .tooOld: "database \(database) is served by a version that is too old: \(reason)"
    case .busy: "database \(database) is too busy: \(reason)"
    case .outcomeUnknown:
      "the connection to database \(database) broke while a change was being made durable, and whether it was is not known: \(reason)"
    }
  }

  /// What the operator can do about it.
  var hint: String? {
    switch kind {
    case .unreachable: "is the server running, and is this its address?"
    case .refused: "are user and password right, and does pg_hba.conf let them in?"
    case .missing: "make it with createdb"
    case .full: "make room; what was being changed was not"
    case .tooOld: "PostgreSQL \(PostgresConnection.oldestVersion / 10_000) or newer is needed"
    case .busy: "try again"
    case .outcomeUnknown: "look before you repeat it"
    }
  }
}
