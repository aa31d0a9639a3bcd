import EmethKit
import Foundation
import GRDB

/// The layouts of SQLite files: numbered, each made from the one before it, never back.
enum SQLiteMigrations {
  /// Brings a file to the supported layout.
  ///
  /// - Throws: ``NetworkError/otherVersion(path:found:supported:)``,
  ///   ``NetworkError/unfinishedWork(path:layout:supported:)``, ``NetworkError/database(reason:)``.
  static func migrate(_ queue: DatabaseQueue, file: URL) throws(NetworkError) {
    let version = try asNetworkError {
      try queue.read { db in try Int.fetchOne(db, sql: "PRAGMA user_version") ?? 0 }
    }
    guard version <= NetworkDatabase.supportedVersion else {
      throw .otherVersion(
        path: file.deletingLastPathComponent().path, found: version,
        supported: NetworkDatabase.supportedVersion)
    }
    if (1..<3).contains(version) { try refuseUnfinished(queue, version: version, file: file) }
    try asNetworkError { try migrator.migrate(queue) }
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
        path: file.deletingLastPathComponent().path, layout: version,
        supported: NetworkDatabase.supportedVersion)
    }
  }

  static var migrator: DatabaseMigrator {
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
    // Nonces of signed requests, which the server made by itself before; what is looked for in columns of its own.
    migrator.registerMigration("6") { db in
      try db.execute(
        sql: """
          CREATE TABLE IF NOT EXISTS requestNonce (
            account TEXT NOT NULL, nonce BLOB NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (account, nonce)
          ) STRICT, WITHOUT ROWID;
          CREATE INDEX IF NOT EXISTS requestNonceAt ON requestNonce (at);
          ALTER TABLE job ADD COLUMN requester TEXT NOT NULL DEFAULT '';
          UPDATE job SET requester = json_extract(machine, '$.job.requester');
          DROP INDEX jobRequester;
          CREATE INDEX jobRequester ON job (requester, number);
          ALTER TABLE subJob ADD COLUMN node TEXT;
          UPDATE subJob SET node = json_extract(machine, '$.node');
          DROP INDEX subJobNode;
          CREATE INDEX subJobNode ON subJob (node, number);
          ALTER TABLE job ADD COLUMN requestedAt INTEGER NOT NULL DEFAULT 0;
          ALTER TABLE job ADD COLUMN line TEXT NOT NULL DEFAULT '';
          UPDATE job SET requestedAt = json_extract(machine, '$.job.requestedAt'), line = json_object(
            'dataSetName', json_extract(request, '$.dataSetName'),
            'escrow', json_extract(machine, '$.job.terms.escrow'),
            'rounds', json_extract(machine, '$.job.numEpoch'),
            'roundsDone', (SELECT count(json_extract(value, '$.validationLoss')) FROM json_each(progress, '$.rounds')),
            'validationLoss', (
              SELECT json_extract(value, '$.validationLoss') FROM json_each(progress, '$.rounds')
              WHERE json_extract(value, '$.validationLoss') IS NOT NULL ORDER BY key DESC LIMIT 1));
          ALTER TABLE batch ADD COLUMN toTime INTEGER NOT NULL DEFAULT 0;
          UPDATE batch SET toTime = json_extract(batch, '$.batch.toTime');
          CREATE INDEX jobRequestedAt ON job (requestedAt, number);
          CREATE INDEX batchToTime ON batch (toTime, epoch);
          PRAGMA user_version = 6;
          """)
    }
    // Who needs which object, and what is being deleted. What jobs of earlier layouts hold a service finds out itself.
    migrator.registerMigration("7") { db in
      try db.execute(
        sql: """
          CREATE TABLE hold (
            object TEXT NOT NULL, holder TEXT NOT NULL, purpose TEXT NOT NULL, byteCount INTEGER NOT NULL,
            at INTEGER NOT NULL, PRIMARY KEY (object, holder, purpose)
          ) STRICT, WITHOUT ROWID;
          CREATE INDEX holdHolder ON hold (holder, purpose);
          CREATE INDEX holdAt ON hold (purpose, at);
          CREATE TABLE removal (object TEXT PRIMARY KEY, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
          PRAGMA user_version = 7;
          """)
    }
    // Which modules a verifier can compute, by their hashes with spaces between them.
    migrator.registerMigration("8") { db in
      try db.execute(
        sql: """
          ALTER TABLE bond ADD COLUMN modules TEXT NOT NULL DEFAULT '';
          PRAGMA user_version = 8;
          """)
    }
    // What a chain's contracts have logged, which deposits were credited, and who is about to leave.
    migrator.registerMigration("9") { db in
      try db.execute(
        sql: """
          CREATE TABLE chainBlock (number INTEGER PRIMARY KEY, hash BLOB NOT NULL) STRICT;
          CREATE TABLE chainLog (
            block INTEGER NOT NULL, place INTEGER NOT NULL, blockHash BLOB NOT NULL, sent BLOB NOT NULL,
            address BLOB NOT NULL, topic BLOB, topics BLOB NOT NULL, data BLOB NOT NULL, PRIMARY KEY (block, place)
          ) STRICT, WITHOUT ROWID;
          CREATE INDEX chainLogTopic ON chainLog (topic, block, place);
          CREATE TABLE credit (
            number INTEGER PRIMARY KEY, account TEXT NOT NULL, holon TEXT NOT NULL, block INTEGER NOT NULL
          ) STRICT;
          CREATE TABLE leaving (account TEXT PRIMARY KEY, epoch INTEGER NOT NULL) STRICT, WITHOUT ROWID;
          PRAGMA user_version = 9;
          """)
    }
    // What waits for a node by its price, with as many digits as a price can have; a job as it is answered, where it was
    // changed since; when it is looked at again.
    migrator.registerMigration("10") { db in
      try db.execute(
        sql: """
          ALTER TABLE subJob ADD COLUMN program INTEGER NOT NULL DEFAULT 0;
          ALTER TABLE subJob ADD COLUMN price TEXT NOT NULL DEFAULT '';
          UPDATE subJob SET program = coalesce(CAST(json_extract(machine, '$.job.programId') AS INTEGER), 0),
            price = substr(printf('%078d', 0) || coalesce(json_extract(machine, '$.job.fuelPrice'), ''), -78);
          CREATE INDEX subJobOffer ON subJob (price DESC, number, program) WHERE status = 1;
          ALTER TABLE job ADD COLUMN view TEXT NOT NULL DEFAULT '';
          ALTER TABLE job ADD COLUMN dueAt INTEGER NOT NULL DEFAULT 0;
          CREATE INDEX jobRequesterStatus ON job (requester, status, number);
          CREATE INDEX jobDue ON job (dueAt, number) WHERE status IN (1, 2);
          PRAGMA user_version = 10;
          """)
    }
    // When a SubJob that a node has is looked at though nothing about it has changed.
    migrator.registerMigration("11") { db in
      try db.execute(
        sql: """
          ALTER TABLE subJob ADD COLUMN dueAt INTEGER NOT NULL DEFAULT 0;
          CREATE INDEX subJobDue ON subJob (dueAt) WHERE status = 2;
          PRAGMA user_version = 11;
          """)
    }
    // Jobs that have ended and whose results are not sealed to their requesters yet.
    migrator.registerMigration("12") { db in
      try db.execute(
        sql: """
          CREATE TABLE sealing (job TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
          PRAGMA user_version = 12;
          """)
    }
    // Keys of the gateway and the texts that were sold with them.
    migrator.registerMigration("13") { db in
      try db.execute(
        sql: """
          CREATE TABLE apiKey (
            hash TEXT PRIMARY KEY, number INTEGER NOT NULL UNIQUE, account TEXT NOT NULL, name TEXT NOT NULL,
            budget TEXT NOT NULL, spent TEXT NOT NULL, reserved TEXT NOT NULL, createdAt INTEGER NOT NULL,
            revokedAt INTEGER
          ) STRICT;
          CREATE INDEX apiKeyAccount ON apiKey (account, number);
          CREATE TABLE soldText (
            id TEXT PRIMARY KEY, apiKey TEXT NOT NULL, account TEXT NOT NULL, reserved TEXT NOT NULL,
            expiresAt INTEGER, node TEXT, holon TEXT, fuel INTEGER, receipt TEXT, number INTEGER, epoch INTEGER
          ) STRICT;
          CREATE INDEX soldTextOpen ON soldText (expiresAt) WHERE expiresAt IS NOT NULL;
          CREATE UNIQUE INDEX soldTextNumber ON soldText (node, number) WHERE node IS NOT NULL;
          CREATE INDEX soldTextUnsettled ON soldText (node) WHERE node IS NOT NULL AND epoch IS NULL;
          PRAGMA user_version = 13;
          """)
    }
    return migrator
  }
}
