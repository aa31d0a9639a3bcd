import EmethKit
import Foundation

/// Whether every balance of a network's folder follows from the entries of its ledger.
///
/// ```swift
/// let totals = try LedgerAudit(folder: folder).run()   // throws when one does not
/// ```
/// Only reads; the network may be served meanwhile.
public struct LedgerAudit: Sendable {
  private let folder: URL
  private let database: DatabaseLocation?

  /// An audit of the network in a folder, or of the one whose state is in a database elsewhere.
  public init(folder: URL, database: DatabaseLocation? = nil) {
    self.folder = folder
    self.database = database
  }

  /// Computes every balance from the entries.
  ///
  /// - Returns: the totals: granted = held + burned + bound.
  /// - Throws: ``NetworkError/inconsistent(what:)`` naming the balance that differs; ``NetworkError/fileFailed(path:operation:reason:)``
  ///   when there is no network; ``NetworkError/databaseFailed(_:)``.
  public func run() throws(NetworkError) -> Conservation {
    if let database { return try audit(NetworkDatabase(database)) }
    let file = folder.appending(path: "network.sqlite")
    guard FileManager.default.fileExists(atPath: file.path) else {
      throw .fileFailed(path: file.path, operation: "read", reason: "no network is there")
    }
    return try audit(NetworkDatabase(file: file))
  }

  private func audit(_ database: NetworkDatabase) throws(NetworkError) -> Conservation {
    try database.read { db in
      try Ledger.audit(in: db)
      return try Ledger.conservation(in: db)
    }
  }
}
