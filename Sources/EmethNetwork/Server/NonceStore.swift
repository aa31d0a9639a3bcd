import EmethKit
import Foundation
import GRDB

/// The nonces of signed requests in the shared database, so that each counts once (PROTOCOL 10).
///
/// A nonce is written before its request is carried out, without waiting for the disk: what the request changes
/// comes later in the same log, so that whatever survives a power failure, no change survives without its nonce.
struct NonceStore: Sendable {
  private let database: NetworkDatabase

  /// Takes the table of a database into use.
  init(_ database: NetworkDatabase) throws(NetworkError) {
    self.database = database
    try database.write { db in
      try db.execute(
        sql: """
          CREATE TABLE IF NOT EXISTS requestNonce (
            account TEXT NOT NULL, nonce BLOB NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (account, nonce)
          ) STRICT, WITHOUT ROWID;
          CREATE INDEX IF NOT EXISTS requestNonceAt ON requestNonce (at);
          """)
    }
  }

  /// Uses a nonce up; false when it has counted already.
  func use(_ nonce: Bytes32, of account: Address, at now: UInt64) throws(NetworkError) -> Bool {
    try asNetworkError {
      try database.queue.inDatabase { db in
        try db.execute(sql: "PRAGMA synchronous = NORMAL")
        defer { try? db.execute(sql: "PRAGMA synchronous = FULL") }
        var isNew = false
        try db.inTransaction(.immediate) {
          let oldest = Int64(now) - Int64(RequestStatement.nonceLifetime)
          // A few at a time, so that no request pays for a quiet quarter of an hour before it.
          try db.execute(
            sql: """
              DELETE FROM requestNonce WHERE (account, nonce) IN (
                SELECT account, nonce FROM requestNonce WHERE at < ? LIMIT 16)
              """, arguments: [oldest])
          try db.execute(
            sql: "INSERT INTO requestNonce (account, nonce, at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            arguments: ["\(account)", nonce.data, Int64(now)])
          isNew = db.changesCount == 1
          return .commit
        }
        return isNew
      }
    }
  }
}

extension Bytes32 {
  /// The 32 bytes, as a database stores them.
  fileprivate var data: Data { Data(bytes) }
}
