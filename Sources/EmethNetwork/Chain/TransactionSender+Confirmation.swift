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
    let receipt = try await receipt(of: sent)
    try settle(sent)
    return receipt
  }

  /// Writes down that somebody has seen the end of a transaction that is in the chain.
  func settle(_ entry: NonceJournal.Entry) throws(ChainError) {
    if try journal.current(entry).state == .sent { try journal.settle(entry, as: .confirmed) }
  }

  /// The same as ``confirm(_:)``, but for what is written down: until ``settle(_:)`` it counts as one whose end nobody
  /// has seen.
  func receipt(of sent: NonceJournal.Entry) async throws(ChainError) -> ChainReceipt {
    var entry = sent
    let start = ContinuousClock.now
    while true {
      entry = try journal.current(entry)
      if let receipt = try await deepReceipt(of: entry) { return receipt }
      let waited = Int((ContinuousClock.now - start) / .seconds(1))
      guard waited < settings.patienceSeconds else {
        throw .unconfirmed(transaction: entry.newest.hash, seconds: settings.patienceSeconds)
      }
      try await tendEarlier(than: entry)
      entry = try await tended(entry)
      do { try await Task.sleep(for: .seconds(settings.pollSeconds)) } catch { throw .interrupted }
    }
  }

  /// The receipt of an entry that lies deep enough, whatever came of it; nil while it does not.
  func place(of entry: NonceJournal.Entry) async throws(ChainError) -> ChainReceipt? {
    let receipts = try await client.receipts(of: entry.attempts.map(\.hash)).compactMap { $0 }
    guard let receipt = receipts.first else { return nil }
    guard let head = try await client.block(.latest), head.number >= receipt.blockNumber,
      let block = try await client.block(.number(receipt.blockNumber)), block.hash == receipt.blockHash
    else { return nil }
    return head.number - receipt.blockNumber >= max(1, settings.confirmations) - 1 ? receipt : nil
  }

  /// The same, thrown when the contract refused, which is written down.
  private func deepReceipt(of entry: NonceJournal.Entry) async throws(ChainError) -> ChainReceipt? {
    guard let receipt = try await place(of: entry) else { return nil }
    guard let index = entry.attempts.firstIndex(where: { $0.hash == receipt.transaction }) else { return nil }
    guard receipt.hasSucceeded else {
      if entry.state == .sent { try journal.settle(entry, as: .reverted) }
      throw try await failure(of: entry.attempts[index], receipt, entry.what)
    }
    return receipt
  }

  /// Looks after what was sent before: a transaction waits for those of lower nonces, whoever sent them.
  private func tendEarlier(than entry: NonceJournal.Entry) async throws(ChainError) {
    for earlier in try journal.open(chain: chainID, account: account) where earlier.nonce < entry.nonce {
      do throws(ChainError) {
        _ = try await tended(earlier)
      } catch {
        // Its own command tells of it.
        if case .nonceTaken = error { continue }
        guard error.isNodesWord else { throw error }
      }
    }
  }

  /// Looks after a transaction that is not deep enough: gives it up when its nonce is used, hands it in when the node
  /// has lost it, offers more when it is stuck.
  private func tended(_ entry: NonceJournal.Entry) async throws(ChainError) -> NonceJournal.Entry {
    let receipts = try await client.receipts(of: entry.attempts.map(\.hash))
    guard receipts.allSatisfy({ $0 == nil }) else { return entry }
    let entry = entry.state == .confirmed ? try journal.reopened(entry) : entry
    if try await isDisplaced(entry), try journal.current(entry).attempts.count == entry.attempts.count {
      try journal.settle(entry, as: .displaced)
      throw .nonceTaken(account: account, nonce: entry.nonce, transaction: entry.newest.hash)
    }
    guard now >= entry.signedAt + settings.stuckSeconds, entry.attempts.count < settings.attemptLimit else {
      // With it those before it may be lost, and it would wait behind their gap.
      if try await !client.knows(entry.newest.hash) { try await resume() }
      return entry
    }
    let needed = entry.newest.fees.raised()
    guard needed.maxFeePerGas <= settings.maxFeePerGasLimit else {
      logger?.warning(
        "a transaction is stuck, and more than the limit would have to be offered",
        metadata: ["transaction": "\(entry.newest.hash)", "needed": "\(needed.maxFeePerGas)"])
      try await broadcast(entry)
      return entry
    }
    let wanted = try await client.fees().atLeast(needed)
    let fees = ChainFees(
      maxPriorityFeePerGas: wanted.maxPriorityFeePerGas,
      maxFeePerGas: min(wanted.maxFeePerGas, settings.maxFeePerGasLimit))
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
  /// it. The depth counts, and that one request asks for all, head and pool included: a node that lags, another fork, or
  /// two machines behind one address must not make anything be sent twice.
  private func isDisplaced(_ entry: NonceJournal.Entry) async throws(ChainError) -> Bool {
    let head = try await client.blockNumber()
    let depth = max(1, settings.confirmations) - 1
    guard head >= depth else { return false }
    let count = "eth_getTransactionCount"
    let hashes = entry.attempts.map { JSONValue.hex($0.hash.bytes) }
    let results = try await client.batch(
      [
        RPCCall(count, [.hex(account), BlockTag.number(head - depth).json]),
        RPCCall("eth_getBlockByNumber", [BlockTag.number(head).json, .bool(false)]),
      ] + hashes.map { RPCCall("eth_getTransactionReceipt", [$0]) }
        + hashes.map { RPCCall("eth_getTransactionByHash", [$0]) })
    let answers = try results.map { result throws(ChainError) in try result.get() }
    guard answers.count == 2 + 2 * hashes.count else { return false }
    let used: UInt64 = try answers[0].quantity(of: count)
    return used > entry.nonce && answers[1] != .null && answers.dropFirst(2).allSatisfy { $0 == .null }
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
