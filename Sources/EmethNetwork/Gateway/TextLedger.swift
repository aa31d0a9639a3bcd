import EmethKit

/// The money of live texts: bound before a text is drawn, paid when it has ended, settled once an epoch. Everything is
/// inside the caller's transaction.
enum TextLedger {
  /// Whether the most that a text can cost can be bound, and for whom.
  ///
  /// - Returns: the account that pays, and what is bound of the key's budget with this text.
  /// - Throws: ``RequestFailure``: 401 for a key that is none, 429 where budget or money do not suffice.
  @discardableResult
  static func check(
    _ amount: TokenAmount, key hash: Bytes32, in db: SQLSession
  ) throws -> (account: Address, bound: TokenAmount) {
    guard
      let row = try SQLRow.fetchOne(
        db, sql: "SELECT account, budget, spent, reserved, revokedAt FROM apiKey WHERE hash = ?",
        arguments: ["\(hash)"]), try (row["revokedAt"] as Int64?) == nil
    else { throw RequestFailure.badAPIKey }
    let account = try Address(row["account"] as String)
    let (budget, spent, reserved) = (
      try self.amount(row["budget"]), try self.amount(row["spent"]), try self.amount(row["reserved"])
    )
    let bound = try reserved.adding(amount)
    guard try spent.adding(bound) <= budget else {
      throw RequestFailure.quota(
        "the key's budget is \(budget) with \(spent) spent and \(reserved) bound, this text may cost \(amount)"
      )
    }
    let found = try Ledger.balances(of: account, in: db).unspent
    guard found >= amount else {
      throw RequestFailure.quota("the key's account has \(found) to spend, this text may cost \(amount)")
    }
    return (account, bound)
  }

  /// Binds the most that a text can cost.
  ///
  /// - Throws: as ``check(_:key:in:)`` does.
  static func reserve(
    _ amount: TokenAmount, for text: JobID, key hash: Bytes32, until expiresAt: UInt64, at now: UInt64,
    in db: SQLSession
  ) throws {
    db.concernsNoJob()
    let (account, bound) = try check(amount, key: hash, in: db)
    try Ledger.transfer(
      amount, from: (account, .unspent), to: (account, .locked), reason: "text", job: nil, at: now, in: db)
    try db.execute(
      sql: "UPDATE apiKey SET reserved = ? WHERE hash = ?", arguments: ["\(bound.holon)", "\(hash)"])
    try db.execute(
      sql: "INSERT INTO soldText (id, apiKey, account, reserved, expiresAt) VALUES (?, ?, ?, ?, ?)",
      arguments: [
        "\(text)", "\(hash)", "\(account)", "\(amount.holon)", Int64(clamping: expiresAt),
      ])
  }

  /// Pays a text's node by its receipt and gives the rest back; nothing where the text has ended already. A node's
  /// receipts are numbered from 1 on, without a gap.
  ///
  /// - Returns: whether it was paid: a receipt is worth nothing else.
  @discardableResult
  static func pay(_ receipt: SignedReceipt, at now: UInt64, in db: SQLSession) throws -> Bool {
    let content = receipt.content
    guard try giveBack(content.text, paying: content.holon, to: content.node, at: now, in: db) else {
      return false
    }
    try db.execute(
      sql: """
        UPDATE soldText SET node = ?, holon = ?, fuel = ?, receipt = ?,
          number = 1 + (SELECT COALESCE(MAX(number), 0) FROM soldText WHERE node = ?)
        WHERE id = ?
        """,
      arguments: [
        "\(content.node)", "\(content.holon.holon)", Int64(clamping: content.fuel.units),
        try receipt.wireText(), "\(content.node)", "\(content.text)",
      ])
    return true
  }

  /// So many receipts are told at once.
  static let receiptsAtOnce = 1_000

  /// A node's receipts behind the first `count`, oldest first.
  static func receipts(of node: Address, after count: UInt64, in db: SQLSession) throws -> [SignedReceipt] {
    try String.fetchAll(
      db, sql: "SELECT receipt FROM soldText WHERE node = ? AND number > ? ORDER BY number LIMIT ?",
      arguments: ["\(node)", Int64(clamping: count), receiptsAtOnce]
    ).map { try SignedReceipt(wireText: $0) }
  }

  /// Gives all back of a text that came to nothing.
  static func release(_ text: JobID, at now: UInt64, in db: SQLSession) throws {
    guard try giveBack(text, paying: .zero, to: nil, at: now, in: db) else { return }
    try db.execute(sql: "DELETE FROM soldText WHERE id = ?", arguments: ["\(text)"])
  }

  /// Gives back what texts hold whose server went away with them.
  static func releaseExpired(at now: UInt64, in db: SQLSession) throws {
    db.concernsNoJob()
    for text in try String.fetchAll(
      db, sql: "SELECT id FROM soldText WHERE expiresAt < ?", arguments: [Int64(clamping: now)])
    {
      try release(JobID(hex: text), at: now, in: db)
    }
  }

  private static func giveBack(
    _ text: JobID, paying price: TokenAmount, to node: Address?, at now: UInt64, in db: SQLSession
  ) throws -> Bool {
    db.concernsNoJob()
    guard
      let row = try SQLRow.fetchOne(
        db, sql: "SELECT apiKey, account, reserved FROM soldText WHERE id = ? AND expiresAt IS NOT NULL",
        arguments: ["\(text)"])
    else { return false }
    let (account, hash) = (try Address(row["account"] as String), try row["apiKey"] as String)
    let bound = try amount(row["reserved"])
    let rest = try bound.subtracting(price)
    if let node {
      try Ledger.transfer(
        price, from: (account, .locked), to: (node, .payout), reason: "text", job: nil, at: now, in: db)
    }
    try Ledger.transfer(
      rest, from: (account, .locked), to: (account, .unspent), reason: "rest of a text", job: nil, at: now,
      in: db)
    guard
      let key = try SQLRow.fetchOne(
        db, sql: "SELECT spent, reserved FROM apiKey WHERE hash = ?", arguments: [hash])
    else { throw NetworkError.inconsistent(what: "text \(text) was asked for with a key that is not there") }
    try db.execute(
      sql: "UPDATE apiKey SET spent = ?, reserved = ? WHERE hash = ?",
      arguments: [
        "\(try amount(key["spent"]).adding(price).holon)",
        "\(try amount(key["reserved"]).subtracting(bound).holon)", hash,
      ])
    try db.execute(sql: "UPDATE soldText SET expiresAt = NULL WHERE id = ?", arguments: ["\(text)"])
    return true
  }

  /// One entry of each node's next ticket for all texts since the last: SUBMITTED, since nobody has computed them
  /// again, so they count for no reward.
  static func settle(epoch: UInt64, in db: SQLSession) throws {
    let rows = try SQLRow.fetchAll(
      db,
      sql: "SELECT node, holon, fuel FROM soldText WHERE node IS NOT NULL AND epoch IS NULL ORDER BY node, id"
    )
    if rows.isEmpty { return }
    var sums: [String: (holon: TokenAmount, fuel: UInt64)] = [:]
    for row in rows {
      let node: String = try row["node"]
      let known = sums[node] ?? (.zero, 0)
      let fuel = known.fuel.addingReportingOverflow(try row["fuel"])
      sums[node] = (try known.holon.adding(amount(row["holon"])), fuel.overflow ? .max : fuel.partialValue)
    }
    for (node, sum) in sums.sorted(by: { $0.key < $1.key }) {
      let leaf = JobLeaf(
        jobID: id(of: try Address(node), epoch: epoch), programID: .textGeneration, status: .submitted,
        fuelUsed: Fuel(units: sum.fuel), fuelPrice: FuelPrice(holonPerFuel: .zero), payout: sum.holon)
      try db.execute(
        sql: "INSERT INTO settled (account, epoch, leaf) VALUES (?, NULL, ?)",
        arguments: [node, try leaf.wireText()])
    }
    try db.execute(
      sql: "UPDATE soldText SET epoch = ? WHERE node IS NOT NULL AND epoch IS NULL",
      arguments: [Int64(clamping: epoch)])
  }

  /// Under which a node's texts of an epoch stand in its ticket: the first 16 bytes of keccak256("texts" ‖ node ‖ epoch u64).
  static func id(of node: Address, epoch: UInt64) -> JobID {
    let text = Array("texts".utf8) + node.bytes + withUnsafeBytes(of: epoch.bigEndian) { Array($0) }
    return JobID(Keccak256.hash(text).bytes.prefix(16)) ?? JobID(requester: node, salt: .zero)
  }

  static func amount(_ text: String) throws -> TokenAmount {
    guard let holon = UInt256(text, radix: 10) else {
      throw NetworkError.inconsistent(what: "the amount \(text) is no integer")
    }
    return TokenAmount(holon: holon)
  }
}
