import EmethKit
import Foundation

/// What contracts have logged, as far as it was read, in the network's database. All of it can be read anew
/// (``readAnew()``), but for the credits that were given.
public final class EventStore: Sendable {
  let database: NetworkDatabase

  /// So many blocks are remembered by their hashes: how deep a reorganisation may be.
  public static let rememberedBlocks = 256

  /// Opens a file of events of some contracts on a chain, or begins one.
  ///
  /// - Throws: ``ChainError/contradiction(method:what:found:expected:)`` when the file is of other contracts.
  public convenience init(file: URL, chainID: UInt64, contracts: [Address]) throws(ChainError) {
    let database = try asChainError {
      try Files.makeFolder(file.deletingLastPathComponent())
      return try NetworkDatabase(file: file)
    }
    try self.init(database: database, chainID: chainID, contracts: contracts)
  }

  /// The events of some contracts on a chain, in a network's database.
  ///
  /// - Throws: ``ChainError/contradiction(method:what:found:expected:)`` when it holds those of others.
  init(database: NetworkDatabase, chainID: UInt64, contracts: [Address]) throws(ChainError) {
    self.database = database
    let names = contracts.sorted().map(\.description).joined(separator: " ")
    let wanted = "\(chainID) \(names)"
    let found = try write { db in
      if let found = try Setting.followed.text(in: db) { return found }
      try Setting.followed.set(wanted, in: db)
      return wanted
    }
    guard found == wanted else {
      throw .contradiction(
        method: "events", what: "the chain and contracts that were read", found: found, expected: wanted)
    }
  }

  private func write<Result>(_ body: (SQLSession) throws -> Result) throws(ChainError) -> Result {
    try asChainError { try database.write(body) }
  }

  private func read<Result>(_ body: (SQLSession) throws -> Result) throws(ChainError) -> Result {
    try asChainError { try database.read(body) }
  }

  /// A block that was read.
  struct Place: Sendable, Hashable {
    var number: UInt64
    var hash: Bytes32
  }

  /// The last block that was read; nil before the first.
  func last() throws(ChainError) -> Place? { try remembered(limit: 1).first }

  /// The same inside a transaction.
  static func last(in db: SQLSession) throws -> Place? { try remembered(limit: 1, in: db).first }

  /// The blocks that are remembered, the newest first.
  func remembered(limit: Int) throws(ChainError) -> [Place] {
    try read { db in try Self.remembered(limit: limit, in: db) }
  }

  private static func remembered(limit: Int, in db: SQLSession) throws -> [Place] {
    try SQLRow.fetchAll(
      db, sql: "SELECT number, hash FROM chainBlock ORDER BY number DESC LIMIT ?", arguments: [limit]
    ).map { row in
      guard let hash = Bytes32(try row["hash"] as Data) else {
        throw NetworkError.inconsistent(what: "a block has no hash")
      }
      return Place(number: try row["number"], hash: hash)
    }
  }

  /// Takes blocks in, and what was logged in them and in those between them.
  ///
  /// What is lost of it by a power failure is read again: nobody waits for the disk.
  ///
  /// - Parameter last: the last block that was read when they were asked for.
  /// - Returns: whether that still was the last one; otherwise nothing is changed.
  func append(_ blocks: [ChainBlock], logs: [ChainLog], after last: Place?) throws(ChainError) -> Bool {
    try asChainError {
      try database.writeHastily { db in
        guard try Self.last(in: db) == last else { return false }
        for block in blocks {
          try db.execute(
            sql: "INSERT INTO chainBlock (number, hash) VALUES (?, ?)",
            arguments: [block.number, Data(block.hash.bytes)])
        }
        for log in logs { try Self.put(log, in: db) }
        try db.execute(
          sql: """
            DELETE FROM chainBlock WHERE number < (
              SELECT number FROM chainBlock ORDER BY number DESC LIMIT 1 OFFSET ?)
            """, arguments: [Self.rememberedBlocks - 1])
        return true
      }
    }
  }

  private static func put(_ log: ChainLog, in db: SQLSession) throws {
    try db.execute(
      sql: """
        INSERT INTO chainLog (block, place, blockHash, sent, address, topic, topics, data)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        """,
      arguments: [
        log.blockNumber, log.index, Data(log.blockHash.bytes), Data(log.transaction.bytes),
        Data(log.address.bytes), log.topics.first.map { Data($0.bytes) },
        Data(log.topics.flatMap(\.bytes)), Data(log.data),
      ])
  }

  /// The last block whose logs were read twice; nil before the first.
  func readTwice() throws(ChainError) -> UInt64? {
    try read { db in try Setting.readTwice.text(in: db).flatMap { UInt64($0) } }
  }

  /// Takes in what was missing among the logs of blocks that were read before.
  ///
  /// - Parameter isDone: whether the blocks were read twice with this.
  /// - Returns: how many logs were missing.
  /// - Throws: ``ChainError/contradiction(method:what:found:expected:)`` where one is of another block, or where one that
  ///   was there is missing now.
  func complete(
    _ logs: [ChainLog], in blocks: ClosedRange<UInt64>, isDone: Bool
  ) throws(ChainError) -> Int {
    let result = try write { db -> Result<Int, ChainError> in
      func refusal(_ log: ChainLog, found: String, expected: String) -> Result<Int, ChainError> {
        .failure(
          .contradiction(
            method: "eth_getLogs", what: "log \(log.index) of block \(log.blockNumber), asked for again,",
            found: found, expected: expected))
      }
      let known = try Self.logs([], in: blocks, db)
      let found = Set(logs)
      if let lost = known.first(where: { !found.contains($0) }) {
        return refusal(lost, found: "missing or another", expected: "as it was")
      }
      let missing = found.subtracting(known)
      let hashes = Dictionary(
        try Self.remembered(limit: Self.rememberedBlocks, in: db).map { ($0.number, $0.hash) }
      ) { first, _ in first }
      for log in missing {
        if let hash = hashes[log.blockNumber], hash != log.blockHash {
          return refusal(log, found: "of block \(log.blockHash)", expected: "of block \(hash)")
        }
      }
      for log in missing { try Self.put(log, in: db) }
      if isDone { try Setting.readTwice.set("\(blocks.upperBound)", in: db) }
      return .success(missing.count)
    }
    return try result.get()
  }

  /// Forgets all behind a block.
  func rollBack(to number: UInt64) throws(ChainError) {
    try write { db in
      try db.execute(sql: "DELETE FROM chainBlock WHERE number > ?", arguments: [number])
      try db.execute(sql: "DELETE FROM chainLog WHERE block > ?", arguments: [number])
      if let twice = try Setting.readTwice.text(in: db).flatMap({ UInt64($0) }), twice > number {
        try Setting.readTwice.set("\(number)", in: db)
      }
    }
  }

  /// Forgets all that was read, and keeps what was credited.
  public func readAnew() throws(ChainError) {
    try write { db in
      try db.execute(sql: "DELETE FROM chainBlock")
      try db.execute(sql: "DELETE FROM chainLog")
      try Setting.readTwice.remove(in: db)
    }
  }

  // MARK: - Reading

  /// What was logged in a range of blocks, in the chain's order.
  ///
  /// - Parameter topics: the events that count; empty: all.
  public func logs(
    _ topics: [Bytes32] = [], in blocks: ClosedRange<UInt64> = 0...UInt64(Int64.max)
  ) throws(ChainError) -> [ChainLog] {
    try read { db in try Self.logs(topics, in: blocks, db) }
  }

  /// The same inside a transaction.
  static func logs(
    _ topics: [Bytes32], in blocks: ClosedRange<UInt64>, _ db: SQLSession
  ) throws -> [ChainLog] {
    let marks = topics.map { _ in "?" }.joined(separator: ", ")
    let arguments: [any SQLConvertible] =
      [blocks.lowerBound, blocks.upperBound] + topics.map { Data($0.bytes) as any SQLConvertible }
    return try SQLRow.fetchAll(
      db,
      sql: "SELECT * FROM chainLog WHERE block >= ? AND block <= ?"
        + (topics.isEmpty ? "" : " AND topic IN (\(marks))") + " ORDER BY block, place",
      arguments: SQLArguments(arguments)
    ).map(log)
  }

  /// What changes with every change of an event's logs.
  struct Mark: Sendable, Hashable {
    /// Logs that were missing may come later.
    var count: Int
    /// Its block's hash stands for all blocks before it.
    var newest: ChainLog?
  }

  /// What tells whether the logs of an event of a contract are those that were read; it costs far less than they do.
  func mark(of topic: Bytes32, at contract: Address) throws(ChainError) -> Mark {
    try read { db in
      let count = try Int.fetchOne(
        db, sql: "SELECT count(*) FROM chainLog WHERE topic = ?", arguments: [Data(topic.bytes)])
      return Mark(count: count ?? 0, newest: try Self.newest(topic, of: contract, in: db))
    }
  }

  /// The last log of an event of a contract; nil before the first.
  static func newest(_ topic: Bytes32, of contract: Address, in db: SQLSession) throws -> ChainLog? {
    try SQLRow.fetchOne(
      db,
      sql: "SELECT * FROM chainLog WHERE topic = ? AND address = ? ORDER BY block DESC, place DESC LIMIT 1",
      arguments: [Data(topic.bytes), Data(contract.bytes)]
    ).map(log)
  }

  private static func log(_ row: SQLRow) throws -> ChainLog {
    let (block, place): (UInt64, UInt64) = (try row["block"], try row["place"])
    let (hash, sent, address): (Data, Data, Data) = (
      try row["blockHash"], try row["sent"], try row["address"]
    )
    let (topics, data): (Data, Data) = (try row["topics"], try row["data"])
    guard let hash = Bytes32(hash), let sent = Bytes32(sent), let address = Address(bytes: address) else {
      throw NetworkError.inconsistent(what: "log \(place) of block \(block) is broken")
    }
    let words = Array(topics)
    return ChainLog(
      address: address,
      topics: stride(from: 0, to: words.count, by: 32).compactMap {
        Bytes32(words[$0..<min($0 + 32, words.count)])
      },
      data: Array(data), blockNumber: block, blockHash: hash, transaction: sent, index: place)
  }
}
