import EmethKit

/// What verifiers lose, and what is paid from it (PROTOCOL 7).
///
/// A verifier that named a state root which nobody else computes, or signed two verdicts on one submission,
/// loses its whole bond to the pool and is not drawn any more. From the pool are paid: who replays a
/// verdict that the beacon drew, and who confirms a rejection. What the pool lacks for that, the operator
/// puts in: those who watch are paid before anybody was caught.
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
    try open(in: db)
    try Ledger.transfer(
      bond, from: (verifier, .locked), to: (address, .unspent), reason: "verifier's bond lost", job: subJob,
      at: time, in: db)
    try db.execute(
      sql: "INSERT INTO forfeit (verifier, job, subJob, at) VALUES (?, ?, ?, ?)",
      arguments: ["\(verifier)", "\(job)", "\(subJob)", Int64(time)])
  }

  /// Pays a verifier for a replay that nobody else pays.
  static func pay(
    _ verifier: Address, _ fee: TokenAmount, over subJob: JobID, at time: UInt64, in db: SQLSession
  ) throws {
    let held = try Ledger.balance(of: address, pot: .unspent, in: db)
    if held < fee {
      try open(in: db)
      try Ledger.transfer(
        fee.subtracting(held), from: (Ledger.outside, .granted), to: (address, .unspent),
        reason: "bond pool filled up", job: subJob, at: time, in: db)
    }
    try Ledger.transfer(
      fee, from: (address, .unspent), to: (verifier, .payout), reason: "verifier's fee from the bond pool",
      job: subJob, at: time, in: db)
  }

  /// The bond that a verifier has lost; zero for all others.
  static func lost(by account: Address, in db: SQLSession) throws -> TokenAmount {
    let texts = try String.fetchAll(
      db, sql: "SELECT holon FROM transfer WHERE sourceAccount = ? AND targetAccount = ?",
      arguments: ["\(account)", "\(address)"])
    return try texts.reduce(TokenAmount.zero) { sum, text in
      guard let holon = UInt256(text, radix: 10) else {
        throw NetworkError.inconsistent(what: "the amount \(text) is no integer")
      }
      return try sum.adding(TokenAmount(holon: holon))
    }
  }

  private static func open(in db: SQLSession) throws {
    try db.execute(
      sql: "INSERT INTO account (address, role, number) VALUES (?, ?, 1) ON CONFLICT DO NOTHING",
      arguments: ["\(address)", role])
  }
}
