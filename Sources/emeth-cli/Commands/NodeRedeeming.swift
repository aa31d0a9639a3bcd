import EmethKit
import EmethNetwork
import Foundation

/// How a node has its tickets paid: by which policy, on which chain.
enum NodeRedeeming {
  static let policy = Flag(
    "redeem", .redeemPolicy, absent: "manual", help: "when its tickets are paid on the chain of --rpc")

  /// Those of a node that redeems.
  static let flags: [any CommandFlag] = [
    policy, ChainOptions.rpc, ChainOptions.core, ChainOptions.chainID, ChainOptions.confirmations,
    ChainOptions.plainHTTP,
  ]

  /// What redeems a node's tickets; nil when its owner does it by hand.
  static func redeemer(
    _ parsed: ParsedCommand, _ context: CommandContext, _ connection: HTTPConnection, _ folder: URL,
    _ key: PrivateKey, _ domain: EIP712Domain
  ) async throws -> TicketRedeemer? {
    let wanted = parsed[policy] ?? .manual
    guard wanted != .manual else {
      for flag in flags.dropFirst() where parsed.isGiven(flag) {
        throw UsageError.contradiction(
          rule: "\(flag.definition.spelling) belongs to --redeem when:AMOUNT or --redeem daily",
          command: parsed.definition.name)
      }
      return nil
    }
    var asking = ChainSettings()
    asking.expectedChainID = parsed[ChainOptions.chainID]
    var settings = SenderSettings()
    settings.confirmations = UInt64(parsed[ChainOptions.confirmations])
    let client = ChainClient(endpoint: try ChainOptions.endpoint(parsed, context), settings: asking)
    let account = try await ChainAccount.open(
      client: client, core: try ChainOptions.core(parsed, context), key: key,
      journal: folder.appending(path: "chain/transactions.sqlite"), settings: settings)
    guard account.contracts.domain == domain else {
      let found = "chain \(domain.chainId), contract \(domain.verifyingContract)"
      throw CommandFailure(
        .badInput, code: "ticket.wrongDomain",
        "\(parsed.definition.name): \(connection.client.server) settles on \(found), and --core on chain "
          + "\(account.contracts.chainID), contract \(account.contracts.settlement)",
        hint: "name the chain and the contract of this server", details: ["found": found])
    }
    return try TicketRedeemer(account: account, policy: wanted, folder: folder) {
      () async throws(NetworkError) in try await connection.ticket()
    }
  }
}

extension ValueType where Value == TicketRedeemer.Policy {
  /// `when:AMOUNT`, `daily` or `manual`.
  static var redeemPolicy: Self {
    let allowed = "when:AMOUNT, such as when:10emeth, daily or manual"
    return Self(name: "POLICY", allowed: allowed) { text throws(ValueRefusal) in
      if text == "daily" { return .daily }
      if text == "manual" { return .manual }
      guard text.hasPrefix("when:") else { throw ValueRefusal(allowed: allowed) }
      let amount = try ValueType<TokenAmount>.tokenAmount.parse(String(text.dropFirst(5)))
      guard amount > .zero else { throw ValueRefusal(allowed: allowed, isOutOfRange: true) }
      return .when(amount)
    }
  }
}
