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
      let least = try minimumBond
      guard max(held, amount) >= least else {
        throw NetworkError.refused(
          code: "verifier.bondTooSmall",
          message:
            "a bond of \(max(held, amount)) is below \(least), the least that a verifier binds here",
          hint: nil)
      }
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

  /// Lets a verifier go that wants to leave: from now on it is not drawn any more, and when all that it was drawn for has
  /// ended it gets its bond back (``releaseBonds()``). Whoever posts a bond again stays.
  public func leave(_ verifier: Address) throws(NetworkError) {
    try database.write { db in
      guard try bond(of: verifier, in: db) != nil else {
        throw NetworkError.refused(
          code: "verifier.noBond", message: "account \(verifier) has posted no bond", hint: nil)
      }
      // Who was drawn a moment ago has the whole time for its verdict; its key itself counts as long as it said.
      let end = try seconds(in: db) + settings.verdictSeconds(settings.periods)
      try db.execute(
        sql: "UPDATE bond SET expiry = ? WHERE verifier = ? AND expiry > ?",
        arguments: [Int64(clamping: end), "\(verifier)", Int64(clamping: end)])
    }
  }

  /// Gives their bonds back to verifiers that have left: whose time is over, and who have not renewed it. Where something
  /// was asked of one in a job that still runs, its word may yet be found false there.
  ///
  /// - Returns: who got it.
  @discardableResult
  func releaseBonds() throws(NetworkError) -> [Address] {
    let condition = """
      expiry < ? AND NOT EXISTS (SELECT 1 FROM errand WHERE errand.account = bond.verifier)
      AND NOT EXISTS (SELECT 1 FROM forfeit WHERE forfeit.verifier = bond.verifier)
      """
    let gone = try database.read { db in
      try String.fetchAll(
        db, sql: "SELECT verifier FROM bond WHERE \(condition) ORDER BY verifier",
        arguments: [Int64(clamping: seconds(in: db))])
    }
    if gone.isEmpty { return [] }
    return try database.write { db in
      let now = try seconds(in: db)
      return try gone.compactMap { name in
        let verifier = try Address(name)
        let held = try bond(of: verifier, in: db) ?? .zero
        // It may have come back meanwhile.
        let ended = try db.execute(
          sql: "DELETE FROM bond WHERE verifier = ? AND \(condition)",
          arguments: [name, Int64(clamping: now)])
        guard ended == 1 else { return nil }
        try Ledger.transfer(
          held, from: (verifier, .locked), to: (verifier, .unspent), reason: "verifier's bond back", job: nil,
          at: now, in: db)
        return verifier
      }
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

  /// The least that a verifier binds, where SubJobs may pay it next to nothing: an EMETH. It may have thousands of
  /// commitments for that, which are kept.
  private static let leastBond = TokenAmount(holon: UInt256(1_000_000_000_000_000_000))

  /// The least that a verifier binds here. Who has not so much could be drawn for nothing, and is not looked through.
  private var minimumBond: TokenAmount {
    get throws {
      max(Self.leastBond, TokenAmount(holon: try settings.minimumVerifierFee.holon.multiplying(by: 10)))
    }
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
      guard let held = try bond(of: verifier, in: db), try held >= minimumBond else {
        throw NetworkError.refused(
          code: "verifier.noBond",
          message: "account \(verifier) has posted no bond of \(try minimumBond) or more",
          hint: "post one first")
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
