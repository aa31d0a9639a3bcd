import EmethKit

/// What a node has earned and lost with the SubJobs that have ended.
struct NodeTotals: Sendable {
  /// Fees.
  var earned = TokenAmount.zero
  /// Parts of deposits.
  var lost = TokenAmount.zero
  /// Of which of them: all with lower numbers than this one.
  var below: Int64 = 0
}

/// What nodes earned, and what they may.
extension NetworkService {
  /// What a node earned, may earn, and lost in all; a page of its SubJobs, newest first.
  ///
  /// What it had before is remembered: it is as long a way for a node of a million SubJobs as for one of ten.
  ///
  /// - Parameter number: SubJobs before this place in the order of registration (``NodeAccount/next``); `nil` for the
  ///   newest ones.
  public func work(
    of node: Address, newest limit: Int, before number: UInt32? = nil
  ) throws(NetworkError) -> NodeAccount {
    try database.read { db in
      let totals = try totals(of: node, in: db)
      var account = NodeAccount(
        account: node, balances: try Ledger.balances(of: node, in: db), earned: totals.earned, pending: .zero,
        lost: totals.lost, work: [])
      for id in try subJobs(of: node, where: "status IN (\(Self.openStatuses))", in: db) {
        let record = try JobStore.subJob(id, in: db)
        account.pending = try account.pending.adding(
          fee(for: record, of: offeredJob(record.position.parent, in: db)))
      }
      let rows = try SQLRow.fetchAll(
        db,
        sql:
          "SELECT id, number FROM subJob WHERE node = ? AND number < ? ORDER BY number DESC LIMIT \(limit + 1)",
        arguments: ["\(node)", number.map { Int64($0) } ?? .max])
      for row in rows.prefix(limit) {
        let (record, parent) = try JobStore.withParent(JobID(hex: row["id"]), in: db)
        account.work.append(try work(record, of: parent, in: db))
      }
      if rows.count > limit, let last = rows.prefix(limit).last { account.next = try last["number"] }
      return account
    }
  }

  private func work(
    _ record: SubJobRecord, of parent: JobRecord, in db: SQLSession
  ) throws -> NodeWork {
    let settlement = record.machine.settlement
    let pending =
      try settlement == nil ? fee(for: record, of: offeredJob(record.position.parent, in: db)) : .zero
    return NodeWork(
      subJob: SubJobState(record, parent: parent), earned: settlement?.nodeFee ?? .zero, pending: pending,
      locked: settlement == nil ? record.machine.job.terms.deposit : .zero,
      lost: settlement?.nodeLoss ?? .zero)
  }

  private static let openStatuses = statuses(final: false)
  private static let finalStatuses = statuses(final: true)

  private static func statuses(final: Bool) -> String {
    JobStatus.allCases.filter { $0.isFinal == final }.map { "\($0.rawValue)" }.joined(separator: ", ")
  }

  /// A node's SubJobs of which something is so.
  private func subJobs(
    of node: Address, where condition: String, in db: SQLSession
  ) throws -> [JobID] {
    try String.fetchAll(
      db, sql: "SELECT id FROM subJob WHERE node = ? AND number >= ? AND \(condition) ORDER BY number",
      arguments: ["\(node)", try firstOpen(in: db)]
    ).map { try JobID(hex: $0) }
  }

  /// The lowest number of a SubJob that has not ended: before it nothing changes any more.
  private func firstOpen(in db: SQLSession) throws -> Int64 {
    var first = Int64.max
    for status in JobStatus.allCases where !status.isFinal {
      let found = try Int64.fetchOne(
        db, sql: "SELECT min(number) FROM subJob WHERE status = \(status.rawValue)")
      first = min(first, found ?? .max)
    }
    if first < .max { return first }
    return (try Int64.fetchOne(db, sql: "SELECT max(number) FROM subJob") ?? 0) + 1
  }

  /// The sums over all SubJobs of a node that have ended.
  private func totals(of node: Address, in db: SQLSession) throws -> NodeTotals {
    let first = try firstOpen(in: db)
    var known = nodeTotals.withLock { $0[node] } ?? NodeTotals()
    if known.below < first {
      try add(to: &known, of: node, from: known.below, below: first, in: db)
      known.below = first
      nodeTotals.withLock { totals in
        // Whoever is asked about now is added up anew.
        if totals.count >= Self.totalsLimit { totals = [:] }
        if totals[node].map({ $0.below < known.below }) ?? true { totals[node] = known }
      }
    }
    var all = known
    try add(to: &all, of: node, from: known.below, below: .max, in: db)
    return all
  }

  private static let totalsLimit = 10_000

  /// Adds what ended between two numbers. Most SubJobs of a job pay the same: the database counts them.
  private func add(
    to totals: inout NodeTotals, of node: Address, from: Int64, below: Int64, in db: SQLSession
  ) throws {
    let names = ["nodeFee", "depositReleased", "nodeDeposit"]
    let columns = names.map { db.dialect.member("machine", ["settlement", $0]) + " AS \($0)" }
    let rows = try SQLRow.fetchAll(
      db,
      sql: """
        SELECT nodeFee, depositReleased, nodeDeposit, count(*) AS amount FROM (
          SELECT \(columns.joined(separator: ", ")) FROM subJob
          WHERE node = ? AND number >= ? AND number < ? AND status IN (\(Self.finalStatuses))) AS ended
        WHERE nodeFee IS NOT NULL GROUP BY nodeFee, depositReleased, nodeDeposit
        """, arguments: ["\(node)", from, below])
    for row in rows {
      let count = UInt256(try row["amount"] as UInt64)
      func amount(_ name: String) throws -> TokenAmount {
        let text: String = try row[name]
        guard let holon = UInt256(text, radix: 10) else {
          throw NetworkError.inconsistent(what: "\(name) of a SubJob of \(node) is \(text)")
        }
        return TokenAmount(holon: try holon.multiplying(by: count))
      }
      totals.earned = try totals.earned.adding(amount("nodeFee"))
      totals.lost = try totals.lost.adding(amount("depositReleased").subtracting(amount("nodeDeposit")))
    }
  }
}
