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

  /// An audit of the network in a folder.
  public init(folder: URL) { self.folder = folder }

  /// Computes every balance from the entries.
  ///
  /// - Returns: the totals: granted = held + burned + bound.
  /// - Throws: ``NetworkError/inconsistent(what:)`` naming the balance that differs; ``NetworkError/fileFailed(path:operation:reason:)``
  ///   when there is no network.
  public func run() throws(NetworkError) -> Conservation {
    let file = folder.appending(path: "network.sqlite")
    guard FileManager.default.fileExists(atPath: file.path) else {
      throw .fileFailed(path: file.path, operation: "read", reason: "no network is there")
    }
    return try NetworkDatabase(file: file).read { db in
      try Ledger.audit(in: db)
      return try Ledger.conservation(in: db)
    }
  }
}
