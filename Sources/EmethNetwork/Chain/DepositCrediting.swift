import EmethKit
import Foundation

/// A deposit on L1 that is to be credited on L2.
public struct ChainDeposit: Hashable, Sendable {
  /// Its number, from 0; the contract counts.
  public let number: UInt64
  /// Who is credited.
  public let account: Address
  /// Who paid.
  public let depositor: Address
  /// The amount.
  public let amount: TokenAmount
  /// The block that has it.
  public let block: UInt64
  /// The transaction that made it.
  public let transaction: Bytes32
}

/// A deposit that was credited.
struct ChainCredit: Hashable, Sendable {
  var number: UInt64
  var account: Address
  var amount: TokenAmount
  /// The block that has it, as far as is known.
  var block: UInt64

  /// All of them, by number.
  static func all(in db: SQLSession) throws -> [ChainCredit] {
    try SQLRow.fetchAll(db, sql: "SELECT number, account, holon, block FROM credit ORDER BY number").map {
      row in
      let number: UInt64 = try row["number"]
      guard let holon = UInt256(try row["holon"] as String) else {
        throw NetworkError.inconsistent(what: "credit \(number) is broken")
      }
      return ChainCredit(
        number: number, account: try Address(row["account"]), amount: TokenAmount(holon: holon),
        block: try row["block"])
    }
  }

  /// How many there are; their numbers have no gaps.
  static func count(in db: SQLSession) throws -> UInt64 {
    try UInt64.fetchOne(db, sql: "SELECT max(number) + 1 FROM credit") ?? 0
  }

  fileprivate func put(in db: SQLSession) throws {
    try db.execute(
      sql: """
        INSERT INTO credit (number, account, holon, block) VALUES (?, ?, ?, ?)
        ON CONFLICT (number) DO UPDATE SET block = excluded.block
        """,
      arguments: [number, "\(account)", "\(amount.holon)", block])
  }
}

extension EventStore {
  /// Credits deposits that lie deep enough, in the order of their numbers, each once.
  ///
  /// That a deposit is credited is noted in the transaction that credits it: however many processes try, and wherever one
  /// of them is killed, it happens once. A reorganisation deeper than the confirmations changes nothing that was
  /// credited; where the chain then tells a credited deposit otherwise, or not at all, crediting stops with an error
  /// instead of going on from wrong numbers.
  ///
  /// - Parameters:
  ///   - confirmations: in how many blocks a deposit must lie, its own included.
  ///   - checked: those that may be credited (``dueDeposits(confirmations:of:)``): the first other one ends it.
  ///   - credit: puts it into the ledger, inside the transaction.
  /// - Returns: what was credited now.
  /// - Throws: ``ChainError/creditUndone(number:credited:found:)``, ``ChainError/missingDeposit(number:next:)``.
  func creditDeposits(
    confirmations: UInt64, of settlement: Address, checked: [ChainDeposit],
    _ credit: (ChainDeposit, SQLSession) throws -> Void
  ) throws(ChainError) -> [ChainDeposit] {
    let checked = Set(checked)
    let depth = max(1, confirmations) - 1
    // Most often there is nothing to change, and nobody is kept from changing anything.
    guard try asChainError({ try database.read { db in try Self.due(depth, settlement, db).hasWork } }) else {
      return []
    }
    let (credited, fault) = try asChainError {
      try database.write { db -> ([ChainDeposit], ChainError?) in
        let due = try Self.due(depth, settlement, db)
        for moved in due.moved { try moved.put(in: db) }
        let deposits = Array(due.deposits.prefix { checked.contains($0) })
        for deposit in deposits {
          try credit(deposit, db)
          try ChainCredit(
            number: deposit.number, account: deposit.account, amount: deposit.amount, block: deposit.block
          ).put(in: db)
        }
        return (deposits, due.fault)
      }
    }
    if let fault { throw fault }
    return credited
  }

  /// Deposits that lie deep enough and were not credited yet, in the order of their numbers.
  func dueDeposits(confirmations: UInt64, of settlement: Address) throws(ChainError) -> [ChainDeposit] {
    try asChainError {
      try database.read { db in try Self.due(max(1, confirmations) - 1, settlement, db).deposits }
    }
  }

  /// What is to be done about deposits.
  private struct Due {
    /// Credits whose deposits lie in another block now.
    var moved: [ChainCredit] = []
    /// What is to be credited.
    var deposits: [ChainDeposit] = []
    /// Why there is no more.
    var fault: ChainError?

    var hasWork: Bool { !moved.isEmpty || !deposits.isEmpty || fault != nil }
  }

  private static func due(_ depth: UInt64, _ settlement: Address, _ db: SQLSession) throws -> Due {
    guard let last = try last(in: db)?.number else { return Due() }
    let found = try deposits(of: settlement, db)
    let credits = try ChainCredit.all(in: db)
    var due = check(credits, against: found, last: last, depth: depth)
    guard due.fault == nil else { return due }
    var expected = UInt64(credits.count)
    for deposit in found where deposit.number >= expected {
      guard deposit.number == expected else {
        due.fault = .missingDeposit(number: expected, next: deposit.number)
        break
      }
      guard last >= depth, deposit.block <= last - depth else { break }
      due.deposits.append(deposit)
      expected += 1
    }
    return due
  }

  /// The deposits that were read, by number.
  func deposits(of settlement: Address) throws(ChainError) -> [ChainDeposit] {
    try asChainError { try database.read { db in try Self.deposits(of: settlement, db) } }
  }

  private static func deposits(of settlement: Address, _ db: SQLSession) throws -> [ChainDeposit] {
    var deposits: [ChainDeposit] = []
    for log in try logs([EmethCore.depositTopic], in: 0...UInt64(Int64.max), db)
    where log.address == settlement {
      guard
        case .depositedToLayer2(let account, let number, let depositor, let amount) = try EmethCore.Event(
          topics: log.topics, data: log.data)
      else { continue }
      deposits.append(
        ChainDeposit(
          number: number, account: account, depositor: depositor, amount: amount, block: log.blockNumber,
          transaction: log.transaction))
    }
    return deposits.sorted { $0.number < $1.number }
  }

  /// Whether the chain still says of every credit what was credited.
  private static func check(
    _ credits: [ChainCredit], against deposits: [ChainDeposit], last: UInt64, depth: UInt64
  ) -> Due {
    var due = Due()
    let byNumber = Dictionary(deposits.map { ($0.number, $0) }) { first, _ in first }
    for credit in credits {
      let text = "\(credit.amount.emethText) EMETH to \(credit.account)"
      guard let found = byNumber[credit.number] else {
        // Its transaction may come again, in a later block: until then nothing is said, and nothing credited.
        if last >= credit.block + depth {
          due.fault = .creditUndone(number: credit.number, credited: text, found: "nothing of it")
          break
        }
        continue
      }
      guard found.account == credit.account, found.amount == credit.amount else {
        due.fault = .creditUndone(
          number: credit.number, credited: text, found: "\(found.amount.emethText) EMETH to \(found.account)")
        break
      }
      if found.block != credit.block {
        var moved = credit
        moved.block = found.block
        due.moved.append(moved)
      }
    }
    return due
  }
}

extension EmethCore {
  /// The topic of deposits to L2.
  static let depositTopic = Keccak256.hash("DepositedToLayer2(address,uint64,address,uint256)".utf8)
  /// The topic of the one event of 2023.
  static let statusTopic = Keccak256.hash("Status(bytes16,address,uint256)".utf8)
}
