import EmethKit
import EmethNetwork
import Foundation

extension ServeConfiguration {
  /// The chain on which the network settles; `nil` where settlement is embedded.
  func chain(_ context: CommandContext) async throws -> SettlementChain? {
    guard parsed.holds(ChainOptions.rpc.definition) else {
      let others: [any CommandFlag] = [ChainOptions.core] + ServeArguments.ofChain
      for flag in others where parsed.holds(flag.definition) {
        throw UsageError.contradiction(
          rule: "\(flag.definition.spelling) belongs to --rpc", command: parsed.definition.name)
      }
      return nil
    }
    if parsed.isGiven(ServeArguments.grant) || !parsed[ServeArguments.grant].isEmpty {
      throw UsageError.contradiction(
        rule: "--grant is money from nowhere, and with --rpc money comes from deposits on the chain",
        command: parsed.definition.name)
    }
    let key = try operatorKey(context)
    var asking = ChainSettings()
    asking.expectedChainID = parsed[ChainOptions.chainID]
    asking.expectedSettlement = parsed[ChainOptions.settlement]
    var settings = SettlementChain.Settings()
    settings.confirmations = UInt64(parsed[ServeArguments.confirmations])
    settings.firstBlock = parsed[ServeArguments.fromBlock] ?? 0
    if let span = parsed[ServeArguments.posting] {
      guard span >= .seconds(720), span <= .seconds(20 * 3_600) else {
        throw CommandFailure(
          .usage, code: "value.range", "\(parsed.definition.name): --posting is \(span / .seconds(1)) s",
          hint:
            "allowed are 12m to 20h: each batch costs gas, and when the newest one is of 48 hours ago anybody may freeze L2"
        )
      }
      settings.postingSeconds = UInt64(span / .seconds(1))
    }
    let endpoint = try ChainOptions.endpoint(parsed, context)
    let core = try ChainOptions.core(parsed, context)
    let journal = try folder.appending(path: "chain/transactions.sqlite")
    let client = ChainClient(endpoint: endpoint, settings: asking)
    settings.witness = try ChainOptions.witness(parsed, context).map {
      ChainClient(endpoint: $0, settings: asking)
    }
    let how = settings
    let task = Task {
      try await SettlementChain.open(
        client: client, core: core, operatorKey: key, journal: journal, settings: how)
    }
    context.cancellation.onRequest { task.cancel() }
    do {
      return try await task.value
    } catch {
      try context.cancellation.check(note: nil)
      throw error
    }
  }

  /// The key of the account that sends batches, or registers parts.
  func operatorKey(_ context: CommandContext) throws -> PrivateKey {
    guard let path = parsed[ServeArguments.operatorKey] else {
      throw CommandFailure(
        .usage, code: "key.missing", "\(parsed.definition.name): no account is named that sends transactions",
        hint: "give --operator-key-file FILE; it needs the chain's own coin, and no tokens")
    }
    guard let passwordPath = parsed[ServeArguments.operatorPassword] else {
      return try KeyFile(path).load(password: nil)
    }
    var password = try KeyOptions.readPassword(passwordPath, context)
    defer { password.cleanse() }
    return try KeyFile(path).load(password: password)
  }
}
