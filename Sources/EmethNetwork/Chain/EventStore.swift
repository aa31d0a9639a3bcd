import EmethKit
import Foundation
import GRDB

/// What contracts have logged, as far as it was read, in an SQLite file. All of it can be read anew (``readAnew()``), but for
/// the credits that were given: whoever deletes the file forgets what was credited.
public final class EventStore: Sendable {
  private let database: ChainDatabase

  /// So many blocks are remembered by their hashes: how deep a reorganisation may be.
  public static let rememberedBlocks = 256

  private static let layouts = [
    """
    CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
    CREATE TABLE block (number INTEGER PRIMARY KEY, hash BLOB NOT NULL, time INTEGER NOT NULL) STRICT;
    CREATE TABLE log (
      block INTEGER NOT NULL, place INTEGER NOT NULL, blockHash BLOB NOT NULL, sent BLOB NOT NULL,
      address BLOB NOT NULL, topic BLOB, topics BLOB NOT NULL, data BLOB NOT NULL, PRIMARY KEY (block, place)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX logByTopic ON log (topic, block, place);
    CREATE TABLE credit (
      number INTEGER PRIMARY KEY, account BLOB NOT NULL, holon TEXT NOT NULL, block INTEGER NOT NULL,
      isDone INTEGER NOT NULL
    ) STRICT;
    """
  ]

  /// Opens a file of events of some contracts on a chain, or begins one.
  ///
  /// - Throws: ``ChainError/contradiction(method:what:found:expected:)`` when the file is of other contracts.
  public init(file: URL, chainID: UInt64, contracts: [Address]) throws(ChainError) {
    database = try ChainDatabase(file: file, layouts: Self.layouts)
    let names = contracts.sorted().map(\.description).joined(separator: " ")
    let wanted = "\(chainID) \(names)"
    try database.write { db in
      let found = try String.fetchOne(db, sql: "SELECT value FROM setting WHERE name = 'of'")
      if found == nil {
        try db.execute(sql: "INSERT INTO setting VALUES ('of', ?)", arguments: [wanted])
      } else if let found, found != wanted {
        throw ChainError.contradiction(
          method: "events", what: "the file's chain and contracts", found: found, expected: wanted)
      }
    }
  }

  /// A block that was read.
  struct Place: Sendable, Hashable {
    var number: UInt64
    var hash: Bytes32
  }

  /// The last block that was read; nil before the first.
  func last() throws(ChainError) -> Place? { try remembered(limit: 1).first }

  /// The blocks that are remembered, the newest first.
  func remembered(limit: Int) throws(ChainError) -> [Place] {
    try database.read { db in
      try Row.fetchAll(
        db, sql: "SELECT number, hash FROM block ORDER BY number DESC LIMIT ?", arguments: [limit]
      ).map { row in
        let (number, hash): (Int64, Data) = (row["number"], row["hash"])
        guard let hash = Bytes32(hash) else { throw NetworkError.inconsistent(what: "a block has no hash") }
        return Place(number: UInt64(clamping: number), hash: hash)
      }
    }
  }

  /// Takes blocks in, and what was logged in them and in those between them.
  func append(_ blocks: [ChainBlock], logs: [ChainLog]) throws(ChainError) {
    try database.write { db in
      for block in blocks {
        try db.execute(
          sql: "INSERT INTO block VALUES (?, ?, ?)",
          arguments: [
            Int64(clamping: block.number), Data(block.hash.bytes), Int64(clamping: block.timestamp),
          ])
      }
      for log in logs {
        try db.execute(
          sql: "INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
          arguments: [
            Int64(clamping: log.blockNumber), Int64(clamping: log.index), Data(log.blockHash.bytes),
            Data(log.transaction.bytes), Data(log.address.bytes), log.topics.first.map { Data($0.bytes) },
            Data(log.topics.flatMap(\.bytes)), Data(log.data),
          ])
      }
      try db.execute(
        sql: """
          DELETE FROM block WHERE number < (
            SELECT number FROM block ORDER BY number DESC LIMIT 1 OFFSET ?)
          """, arguments: [Self.rememberedBlocks - 1])
    }
  }

  /// Forgets all behind a block.
  func rollBack(to number: UInt64) throws(ChainError) {
    try database.write { db in
      try db.execute(sql: "DELETE FROM block WHERE number > ?", arguments: [Int64(clamping: number)])
      try db.execute(sql: "DELETE FROM log WHERE block > ?", arguments: [Int64(clamping: number)])
    }
  }

  /// Forgets all that was read, and keeps what was credited.
  public func readAnew() throws(ChainError) {
    try database.write { db in try db.execute(sql: "DELETE FROM block; DELETE FROM log") }
  }

  // MARK: - Reading

  /// What was logged in a range of blocks, in the chain's order.
  ///
  /// - Parameter topics: the events that count; empty: all.
  public func logs(
    _ topics: [Bytes32] = [], in blocks: ClosedRange<UInt64> = 0...UInt64(Int64.max)
  ) throws(ChainError) -> [ChainLog] {
    try database.read { db in try Self.logs(db, topics, in: blocks) }
  }

  private static func logs(
    _ db: Database, _ topics: [Bytes32], in blocks: ClosedRange<UInt64>
  ) throws -> [ChainLog] {
    let marks = topics.map { _ in "?" }.joined(separator: ", ")
    var arguments: StatementArguments = [
      Int64(clamping: blocks.lowerBound), Int64(clamping: blocks.upperBound),
    ]
    for topic in topics { arguments += [Data(topic.bytes)] }
    let rows = try Row.fetchAll(
      db,
      sql: "SELECT * FROM log WHERE block >= ? AND block <= ?"
        + (topics.isEmpty ? "" : " AND topic IN (\(marks))") + " ORDER BY block, place",
      arguments: arguments)
    return try rows.map(Self.log)
  }

  private static func log(_ row: Row) throws -> ChainLog {
    let (block, place): (Int64, Int64) = (row["block"], row["place"])
    let (hash, sent, address): (Data, Data, Data) = (row["blockHash"], row["sent"], row["address"])
    let (topics, data): (Data, Data) = (row["topics"], row["data"])
    guard let hash = Bytes32(hash), let sent = Bytes32(sent), let address = Address(bytes: address) else {
      throw NetworkError.inconsistent(what: "log \(place) of block \(block) is broken")
    }
    let words = Array(topics)
    return ChainLog(
      address: address,
      topics: stride(from: 0, to: words.count, by: 32).compactMap {
        Bytes32(words[$0..<min($0 + 32, words.count)])
      },
      data: Array(data), blockNumber: UInt64(clamping: block), blockHash: hash, transaction: sent,
      index: UInt64(clamping: place))
  }

  // MARK: - Credits

  /// A deposit that was credited, or is about to be.
  struct Credit: Hashable, Sendable {
    var number: UInt64
    var account: Address
    var amount: TokenAmount
    var block: UInt64
    var isDone: Bool
  }

  /// All credits from a deposit's number on.
  func credits(from number: UInt64 = 0) throws(ChainError) -> [Credit] {
    try database.read { db in
      try Row.fetchAll(
        db, sql: "SELECT * FROM credit WHERE number >= ? ORDER BY number",
        arguments: [Int64(clamping: number)]
      ).map { row in
        let (number, block): (Int64, Int64) = (row["number"], row["block"])
        let (account, holon): (Data, String) = (row["account"], row["holon"])
        guard let account = Address(bytes: account), let holon = UInt256(holon) else {
          throw NetworkError.inconsistent(what: "credit \(number) is broken")
        }
        return Credit(
          number: UInt64(clamping: number), account: account, amount: TokenAmount(holon: holon),
          block: UInt64(clamping: block), isDone: row["isDone"])
      }
    }
  }

  /// Writes a credit down, or where its deposit lies now and whether it is done.
  func put(_ credit: Credit) throws(ChainError) {
    try database.write { db in
      try db.execute(
        sql: """
          INSERT INTO credit VALUES (?, ?, ?, ?, ?)
          ON CONFLICT (number) DO UPDATE SET block = excluded.block, isDone = max(isDone, excluded.isDone)
          """,
        arguments: [
          Int64(clamping: credit.number), Data(credit.account.bytes), "\(credit.amount.holon)",
          Int64(clamping: credit.block), credit.isDone,
        ])
    }
  }
}
