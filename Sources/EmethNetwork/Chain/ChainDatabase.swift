import EmethKit
import Foundation
import GRDB

/// An SQLite file of the chain client: every change is one transaction, on the disk when it is reported as done, and
/// of several processes one changes it at a time.
struct ChainDatabase: Sendable {
  private let queue: DatabaseQueue
  let file: URL

  /// Opens a file, or makes it.
  ///
  /// - Parameters:
  ///   - layouts: what makes each layout from the one before it.
  init(file: URL, layouts: [String]) throws(ChainError) {
    self.file = file
    do throws(NetworkError) {
      try Files.makeFolder(file.deletingLastPathComponent())
    } catch {
      throw .store(error)
    }
    queue = try asChainError {
      var configuration = Configuration()
      configuration.busyMode = .timeout(20)
      configuration.prepareDatabase { db in try db.execute(sql: "PRAGMA synchronous = FULL") }
      let queue = try DatabaseQueue(path: file.path, configuration: configuration)
      try queue.inDatabase { db in try db.execute(sql: "PRAGMA journal_mode = WAL") }
      return queue
    }
    // What was sent for whom is nobody else's business.
    chmod(file.path, 0o600)
    let found = try write { db -> Int in
      let found = try Int.fetchOne(db, sql: "PRAGMA user_version") ?? 0
      guard found < layouts.count else { return found }
      for layout in layouts[max(0, found)...] { try db.execute(sql: layout) }
      try db.execute(sql: "PRAGMA user_version = \(layouts.count)")
      return layouts.count
    }
    guard found <= layouts.count else {
      throw .store(.otherVersion(path: file.path, found: found, supported: layouts.count))
    }
  }

  /// Runs one transaction, alone from its beginning on; an error thrown inside leaves nothing changed.
  @discardableResult
  func write<Result>(_ body: (Database) throws -> Result) throws(ChainError) -> Result {
    try asChainError {
      var result: Result?
      try queue.writeWithoutTransaction { db in
        try db.inTransaction(.immediate) {
          result = try body(db)
          return .commit
        }
      }
      guard let result else { throw NetworkError.inconsistent(what: "a transaction gave nothing") }
      return result
    }
  }

  /// Reads one consistent state.
  func read<Result>(_ body: (Database) throws -> Result) throws(ChainError) -> Result {
    try asChainError { try queue.read(body) }
  }
}
