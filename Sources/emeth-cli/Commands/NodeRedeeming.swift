import EmethKit
import EmethNetwork
import Foundation

/// How a node has its tickets paid: by which policy, on which chain.
enum NodeRedeeming {
  static let policy = Flag(
    "redeem", .redeemPolicy, absent: "manual", help: "when its tickets are paid on the chain of --rpc")

  /// Those of a node that redeems.
  static let flags: [any CommandFlag] = [policy] + ChainOptions.ofAgents

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
    let open = try ChainOptions.opener(parsed, context, key, in: folder)
    let redeemer = try TicketRedeemer(policy: wanted, folder: folder, tickets: .of(connection)) {
      () async throws(ChainError) in
      let account = try await open()
      guard account.contracts.domain == domain else {
        throw .ticket(.signed(.wrongDomain(found: domain, expected: account.contracts.domain)))
      }
      return account
    }
    do {
      try await redeemer.account()
    } catch {
      // A chain that is away keeps nobody from computing: it is told, and tried again.
      guard ErrorReport(ofLibraryError: error)?.exitCode == .unavailable else { throw error }
    }
    return redeemer
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
