import EmethKit
import Foundation

/// What lets an account send the parts of one upload for an hour without signing each: the request that asked for it was
/// signed, and what has come is compared with its name as a whole. The same goes for URLs of a bucket
/// (``DirectUploads``).
///
/// A ticket counts with the process that has made it. Any other one refuses it, and parts are signed there.
struct UploadTickets: Sendable {
  /// Where it travels: not in the path, which logs have.
  static let headerName = "Emeth-Upload-Ticket"
  /// So long one counts.
  static let lifetimeSeconds: UInt64 = 3_600

  private let key: [UInt8]

  init() {
    var random = SystemRandomNumberGenerator()
    key = (0..<32).map { _ in UInt8.random(in: 0...255, using: &random) }
  }

  /// A ticket for an account's upload.
  func ticket(for name: UploadStore.Name, at now: UInt64) -> String {
    let end = now + Self.lifetimeSeconds
    return "\(name.account)-\(end)-\(code(name, end))"
  }

  /// The account that a ticket was made for; nil for one that was not made here, for another upload, or too long ago.
  func account(
    of ticket: String, for kind: UploadStore.Kind, _ hash: Bytes32, at now: UInt64
  ) -> Address? {
    let words = ticket.split(separator: "-", omittingEmptySubsequences: false).map(String.init)
    guard words.count == 3, let account = try? Address(words[0]), let end = UInt64(decimal: words[1]),
      now < end,
      // Compared as digests: how long that takes says nothing of the code.
      case let name = UploadStore.Name(kind: kind, hash: hash, account: account),
      digest(words[2]) == digest(code(name, end))
    else { return nil }
    return account
  }

  private func code(_ name: UploadStore.Name, _ end: UInt64) -> String {
    let text = "\(name.kind.rawValue) \(name.hash) \(name.account) \(end)"
    return Hex.encode(HMACSHA256.authenticate(Array(text.utf8), key: key).bytes, prefixed: false)
  }

  private func digest(_ text: String) -> Bytes32 { HMACSHA256.authenticate(Array(text.utf8), key: key) }
}
