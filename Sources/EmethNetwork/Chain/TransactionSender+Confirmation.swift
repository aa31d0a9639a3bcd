import EmethKit
import Foundation

extension TransactionSender {
  /// Waits until a transaction lies deep enough in the chain, and does for it what is needed until then.
  ///
  /// A block that is replaced takes its transactions with it: they are waited for, and handed in, anew.
  ///
  /// - Throws: ``ChainError/reverted(function:reason:)``, ``ChainError/outOfGas(function:transaction:limit:)``,
  ///   ``ChainError/nonceTaken(account:nonce:transaction:)``, ``ChainError/unconfirmed(transaction:seconds:)``.
  public func confirm(_ sent: NonceJournal.Entry) async throws(ChainError) -> ChainReceipt {
    var entry = sent
    let start = ContinuousClock.now
    while true {
      if let receipt = try await deepReceipt(of: entry) { return receipt }
      let waited = Int((ContinuousClock.now - start) / .seconds(1))
      guard waited < settings.patienceSeconds else {
        throw .unconfirmed(transaction: entry.newest.hash, seconds: settings.patienceSeconds)
      }
      entry = try await tended(entry)
      do { try await Task.sleep(for: .seconds(settings.pollSeconds)) } catch { throw .interrupted }
    }
  }

  /// The receipt of an entry that lies deep enough; nil while it does not.
  private func deepReceipt(of entry: NonceJournal.Entry) async throws(ChainError) -> ChainReceipt? {
    let receipts = try await client.receipts(of: entry.attempts.map(\.hash)).compactMap { $0 }
    guard let receipt = receipts.first else { return nil }
    guard let head = try await client.block(.latest), head.number >= receipt.blockNumber,
      let block = try await client.block(.number(receipt.blockNumber)), block.hash == receipt.blockHash
    else { return nil }
    guard head.number - receipt.blockNumber + 1 >= settings.confirmations else { return nil }
    guard let index = entry.attempts.firstIndex(where: { $0.hash == receipt.transaction }) else { return nil }
    guard receipt.hasSucceeded else {
      if entry.state == .sent { try journal.settle(entry, as: .reverted) }
      throw try await failure(of: entry.attempts[index], receipt, entry.what)
    }
    if entry.state == .sent { try journal.settle(entry, as: .confirmed) }
    return receipt
  }

  /// Looks after a transaction that is not deep enough: gives it up when its nonce is used, hands it in when the node
  /// has lost it, offers more when it is stuck.
  private func tended(_ entry: NonceJournal.Entry) async throws(ChainError) -> NonceJournal.Entry {
    let receipts = try await client.receipts(of: entry.attempts.map(\.hash))
    guard receipts.allSatisfy({ $0 == nil }) else { return entry }
    let entry = entry.state == .confirmed ? try journal.reopened(entry) : entry
    if try await isDisplaced(entry) {
      try journal.settle(entry, as: .displaced)
      throw .nonceTaken(account: account, nonce: entry.nonce, transaction: entry.newest.hash)
    }
    guard now >= entry.signedAt + settings.stuckSeconds, entry.attempts.count < settings.attemptLimit else {
      // With it those before it may be lost, and it would wait behind their gap.
      if try await !client.knows(entry.newest.hash) { try await resume() }
      return entry
    }
    let fees = try await client.fees().atLeast(entry.newest.fees.raised())
    guard fees.maxFeePerGas <= settings.maxFeePerGasLimit else {
      logger?.warning(
        "a transaction is stuck, and more than the limit would have to be offered",
        metadata: ["transaction": "\(entry.newest.hash)", "needed": "\(fees.maxFeePerGas)"])
      try await broadcast(entry)
      return entry
    }
    let old = entry.newest.transaction
    let request = TransactionRequest(from: account, to: old.to, data: old.data, value: old.value)
    let signed = try sign(request, nonce: old.nonce, gasLimit: old.gasLimit, fees: fees)
    let dearer = try journal.add(signed, to: entry, at: now)
    logger?.info(
      "a transaction is stuck and is sent with higher fees",
      metadata: ["nonce": "\(old.nonce)", "transaction": "\(signed.hash)"])
    try await broadcast(dearer)
    return dearer
  }

  /// Whether the chain, as deep as confirmations go, has used the nonce while none of the entry's transactions is in
  /// it. The depth counts: a node that lags or another fork must not make anything be sent twice.
  private func isDisplaced(_ entry: NonceJournal.Entry) async throws(ChainError) -> Bool {
    let head = try await client.blockNumber()
    let depth = max(1, settings.confirmations) - 1
    guard head >= depth else { return false }
    guard try await client.transactionCount(of: account, at: .number(head - depth)) > entry.nonce else {
      return false
    }
    return try await client.receipts(of: entry.attempts.map(\.hash)).allSatisfy { $0 == nil }
  }

  /// Why a transaction failed: the same call on the state before its block says it.
  private func failure(
    of signed: SignedTransaction, _ receipt: ChainReceipt, _ function: String
  ) async throws(ChainError) -> ChainError {
    let transaction = signed.transaction
    if receipt.gasUsed >= transaction.gasLimit {
      return .outOfGas(function: function, transaction: signed.hash, limit: transaction.gasLimit)
    }
    let request = TransactionRequest(
      from: account, to: transaction.to, data: transaction.data, value: transaction.value)
    let before = receipt.blockNumber > 0 ? receipt.blockNumber - 1 : 0
    do throws(ChainError) {
      _ = try await client.request("eth_call", [request.json, BlockTag.number(before).json])
      return .reverted(function: function, reason: .silent)
    } catch {
      if case .reverted = error { return error.naming(function) }
      // The reason alone is unknown: a pruned node has no state to ask.
      return .reverted(function: function, reason: .silent)
    }
  }
}
