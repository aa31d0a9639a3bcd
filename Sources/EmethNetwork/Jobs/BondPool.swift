import EmethKit

/// What verifiers and the Aggregator lose, and what is paid from it (PROTOCOL 7).
///
/// A verifier that named a state root which nobody else computes, or signed two verdicts on one submission,
/// loses its whole bond to the pool and is not drawn any more. From the pool are paid: who replays a
/// verdict that the beacon drew, and who confirms a rejection; never more than it holds. Words that a request asks for
/// are paid by its job (``JobEvent/verify(by:verdict:sharedWith:)``). Who wants those who watch to be paid before anybody
/// was caught puts money in: the pool is an account that can be granted to. An Aggregator that signed a wrong sum loses
/// what it has bound for that job.
enum BondPool {
  /// The pool's role in lists of accounts.
  static let role = "bond pool"
  /// The pool's account, to which nobody has a key: the last 20 bytes of keccak256("EMETH bond pool").
  static let address: Address = {
    let hash = Keccak256.hash(Array("EMETH bond pool".utf8))
    return Address(bytes: Array(hash.bytes.suffix(20))) ?? .zero
  }()

  /// The verifiers that have lost a bond.
  static func struck(in db: SQLSession) throws -> Set<Address> {
    Set(try String.fetchAll(db, sql: "SELECT verifier FROM forfeit").map { try Address($0) })
  }

  /// Takes a verifier's bond, once.
  static func forfeit(
    _ verifier: Address, bond: TokenAmount, over subJob: JobID, job: JobID, at time: UInt64, in db: SQLSession
  ) throws {
    guard try !struck(in: db).contains(verifier) else { return }
    try open(address, as: role, in: db)
    try Ledger.transfer(
      bond, from: (verifier, .locked), to: (address, .unspent), reason: "verifier's bond lost", job: subJob,
      at: time, in: db)
    try db.execute(
      sql: "INSERT INTO forfeit (verifier, job, subJob, at) VALUES (?, ?, ?, ?)",
      arguments: ["\(verifier)", "\(job)", "\(subJob)", Int64(time)])
  }

  /// Pays a verifier for a replay of a SubJob that nobody else pays, as far as the pool has the money, unless the pool has
  /// done so before: one replay is one fee, however often it is asked about it.
  static func payOnce(
    _ verifier: Address, _ fee: TokenAmount, over subJob: JobID, at time: UInt64, in db: SQLSession
  ) throws {
    let paid = try String.fetchAll(
      db,
      sql: "SELECT holon FROM transfer WHERE job = ? AND sourceAccount = ? AND targetAccount = ?",
      arguments: ["\(subJob)", "\(address)", "\(verifier)"])
    let fee = min(fee, try Ledger.balance(of: address, pot: .unspent, in: db))
    guard paid.isEmpty, fee > .zero else { return }
    try Ledger.transfer(
      fee, from: (address, .unspent), to: (verifier, .payout), reason: "verifier's fee from the bond pool",
      job: subJob, at: time, in: db)
  }

  /// The bonds that an account has lost.
  static func lost(by account: Address, in db: SQLSession) throws -> TokenAmount {
    let texts = try String.fetchAll(
      db, sql: "SELECT holon FROM transfer WHERE sourceAccount = ? AND targetAccount = ?",
      arguments: ["\(account)", "\(address)"])
    return try texts.reduce(TokenAmount.zero) { sum, text in try sum.adding(amount(text)) }
  }

  // MARK: - The Aggregator's bond

  /// The Aggregator's role in lists of accounts.
  static let aggregatorRole = "aggregator"

  /// Binds the Aggregator's bond for a job.
  static func bind(
    _ bond: TokenAmount, of aggregator: Address, for job: JobID, at time: UInt64, in db: SQLSession
  ) throws {
    try open(aggregator, as: aggregatorRole, in: db)
    try Ledger.transfer(
      bond, from: (aggregator, .unspent), to: (aggregator, .locked), reason: "Aggregator's bond", job: job,
      at: time, in: db)
  }

  /// Gives back what the Aggregator has bound for a job and not lost.
  static func release(_ aggregator: Address, for job: JobID, at time: UInt64, in db: SQLSession) throws {
    try Ledger.transfer(
      bound(by: aggregator, for: job, in: db), from: (aggregator, .locked), to: (aggregator, .unspent),
      reason: "Aggregator's bond back", job: job, at: time, in: db)
  }

  /// Takes what the Aggregator has bound for a job in which it signed a wrong sum. Another wrong sum of that job
  /// finds nothing more.
  static func forfeit(aggregator: Address, of job: JobID, at time: UInt64, in db: SQLSession) throws {
    let bond = try bound(by: aggregator, for: job, in: db)
    if bond == .zero { return }
    try open(address, as: role, in: db)
    try Ledger.transfer(
      bond, from: (aggregator, .locked), to: (address, .unspent), reason: "Aggregator's bond lost", job: job,
      at: time, in: db)
  }

  private static func bound(by account: Address, for job: JobID, in db: SQLSession) throws -> TokenAmount {
    let rows = try SQLRow.fetchAll(
      db,
      sql: """
        SELECT targetPot, holon FROM transfer WHERE job = ?1 AND sourceAccount = ?2
          AND (sourcePot = 'locked' OR targetAccount = ?2 AND targetPot = 'locked') ORDER BY number
        """, arguments: ["\(job)", "\(account)"])
    return try rows.reduce(TokenAmount.zero) { sum, row in
      let amount = try amount(row["holon"])
      return try row["targetPot"] == Pot.locked.rawValue ? sum.adding(amount) : sum.subtracting(amount)
    }
  }

  private static func amount(_ text: String) throws -> TokenAmount {
    guard let holon = UInt256(text, radix: 10) else {
      throw NetworkError.inconsistent(what: "the amount \(text) is no integer")
    }
    return TokenAmount(holon: holon)
  }

  private static func open(_ account: Address, as role: String, in db: SQLSession) throws {
    try db.execute(
      sql: "INSERT INTO account (address, role, number) VALUES (?, ?, 1) ON CONFLICT DO NOTHING",
      arguments: ["\(account)", role])
  }
}
