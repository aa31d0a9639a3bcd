import EmethKit
import Foundation

/// The nonces of signed requests in the shared database, so that each counts once (PROTOCOL 10).
///
/// A nonce is written before its request is carried out, without waiting for the disk: what the request changes
/// comes later in the same log, so that whatever survives a power failure, no change survives without its nonce.
struct NonceStore: Sendable {
  private let database: NetworkDatabase

  init(_ database: NetworkDatabase) { self.database = database }

  /// Uses a nonce up; false when it has counted already.
  func use(_ nonce: Bytes32, of account: Address, at now: UInt64) throws(NetworkError) -> Bool {
    try database.writeHastily { db in
      let oldest = Int64(now) - Int64(RequestStatement.nonceLifetime)
      // A few at a time, so that no request pays for a quiet quarter of an hour before it.
      try db.execute(
        sql: """
          DELETE FROM requestNonce WHERE (account, nonce) IN (
            SELECT account, nonce FROM requestNonce WHERE at < ? LIMIT 16\(db.dialect.skippingLocked))
          """, arguments: [oldest])
      let inserted = try db.execute(
        sql: "INSERT INTO requestNonce (account, nonce, at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        arguments: ["\(account)", Data(nonce.bytes), Int64(now)])
      return inserted == 1
    }
  }
}
