import EmethKit
import Foundation
import Synchronization
import Testing

@testable import EmethNetwork

/// Changes that are made durable together.
@Suite struct CommitQueueTests {
  /// A backend that counts transactions, of which one is open at a time, and in which some may come to grief.
  private final class Backend: DatabaseBackend {
    enum Trouble: Equatable {
      case none
      /// Others are in the way of the second: what was done is undone, and done again.
      case conflict
      /// The second one's commit fails.
      case fullDisk
      /// The same as a conflict; of the changes that are then tried by themselves the second finds the database so.
      case outage(DatabaseFault.Kind)
    }

    let trouble: Trouble
    let base: any DatabaseBackend
    let count = Mutex(0)

    init(_ location: DatabaseLocation, _ trouble: Trouble) throws {
      base =
        switch location {
        case .file(let file): try SQLiteBackend(file: file)
        case .postgres(let address): try PostgresBackend(address)
        }
      self.trouble = trouble
    }

    /// Whatever the database could do: all that comes meanwhile is one group.
    var writersAtOnce: Int { 1 }

    func write<Result>(_ mode: WriteMode, _ body: (SQLSession) throws -> Result) throws -> Written<Result> {
      let number = count.withLock { count in
        count += 1
        return count
      }
      if case .outage(let kind) = trouble, number == 4 { throw Self.fault(kind) }
      if number == 2, trouble != .none {
        do {
          let _: Written<Result> = try base.write(mode) { db in
            _ = try body(db)
            throw NetworkError.interrupted
          }
        } catch NetworkError.interrupted {
          // Undone.
        }
        if trouble == .fullDisk { throw Self.fault(.full) }
      }
      return try base.write(mode, body)
    }

    static func fault(_ kind: DatabaseFault.Kind) -> NetworkError {
      .databaseFailed(DatabaseFault(kind: kind, database: "here", reason: "\(kind)"))
    }

    func read<Result>(_ body: (SQLSession) throws -> Result) throws -> Result { try base.read(body) }
    var dialect: SQLDialect { base.dialect }
    func rows(_ sql: String, _ arguments: SQLArguments) throws -> [SQLRow] { try base.rows(sql, arguments) }
    func serverMilliseconds() throws -> UInt64 { try base.serverMilliseconds() }
    func foldLog() throws { try base.foldLog() }
    func close() throws { try base.close() }
  }

  /// How the third of the changes is refused.
  private enum Refusal: CaseIterable {
    /// By itself, after it has changed something.
    case thrown
    /// By the database.
    case statement
  }

  /// What came of five changes that came one after the other while a first one was being carried out, of which the third
  /// is refused.
  private static func outcomes(
    with trouble: Backend.Trouble, on kind: TestDatabase = .sqlite, _ refusal: Refusal = .thrown
  ) throws -> (outcomes: [Result<Int, NetworkError>], names: [String], transactions: Int) {
    let folder = try TemporaryFolder()
    let backend = try Backend(kind.location(in: folder), trouble)
    let queue = CommitQueue(backend, .onDisk)
    let outcomes = Mutex<[Int: Result<Int, NetworkError>]>([:])
    let (isOpen, mayEnd) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
    let group = DispatchGroup()
    func begin(_ number: Int) {
      group.enter()
      Thread.detachNewThread {
        let outcome = Result { () throws(NetworkError) in
          try asNetworkError {
            try queue.write { db in
              if number == 0 {
                isOpen.signal()
                mayEnd.wait()
              }
              try db.execute(
                sql: "INSERT INTO setting (name, value) VALUES (?, ?)", arguments: ["n\(number)", "set"])
              if number == 3 {
                if refusal == .thrown {
                  throw NetworkError.refused(code: "test.no", message: "no", hint: nil)
                }
                try db.execute(sql: "INSERT INTO setting (name, value) VALUES ('n0', 'set')")
              }
              return try Int.fetchOne(db, sql: "SELECT count(*) FROM setting") ?? 0
            }.result
          }
        }
        outcomes.withLock { $0[number] = outcome }
        group.leave()
      }
    }
    begin(0)
    isOpen.wait()
    for number in 1...5 {
      begin(number)
      while queue.waitingCount < number { Thread.sleep(forTimeInterval: 0.001) }
    }
    mayEnd.signal()
    group.wait()
    let names = try backend.read { db in try String.fetchAll(db, sql: "SELECT name FROM setting ORDER BY 1") }
    return (
      outcomes.withLock { all in (0...5).compactMap { all[$0] } }, names, backend.count.withLock { $0 }
    )
  }

  private static let refusal = Result<Int, NetworkError>.failure(
    .refused(code: "test.no", message: "no", hint: nil))

  @Test(arguments: TestDatabase.all)
  func whatComesMeanwhileIsOneTransactionInWhichOneThatIsRefusedChangesNothing(on kind: TestDatabase) throws {
    let (outcomes, names, transactions) = try Self.outcomes(with: .none, on: kind)
    #expect(
      outcomes == [.success(1), .success(2), .success(3), Self.refusal, .success(4), .success(5)],
      "in the order in which they came")
    #expect(names == ["n0", "n1", "n2", "n4", "n5"])
    #expect(transactions == 2)
  }

  /// PostgreSQL ends a transaction in which a statement has failed: then each is done by itself.
  @Test(arguments: TestDatabase.all)
  func whatTheDatabaseRefusesIsOneChangesOwn(on kind: TestDatabase) throws {
    let (outcomes, names, transactions) = try Self.outcomes(with: .none, on: kind, .statement)
    #expect(names == ["n0", "n1", "n2", "n4", "n5"])
    #expect(transactions == (kind == .sqlite ? 2 : 7))
    for (number, outcome) in outcomes.enumerated() {
      switch outcome {
      case .success(let count): #expect(count == (number < 3 ? number + 1 : number) && number != 3)
      case .failure(let error): #expect(number == 3 && error.code == "database.failed", "\(error)")
      }
    }
  }

  @Test(arguments: TestDatabase.all)
  func whereOthersAreInTheWayEachIsDoneOnceByItself(on kind: TestDatabase) throws {
    let (outcomes, names, transactions) = try Self.outcomes(with: .conflict, on: kind)
    #expect(outcomes == [.success(1), .success(2), .success(3), Self.refusal, .success(4), .success(5)])
    #expect(names == ["n0", "n1", "n2", "n4", "n5"])
    #expect(transactions == 7, "the first, all others, and each of them")
  }

  @Test func nobodyIsToldOfAChangeThatCouldNotBeMadeDurable() throws {
    let (outcomes, names, transactions) = try Self.outcomes(with: .fullDisk)
    let failure = Result<Int, NetworkError>.failure(
      .databaseFailed(DatabaseFault(kind: .full, database: "here", reason: "full")))
    #expect(outcomes == [.success(1), failure, failure, failure, failure, failure])
    #expect(names == ["n0"] && transactions == 2)
  }

  /// Each would wait for it anew. Of one change alone nobody knows whether it was done.
  @Test(arguments: [
    (DatabaseFault.Kind.unreachable, DatabaseFault.Kind.unreachable), (.outcomeUnknown, .unreachable),
    (.full, .full),
  ])
  func whoIsBehindAnOutageIsToldOfItAndNotTried(_ found: DatabaseFault.Kind, _ told: DatabaseFault.Kind)
    throws
  {
    let (outcomes, names, transactions) = try Self.outcomes(with: .outage(found))
    try #require(outcomes.count == 6)
    #expect(outcomes[..<3] == [.success(1), .success(2), .failure(Backend.fault(found))])
    for outcome in outcomes[3...] {
      guard case .failure(.databaseFailed(let fault)) = outcome else {
        Issue.record("found \(outcome)")
        continue
      }
      #expect(fault.kind == told && fault.reason == "\(found)")
    }
    #expect(names == ["n0", "n1"])
    #expect(transactions == 4, "the first, all others, and two of them")
  }

  @Test func aDatabaseThatIsBusyIsTriedByEach() throws {
    let (outcomes, names, transactions) = try Self.outcomes(with: .outage(.busy))
    #expect(
      outcomes == [
        .success(1), .success(2), .failure(Backend.fault(.busy)), Self.refusal, .success(3), .success(4),
      ])
    #expect(names == ["n0", "n1", "n4", "n5"] && transactions == 7)
  }

  @Test(arguments: TestDatabase.all)
  func manyAtOnceAreAllCountedAndRefusalsAreTheirOwn(on kind: TestDatabase) throws {
    let folder = try TemporaryFolder()
    let database = try kind.open(in: folder)
    try database.write { db in try Setting.clock.set("0", in: db) }
    let refused = Mutex(0)
    // Threads of their own, more than a database has writers: some wait, and are one transaction with others.
    let group = DispatchGroup()
    for number in 0..<200 {
      group.enter()
      Thread.detachNewThread {
        do {
          try database.write { db in
            try Setting.clock.set("\(Setting.clock.number(in: db) + 1)", in: db)
            if number % 5 == 0 { throw NetworkError.refused(code: "test.no", message: "no", hint: nil) }
          }
        } catch {
          refused.withLock { $0 += 1 }
        }
        group.leave()
      }
    }
    group.wait()
    #expect(refused.withLock { $0 } == 40)
    #expect(try database.read { db in try Setting.clock.number(in: db) } == 160)
  }
}
