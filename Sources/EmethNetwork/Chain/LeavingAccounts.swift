import EmethKit

/// Accounts that have asked the settlement for their way out and were not served yet.
///
/// All that such an account has on L2 goes to its payouts, and nothing is credited to it as unspent until it is served
/// (Docs/Decisions/0018): otherwise the proof that nothing is unspent could never be given.
enum LeavingAccounts {
  /// The accounts, with the epoch of the batch that they refer to.
  static func all(in db: SQLSession) throws -> [Address: UInt64] {
    let rows = try SQLRow.fetchAll(db, sql: "SELECT account, epoch FROM leaving")
    return Dictionary(
      uniqueKeysWithValues: try rows.map { (try Address($0["account"]), try $0["epoch"] as UInt64) })
  }

  /// Whether an account is about to leave.
  static func contains(_ account: Address, in db: SQLSession) throws -> Bool {
    try SQLRow.fetchOne(db, sql: "SELECT 1 FROM leaving WHERE account = ?", arguments: ["\(account)"]) != nil
  }

  /// What the logs say that lie deep enough.
  static func logged(
    confirmations: UInt64, of settlement: Address, in db: SQLSession
  ) throws -> [Address: UInt64] {
    let depth = max(1, confirmations) - 1
    guard let last = try EventStore.last(in: db)?.number, last >= depth else { return [:] }
    var leaving: [Address: UInt64] = [:]
    let topics = [EmethCore.exitRequestedTopic, EmethCore.exitServedTopic]
    for log in try EventStore.logs(topics, in: 0...(last - depth), db) where log.address == settlement {
      switch try EmethCore.Event(topics: log.topics, data: log.data) {
      case .exitRequested(let account, let epoch, _): leaving[account] = epoch
      case .exitServed(let account, _): leaving[account] = nil
      default: break
      }
    }
    return leaving
  }

  /// Takes over what the logs say.
  ///
  /// - Returns: who is leaving since now.
  static func update(to logged: [Address: UInt64], in db: SQLSession) throws -> [Address] {
    let known = try all(in: db)
    for account in known.keys where logged[account] == nil {
      try db.execute(sql: "DELETE FROM leaving WHERE account = ?", arguments: ["\(account)"])
    }
    for (account, epoch) in logged where known[account] != epoch {
      try db.execute(
        sql: """
          INSERT INTO leaving (account, epoch) VALUES (?, ?)
          ON CONFLICT (account) DO UPDATE SET epoch = excluded.epoch
          """, arguments: ["\(account)", epoch])
    }
    return logged.keys.filter { known[$0] == nil }.sorted()
  }
}

extension EmethCore {
  /// The topic of requests for the way out.
  static let exitRequestedTopic = Keccak256.hash("ExitRequested(address,uint64,uint256)".utf8)
  /// The topic of exits that were served.
  static let exitServedTopic = Keccak256.hash("ExitServed(address,uint64)".utf8)
}
