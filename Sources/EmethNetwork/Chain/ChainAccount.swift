import EmethKit
import Foundation

/// An account on a chain that has EMETH's contracts: what its owner does there by hand.
///
/// ```swift
/// let account = try await ChainAccount.open(client: client, core: core, key: key, journal: file)
/// let report = try await account.deposit(try TokenAmount(emeth: "25"))
/// ```
/// Each may be asked for again after an interruption: what was sent already is waited for, not sent anew.
public struct ChainAccount: Sendable {
  /// The chain's node.
  public let client: ChainClient
  /// The contracts, which were checked.
  public let contracts: ChainContracts
  let sender: TransactionSender
  /// Whose it is.
  public var address: Address { sender.account }

  /// Where an account lies on a chain.
  ///
  /// - Parameters:
  ///   - expectedChainID: the chain that is meant; nil: whichever the node is of.
  ///   - journal: the file of what was sent.
  /// - Throws: what ``ChainContracts/find(core:with:expectedChainID:)`` throws, ``ChainError/store(_:)``.
  public static func open(
    client: ChainClient, core: Address, expectedChainID: UInt64? = nil, key: PrivateKey, journal: URL,
    settings: SenderSettings = SenderSettings()
  ) async throws(ChainError) -> ChainAccount {
    let contracts = try await ChainContracts.find(core: core, with: client, expectedChainID: expectedChainID)
    let sender = TransactionSender(
      client: client, chainID: contracts.chainID, key: key, journal: try NonceJournal(file: journal),
      settings: settings)
    return ChainAccount(client: client, contracts: contracts, sender: sender)
  }

  /// Adds tokens to the account's ledger on L1, from which nodes lock; allows Core to take them first, when it may not.
  public func deposit(_ amount: TokenAmount, isDryRun: Bool = false) async throws(ChainError) -> ChainReport {
    try await pay(amount, into: contracts.core, EmethCore.deposit(amount), isDryRun)
  }

  /// Pays tokens in that are credited to an account on L2.
  public func depositToLayer2(
    _ amount: TokenAmount, for account: Address, isDryRun: Bool = false
  ) async throws(ChainError) -> ChainReport {
    let call = EmethCore.depositToLayer2(account: account, amount: amount)
    return try await pay(amount, into: contracts.settlement, call, isDryRun)
  }

  /// Takes from the account's ledger on L1 what is not locked.
  public func withdraw(_ amount: TokenAmount, isDryRun: Bool = false) async throws(ChainError) -> ChainReport
  {
    var report = report(amount, isDryRun)
    report.steps.append(try await step(EmethCore.withdraw(amount), contracts.core, isDryRun).step)
    return try await closed(report)
  }

  /// Redeems signed tickets of any accounts; those that were paid already are left out, and cost nothing.
  ///
  /// - Throws: ``ChainError/ticket(_:)`` for one that is not signed, or for another chain or contract.
  public func redeem(_ tickets: [SignedTicket], isDryRun: Bool = false) async throws(ChainError)
    -> ChainReport
  {
    var newest: [Address: SignedTicket] = [:]
    for ticket in tickets {
      do throws(TicketError) {
        try ticket.check(in: contracts.domain)
      } catch {
        throw .ticket(error)
      }
      // A newer ticket holds all of an older one.
      let account = ticket.ticket.account
      guard let other = newest[account], other.ticket.cumulativePayout >= ticket.ticket.cumulativePayout
      else {
        newest[account] = ticket
        continue
      }
    }
    var report = report(.zero, isDryRun)
    var due: [SignedTicket] = []
    let sorted = newest.values.sorted { $0.ticket.account < $1.ticket.account }
    let calls = sorted.map { EmethCore.redeemed(by: $0.ticket.account) }
    let results = try await client.batch(calls.map { ChainClient.ethCall($0, contracts.settlement) })
    for (index, ticket) in sorted.enumerated() {
      let paid = try await client.output(of: calls[index], at: contracts.settlement, results[index])
      guard ticket.ticket.cumulativePayout > paid else { continue }
      due.append(ticket)
      if isDryRun { report.amount += ticket.ticket.cumulativePayout - paid }
    }
    while !due.isEmpty {
      let some = Array(due.prefix(EmethCore.redeemLimit))
      due.removeFirst(some.count)
      let (step, receipt) =
        some.count == 1
        ? try await self.step(EmethCore.redeemTicket(some[0]), contracts.settlement, isDryRun)
        : try await self.step(EmethCore.redeemTickets(some), contracts.settlement, isDryRun)
      report.steps.append(step)
      for log in receipt?.logs ?? [] where log.address == contracts.settlement {
        if case .redeemed(_, _, let paid, _)? = try? EmethCore.Event(topics: log.topics, data: log.data) {
          report.amount += paid
        }
      }
    }
    return try await closed(report)
  }

  // MARK: - Steps

  private func pay<Output>(
    _ amount: TokenAmount, into contract: Address, _ call: ContractCall<Output>, _ isDryRun: Bool
  ) async throws(ChainError) -> ChainReport {
    var report = report(amount, isDryRun)
    if try sender.unfinished(call, to: contract) == nil {
      let wallet = try await client.call(EmethToken.balance(of: sender.account), at: contracts.token)
      guard wallet >= amount else {
        throw .insufficientTokens(account: sender.account, found: wallet, needed: amount)
      }
      let allowed = try await client.call(
        EmethToken.allowance(owner: sender.account, spender: contract), at: contracts.token)
      if allowed < amount {
        let approval = EmethToken.approve(spender: contract, amount: amount)
        report.steps.append(try await step(approval, contracts.token, isDryRun).step)
        if isDryRun {
          // Before that is in the chain nobody can say what the next one costs.
          report.steps.append(ChainReport.Step(function: call.function.name, contract: contract))
          return try await closed(report)
        }
      }
    }
    report.steps.append(try await step(call, contract, isDryRun).step)
    return try await closed(report)
  }

  private func step<Output>(
    _ call: ContractCall<Output>, _ contract: Address, _ isDryRun: Bool
  ) async throws(ChainError) -> (step: ChainReport.Step, receipt: ChainReceipt?) {
    var step = ChainReport.Step(function: call.function.name, contract: contract)
    if isDryRun {
      let preview = try await sender.preview(call, to: contract)
      step.gas = "\(preview.gasLimit)"
      step.wei = "\(preview.mostWei)"
      return (step, nil)
    }
    let before = try sender.unfinished(call, to: contract)
    let name = before?.key ?? "\(call.function.name) \(UUID().uuidString)"
    let receipt = try await sender.submit(call, to: contract, under: name)
    step.wasSentBefore = before != nil
    step.transaction = receipt.transaction
    step.block = "\(receipt.blockNumber)"
    step.gas = "\(receipt.gasUsed)"
    step.wei = receipt.effectiveGasPrice.map { price in
      let (cost, overflows) = UInt256(receipt.gasUsed).multipliedReportingOverflow(by: price)
      return "\(overflows ? .max : cost)"
    }
    return (step, receipt)
  }

  private func report(_ amount: TokenAmount, _ isDryRun: Bool) -> ChainReport {
    ChainReport(
      chainID: "\(contracts.chainID)", account: sender.account, core: contracts.core, isDryRun: isDryRun,
      amount: amount)
  }

  private func closed(_ report: ChainReport) async throws(ChainError) -> ChainReport {
    var report = report
    report.wallet = try await client.call(EmethToken.balance(of: sender.account), at: contracts.token)
    report.ledger = try await client.call(EmethCore.deposits(of: sender.account), at: contracts.core)
    return report
  }
}
