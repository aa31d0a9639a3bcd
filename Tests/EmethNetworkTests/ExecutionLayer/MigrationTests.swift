import EmethKit
import Foundation
import GRDB
import Testing

@testable import EmethNetwork

/// Databases of every earlier layout are brought to the present one with what is in them.
@Suite struct MigrationTests {
  @Test(arguments: 1..<NetworkDatabase.supportedVersion)
  func aFileOfAnEarlierLayoutKeepsWhatIsInIt(layout: Int) throws {
    let folder = try TemporaryFolder()
    let file = folder.url.appending(path: "network.sqlite")
    let requester = TestNetwork.key("requester", 0).address
    let node = TestNetwork.key("node", 0).address
    do {
      let queue = try DatabaseQueue(path: file.path)
      try SQLiteMigrations.migrator.migrate(queue, upTo: "\(layout)")
      try queue.write { db in
        try db.execute(
          sql: """
            INSERT INTO setting (name, value) VALUES ('clock', '7000');
            INSERT INTO account (address, role, number) VALUES ('\(node)', 'node', 1);
            INSERT INTO transfer (at, reason, sourceAccount, sourcePot, targetAccount, targetPot, holon)
            VALUES (1, 'grant', '\(Ledger.outside)', 'granted', '\(node)', 'unspent', '500');
            INSERT INTO balance (account, pot, holon)
            VALUES ('\(Ledger.outside)', 'granted', '500'), ('\(node)', 'unspent', '500');
            INSERT INTO job (id, number, status, machine, request, progress, reason) VALUES (
              'one', 1, 4,
              '{"job":{"numEpoch":3,"requestedAt":77,"requester":"\(requester)","terms":{"escrow":"9000"}}}',
              '{"dataSetName":"a ''name''"}',
              '{"rounds":[{"validationLoss":3.25},{"validationLoss":2.125},{"trainLoss":1}]}', '');
            INSERT INTO batch (epoch, digest, batch) VALUES (1, 'd', '{"batch":{"epoch":"1","toTime":99}}');
            INSERT INTO subJob (id, number, parent, round, part, attempt, status, machine, record) VALUES
              ('a', 1, 'one', 0, 0, 0, 4,
                '{"job":{"programId":"11","fuelPrice":"120000000000"},"node":"\(node)"}', '{}'),
              ('b', 2, 'one', 0, 1, 0, 8, '{}', '{}');
            """)
        if layout >= 3 {
          try db.execute(
            sql: "INSERT INTO cohort (parent, round, number, record) VALUES ('one', 0, 0, '{}')")
        }
        if layout >= 10 {
          // What the step to 10 finds out.
          try db.execute(
            sql: """
              UPDATE subJob SET program = iif(id = 'a', 11, 0),
                price = printf('%078d', iif(id = 'a', 120000000000, 0))
              """)
        }
        if layout >= 6 {
          // What the step to 6 finds out.
          try db.execute(
            sql: """
              UPDATE job SET requester = '\(requester)', requestedAt = 77,
                line = '{"dataSetName":"a ''name''","escrow":"9000","rounds":3,"roundsDone":2,"validationLoss":2.125}';
              UPDATE batch SET toTime = 99;
              UPDATE subJob SET node = '\(node)' WHERE id = 'a';
              INSERT INTO requestNonce (account, nonce, at) VALUES ('\(node)', x'0102', 5);
              """)
        } else if layout == 5 {
          // The server made this table by itself.
          try db.execute(
            sql: """
              CREATE TABLE requestNonce (
                account TEXT NOT NULL, nonce BLOB NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (account, nonce)
              ) STRICT, WITHOUT ROWID;
              CREATE INDEX requestNonceAt ON requestNonce (at);
              INSERT INTO requestNonce (account, nonce, at) VALUES ('\(node)', x'0102', 5);
              """)
        }
      }
      try queue.close()
    }
    for time in 0..<2 {
      let database = try NetworkDatabase(file: file)
      try database.read { db in
        #expect(
          try Int.fetchOne(db, sql: "PRAGMA user_version") == NetworkDatabase.supportedVersion)
        #expect(
          try String.fetchOne(db, sql: "SELECT requester FROM job WHERE id = 'one'")
            == "\(requester)")
        let job = try SQLRow.fetchOne(db, sql: "SELECT requestedAt, line FROM job")?.values
        let line =
          #"{"dataSetName":"a 'name'","escrow":"9000","rounds":3,"roundsDone":2,"validationLoss":2.125}"#
        #expect(job == [.integer(77), .text(line)])
        #expect(throws: Never.self) { try JobLine(wireText: line) }
        #expect(try Int.fetchOne(db, sql: "SELECT toTime FROM batch") == 99)
        let nodes = try SQLRow.fetchAll(db, sql: "SELECT node FROM subJob ORDER BY number").map(
          \.values)
        #expect(nodes == [[.text("\(node)")], [.null]])
        let offers = try SQLRow.fetchAll(db, sql: "SELECT program, price FROM subJob ORDER BY number").map(
          \.values)
        let price = String(repeating: "0", count: 66) + "120000000000"
        #expect(
          offers == [[.integer(11), .text(price)], [.integer(0), .text(String(repeating: "0", count: 78))]])
        #expect(try Int.fetchAll(db, sql: "SELECT dueAt FROM job") == [0])
        #expect(try Int.fetchAll(db, sql: "SELECT dueAt FROM subJob") == [0, 0])
        #expect(try Ledger.balance(of: node, pot: .unspent, in: db).holon == 500)
        try Ledger.audit(in: db)
        #expect(try Int.fetchOne(db, sql: "SELECT count(*) FROM cohort") == (layout >= 3 ? 1 : 0))
        #expect(
          try Int.fetchOne(db, sql: "SELECT count(*) FROM requestNonce") == (layout >= 5 ? 1 : 0)
            + time)
        for table in [
          "errand", "hold", "removal", "chainBlock", "chainLog", "credit", "leaving", "apiKey", "soldText",
        ] {
          #expect(try Int.fetchOne(db, sql: "SELECT count(*) FROM \(table)") == 0)
        }
      }
      #expect(try NonceStore(database).use(.zero, of: requester, at: 5) == (time == 0))
    }
  }

  @Test func anUnfinishedFileOfTheFirstLayoutsIsRefusedAndStaysAsItIs() throws {
    let folder = try TemporaryFolder()
    let file = folder.url.appending(path: "network.sqlite")
    let queue = try DatabaseQueue(path: file.path)
    try SQLiteMigrations.migrator.migrate(queue, upTo: "1")
    try queue.write { db in
      try db.execute(
        sql: """
          INSERT INTO job (id, number, status, machine, request, progress, reason)
          VALUES ('one', 1, \(JobStatus.processing.rawValue), '{}', '{}', '{}', '')
          """)
    }
    #expect(
      throws: NetworkError.unfinishedWork(
        path: folder.url.path, layout: 1, supported: NetworkDatabase.supportedVersion)
    ) { try NetworkDatabase(file: file) }
    #expect(try queue.read { db in try Int.fetchOne(db, sql: "PRAGMA user_version") } == 1)
  }

  @Test(arguments: 6..<NetworkDatabase.supportedVersion)
  func aPostgreSQLDatabaseOfAnEarlierLayoutKeepsWhatIsInIt(layout: Int) throws {
    let address = try TestPostgres.shared.get().makeDatabase()
    do {
      let connection = try PostgresConnection(address)
      try PostgresMigrations.migrate(connection, upTo: layout)
      try connection.run(
        """
        INSERT INTO setting (name, value) VALUES ('clock', '7000');
        INSERT INTO job (id, number, requester, requestedAt, status, machine, request, progress, reason, line)
        VALUES ('one', 1, 'somebody', 5, 2, '{}', '{}', '{}', '', '{}');
        INSERT INTO subJob (id, number, parent, round, part, attempt, status, machine, record)
        VALUES ('a', 1, 'one', 0, 0, 0, 1, '{"job":{"programId":"11","fuelPrice":"120000000000"}}', '{}')
        """)
      if layout >= 10 {
        try connection.run("UPDATE subJob SET program = 11, price = lpad('120000000000', 78, '0')")
      }
      let found = try connection.rows("SELECT max(version) FROM layout", []).first?.values.first
      #expect(found.flatMap { Int(sqlValue: $0) } == layout)
    }
    for _ in 0..<2 {
      let database = try NetworkDatabase(.postgres(address))
      try database.write { db in
        #expect(
          try Int.fetchAll(db, sql: "SELECT version FROM layout ORDER BY 1")
            == Array(6...NetworkDatabase.supportedVersion))
        #expect(try Setting.clock.number(in: db) == 7_000)
        let offer = try SQLRow.fetchOne(db, sql: "SELECT program, price FROM subJob")?.values
        #expect(offer == [.integer(11), .text(String(repeating: "0", count: 66) + "120000000000")])
        #expect(
          try Int.fetchAll(db, sql: "SELECT dueAt FROM job UNION ALL SELECT dueAt FROM subJob") == [0, 0])
        try HoldStore.take([.object(.zero)], for: "somebody", .upload, byteCount: 5, at: 9, in: db)
        #expect(try HoldStore.isHeld(.object(.zero), in: db) && !HoldStore.isHeld(.splitter(.zero), in: db))
      }
    }
  }

  @Test func aPostgreSQLDatabaseIsLaidOutOnceByWhoeverComesFirst() async throws {
    let address = try TestPostgres.shared.get().makeDatabase()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<4 {
        group.addTask { _ = try await blocking { try NetworkDatabase(.postgres(address)) } }
      }
      try await group.waitForAll()
    }
    let database = try NetworkDatabase(.postgres(address))
    #expect(
      try database.read { db in try Int.fetchAll(db, sql: "SELECT version FROM layout ORDER BY 1") }
        == Array(6...NetworkDatabase.supportedVersion))
    // The same tables and columns as in a file.
    let folder = try TemporaryFolder()
    let file = try NetworkDatabase(file: folder.url.appending(path: "network.sqlite"))
    let ours = try database.read { db in
      try String.fetchAll(
        db,
        sql: """
          SELECT table_name || '.' || column_name FROM information_schema.columns
          WHERE table_schema = 'public' AND table_name NOT IN ('layout', 'turn', 'commitmark') ORDER BY 1
          """)
    }
    let theirs = try file.read { db in
      try String.fetchAll(
        db,
        sql: """
          SELECT lower(one.name || '.' || two.name) FROM sqlite_master AS one
          JOIN pragma_table_info(one.name) AS two WHERE one.type = 'table' AND one.name NOT LIKE 'grdb%' ORDER BY 1
          """)
    }
    #expect(Set(ours) == Set(theirs) && !ours.isEmpty)
    // A newer one is left alone.
    try database.write { db in
      try db.execute(sql: "INSERT INTO layout (version) VALUES (?)", arguments: [99])
    }
    #expect(
      throws: NetworkError.otherVersion(
        path: "\(address)", found: 99, supported: NetworkDatabase.supportedVersion)
    ) {
      try NetworkDatabase(.postgres(address))
    }
  }
}
