import EmethKit
import Foundation
import Synchronization
import Testing

@testable import EmethNetwork

/// Changes that are made durable together.
@Suite struct CommitQueueTests {
  /// A file's backend that counts transactions, and in which one of several changes may come to grief.
  private final class Backend: DatabaseBackend {
    enum Trouble {
      case none
      /// Others are in the way: what was done is undone, and done again.
      case conflict
      /// The commit fails.
      case fullDisk
    }

    /// What happens to the second transaction.
    let trouble: Trouble
    let base: SQLiteBackend
    let count = Mutex(0)

    init(_ file: URL, _ trouble: Trouble) throws {
      base = try SQLiteBackend(file: file)
      self.trouble = trouble
    }

    var writersAtOnce: Int { base.writersAtOnce }

    func write<Result>(_ mode: WriteMode, _ body: (SQLSession) throws -> Result) throws -> Written<Result> {
      let number = count.withLock { count in
        count += 1
        return count
      }
      if number == 2, trouble != .none {
        do {
          let _: Written<Result> = try base.write(mode) { db in
            _ = try body(db)
            throw NetworkError.interrupted
          }
        } catch NetworkError.interrupted {
          // Undone.
        }
        if trouble == .fullDisk {
          throw NetworkError.databaseFailed(DatabaseFault(kind: .full, database: "here", reason: "full"))
        }
      }
      return try base.write(mode, body)
    }

    func read<Result>(_ body: (SQLSession) throws -> Result) throws -> Result { try base.read(body) }
    func serverMilliseconds() throws -> UInt64 { base.serverMilliseconds() }
    func foldLog() throws { try base.foldLog() }
  }

  /// What came of five changes that came one after the other while a first one was being carried out, of which the third
  /// is refused after it has changed something.
  private static func outcomes(
    with trouble: Backend.Trouble
  ) throws -> (outcomes: [Result<Int, NetworkError>], names: [String], transactions: Int) {
    let folder = try TemporaryFolder()
    let backend = try Backend(folder.url.appending(path: "network.sqlite"), trouble)
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
              if number == 3 { throw NetworkError.refused(code: "test.no", message: "no", hint: nil) }
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

  @Test func whatComesMeanwhileIsOneTransactionInWhichOneThatIsRefusedChangesNothing() throws {
    let (outcomes, names, transactions) = try Self.outcomes(with: .none)
    #expect(
      outcomes == [.success(1), .success(2), .success(3), Self.refusal, .success(4), .success(5)],
      "in the order in which they came")
    #expect(names == ["n0", "n1", "n2", "n4", "n5"])
    #expect(transactions == 2)
  }

  @Test func whereOthersAreInTheWayEachIsDoneOnceByItself() throws {
    let (outcomes, names, transactions) = try Self.outcomes(with: .conflict)
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
