import EmethKit
import Foundation
import GRDB
import Synchronization

/// The Execution Layer's state in one SQLite file: jobs, ledger, submissions, verdicts, batches, tickets.
///
/// Every change is one transaction in write-ahead mode with full synchronisation, so a process that is
/// killed at any instant leaves the state before or after a change, never in between. Amounts are decimal
/// text, since SQLite has no 256-bit integer.
final class NetworkDatabase: Sendable {
  /// The layout this program reads and writes; a higher one was made by a newer program.
  static let supportedVersion = 5

  let queue: DatabaseQueue
  /// Who waits for changes that this process makes.
  let changes = ChangeMark()

  /// Opens the database at `file` and brings it to the supported layout.
  init(file: URL) throws(NetworkError) {
    var configuration = Configuration()
    configuration.busyMode = .timeout(20)
    configuration.prepareDatabase { db in
      try db.execute(sql: "PRAGMA synchronous = FULL")
    }
    let queue = try asNetworkError {
      let queue = try DatabaseQueue(path: file.path, configuration: configuration)
      try queue.inDatabase { db in try db.execute(sql: "PRAGMA journal_mode = WAL") }
      return queue
    }
    let version = try asNetworkError {
      try queue.read { db in try Int.fetchOne(db, sql: "PRAGMA user_version") ?? 0 }
    }
    guard version <= Self.supportedVersion else {
      throw .otherVersion(
        path: file.deletingLastPathComponent().path, found: version, supported: Self.supportedVersion)
    }
    if (1..<3).contains(version) { try Self.refuseUnfinished(queue, version: version, file: file) }
    try asNetworkError { try Self.migrator.migrate(queue) }
    self.queue = queue
  }

  /// Runs one transaction; an error thrown inside leaves nothing changed.
  func write<Result>(_ body: (Database) throws -> Result) throws(NetworkError) -> Result {
    let (result, changed) = try asNetworkError {
      try queue.write { db in
        let before = db.totalChangesCount
        let result = try body(db)
        return (result, db.totalChangesCount != before)
      }
    }
    if changed { changes.raise() }
    return result
  }

  /// Reads one consistent state.
  func read<Result>(_ body: (Database) throws -> Result) throws(NetworkError) -> Result {
    try asNetworkError { try queue.read(body) }
  }

  /// Takes what the write-ahead log holds into the database's file, so that the file is all of it.
  func foldLog() throws(NetworkError) {
    try asNetworkError { try queue.writeWithoutTransaction { db in _ = try db.checkpoint(.truncate) } }
  }

  /// Copies one consistent state into a new file.
  ///
  /// - Parameter together: done while nobody can change anything, at the state that is copied.
  func copy(to file: URL, _ together: () throws(NetworkError) -> Void) throws(NetworkError) {
    try asNetworkError {
      try queue.writeWithoutTransaction { db in
        try db.execute(sql: "BEGIN IMMEDIATE")
        defer { try? db.execute(sql: "ROLLBACK") }
        try together()
        // Of another connection, which reads the last committed state: this one can't copy inside its transaction.
        let reader = try DatabaseQueue(path: queue.path)
        try reader.writeWithoutTransaction { try $0.execute(sql: "VACUUM INTO ?", arguments: [file.path]) }
      }
    }
  }

  /// A job that an older program began has its updates and parts where this one does not look for them.
  private static func refuseUnfinished(
    _ queue: DatabaseQueue, version: Int, file: URL
  ) throws(NetworkError) {
    let begun = try asNetworkError {
      try queue.read { db in
        try Int.fetchOne(
          db, sql: "SELECT count(*) FROM job WHERE status = ?",
          arguments: [Int(JobStatus.processing.rawValue)]) ?? 0
      }
    }
    guard begun == 0 else {
      throw .unfinishedWork(
        path: file.deletingLastPathComponent().path, layout: version, supported: supportedVersion)
    }
  }

  private static var migrator: DatabaseMigrator {
    var migrator = DatabaseMigrator()
    migrator.registerMigration("1") { db in
      try db.execute(
        sql: """
          CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
          CREATE TABLE account (
            address TEXT PRIMARY KEY, role TEXT NOT NULL, number INTEGER NOT NULL, UNIQUE (role, number)
          ) STRICT;
          CREATE TABLE transfer (
            number INTEGER PRIMARY KEY, at INTEGER NOT NULL, reason TEXT NOT NULL, job TEXT,
            sourceAccount TEXT NOT NULL, sourcePot TEXT NOT NULL,
            targetAccount TEXT NOT NULL, targetPot TEXT NOT NULL, holon TEXT NOT NULL
          ) STRICT;
          CREATE TABLE balance (
            account TEXT NOT NULL, pot TEXT NOT NULL, holon TEXT NOT NULL, PRIMARY KEY (account, pot)
          ) STRICT;
          CREATE TABLE job (
            id TEXT PRIMARY KEY, number INTEGER NOT NULL UNIQUE, status INTEGER NOT NULL, machine TEXT NOT NULL,
            request TEXT NOT NULL, progress TEXT NOT NULL, reason TEXT NOT NULL
          ) STRICT;
          CREATE TABLE subJob (
            id TEXT PRIMARY KEY, number INTEGER NOT NULL UNIQUE, parent TEXT NOT NULL REFERENCES job (id),
            round INTEGER NOT NULL, part INTEGER NOT NULL, attempt INTEGER NOT NULL, status INTEGER NOT NULL,
            machine TEXT NOT NULL, record TEXT NOT NULL, UNIQUE (parent, round, part, attempt)
          ) STRICT;
          CREATE TABLE commitment (
            verifier TEXT NOT NULL, number INTEGER NOT NULL, hash TEXT NOT NULL UNIQUE, postedAt INTEGER NOT NULL,
            usedBy TEXT, PRIMARY KEY (verifier, number)
          ) STRICT;
          CREATE TABLE batch (epoch INTEGER PRIMARY KEY, digest TEXT NOT NULL, batch TEXT NOT NULL) STRICT;
          CREATE TABLE ticket (
            account TEXT NOT NULL, epoch INTEGER NOT NULL, ticket TEXT NOT NULL, PRIMARY KEY (account, epoch)
          ) STRICT;
          CREATE TABLE settled (
            number INTEGER PRIMARY KEY, account TEXT NOT NULL, epoch INTEGER, leaf TEXT NOT NULL
          ) STRICT;
          PRAGMA user_version = 1;
          """)
    }
    // The settings say how much is checked by a value of its own, no longer by a number or nothing.
    migrator.registerMigration("2") { db in
      try db.execute(
        sql: """
          UPDATE setting SET value = json_remove(
            json_set(value, '$.check', CASE WHEN json_extract(value, '$.checkSegments') IS NULL THEN json('{}')
              ELSE json_object('drawn', json_extract(value, '$.checkSegments')) END), '$.checkSegments')
          WHERE name = 'network';
          PRAGMA user_version = 2;
          """)
    }
    // Cohorts, in which masked updates are added.
    migrator.registerMigration("3") { db in
      try db.execute(
        sql: """
          CREATE TABLE cohort (
            parent TEXT NOT NULL REFERENCES job (id), round INTEGER NOT NULL, number INTEGER NOT NULL,
            record TEXT NOT NULL, PRIMARY KEY (parent, round, number)
          ) STRICT;
          PRAGMA user_version = 3;
          """)
    }
    // Verifiers that lost their bonds.
    migrator.registerMigration("4") { db in
      try db.execute(
        sql: """
          CREATE TABLE forfeit (
            verifier TEXT PRIMARY KEY, job TEXT NOT NULL, subJob TEXT NOT NULL, at INTEGER NOT NULL
          ) STRICT;
          PRAGMA user_version = 4;
          """)
    }
    // Nodes and verifiers that are elsewhere: what they are asked, what verifiers have bound.
    migrator.registerMigration("5") { db in
      try db.execute(
        sql: """
          CREATE TABLE errand (
            number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, account TEXT NOT NULL, job TEXT NOT NULL,
            subJob TEXT NOT NULL, kind TEXT NOT NULL, question TEXT NOT NULL, postedAt INTEGER NOT NULL,
            due INTEGER NOT NULL, answer TEXT, answeredAt INTEGER
          ) STRICT;
          CREATE INDEX errandOpen ON errand (account, number) WHERE answer IS NULL;
          CREATE INDEX errandJob ON errand (job);
          CREATE TABLE bond (
            verifier TEXT PRIMARY KEY, holon TEXT NOT NULL, binding TEXT NOT NULL, expiry INTEGER NOT NULL
          ) STRICT;
          CREATE INDEX jobStatus ON job (status, number);
          CREATE INDEX jobRequester ON job (json_extract(machine, '$.job.requester'), number);
          CREATE INDEX settledOpen ON settled (account, number) WHERE epoch IS NULL;
          CREATE INDEX subJobOpen ON subJob (status, number);
          CREATE INDEX subJobNode ON subJob (json_extract(machine, '$.node'), number);
          PRAGMA user_version = 5;
          """)
    }
    return migrator
  }
}
