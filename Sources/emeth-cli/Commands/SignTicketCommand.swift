import EmethKit

extension Command {
  /// `emeth sign-ticket`: signs what an account may withdraw.
  static let signTicket = Command(
    CommandDefinition(
      "sign-ticket", section: .keys, summary: "sign a ticket and print it with its signature",
      discussion: [
        "Reads {\"domain\":{\"chainId\",\"verifyingContract\"},\"ticket\":{...}} from TICKET or standard "
          + "input, or takes the ticket from the flags, and prints it as JSON with digest, signature and "
          + "signer (EIP-712, domain EMETH version 1). Amounts in JSON are in holon.",
        "A ticket is cumulative: it says all that was ever granted to the account, and replaces older ones.",
      ],
      arguments: [SignTicketArguments.file],
      flags: [
        KeyOptions.keyFile, KeyOptions.passwordFile, SignTicketArguments.account, SignTicketArguments.epoch,
        SignTicketArguments.cumulativePayout, SignTicketArguments.unspent, SignTicketArguments.locked,
        SignTicketArguments.jobsRoot, SignTicketArguments.chainID, SignTicketArguments.contract,
        CommonFlags.json,
      ],
      examples: [
        CommandExample("emeth sign-ticket ticket.json --key-file signer.key", "a ticket from a file"),
        CommandExample(
          "emeth sign-ticket --key-file signer.key --account 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed "
            + "--epoch 7 --cumulative-payout 1.5", "a ticket for the embedded settlement"),
      ])
  ) { parsed, context in
    let unsigned = try readTicket(parsed)
    let signed = unsigned.signed(with: try KeyOptions.load(parsed, context))
    try context.output.write(JSONText.pretty(signed))
    return .done
  }

  private static func readTicket(_ parsed: ParsedCommand) throws -> UnsignedTicket {
    let given = SignTicketArguments.ticketFlags.first { parsed.isGiven($0) }
    if let path = parsed[SignTicketArguments.file] ?? (given == nil ? "-" : nil) {
      if let given {
        throw UsageError.contradiction(
          rule: "\(given.definition.spelling) can't be given with TICKET, which holds the whole ticket",
          command: "sign-ticket")
      }
      let file = InputFile(path)
      return try JSONInput.decode(UnsignedTicket.self, from: JSONInput.parse(file).text, of: file)
    }
    guard let account = parsed[SignTicketArguments.account], let epoch = parsed[SignTicketArguments.epoch],
      let payout = parsed[SignTicketArguments.cumulativePayout]
    else {
      throw UsageError.contradiction(
        rule: "a ticket from flags needs --account, --epoch and --cumulative-payout", command: "sign-ticket")
    }
    return UnsignedTicket(
      domain: EIP712Domain(
        chainId: parsed[SignTicketArguments.chainID],
        verifyingContract: parsed[SignTicketArguments.contract]),
      ticket: Ticket(
        account: account, epoch: epoch, cumulativePayout: payout,
        unspent: parsed[SignTicketArguments.unspent],
        locked: parsed[SignTicketArguments.locked], jobsRoot: parsed[SignTicketArguments.jobsRoot]))
  }

  private enum SignTicketArguments {
    static let file = Argument(
      optional: "TICKET", .file, help: "JSON of the ticket, `-` for standard input")
    static let account = Flag("account", .address, absent: nil, help: "the account that may withdraw")
    static let epoch = Flag("epoch", .unsigned(), absent: nil, help: "the epoch that the ticket closes")
    static let cumulativePayout = Flag(
      "cumulative-payout", .tokenAmount, absent: nil, help: "all that was ever granted to the account")
    static let unspent = Flag(
      "unspent", .tokenAmount, default: TokenAmount.zero, defaultText: "0", help: "what the account can spend"
    )
    static let locked = Flag(
      "locked", .tokenAmount, default: TokenAmount.zero, defaultText: "0", help: "what running jobs bind")
    static let jobsRoot = Flag(
      "jobs-root", .bytes32, default: Bytes32.zero, defaultText: "zero: no jobs",
      help: "root of the jobs settled in the epoch")
    static let chainID = Flag(
      "chain-id", .uint256, default: EIP712Domain.embedded.chainId, defaultText: "0: embedded settlement",
      help: "chain that the ticket counts for")
    static let contract = Flag(
      "contract", .address, default: Address.zero, defaultText: "the zero address: embedded settlement",
      help: "contract that redeems it")

    static var ticketFlags: [any CommandFlag] {
      [account, epoch, cumulativePayout, unspent, locked, jobsRoot, chainID, contract]
    }
  }
}
