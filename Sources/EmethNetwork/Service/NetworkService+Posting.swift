import EmethKit
import Foundation

/// A network's batches on their way to its chain, and the exits that they show.
extension NetworkService {
  /// Posts batches and serves exits until the task is cancelled.
  func settle(on chain: SettlementChain, _ onError: @Sendable (JobID?, NetworkError) -> Void) async {
    await regularly(chain, \.postingError, onError) { () async throws(ChainError) in
      try await self.settleOnce(on: chain)
      return true
    }
  }

  /// The newest batch on the chain, which is this network's; nil before the first.
  func posted(on chain: SettlementChain) async throws(ChainError) -> EmethCore.PostedBatch? {
    let (client, settlement) = (chain.client, chain.contracts.settlement)
    guard let digest = try await client.call(EmethCore.latestBatch(), at: settlement),
      let posted = try await client.call(EmethCore.batch(digest), at: settlement)
    else { return nil }
    try check(digest, posted.epoch)
    return posted
  }

  /// Posts the newest batch when one is due, and shows of who leaves that nothing is left.
  func settleOnce(on chain: SettlementChain) async throws(ChainError) {
    let (client, settlement) = (chain.client, chain.contracts.settlement)
    if try await client.call(EmethCore.frozen(), at: settlement) != nil {
      throw .frozen(settlement: settlement)
    }
    guard let head = try await client.block(.latest) else { return }
    let posted = try await posted(on: chain)
    var epoch = posted?.epoch
    let before = epoch
    standing.withLock { $0.postedEpoch = before }
    // The batch comes first: after 48 hours without one anybody may freeze the network.
    if let batch = try await batch(after: posted, at: head.timestamp, chain) {
      _ = try await chain.sender.submit(
        EmethCore.postBatch(batch), to: settlement, under: "postBatch \(batch.digest)")
      epoch = batch.batch.epoch
      standing.withLock { $0.postedEpoch = batch.batch.epoch }
    }
    guard let epoch else { return }
    // All are sent before one is waited for.
    var sent: [NonceJournal.Entry] = []
    for exit in try exits(provenBy: epoch) where sent.count < chain.settings.exitsAtOnce {
      let account = exit.ticket.account
      guard let asked = try await client.call(EmethCore.exit(of: account), at: settlement),
        asked.epoch < epoch
      else { continue }
      sent.append(
        try await chain.sender.send(
          EmethCore.serveExit(exit), to: settlement,
          under: "serveExit \(account) \(asked.requestedAt) by \(epoch)"))
    }
    for entry in sent { _ = try await chain.sender.confirm(entry) }
  }

  /// What lies on the chain must be this network's.
  private func check(_ digest: Bytes32, _ epoch: UInt64) throws(ChainError) {
    let own = try asChainError { try self.batch(epoch: epoch)?.digest }
    guard own == digest else {
      throw .contradiction(
        method: "latestBatch", what: "the batch of epoch \(epoch)", found: "\(digest)",
        expected: own.map { "\($0)" } ?? "none")
    }
  }

  /// The batch that is to be posted now; nil while none is due.
  private func batch(
    after posted: EmethCore.PostedBatch?, at now: UInt64, _ chain: SettlementChain
  ) async throws(ChainError) -> SignedBatch? {
    let newest = try asChainError { try latestBatch() }
    guard let posted else {
      // The contract's 48 hours run from the first deposit on, credited or not.
      let settlement = chain.contracts.settlement
      if newest == nil, try await chain.client.call(EmethCore.depositCount(), at: settlement) > 0 {
        try close(through: 1)
      }
      return newest
    }
    guard let newest else { return nil }
    let since = now > posted.postedAt ? now - posted.postedAt : 0
    guard newest.batch.epoch > posted.epoch else {
      if since >= SettlementChain.longestSilenceSeconds { try close(through: posted.epoch + 1) }
      return nil
    }
    let wanted =
      try canShowAnExit(notProvenBy: posted.epoch)
      ? 0 : min(chain.settings.postingSeconds, SettlementChain.longestSilenceSeconds)
    // What counts is how old the newest batch is that the chain has, not when it was posted: everybody can post old
    // ones, and would keep the newest away.
    let closed = try asChainError { try self.batch(epoch: posted.epoch)?.batch.toTime } ?? posted.postedAt
    let age = now > closed ? now - closed : 0
    return since >= SettlementChain.leastPostingSeconds && age >= wanted ? newest : nil
  }

  private func close(through epoch: UInt64) throws(ChainError) {
    do throws(NetworkError) {
      try closeEpochs(through: epoch) { _ in }
    } catch {
      throw .store(error)
    }
  }

  /// Whether the newest batch has nothing unspent of somebody who leaves and of whom the posted one has something.
  private func canShowAnExit(notProvenBy epoch: UInt64) throws(ChainError) -> Bool {
    let proven = Set(try exits(provenBy: epoch).map(\.ticket.account))
    return try asChainError {
      try database.read { db in try LeavingAccounts.all(in: db).keys.map { $0 } }
        .contains { account in try !proven.contains(account) && ticket(of: account)?.ticket.unspent == .zero }
    }
  }

  /// Of each account that leaves, the leaf with nothing unspent in the batch of an epoch; nothing of those that have none.
  private func exits(provenBy epoch: UInt64) throws(ChainError) -> [ProvenTicket] {
    try asChainError {
      let leaving = try database.read { db in try LeavingAccounts.all(in: db) }.filter { $0.value < epoch }
      guard !leaving.isEmpty else { return [] }
      return try exitTrees.tree(of: epoch, in: database).tickets {
        leaving[$0.account] != nil && $0.unspent == .zero
      }
    }
  }
}
