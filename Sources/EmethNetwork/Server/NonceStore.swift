import EmethKit
import Foundation

/// The nonces of signed requests in the shared database, so that each counts once (PROTOCOL 10).
///
/// A nonce is written before its request is carried out, without waiting for the disk: what the request changes
/// comes later in the same log, so that whatever survives a power failure, no change survives without its nonce.
struct NonceStore: Sendable {
  /// A request's nonce.
  struct Use: Sendable, Hashable, Comparable {
    var account: Address
    var nonce: Bytes32

    static func < (one: Self, other: Self) -> Bool {
      one.account == other.account
        ? one.nonce.bytes.lexicographicallyPrecedes(other.nonce.bytes) : one.account < other.account
    }
  }

  /// The most that are used up together.
  static let limit = 64
  private let database: NetworkDatabase

  init(_ database: NetworkDatabase) { self.database = database }

  /// Uses nonces up; false for each that has counted already, also for the second of two that are the same.
  ///
  /// - Parameter uses: ``limit`` at most.
  func use(_ uses: [Use], at now: UInt64) throws(NetworkError) -> [Bool] {
    if uses.isEmpty { return [] }
    // In the same order at every server: two that had the same ones in another order would wait for each other.
    let filled = uses.sorted().filledUp
    let time = Int64(clamping: now)
    var new = try database.writeHastily { db in
      // A few at a time, so that no request pays for a quiet quarter of an hour before it, and twice as many as can come.
      try db.execute(
        sql: """
          DELETE FROM requestNonce WHERE (account, nonce) IN (
            SELECT account, nonce FROM requestNonce WHERE at < ?
            LIMIT \(2 * Self.limit)\(db.dialect.skippingLocked))
          """, arguments: [time - Int64(RequestStatement.nonceLifetime)])
      let rows = try db.change(
        sql: """
          INSERT INTO requestNonce (account, nonce, at)
          VALUES \(filled.map { _ in "(?, ?, ?)" }.joined(separator: ", "))
          ON CONFLICT DO NOTHING RETURNING account, nonce
          """,
        arguments: SQLArguments(
          filled.flatMap { use -> [any SQLConvertible] in
            ["\(use.account)", Data(use.nonce.bytes), time]
          }))
      return try Set(
        rows.map { row in
          guard let nonce = Bytes32(try row["nonce"] as Data) else {
            throw NetworkError.inconsistent(what: "a nonce has not 32 bytes")
          }
          return Use(account: try Address(row["account"]), nonce: nonce)
        })
    }
    return uses.map { new.remove($0) != nil }
  }
}
