import EmethKit
import Foundation

/// An account on a chain that has EMETH's contracts: what its owner does there by hand.
///
/// ```swift
/// let account = try await ChainAccount.open(client: client, core: core, key: key, journal: file)
/// let report = try await account.deposit(try TokenAmount(emeth: "25"))
/// try account.sender.settle(report)      // once it is told
/// ```
/// Each may be asked for again after an interruption: what is on its way is waited for, not sent anew. A payment that has
/// arrived and whose report was not settled is refused as ``ChainError/sentBefore(function:transaction:block:)`` until
/// ``SenderSettings/again`` is said.
public final class ChainAccount: Sendable {
  /// The chain's node.
  public let client: ChainClient
  /// The contracts, which were checked.
  public let contracts: ChainContracts
  /// Who sends for it.
  public let sender: TransactionSender
  /// Whose it is.
  public var address: Address { sender.account }

  private init(client: ChainClient, contracts: ChainContracts, sender: TransactionSender) {
    self.client = client
    self.contracts = contracts
    self.sender = sender
  }

  /// Where an account lies on a chain.
  ///
  /// - Parameters:
  ///   - client: the node, and what it must answer (``ChainSettings/expectedSettlement``).
  ///   - journal: the file of what was sent.
  /// - Throws: what ``ChainContracts/find(core:with:)`` throws, ``ChainError/store(_:)``.
  public static func open(
    client: ChainClient, core: Address, key: PrivateKey, journal: URL,
    settings: SenderSettings = SenderSettings()
  ) async throws(ChainError) -> ChainAccount {
    let contracts = try await ChainContracts.find(core: core, with: client)
    let sender = TransactionSender(
      client: client, chainID: contracts.chainID, key: key, journal: try NonceJournal(file: journal),
      settings: settings)
    return ChainAccount(client: client, contracts: contracts, sender: sender)
  }

  /// Adds tokens to the account's ledger on L1, from which nodes lock; allows Core to take them first, when it may not.
  public func deposit(_ amount: TokenAmount, isDryRun: Bool = false) async throws(ChainError) -> ChainReport {
    try await pay(amount, into: contracts.core, EmethCore.deposit(amount), isDryRun)
  }

  /// Pays tokens in that are credited to an account on L2. The settlement may take them: name it when the account is
  /// opened, since a node that lies may name any.
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
    return await closed(report)
  }

  func sum(
    _ first: TokenAmount, _ second: TokenAmount, _ method: String
  ) throws(ChainError) -> TokenAmount {
    do throws(NumberError) {
      return try first.adding(second)
    } catch {
      throw .contradiction(
        method: method, what: "the sum of what is paid", found: "2^256 holon or more",
        expected: "what a token can hold")
    }
  }

  // MARK: - Steps

  private func pay<Output>(
    _ amount: TokenAmount, into contract: Address, _ call: ContractCall<Output>, _ isDryRun: Bool
  ) async throws(ChainError) -> ChainReport {
    try await pay(action(call, contract), report(amount, isDryRun)).report
  }

  /// Lets the action's contract take the report's amount, where it may not yet, and does the action.
  func pay(
    _ action: ChainAction, _ report: ChainReport
  ) async throws(ChainError) -> (report: ChainReport, receipt: ChainReceipt?) {
    var report = report
    let (amount, isDryRun) = (report.amount ?? .zero, report.isDryRun)
    if let contract = action.request.to, try await sender.earlier(action, isDryRun: isDryRun) == nil {
      let wallet = try await client.call(EmethToken.balance(of: sender.account), at: contracts.token)
      guard wallet >= amount else {
        throw .insufficientTokens(account: sender.account, found: wallet, needed: amount)
      }
      let allowed = try await client.call(
        EmethToken.allowance(owner: sender.account, spender: contract), at: contracts.token)
      if allowed < amount {
        let approval = EmethToken.approve(spender: contract, amount: amount)
        var step = try await step(approval, contracts.token, isDryRun).step
        step.spender = contract
        report.steps.append(step)
        if isDryRun {
          // Before that is in the chain nobody can say what the next one costs.
          report.steps.append(ChainReport.Step(function: action.function, contract: contract))
          return (await closed(report), nil)
        }
      }
    }
    let (step, receipt) = try await sender.perform(action, isDryRun: isDryRun)
    report.steps.append(step)
    return (await closed(report), receipt)
  }

  /// What one of each function that arrived without a report means; of all others it is told.
  private static let earlier: [String: ChainAction.Earlier] = [
    "approve": .isNothing, "redeemTicket": .isNothing, "redeemTickets": .isNothing,
    "redeemFromBatch": .isNothing, "cancel": .stands, "setServer": .isNothing,
    // The contract itself says what of these is done.
    "postBatch": .isNothing, "requestExit": .isNothing, "freeze": .isNothing, "claim": .isNothing,
    "payClaim": .isNothing, "reclaimDeposit": .isNothing,
  ]

  private func action<Output>(_ call: ContractCall<Output>, _ contract: Address) -> ChainAction {
    ChainAction(
      TransactionRequest(from: sender.account, to: contract, data: call.data, value: .zero),
      call.function.name, Self.earlier[call.function.name] ?? .isTold)
  }

  func step<Output>(
    _ call: ContractCall<Output>, _ contract: Address, _ isDryRun: Bool
  ) async throws(ChainError) -> (step: ChainReport.Step, receipt: ChainReceipt?) {
    try await sender.perform(action(call, contract), isDryRun: isDryRun)
  }

  func report(_ amount: TokenAmount?, _ isDryRun: Bool) -> ChainReport {
    var report = ChainReport(chainID: contracts.chainID, account: sender.account, isDryRun: isDryRun)
    report.core = contracts.core
    report.token = contracts.token
    report.amount = amount
    return report
  }

  /// The report with what the account has now. By then all is done: a node that does not say it makes no error of that,
  /// after which somebody would pay again.
  func closed(_ report: ChainReport) async -> ChainReport {
    var report = report
    do throws(ChainError) {
      report.wallet = try await client.call(EmethToken.balance(of: sender.account), at: contracts.token)
      report.ledger = try await client.call(EmethCore.deposits(of: sender.account), at: contracts.core)
    } catch {
      report.notes.append("what the account has now is unknown: \(error.message)")
    }
    return report
  }
}
