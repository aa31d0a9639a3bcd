import EmethKit

/// What verifiers bind and post.
extension NetworkService {
  /// The most modules that a verifier announces.
  private static let moduleLimit = 1_000

  /// Locks a bond, up to `amount` in all, and takes down the key that openings are sealed to, and by which modules the
  /// verifier can compute.
  ///
  /// - Throws: ``NetworkError/badSetting(name:found:allowed:)`` for a binding that ends before one that the verifier has
  ///   given, or before who is drawn now must have answered: a node can open to nobody whose key counts no more.
  public func postBond(
    upTo amount: TokenAmount, binding: SignedKeyBinding, modules: [Bytes32] = [], by verifier: Address
  ) throws(NetworkError) {
    guard modules.count <= Self.moduleLimit else {
      throw .badSetting(name: "modules", found: "\(modules.count)", allowed: "at most \(Self.moduleLimit)")
    }
    let announced = Set(modules.map { "\($0)" }).sorted().joined(separator: " ")
    try database.write { db in
      let now = try seconds(in: db)
      try binding.check(at: now, account: verifier, in: domain)
      // A node that can't open to it would be one that withholds.
      try binding.binding.checkRecipient()
      guard try !BondPool.struck(in: db).contains(verifier) else {
        throw NetworkError.refused(
          code: "verifier.struck", message: "account \(verifier) has lost its bond and is not drawn any more",
          hint: nil)
      }
      let known = try Int64.fetchOne(
        db, sql: "SELECT expiry FROM bond WHERE verifier = ?", arguments: ["\(verifier)"])
      let earliest = max(now + settings.verdictSeconds(settings.periods), known.map { UInt64($0) } ?? 0)
      guard binding.binding.expiry >= earliest else {
        throw NetworkError.badSetting(
          name: "expiry of the binding", found: "\(binding.binding.expiry)", allowed: "\(earliest) or later")
      }
      let held = try bond(of: verifier, in: db) ?? .zero
      if held < amount {
        try Ledger.transfer(
          amount.subtracting(held), from: (verifier, .unspent), to: (verifier, .locked),
          reason: "verifier's bond", job: nil, at: now, in: db)
      }
      try note(verifier, as: "verifier", in: db)
      try db.execute(
        sql: """
          INSERT INTO bond (verifier, holon, binding, expiry, modules) VALUES (?, ?, ?, ?, ?)
          ON CONFLICT (verifier) DO UPDATE
          SET holon = excluded.holon, binding = excluded.binding, expiry = excluded.expiry, modules = excluded.modules
          """,
        arguments: [
          "\(verifier)", "\(max(held, amount).holon)", try binding.wireText(),
          Int64(clamping: binding.binding.expiry), announced,
        ])
    }
  }

  /// Refuses a job that none of the verifiers here could be drawn for. Where there are none yet, it waits for them: who
  /// has bound nothing, or committed itself to no secret, is none.
  func refuseIfBondsAreTooSmall(for job: Job, in db: SQLSession) throws {
    let bonds = try String.fetchAll(
      db,
      sql: "SELECT holon FROM bond WHERE expiry > ? AND holon <> '0' AND NOT EXISTS "
        + "(SELECT 1 FROM forfeit WHERE forfeit.verifier = bond.verifier) AND EXISTS "
        + "(SELECT 1 FROM commitment WHERE commitment.verifier = bond.verifier)",
      arguments: [Int64(clamping: try seconds(in: db))])
    let needed = try job.verifierBond
    let largest = bonds.compactMap { UInt256($0, radix: 10) }.max().map { TokenAmount(holon: $0) }
    guard let largest, largest < needed else { return }
    throw NetworkError.refused(
      code: "job.bondsTooSmall",
      message:
        "a verifier of this job needs a bond of \(needed), ten times what a SubJob pays it; the largest bond here "
        + "is \(largest)",
      hint: "ask for more parts or rounds, or offer a lower fuel price or limit")
  }

  /// What a verifier has bound; nil when it never did.
  func bond(of verifier: Address, in db: SQLSession) throws -> TokenAmount? {
    let text = try String.fetchOne(
      db, sql: "SELECT holon FROM bond WHERE verifier = ?", arguments: ["\(verifier)"])
    guard let text else { return nil }
    guard let holon = UInt256(text, radix: 10) else {
      throw NetworkError.inconsistent(what: "the bond \(text) is no integer")
    }
    return TokenAmount(holon: holon)
  }

  /// By which modules a verifier can compute, ascending; nil for none.
  private func modules(of verifier: Address, in db: SQLSession) throws -> [Bytes32]? {
    let text = try String.fetchOne(
      db, sql: "SELECT modules FROM bond WHERE verifier = ?", arguments: ["\(verifier)"])
    let modules = try (text ?? "").split(separator: " ").map { try Bytes32(hex: String($0)) }
    return modules.isEmpty ? nil : modules
  }

  /// The most commitments of one account that wait to be used.
  private static let commitmentLimit = 10_000

  /// Takes commitments whose numbers begin with `first`.
  public func postCommitments(
    _ commitments: [Bytes32], from first: UInt32, by verifier: Address
  ) throws(NetworkError) {
    guard commitments.count <= Self.commitmentLimit, Int(first) + commitments.count <= Int(UInt32.max) else {
      throw .badSetting(
        name: "commitments", found: "\(commitments.count)", allowed: "at most \(Self.commitmentLimit)")
    }
    try database.write { db in
      guard try bond(of: verifier, in: db) != nil else {
        throw NetworkError.refused(
          code: "verifier.noBond", message: "account \(verifier) has posted no bond", hint: "post one first")
      }
      let now = try seconds(in: db)
      let unused = try Int.fetchOne(
        db, sql: "SELECT count(*) FROM commitment WHERE verifier = ? AND usedBy IS NULL",
        arguments: ["\(verifier)"])
      guard (unused ?? 0) + commitments.count <= Self.commitmentLimit else {
        throw NetworkError.badSetting(
          name: "commitments that wait", found: "\((unused ?? 0) + commitments.count)",
          allowed: "at most \(Self.commitmentLimit)")
      }
      for (place, hash) in commitments.enumerated() {
        let number = Int64(first) + Int64(place)
        let known = try String.fetchOne(
          db, sql: "SELECT hash FROM commitment WHERE verifier = ? AND number = ?",
          arguments: ["\(verifier)", number])
        if let known {
          guard known == "\(hash)" else {
            throw NetworkError.refused(
              code: "verifier.commitmentConflict",
              message: "commitment \(number) of account \(verifier) is \(known)",
              hint: nil)
          }
          continue
        }
        try db.execute(
          sql: "INSERT INTO commitment (verifier, number, hash, postedAt) VALUES (?, ?, ?, ?)",
          arguments: ["\(verifier)", number, "\(hash)", Int64(now)])
      }
    }
  }

  /// How an account stands as a verifier.
  public func verifier(_ account: Address) throws(NetworkError) -> VerifierAccount {
    try database.read { db in
      let isStruck = try BondPool.struck(in: db).contains(account)
      let count = { (condition: String) in
        try UInt32.fetchOne(
          db, sql: "SELECT count(*) FROM commitment WHERE verifier = ? \(condition)",
          arguments: ["\(account)"]) ?? 0
      }
      let expiry = try Int64.fetchOne(
        db, sql: "SELECT expiry FROM bond WHERE verifier = ?", arguments: ["\(account)"])
      return VerifierAccount(
        account: account, bond: isStruck ? .zero : try bond(of: account, in: db) ?? .zero, isStruck: isStruck,
        bindingExpiry: expiry.map { UInt64($0) }, posted: try count(""),
        unused: try count("AND usedBy IS NULL"), modules: try modules(of: account, in: db))
    }
  }

  /// Whether an account may give objects to the network: it has money here, or a SubJob, or an errand.
  public func mayUpload(_ account: Address) throws(NetworkError) -> Bool {
    try database.read { db in
      if try Ledger.balances(of: account, in: db).total != .zero { return true }
      let counted = try Int.fetchOne(
        db,
        sql: """
          SELECT EXISTS (SELECT 1 FROM errand WHERE account = ?1)
            OR EXISTS (SELECT 1 FROM subJob WHERE node = ?1)
          """, arguments: ["\(account)"])
      return counted == 1
    }
  }
}

extension Job {
  /// What a verifier must have bound to be drawn for any SubJob: ten times what one pays it (PROTOCOL 7). The requester's
  /// limit may raise that; the first part pays most.
  var verifierBond: TokenAmount {
    get throws {
      let share = try ParentBudget(
        fuelLimit: fuelLimit, verifierFee: terms.verifierFee, rounds: numEpoch, parts: numParallel
      ).share(round: 0, part: 0)
      return TokenAmount(holon: try share.verifierFee.holon.multiplying(by: 10))
    }
  }
}
