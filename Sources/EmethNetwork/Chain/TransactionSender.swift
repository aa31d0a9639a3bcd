import EmethKit
import Foundation
import Logging

/// Sends an account's transactions to a chain, each once: written down before it is sent, sent again when it was lost,
/// with higher fees when it is stuck, and waited for until it lies deep enough.
///
/// ```swift
/// let sender = TransactionSender(client: client, chainID: 1, key: key, journal: journal)
/// let sent = try await sender.send(EmethCore.deposit(amount), to: core, under: "deposit 2026-03-01")
/// let receipt = try await sender.confirm(sent)
/// ```
/// The same name (`under`) is never sent twice, by whichever process and however often it is asked for; a transaction
/// that the contract refused may be sent anew.
public final class TransactionSender: Sendable {
  /// The chain's node.
  public let client: ChainClient
  /// The chain.
  public let chainID: UInt64
  /// Who sends.
  public var account: Address { key.address }
  /// How it is sent.
  public let settings: SenderSettings

  let key: PrivateKey
  let journal: NonceJournal
  let logger: Logger?

  /// Nothing is sent yet.
  public init(
    client: ChainClient, chainID: UInt64, key: PrivateKey, journal: NonceJournal,
    settings: SenderSettings = SenderSettings(), logger: Logger? = nil
  ) {
    self.client = client
    self.chainID = chainID
    self.key = key
    self.journal = journal
    self.settings = settings
    self.logger = logger
  }

  /// What a transaction would cost.
  public struct Preview: Hashable, Sendable {
    /// The gas that it may use.
    public let gasLimit: UInt64
    /// What it offers for each.
    public let fees: ChainFees

    /// The most that it costs, in wei, without what goes with it.
    public var mostWei: UInt256 {
      let (cost, overflows) = UInt256(gasLimit).multipliedReportingOverflow(by: fees.maxFeePerGas)
      return overflows ? .max : cost
    }
  }

  // MARK: - Sending

  /// What a call would cost, and whether the contract would take it. Nothing is sent.
  ///
  /// - Throws: ``ChainError/reverted(function:reason:)``, ``ChainError/insufficientFunds(account:found:needed:)``,
  ///   ``ChainError/feeTooHigh(found:allowed:)``.
  public func preview<Output>(
    _ call: ContractCall<Output>, to contract: Address
  ) async throws(ChainError) -> Preview {
    try await preview(
      TransactionRequest(from: account, to: contract, data: call.data, value: .zero), call.function.name)
  }

  func preview(_ request: TransactionRequest, _ function: String) async throws(ChainError) -> Preview {
    try await preview(
      gas: try await client.estimateGas(request, function: function), value: request.value, function)
  }

  /// What a transaction would cost that needs so much gas.
  func preview(
    gas estimate: UInt64, value: UInt256, _ function: String
  ) async throws(ChainError) -> Preview {
    guard let block = try await client.block(.latest) else {
      throw .malformed(method: "eth_getBlockByNumber", reason: "there is no newest block")
    }
    guard estimate <= block.gasLimit else {
      throw .contradiction(
        method: "eth_estimateGas", what: "the gas of \(function)", found: "\(estimate)",
        expected: "at most a block's \(block.gasLimit)")
    }
    let wanted = UInt256(estimate) + UInt256(estimate) * UInt256(settings.gasMarginPercent) / 100
    let fees = try await affordableFees()
    let preview = Preview(gasLimit: UInt64(min(wanted, UInt256(block.gasLimit))), fees: fees)
    let balance = try await client.balance(of: account)
    let (needed, overflows) = preview.mostWei.addingReportingOverflow(value)
    guard !overflows, needed <= balance else {
      throw .insufficientFunds(account: account, found: balance, needed: overflows ? .max : needed)
    }
    return preview
  }

  private func affordableFees() async throws(ChainError) -> ChainFees {
    let fees = try await client.fees()
    // Half of the maximum is for blocks that grow dearer: only the rest must be below the limit.
    guard fees.maxPriorityFeePerGas <= settings.maxFeePerGasLimit,
      fees.maxFeePerGas / 2 <= settings.maxFeePerGasLimit
    else { throw .feeTooHigh(found: fees.maxFeePerGas / 2, allowed: settings.maxFeePerGasLimit) }
    return ChainFees(
      maxPriorityFeePerGas: fees.maxPriorityFeePerGas,
      maxFeePerGas: min(fees.maxFeePerGas, settings.maxFeePerGasLimit))
  }

  /// Sends a call, or what was sent under that name before.
  ///
  /// - Parameter name: Under what it is sent, once.
  /// - Throws: what ``preview(_:to:)`` throws, ``ChainError/keyInUse(key:transaction:)`` when it was another call.
  public func send<Output>(
    _ call: ContractCall<Output>, to contract: Address, under name: String
  ) async throws(ChainError) -> NonceJournal.Entry {
    try await send(
      TransactionRequest(from: account, to: contract, data: call.data, value: .zero),
      function: call.function.name, under: name)
  }

  /// Creates a contract of its code and the encoded arguments of its constructor.
  public func deploy(
    _ code: [UInt8], named contract: String, under name: String
  ) async throws(ChainError) -> NonceJournal.Entry {
    try await send(
      TransactionRequest(from: account, to: nil, data: code, value: .zero), function: contract, under: name)
  }

  func send(
    _ request: TransactionRequest, function: String, under name: String
  ) async throws(ChainError) -> NonceJournal.Entry {
    for entry in try journal.entries(key: name, chain: chainID, account: account) {
      if let found = try await live(entry) {
        let transaction = found.newest.transaction
        guard transaction.to == request.to, transaction.data == request.data,
          transaction.value == request.value
        else { throw .keyInUse(key: name, transaction: found.newest.hash) }
        if found.state == .sent { try await broadcast(found) }
        return found
      }
    }
    let preview = try await preview(request, function)
    // Everything that was sent before takes its place first: a node keeps nothing behind a gap.
    try await resume()
    let used = try await usedNonces()
    let (entry, isNew) = try journal.begin(
      key: name, what: function, chain: chainID, account: account, used: used, at: now
    ) { nonce throws(ChainError) in
      try sign(request, nonce: nonce, gasLimit: preview.gasLimit, fees: preview.fees)
    }
    if isNew {
      try await broadcastNew(entry)
    } else {
      try await broadcast(entry)
    }
    return entry
  }

  /// An entry that counts: one that was sent, or one that a node refused and that is in the chain all the same.
  private func live(_ entry: NonceJournal.Entry) async throws(ChainError) -> NonceJournal.Entry? {
    switch entry.state {
    case .sent, .confirmed: return entry
    case .reverted: return nil
    case .released, .displaced:
      // The same bytes may have been signed anew under another name: then they are that one's.
      let others = try journal.entries(nonce: entry.nonce, chain: chainID, account: account)
      let taken = Set(others.flatMap { $0.attempts.map(\.hash) })
      let receipts = try await client.receipts(of: entry.attempts.map(\.hash).filter { !taken.contains($0) })
      return receipts.contains { $0?.hasSucceeded == true } ? entry : nil
    }
  }

  /// So many nonces are taken by what is in the chain or waits in the node's pool.
  private func usedNonces() async throws(ChainError) -> UInt64 {
    let latest = try await client.transactionCount(of: account, at: .latest)
    return max(latest, try await client.transactionCount(of: account, at: .pending))
  }

  func sign(
    _ request: TransactionRequest, nonce: UInt64, gasLimit: UInt64, fees: ChainFees
  ) throws(ChainError) -> SignedTransaction {
    try asChainError {
      try Transaction(
        kind: .dynamicFee(
          chainId: chainID, maxPriorityFeePerGas: fees.maxPriorityFeePerGas, maxFeePerGas: fees.maxFeePerGas),
        nonce: nonce, gasLimit: gasLimit, to: request.to, value: request.value, data: request.data
      ).signed(with: key)
    }
  }

  /// Hands the newest attempt in. What nobody has taken, or what has its place already, is no error: waiting shows it.
  func broadcast(_ entry: NonceJournal.Entry) async throws(ChainError) {
    do throws(ChainError) {
      try await client.sendRaw(entry.newest.encoded, hash: entry.newest.hash)
    } catch {
      switch error.fault {
      case .nonceTooLow, .underpriced: break
      default: throw error
      }
    }
  }

  /// Hands a transaction in for the first time. One that the node refuses for good, and does not know, gives its nonce
  /// back; any doubt keeps it, since it may have arrived or may yet.
  private func broadcastNew(_ entry: NonceJournal.Entry) async throws(ChainError) {
    do throws(ChainError) {
      try await client.sendRaw(entry.newest.encoded, hash: entry.newest.hash)
    } catch {
      let isRefused: Bool
      switch error.fault {
      case .nonceTooLow, .underpriced, .passing, .rateLimited, .alreadyKnown: return
      case .insufficientFunds, .unacceptable, .reverted: isRefused = true
      case .tooMuch, .pruned, .other: isRefused = false
      case nil: if case .reverted = error { isRefused = true } else { isRefused = false }
      }
      guard isRefused, try await isUnknown(entry.newest.hash) else { throw error.naming(entry.what) }
      try journal.settle(entry, as: .released)
      guard case .insufficientFunds? = error.fault else { throw error.naming(entry.what) }
      let transaction = entry.newest.transaction
      let balance = try await client.balance(of: account)
      let cost = Preview(gasLimit: transaction.gasLimit, fees: entry.newest.fees).mostWei
      throw .insufficientFunds(account: account, found: balance, needed: cost)
    }
  }

  /// Whether the node has nothing of a transaction; when it does not say it, nobody knows.
  private func isUnknown(_ transaction: Bytes32) async throws(ChainError) -> Bool {
    do throws(ChainError) {
      return try await !client.knows(transaction)
    } catch {
      if error == .interrupted { throw error }
      return false
    }
  }

  /// Hands in again what was sent and is not in the chain, oldest nonce first: after a restart, or when a node has
  /// lost it.
  public func resume() async throws(ChainError) {
    for entry in try journal.open(chain: chainID, account: account) {
      let receipts = try await client.receipts(of: entry.attempts.map(\.hash))
      guard receipts.allSatisfy({ $0 == nil }) else { continue }
      do throws(ChainError) {
        try await broadcast(entry)
      } catch {
        // What a node says of one transaction must not keep the others back.
        guard error.isNodesWord else { throw error }
        logger?.warning(
          "a transaction can't be handed in again",
          metadata: ["transaction": "\(entry.newest.hash)", "reason": "\(error.message)"])
      }
    }
  }

  var now: UInt64 { UInt64(max(0, Date().timeIntervalSince1970)) }
}

extension SignedTransaction {
  /// What it offers for gas.
  var fees: ChainFees {
    switch transaction.kind {
    case .legacy(_, let price), .accessList(_, let price, _):
      ChainFees(maxPriorityFeePerGas: price, maxFeePerGas: price)
    case .dynamicFee(_, let priority, let maximum, _):
      ChainFees(maxPriorityFeePerGas: priority, maxFeePerGas: maximum)
    }
  }
}

extension TransactionSender {
  /// Sends a call and waits for it.
  ///
  /// - Throws: what ``confirm(_:)`` throws. Where another transaction took its nonce nothing is sent anew: two answers of
  ///   a node that lags may look like that, and only the owner knows what else the key is used for.
  public func submit<Output>(
    _ call: ContractCall<Output>, to contract: Address, under name: String
  ) async throws(ChainError) -> ChainReceipt {
    try await confirm(try await send(call, to: contract, under: name))
  }

  /// What was sent of a call, and whose end nobody has seen.
  public enum Unfinished: Sendable {
    /// On its way, or not deep enough.
    case waiting(NonceJournal.Entry)
    /// In the chain for good.
    case arrived(NonceJournal.Entry, ChainReceipt)

    /// What was sent.
    public var entry: NonceJournal.Entry {
      switch self {
      case .waiting(let entry), .arrived(let entry, _): entry
      }
    }
  }

  /// What was sent of a call and whose end nobody has seen, as the chain has it now. What the contract refused is over;
  /// what a node once refused, or what seemed displaced, counts when it is in the chain all the same.
  public func unfinished<Output>(
    _ call: ContractCall<Output>, to contract: Address
  ) async throws(ChainError) -> [Unfinished] {
    try await unfinished { entry in
      let transaction = entry.newest.transaction
      return transaction.to == contract && transaction.data == call.data
    }
  }

  func unfinished(
    where isMeant: (NonceJournal.Entry) -> Bool
  ) async throws(ChainError) -> [Unfinished] {
    var unfinished: [Unfinished] = []
    for entry in try journal.uncertain(chain: chainID, account: account) where isMeant(entry) {
      guard var found = try await live(entry) else { continue }
      if found.state != .sent { found = try journal.reopened(found) }
      guard let receipt = try await place(of: found) else {
        unfinished.append(.waiting(found))
        continue
      }
      if receipt.hasSucceeded {
        unfinished.append(.arrived(found, receipt))
      } else {
        try journal.settle(found, as: .reverted)
      }
    }
    return unfinished
  }
}
