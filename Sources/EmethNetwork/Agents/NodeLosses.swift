import EmethKit
import Foundation

/// What has cost a node a deposit: modules with the data of certain requesters. Its owner may delete the file.
struct NodeLosses {
  /// A module, and who had it computed.
  struct Loss: Codable, Hashable, Sendable {
    var module: Bytes32
    var requester: Address
  }

  private struct Known: Codable {
    var losses: [Loss] = []
  }

  let file: URL

  /// What is known; nothing where there is no file, or none that can be read.
  func all() -> Set<Loss> {
    guard let data = try? Files.read(file) else { return [] }
    return Set(((try? JSONDecoder().decode(Known.self, from: data)) ?? Known()).losses)
  }

  /// Keeps all of them.
  func keep(_ losses: Set<Loss>) throws(NetworkError) {
    let sorted = losses.sorted { ("\($0.module)", "\($0.requester)") < ("\($1.module)", "\($1.requester)") }
    let data = try asNetworkError { try WireFormat.readableEncoder.encode(Known(losses: sorted)) }
    try Files.write(data, to: file)
  }
}
