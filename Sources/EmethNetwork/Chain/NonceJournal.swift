import EmethKit
import Foundation
import GRDB

/// What accounts have sent: each transaction is written down with its nonce and its signature before any node sees
/// it. Whoever is killed in between finds it again, and of several processes no two take one nonce.
///
/// ```swift
/// let journal = try NonceJournal(file: folder.appending(path: "transactions.sqlite"))
/// ```
public final class NonceJournal: Sendable {
  /// What became of a transaction.
  public enum State: Int, Sendable {
    /// Handed in, or about to be.
    case sent = 0
    /// In the chain, deep enough.
    case confirmed = 1
    /// In the chain, deep enough, and refused by the contract.
    case reverted = 2
    /// Never in the chain: the node has refused it, and its nonce is free.
    case released = 3
    /// Never in the chain: the account has used its nonce elsewhere.
    case displaced = 4
  }

  /// A transaction, and those of the same nonce that were to displace it.
  public struct Entry: Sendable {
    let id: Int64
    /// Under what name it was sent: the same name is never sent twice.
    public let key: String
    /// What it does, for people.
    public let what: String
    /// What became of it.
    public let state: State
    /// As they were signed, the newest last; they differ in their fees.
    public let attempts: [SignedTransaction]
    /// When the newest was signed, unix seconds.
    public let signedAt: UInt64

    /// The newest.
    public var newest: SignedTransaction { attempts[attempts.count - 1] }
    /// Its nonce.
    public var nonce: UInt64 { newest.transaction.nonce }
  }

  private let database: ChainDatabase

  private static let layouts = [
    """
    CREATE TABLE sent (
      id INTEGER PRIMARY KEY, chain TEXT NOT NULL, account BLOB NOT NULL, nonce INTEGER NOT NULL,
      key TEXT NOT NULL, what TEXT NOT NULL, state INTEGER NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX sentNonce ON sent (chain, account, nonce) WHERE state < 3;
    CREATE UNIQUE INDEX sentKey ON sent (chain, account, key) WHERE state < 2;
    CREATE INDEX sentByKey ON sent (chain, account, key);
    CREATE TABLE attempt (
      sent INTEGER NOT NULL REFERENCES sent (id), number INTEGER NOT NULL, raw BLOB NOT NULL,
      at INTEGER NOT NULL, PRIMARY KEY (sent, number)
    ) STRICT;
    """
  ]

  /// Opens a journal, or begins one.
  public init(file: URL) throws(ChainError) {
    database = try ChainDatabase(file: file, layouts: Self.layouts)
  }

  /// What was sent under a key and may still count, whatever became of it; the newest first.
  public func entries(key: String, chain: UInt64, account: Address) throws(ChainError) -> [Entry] {
    try database.read { db in
      try Self.entries(
        db, where: "chain = ? AND account = ? AND key = ? ORDER BY id DESC",
        [String(chain), Data(account.bytes), key])
    }
  }

  /// What holds a nonce.
  func entries(nonce: UInt64, chain: UInt64, account: Address) throws(ChainError) -> [Entry] {
    try database.read { db in
      try Self.entries(
        db, where: "chain = ? AND account = ? AND nonce = ? AND state < 3",
        [String(chain), Data(account.bytes), Int64(clamping: nonce)])
    }
  }

  /// What was sent and is not in the chain for good, by nonce.
  public func open(chain: UInt64, account: Address) throws(ChainError) -> [Entry] {
    try database.read { db in
      try Self.entries(
        db, where: "chain = ? AND account = ? AND state = 0 ORDER BY nonce",
        [String(chain), Data(account.bytes)])
    }
  }

  /// Writes a transaction down under the lowest nonce that is free.
  ///
  /// - Parameters:
  ///   - used: so many nonces the chain and the node's pool have taken.
  ///   - sign: makes the transaction of a nonce.
  /// - Returns: what is there already under that key, or the new entry.
  func begin(
    key: String, what: String, chain: UInt64, account: Address, used: UInt64, at time: UInt64,
    sign: (UInt64) throws(ChainError) -> SignedTransaction
  ) throws(ChainError) -> (entry: Entry, isNew: Bool) {
    try database.write { db in
      let owner: StatementArguments = [String(chain), Data(account.bytes)]
      let there = try Self.entries(
        db, where: "chain = ? AND account = ? AND key = ? AND state < 2", owner + [key])
      if let entry = there.first { return (entry, false) }
      var nonce = used
      let taken = try Int64.fetchAll(
        db,
        sql:
          "SELECT nonce FROM sent WHERE chain = ? AND account = ? AND state < 3 AND nonce >= ? ORDER BY nonce",
        arguments: owner + [Int64(clamping: used)])
      for number in taken {
        guard UInt64(clamping: number) == nonce else { break }
        nonce += 1
      }
      let signed = try sign(nonce)
      try db.execute(
        sql: "INSERT INTO sent (chain, account, nonce, key, what, state) VALUES (?, ?, ?, ?, ?, 0)",
        arguments: owner + [Int64(clamping: nonce), key, what])
      let id = db.lastInsertedRowID
      try Self.add(db, signed, to: id, number: 0, at: time)
      return (
        Entry(id: id, key: key, what: what, state: .sent, attempts: [signed], signedAt: time), true
      )
    }
  }

  /// Writes down a transaction of the same nonce that is to displace an entry's others.
  func add(_ signed: SignedTransaction, to entry: Entry, at time: UInt64) throws(ChainError) -> Entry {
    try database.write { db in
      try Self.add(db, signed, to: entry.id, number: entry.attempts.count, at: time)
      return Entry(
        id: entry.id, key: entry.key, what: entry.what, state: entry.state,
        attempts: entry.attempts + [signed], signedAt: time)
    }
  }

  /// Writes down what became of an entry.
  func settle(_ entry: Entry, as state: State) throws(ChainError) {
    try database.write { db in
      try db.execute(sql: "UPDATE sent SET state = ? WHERE id = ?", arguments: [state.rawValue, entry.id])
    }
  }

  /// An entry that a reorganisation has taken out of the chain: it waits again.
  func reopened(_ entry: Entry) throws(ChainError) -> Entry {
    try settle(entry, as: .sent)
    return Entry(
      id: entry.id, key: entry.key, what: entry.what, state: .sent, attempts: entry.attempts,
      signedAt: entry.signedAt)
  }

  private static func add(
    _ db: Database, _ signed: SignedTransaction, to id: Int64, number: Int, at time: UInt64
  ) throws {
    try db.execute(
      sql: "INSERT INTO attempt (sent, number, raw, at) VALUES (?, ?, ?, ?)",
      arguments: [id, number, Data(signed.encoded), Int64(clamping: time)])
  }

  private static func entries(
    _ db: Database, where condition: String, _ arguments: StatementArguments
  ) throws -> [Entry] {
    let rows = try Row.fetchAll(
      db, sql: "SELECT id, key, what, state FROM sent WHERE \(condition)", arguments: arguments)
    return try rows.map { row in
      let id: Int64 = row["id"]
      let attempts = try Row.fetchAll(
        db, sql: "SELECT raw, at FROM attempt WHERE sent = ? ORDER BY number", arguments: [id])
      let signed = try attempts.map { attempt in
        let raw: Data = attempt["raw"]
        return try SignedTransaction(decoding: raw)
      }
      let number: Int = row["state"]
      guard let state = State(rawValue: number), !signed.isEmpty, let last = attempts.last else {
        throw NetworkError.inconsistent(what: "the journal's entry \(id) is broken")
      }
      let at: Int64 = last["at"]
      return Entry(
        id: id, key: row["key"], what: row["what"], state: state, attempts: signed,
        signedAt: UInt64(clamping: at))
    }
  }
}
