import EmethKit

/// Where an account's money can lie. PROTOCOL 9 names the first three in every ticket.
enum Pot: String, Sendable, CaseIterable {
  /// Deposits and refunds that can be spent on this layer.
  case unspent
  /// Bound in running jobs: escrow of a requester, deposit of a node, bond of a verifier.
  case locked
  /// All that was ever granted for withdrawal; it only rises.
  case payout
  /// The outside world that money came from; its balance is what was granted, counted negative.
  case granted
  /// Destroyed by penalties.
  case burned
}

/// One account's money.
public struct Balances: Sendable, Hashable, Codable {
  /// Can be spent on this layer.
  public var unspent = TokenAmount.zero
  /// Bound in running jobs.
  public var locked = TokenAmount.zero
  /// Granted for withdrawal, ever.
  public var payout = TokenAmount.zero

  /// All of it.
  public var total: TokenAmount { unspent + locked + payout }
}

/// The totals whose equation must always hold: `granted = held + burned + locked`.
public struct Conservation: Sendable, Hashable, Codable {
  /// All that was granted to accounts from outside.
  public var `in`: TokenAmount
  /// All that accounts hold free: unspent and payouts.
  public var out: TokenAmount
  /// Destroyed by penalties.
  public var burned: TokenAmount
  /// Still bound.
  public var locked: TokenAmount

  /// Whether the equation holds.
  public var holds: Bool { `in` == out + burned + locked }
}

/// The double-entry ledger: an append-only list of transfers, each of which takes from one pot what it puts
/// into another, and the balances that follow from it. All functions run inside the caller's transaction.
enum Ledger {
  /// The account that stands for the world outside and for what is burned.
  static let outside = Address.zero

  /// Moves money between two pots; what is meant to be spent here by an account that leaves goes to its payouts.
  static func transfer(
    _ amount: TokenAmount, from source: (account: Address, pot: Pot), to target: (account: Address, pot: Pot),
    reason: String, job: JobID?, at time: UInt64, in db: SQLSession
  ) throws {
    if amount == .zero { return }
    var target = target
    if target.pot == .unspent, try LeavingAccounts.contains(target.account, in: db) { target.pot = .payout }
    let from = (account: source.pot == .granted ? outside : source.account, pot: source.pot)
    let to = (account: target.pot == .burned ? outside : target.account, pot: target.pot)
    try move(amount, from: from, to: to, in: db)
    try db.execute(
      sql: """
        INSERT INTO transfer (at, reason, job, sourceAccount, sourcePot, targetAccount, targetPot, holon)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        """,
      arguments: [
        Int64(time), reason, job.map { "\($0)" },
        "\(from.account)", from.pot.rawValue, "\(to.account)", to.pot.rawValue, "\(amount.holon)",
      ])
  }

  /// Takes money out of one balance and puts it into another, by one question and one change.
  private static func move(
    _ amount: TokenAmount, from source: (account: Address, pot: Pot), to target: (account: Address, pot: Pot),
    in db: SQLSession
  ) throws {
    let one = "holon FROM balance WHERE account = ? AND pot = ?"
    var held = (source: TokenAmount.zero, target: TokenAmount.zero)
    for row in try SQLRow.fetchAll(
      db, sql: "SELECT 1 AS place, \(one) UNION ALL SELECT 2 AS place, \(one)",
      arguments: [
        "\(source.account)", source.pot.rawValue, "\(target.account)", target.pot.rawValue,
      ])
    {
      let found = try self.amount(row["holon"])
      if try row["place"] == 1 { held.source = found } else { held.target = found }
    }
    // What was granted is counted negative.
    if source.pot == .granted {
      held.source = try held.source.adding(amount)
    } else {
      guard held.source >= amount else {
        throw NetworkError.insufficientBalance(account: source.account, found: held.source, needed: amount)
      }
      held.source = try held.source.subtracting(amount)
    }
    if source == target { return }
    try db.execute(
      sql: """
        INSERT INTO balance (account, pot, holon) VALUES (?, ?, ?), (?, ?, ?)
        ON CONFLICT (account, pot) DO UPDATE SET holon = excluded.holon
        """,
      arguments: [
        "\(source.account)", source.pot.rawValue, "\(held.source.holon)",
        "\(target.account)", target.pot.rawValue, "\(try held.target.adding(amount).holon)",
      ])
  }

  /// Money of `account` in `pot`.
  static func balance(of account: Address, pot: Pot, in db: SQLSession) throws -> TokenAmount {
    let text = try String.fetchOne(
      db, sql: "SELECT holon FROM balance WHERE account = ? AND pot = ?",
      arguments: ["\(account)", pot.rawValue])
    guard let text else { return .zero }
    return try amount(text)
  }

  /// All three pots of an account.
  static func balances(of account: Address, in db: SQLSession) throws -> Balances {
    var result = Balances()
    for row in try SQLRow.fetchAll(
      db, sql: "SELECT pot, holon FROM balance WHERE account = ?", arguments: ["\(account)"])
    {
      let amount = try amount(row["holon"])
      switch Pot(rawValue: try row["pot"]) {
      case .unspent: result.unspent = amount
      case .locked: result.locked = amount
      case .payout: result.payout = amount
      // The world outside has these.
      case .granted, .burned: break
      case nil: throw NetworkError.inconsistent(what: "balance in an unknown pot")
      }
    }
    return result
  }

  /// The totals over all accounts.
  static func conservation(in db: SQLSession) throws -> Conservation {
    var result = Conservation(in: .zero, out: .zero, burned: .zero, locked: .zero)
    for row in try SQLRow.fetchAll(db, sql: "SELECT pot, holon FROM balance") {
      let amount = try amount(row["holon"])
      switch Pot(rawValue: try row["pot"]) {
      case .granted: result.in = try result.in.adding(amount)
      case .unspent, .payout: result.out = try result.out.adding(amount)
      case .burned: result.burned = try result.burned.adding(amount)
      case .locked: result.locked = try result.locked.adding(amount)
      case nil: throw NetworkError.inconsistent(what: "balance in an unknown pot")
      }
    }
    return result
  }

  /// Replays every transfer and compares the outcome with the stored balances; says which one differs.
  static func audit(in db: SQLSession) throws {
    var derived: [String: TokenAmount] = [:]
    let rows = try SQLRow.fetchCursor(
      db,
      sql:
        "SELECT number, sourceAccount, sourcePot, targetAccount, targetPot, holon FROM transfer ORDER BY number"
    )
    while let row = try rows.next() {
      let amount = try amount(row["holon"])
      let source: String = try row["sourceAccount"] + " " + row["sourcePot"]
      let target: String = try row["targetAccount"] + " " + row["targetPot"]
      if try row["sourcePot"] == Pot.granted.rawValue {
        derived[source] = try derived[source, default: .zero].adding(amount)
      } else {
        let held = derived[source, default: .zero]
        guard held >= amount else {
          throw NetworkError.inconsistent(
            what: "transfer \(try row["number"] as Int64) takes \(amount) from \(source), which had \(held)")
        }
        derived[source] = try held.subtracting(amount)
      }
      derived[target] = try derived[target, default: .zero].adding(amount)
    }
    for row in try SQLRow.fetchAll(db, sql: "SELECT account, pot, holon FROM balance") {
      let name: String = try row["account"] + " " + row["pot"]
      let stored = try amount(row["holon"])
      let expected = derived.removeValue(forKey: name) ?? .zero
      guard stored == expected else {
        throw NetworkError.inconsistent(
          what: "balance of \(name) is \(stored), its transfers give \(expected)")
      }
    }
    if let (name, amount) = derived.first(where: { $0.value != .zero }) {
      throw NetworkError.inconsistent(what: "balance of \(name) is not stored, its transfers give \(amount)")
    }
    guard try conservation(in: db).holds else {
      throw NetworkError.inconsistent(what: "money was made or lost: granted is not held + burned + locked")
    }
  }

  /// An amount as balances and transfers have it.
  static func amount(_ text: String) throws -> TokenAmount {
    guard let holon = UInt256(text, radix: 10) else {
      throw NetworkError.inconsistent(what: "the amount \(text) is no integer")
    }
    return TokenAmount(holon: holon)
  }
}
