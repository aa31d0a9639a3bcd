import EmethKit
import EmethNetwork

extension Command {
  /// `emeth balance`: an account's money on a server.
  static let balance = Command(
    CommandDefinition(
      "balance", section: .keys, summary: "show what an account has on a server",
      discussion: [
        "Unspent is what can be spent on the server, bound is in running jobs, granted is all that was ever made ready "
          + "for withdrawal."
      ],
      arguments: [BalanceArguments.account],
      flags: ServerOptions.signedOnly + [CommonFlags.json],
      examples: [
        CommandExample("emeth balance --server http://127.0.0.1:7443 --key-file key", "one's own"),
        CommandExample(
          "emeth balance 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed --server http://127.0.0.1:7443",
          "anybody's"),
      ],
      exitCodes: [.no: KeyOptions.wrongPassword])
  ) { parsed, context in
    let given = parsed[BalanceArguments.account]
    let client = try ServerOptions.requiredClient(parsed, context, signed: given == nil)
    guard let account = given ?? client.account else { return .usage }
    try BalanceText(account: account, balances: try await client.balances(of: account)).write(parsed, context)
    return .done
  }

  /// `emeth withdraw AMOUNT`: moves money to where the next ticket pays it out, or out of a chain's ledger.
  static let withdraw = Command(
    CommandDefinition(
      "withdraw", section: .keys, summary: "take money out of a server or of a chain's ledger",
      discussion: [
        "Money lies in two places, and each is taken out of its own. On a server (layer 2) the amount counts from the "
          + "account's next ticket on, can't be spent there any more, and `emeth redeem-ticket` brings it into the wallet. On a "
          + "chain (layer 1) it goes from the account's ledger in EMETH Core, as far as no job locks it, into the wallet at once.",
        ChainOptions.layers,
      ],
      arguments: [BalanceArguments.amount],
      flags: [ServerOptions.only, ChainOptions.layer, ChainOptions.again] + ChainOptions.all,
      examples: [
        CommandExample(
          "emeth withdraw 1.5emeth --server http://127.0.0.1:7443 --key-file key", "one and a half"),
        CommandExample(
          "EMETH_RPC=https://rpc.example.org/KEY emeth withdraw 5emeth --layer 1 --core "
            + "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed --key-file key", "out of EMETH Core"),
      ],
      exitCodes: [.no: "the account has less to take out, or \(KeyOptions.wrongPassword)"])
  ) { parsed, context in
    if try ChainOptions.isChain(parsed, others: [ServerOptions.only], also: [ChainOptions.again]) {
      let amount = parsed[BalanceArguments.amount]
      let isDryRun = parsed[ChainOptions.dryRun]
      return try await ChainOptions.run(parsed, context, again: parsed[ChainOptions.again]) {
        account throws(ChainError) in
        try await account.withdraw(amount, isDryRun: isDryRun)
      }
    }
    let client = try ServerOptions.requiredClient(parsed, context, signed: true)
    guard let account = client.account else { return .usage }
    do {
      let balances = try await client.withdraw(parsed[BalanceArguments.amount])
      if !parsed[CommonFlags.json] {
        context.talk.note(
          "it counts from the next ticket on; `emeth redeem-ticket` brings it into the wallet")
      }
      try BalanceText(account: account, balances: balances).write(parsed, context)
      return .done
    } catch NetworkError.refused(let code, let message, let hint) where code == "ledger.insufficient" {
      throw CommandFailure(.no, code: code, message, hint: hint)
    }
  }

  private enum BalanceArguments {
    static let account = Argument(optional: "ADDRESS", .address, help: "whose; without it the key's")
    static let amount = Argument("AMOUNT", .tokenAmount, help: "how much")
  }
}

/// An account's money as it is printed.
private struct BalanceText: Encodable {
  var account: Address
  var unspent: TokenAmount
  var locked: TokenAmount
  var payout: TokenAmount
  var total: TokenAmount

  init(account: Address, balances: Balances) {
    self.account = account
    unspent = balances.unspent
    locked = balances.locked
    payout = balances.payout
    total = balances.total
  }

  func write(_ parsed: ParsedCommand, _ context: CommandContext) throws {
    if parsed[CommonFlags.json] { return try context.output.write(JSONText.pretty(self)) }
    try context.output.write(
      """
      account   \(account)
      unspent   \(unspent.emethText)
      bound     \(locked.emethText)
      granted   \(payout.emethText)
      total     \(total.emethText)

      """)
  }
}
