import EmethKit
import Foundation

/// What has cost a node a deposit: modules with the data of certain requesters. Its owner may delete the file.
struct NodeLosses {
  /// A module, and who had it computed.
  struct Loss: Codable, Hashable, Sendable {
    var module: Bytes32
    var requester: Address
    /// When it was, unix seconds; `nil` for one that an older program has noted.
    var at: UInt64?
  }

  private struct Known: Codable {
    var losses: [Loss]
  }

  /// So many requesters may cost a node deposits over one module within ``daySeconds``: accounts are free, and whoever has
  /// data that break a module can send them from as many as it likes.
  static let requestersPerDay = 3
  static let daySeconds: UInt64 = 86_400

  let file: URL

  /// What is known; nothing where there is no file.
  ///
  /// - Throws: ``NetworkError/malformed(what:reason:)`` for a file that can't be read: to forget it silently would cost
  ///   deposits.
  func all() throws(NetworkError) -> Set<Loss> {
    guard FileManager.default.fileExists(atPath: file.path) else { return [] }
    let data = try Files.read(file)
    do {
      return Set(try JSONDecoder().decode(Known.self, from: data).losses)
    } catch {
      throw .malformed(
        what: "the file \(file.path)",
        reason:
          "it is no list of what has cost this node deposits; mend it, or delete it to forget them: \(error)")
    }
  }

  /// Keeps all of them.
  func keep(_ losses: Set<Loss>) throws(NetworkError) {
    let sorted = losses.sorted { ("\($0.module)", "\($0.requester)") < ("\($1.module)", "\($1.requester)") }
    let data = try asNetworkError { try WireFormat.readableEncoder.encode(Known(losses: sorted)) }
    try Files.write(data, to: file)
  }
}

extension Set<NodeLosses.Loss> {
  /// Whether a module is not computed for a requester: it has cost a deposit with its data, or today with those of too many
  /// others.
  func forbid(_ module: Bytes32, for requester: Address, at now: UInt64) -> Bool {
    let ofModule = filter { $0.module == module }
    if ofModule.contains(where: { $0.requester == requester }) { return true }
    let recent = ofModule.filter { ($0.at ?? 0) > now - Swift.min(now, NodeLosses.daySeconds) }
    return Swift.Set<Address>(recent.map(\.requester)).count >= NodeLosses.requestersPerDay
  }
}
