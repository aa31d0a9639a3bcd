import EmethKit

extension NetworkService {
  /// An account's money.
  public func balances(of account: Address) throws(NetworkError) -> Balances {
    try database.read { db in try Ledger.balances(of: account, in: db) }
  }

  /// Moves money that can be spent here to what can be withdrawn.
  public func withdraw(_ amount: TokenAmount, by account: Address) throws(NetworkError) -> Balances {
    try database.write { db in
      db.concernsNoJob()
      try refuseIfFrozen(in: db)
      try Ledger.transfer(
        amount, from: (account, .unspent), to: (account, .payout), reason: "withdrawal", job: nil,
        at: try seconds(in: db), in: db)
      return try Ledger.balances(of: account, in: db)
    }
  }

  /// Gives an account money from outside; possible only where settlement is embedded, and for the operator
  /// only.
  public func grant(_ amount: TokenAmount, to account: Address) throws(NetworkError) {
    try database.write { db in try grant(amount, to: account, in: db) }
  }

  private func grant(_ amount: TokenAmount, to account: Address, in db: SQLSession) throws {
    try note(account, as: Self.holder, in: db)
    try Ledger.transfer(
      amount, from: (Ledger.outside, .granted), to: (account, .unspent), reason: "grant", job: nil,
      at: try seconds(in: db), in: db)
  }

  /// What was granted is not granted again when the service starts with the same settings.
  func grantAll() throws(NetworkError) {
    try database.write { db in
      for (account, amount) in settings.grants.sorted(by: { $0.key < $1.key }) {
        let setting = Setting.grant(to: account)
        let granted = TokenAmount(holon: UInt256(try setting.text(in: db) ?? "0", radix: 10) ?? .zero)
        guard granted < amount else { continue }
        try grant(amount.subtracting(granted), to: account, in: db)
        try setting.set("\(amount.holon)", in: db)
      }
    }
  }

  /// An account's newest ticket.
  public func ticket(of account: Address) throws(NetworkError) -> SignedTicket? {
    try database.read { db in
      try String.fetchOne(
        db, sql: "SELECT ticket FROM ticket WHERE account = ? ORDER BY epoch DESC LIMIT 1",
        arguments: ["\(account)"]
      ).map { try SignedTicket(wireText: $0) }
    }
  }

  /// The epoch of a batch; `nil` when there is none: nothing is closed yet, or the chain has none.
  func epoch(of batch: ProvenBatch) throws(NetworkError) -> UInt64? {
    switch batch {
    case .newest: try latestBatch()?.batch.epoch
    case .posted: try postedEpoch()
    case .epoch(let epoch): try self.batch(epoch: epoch)?.batch.epoch
    }
  }

  /// An account's ticket in the batch of a closed epoch, which may be a later one than the ticket's own; `nil` when the
  /// account had none then.
  ///
  /// - Throws: ``BatchTrees/busy`` while the proofs of another batch are being made.
  func provenTicket(of account: Address, epoch: UInt64) throws(NetworkError) -> ProvenTicket? {
    let current = [try latestBatch()?.batch.epoch, try postedEpoch()]
    let trees = current.contains(epoch) ? trees : otherTrees
    return try trees.tree(of: epoch, in: database).ticket(of: account)
  }

  /// A batch; `nil` when there is none of this epoch.
  public func batch(epoch: UInt64) throws(NetworkError) -> SignedBatch? {
    try database.read { db in
      try String.fetchOne(
        db, sql: "SELECT batch FROM batch WHERE epoch = ?", arguments: [Int64(clamping: epoch)]
      ).map { try SignedBatch(wireText: $0) }
    }
  }

  /// The newest batch.
  public func latestBatch() throws(NetworkError) -> SignedBatch? {
    try database.read { db in try Signer.latestBatch(in: db) }
  }

  /// The newest ticket of every account: the leaves of the newest batch.
  public func tickets() throws(NetworkError) -> [SignedTicket] {
    try database.read { db in
      try Signer.newestTickets(in: db).values.sorted { $0.ticket.account < $1.ticket.account }
    }
  }

  /// Replays the ledger and checks that no money was made or lost.
  public func audit() throws(NetworkError) -> Conservation {
    try database.read { db in
      try Ledger.audit(in: db)
      return try Ledger.conservation(in: db)
    }
  }
}
