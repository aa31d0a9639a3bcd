import EmethKit
import Foundation

/// Which epoch a network on a chain has signed last, in a file beside its database: by it a database is known that was
/// replaced by an older copy of itself. To sign an epoch once more, with other contents, costs the operator's bond.
struct SignedEpochMark: Sendable {
  /// Stands for an epoch in a folder that was made from a copy.
  private static let unknown = "unknown"

  let file: URL

  init(folder: URL) { file = folder.appending(path: "signed-epoch") }

  /// Notes an epoch that was signed and is in the database.
  func note(_ epoch: UInt64) throws(NetworkError) { try write("\(epoch)") }

  /// Notes that later epochs may have been signed than the database has.
  func noteCopy() throws(NetworkError) { try write(Self.unknown) }

  private func write(_ text: String) throws(NetworkError) {
    // One that is empty after a power failure would say nothing, and the network not be served.
    try Files.write(Data("\(text)\n".utf8), to: file, mode: 0o600)
  }

  /// Looks whether all that was signed is in the database.
  ///
  /// - Parameter newest: the newest epoch in the database; 0 when there is none.
  /// - Throws: ``ChainError/epochsLost(found:signed:file:)``.
  func check(_ newest: UInt64) throws(ChainError) {
    guard FileManager.default.fileExists(atPath: file.path) else { return }
    let text = (try? String(contentsOf: file, encoding: .utf8)) ?? Self.unknown
    let signed = UInt64(text.trimmingCharacters(in: .whitespacesAndNewlines))
    if let signed, signed <= newest { return }
    throw .epochsLost(found: newest, signed: signed, file: file.path)
  }
}
