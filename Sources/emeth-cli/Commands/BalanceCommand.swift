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

  /// `emeth withdraw AMOUNT`: moves money to where the next ticket pays it out.
  static let withdraw = Command(
    CommandDefinition(
      "withdraw", section: .keys, summary: "make money on a server ready for withdrawal",
      discussion: ["It counts from the account's next ticket on, and can't be spent on the server any more."],
      arguments: [BalanceArguments.amount],
      flags: ServerOptions.signedOnly + [CommonFlags.json],
      examples: [
        CommandExample(
          "emeth withdraw 1.5emeth --server http://127.0.0.1:7443 --key-file key", "one and a half")
      ],
      exitCodes: [.no: "the account has less to spend, or \(KeyOptions.wrongPassword)"])
  ) { parsed, context in
    let client = try ServerOptions.requiredClient(parsed, context, signed: true)
    guard let account = client.account else { return .usage }
    do {
      let balances = try await client.withdraw(parsed[BalanceArguments.amount])
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
