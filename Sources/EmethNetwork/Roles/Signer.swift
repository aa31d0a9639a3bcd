import EmethKit

/// Closes epochs: signs one batch over all accounts and a ticket for each account that changed (PROTOCOL 9).
struct Signer: Sendable {
  let keys: SignerKeys
  let domain: EIP712Domain

  /// Closes the open epoch inside the caller's transaction and returns the signed batch.
  @discardableResult
  func closeEpoch(at time: UInt64, in db: SQLSession) throws -> SignedBatch {
    let previous = try Self.latestBatch(in: db)
    let epoch = (previous?.batch.epoch ?? 0) + 1
    let schedule = try schedule(in: db)
    let key = try keys.key(of: schedule.signer(of: epoch))
    // On a chain nobody is paid by what a former Signer signed: everybody is given a ticket anew.
    let isNew = domain != .embedded && schedule.signer(of: epoch) != schedule.signer(of: epoch - 1)
    try TextLedger.settle(epoch: epoch, in: db)
    var newest = try Self.newestTickets(in: db)
    for address in try String.fetchAll(db, sql: "SELECT address FROM account ORDER BY address") {
      let account = try Address(address)
      let balances = try Ledger.balances(of: account, in: db)
      let leaves = try String.fetchAll(
        db, sql: "SELECT leaf FROM settled WHERE account = ? AND epoch IS NULL ORDER BY number",
        arguments: [address])
      let known = newest[account]?.ticket
      if leaves.isEmpty {
        if balances.total == .zero, known == nil { continue }
        if let known, !isNew, known.cumulativePayout == balances.payout, known.unspent == balances.unspent,
          known.locked == balances.locked
        {
          continue
        }
      }
      let ticket = Ticket(
        account: account, epoch: epoch, cumulativePayout: balances.payout, unspent: balances.unspent,
        locked: balances.locked,
        jobsRoot: TicketTrees.jobsRoot(of: try leaves.map { try JobLeaf(wireText: $0) }))
      let signed = SignedTicket(signing: ticket, in: domain, with: key)
      newest[account] = signed
      try db.execute(
        sql: "INSERT INTO ticket (account, epoch, ticket) VALUES (?, ?, ?)",
        arguments: [address, Int64(epoch), try signed.wireText()])
      try db.execute(
        sql: "UPDATE settled SET epoch = ? WHERE account = ? AND epoch IS NULL",
        arguments: [Int64(epoch), address])
    }
    let tickets = newest.values.map(\.ticket).sorted { $0.account < $1.account }
    let batch = Batch(
      epoch: epoch, previousBatch: previous?.digest ?? .zero,
      accountsRoot: TicketTrees.accountsRoot(of: tickets),
      totalPayout: try tickets.reduce(TokenAmount.zero) { try $0.adding($1.cumulativePayout) },
      totalBurned: try Ledger.balance(of: Ledger.outside, pot: .burned, in: db),
      depositsSeen: try ChainCredit.count(in: db),
      dataHash: SHA256.hash(TicketTrees.leavesFile(tickets)), fromTime: previous?.batch.toTime ?? 0,
      toTime: time)
    let signed = SignedBatch(signing: batch, in: domain, with: key)
    if let previous { try signed.check(after: previous) }
    try db.execute(
      sql: "INSERT INTO batch (epoch, toTime, digest, batch) VALUES (?, ?, ?, ?)",
      arguments: [Int64(epoch), Int64(clamping: batch.toTime), "\(signed.digest)", try signed.wireText()])
    return signed
  }

  /// Who signs which epoch.
  func schedule(in db: SQLSession) throws -> SignerSchedule {
    let changes = try Setting.signerChanges.text(in: db).map { try [SignedSignerChange](wireText: $0) }
    return try SignerSchedule(first: keys.first.address, changes: changes ?? [], domain: domain)
  }

  /// The newest ticket of every account that has one.
  static func newestTickets(in db: SQLSession) throws -> [Address: SignedTicket] {
    var newest: [Address: SignedTicket] = [:]
    for text in try leafTexts(epoch: UInt64(Int64.max), in: db) {
      let signed = try SignedTicket(wireText: text)
      newest[signed.ticket.account] = signed
    }
    return newest
  }

  /// The newest ticket of every account when an epoch was closed: the leaves of its batch.
  static func tickets(asOf epoch: UInt64, in db: SQLSession) throws -> [Ticket] {
    try leafTexts(epoch: epoch, in: db).map { try SignedTicket(wireText: $0).ticket }
  }

  /// The newest ticket of every account when an epoch was closed, by account, as they are stored. It costs as much as there
  /// are accounts, however many tickets they had before.
  static func leafTexts(
    epoch: UInt64, after account: Address? = nil, limit: Int? = nil, in db: SQLSession
  ) throws -> [String] {
    try String.fetchAll(
      db,
      sql: """
        SELECT ticket.ticket FROM account JOIN ticket ON ticket.account = account.address
        WHERE account.address > ? AND ticket.epoch = (
          SELECT max(one.epoch) FROM ticket AS one WHERE one.account = account.address AND one.epoch <= ?)
        ORDER BY account.address \(limit.map { "LIMIT \($0)" } ?? "")
        """,
      arguments: [account.map { "\($0)" } ?? "", Int64(clamping: epoch)])
  }

  /// The newest batch, if an epoch was ever closed.
  static func latestBatch(in db: SQLSession) throws -> SignedBatch? {
    try String.fetchOne(db, sql: "SELECT batch FROM batch ORDER BY epoch DESC LIMIT 1").map {
      try SignedBatch(wireText: $0)
    }
  }

  /// The batch of one epoch.
  static func batch(epoch: UInt64, in db: SQLSession) throws -> SignedBatch {
    guard
      let text = try String.fetchOne(
        db, sql: "SELECT batch FROM batch WHERE epoch = ?", arguments: [Int64(epoch)])
    else { throw NetworkError.inconsistent(what: "no batch of epoch \(epoch)") }
    return try SignedBatch(wireText: text)
  }
}
