import EmethKit
import EmethNetwork

extension Command {
  /// `emeth deposit AMOUNT`: pays tokens into EMETH's contracts on a chain.
  static let deposit = Command(
    CommandDefinition(
      "deposit", section: .keys, summary: "pay tokens into EMETH's contracts on a chain",
      discussion: [
        "Without --to-servers they go into the account's ledger in EMETH Core, from which a node's deposits are locked and "
          + "`emeth withdraw --layer 1` takes them back; with it they are credited on the servers of this chain.",
        "--to-servers wants --chain-id and --settlement as the servers' operator gives them: a node that lies could name a "
          + "contract of its own, which would be allowed to take the tokens.",
        "--server, which means --to-servers, or EMETH_SERVER beside --to-servers, asks that server first: nothing is sent "
          + "where it credits deposits of another chain or contract, or none.",
        "Where the contract may not take so many tokens yet, it is allowed to first: two transactions.",
        ChainOptions.discussion,
      ],
      arguments: [DepositArguments.amount],
      flags: [
        DepositArguments.toServers, DepositArguments.server, ChainOptions.settlement,
        DepositArguments.account, ChainOptions.again,
      ] + ChainOptions.all,
      examples: [
        CommandExample(
          "EMETH_RPC=https://rpc.example.org/KEY emeth deposit 25emeth --core "
            + "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed --key-file key --dry-run", "what it would cost"),
        CommandExample(
          "emeth deposit 25emeth --to-servers --rpc http://127.0.0.1:8545 --core "
            + "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed --chain-id 1 --settlement "
            + "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359 --key-file key", "to spend on the chain's servers"),
      ],
      exitCodes: [
        .no: "the account has too few tokens or no coin for gas, the contract or the server refuses, or "
          + KeyOptions.wrongPassword
      ])
  ) { parsed, context in
    let amount = parsed[DepositArguments.amount]
    let isDryRun = parsed[ChainOptions.dryRun]
    let isForServers = parsed[DepositArguments.toServers] || parsed.isGiven(DepositArguments.server)
    let given = parsed[DepositArguments.account]
    guard isForServers || given == nil else {
      throw UsageError.contradiction(rule: "--for belongs to --to-servers", command: "deposit")
    }
    let settlement = parsed[ChainOptions.settlement]
    guard !isForServers || (settlement != nil && parsed[ChainOptions.chainID] != nil) else {
      throw UsageError.contradiction(
        rule: "--to-servers and --server need --chain-id and --settlement", command: "deposit")
    }
    if isForServers { try await DepositArguments.checkServer(parsed, context) }
    return try await ChainOptions.run(
      parsed, context, settlement: settlement, again: parsed[ChainOptions.again]
    ) { account throws(ChainError) in
      guard isForServers else { return try await account.deposit(amount, isDryRun: isDryRun) }
      return try await account.depositToLayer2(amount, for: given ?? account.address, isDryRun: isDryRun)
    }
  }

  /// `emeth redeem-ticket FILE...`: has tickets paid on their chain.
  static let redeemTicket = Command(
    CommandDefinition(
      "redeem-ticket", section: .keys, summary: "have signed tickets paid on their chain",
      discussion: [
        "A ticket pays its account what it grants above all that was paid before; whoever sends it pays the gas. Of several "
          + "for one account the one that pays most counts, what was paid already costs nothing, what the contract refuses is "
          + "left out with a note, and up to 100 go in one transaction.",
        "FILE holds a signed ticket as `emeth sign-ticket` prints it, JSON lines of them, or an array.",
        "All that signatures alone have paid is at most the lower of the operator's bond and the daily cap. A ticket with "
          + "its batch and proof, as `emeth request-exit` takes it, is paid whatever it grants, from a day after its batch "
          + "was posted on; a batch that nobody has posted is posted. Of an account that has both, the proof pays what "
          + "the signature can't.",
        ChainOptions.discussion,
      ],
      arguments: [RedeemArguments.files], flags: ChainOptions.all,
      examples: [
        CommandExample(
          "emeth redeem-ticket signed.json --rpc http://127.0.0.1:8545 --core "
            + "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed --key-file key", "one ticket"),
        CommandExample(
          "emeth redeem-ticket proven.json --rpc http://127.0.0.1:8545 --core "
            + "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed --key-file key", "more than the bond covers"),
      ],
      exitCodes: [
        .no: "the contract refuses all, the account has no coin for gas, or \(KeyOptions.wrongPassword)"
      ])
  ) { parsed, context in
    var (tickets, proven): ([SignedTicket], [ProvenTicket]) = ([], [])
    for path in parsed[RedeemArguments.files] {
      try await RedeemArguments.read(InputFile(path), into: &tickets, &proven, context)
    }
    let (signed, others, isDryRun) = (tickets, proven, parsed[ChainOptions.dryRun])
    return try await ChainOptions.run(parsed, context) { account throws(ChainError) in
      try await account.redeem(signed, proven: others, isDryRun: isDryRun)
    }
  }

  private enum DepositArguments {
    static let amount = Argument("AMOUNT", .tokenAmount, help: "how much")
    static let toServers = Flag(toggle: "to-servers", help: "credit it on the servers of the chain")
    static let server = Flag(
      "server", .server, absent: "the one in EMETH_SERVER",
      help: "server that must credit it: asked before anything is sent")
    static let account = Flag("for", .address, absent: "the key's", help: "account that is credited there")

    /// Refuses a server that would not credit the deposit.
    static func checkServer(_ parsed: ParsedCommand, _ context: CommandContext) async throws {
      guard let client = try ServerOptions.client(parsed, context, signed: false),
        let chain = parsed[ChainOptions.chainID], let settlement = parsed[ChainOptions.settlement]
      else { return }
      let domain = try await client.facts().domain
      guard domain.separator != EIP712Domain(chainId: UInt256(chain), verifyingContract: settlement).separator
      else { return }
      throw CommandFailure(
        .no, code: "deposit.otherSettlement",
        domain.chainId == 0
          ? "\(client.server) credits no deposits of a chain: it keeps its accounts' money itself"
          : "\(client.server) credits deposits of chain \(domain.chainId), contract \(domain.verifyingContract); "
            + "meant are chain \(chain), contract \(settlement)",
        hint: domain.chainId == 0
          ? "its operator grants money with `emeth serve --grant`"
          : "ask its operator for --chain-id and --settlement",
        details: ["chainId": "\(domain.chainId)", "settlement": "\(domain.verifyingContract)"])
    }
  }

  private enum RedeemArguments {
    static let files = Argument(
      repeated: "FILE", .file, help: "JSON of signed or proven tickets, `-` for standard input")

    static func read(
      _ file: InputFile, into tickets: inout [SignedTicket], _ proven: inout [ProvenTicket],
      _ context: CommandContext
    ) async throws {
      let before = tickets.count + proven.count
      var pieces = try JSONPieces(file, cancellation: context.cancellation)
      while let group = try await pieces.nextGroup() {
        for piece in group {
          let (json, text) = try piece.parsed(in: file.name)
          if json["proof"] != nil {
            let name = "\(file.name), \(piece.place)"
            proven.append(try JSONInput.decode(ProvenTicket.self, from: text, named: name))
            continue
          }
          do throws(TicketError) {
            tickets.append(try SignedTicket(json: json))
          } catch {
            throw CommandFailure(
              .badInput, code: error.code, "\(file.name), \(piece.place): \(error.message)", hint: error.hint)
          }
        }
      }
      guard tickets.count + proven.count > before else {
        throw CommandFailure(.badInput, code: "ticket.nothing", "\(file.name) holds no ticket")
      }
    }
  }
}
