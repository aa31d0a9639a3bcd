import EmethKit

extension Command {
  /// `emeth sign-ticket`: signs what accounts may withdraw.
  static let signTicket = Command(
    CommandDefinition(
      "sign-ticket", section: .keys, summary: "sign tickets and print them with their signatures",
      discussion: [
        "Reads {\"domain\":{\"chainId\",\"verifyingContract\"},\"ticket\":{...}} from TICKET or standard "
          + "input, or takes one ticket from the flags, and prints it as JSON with digest, signature and "
          + "signer (EIP-712, domain EMETH version 1), each on one line. Amounts in JSON are in holon.",
        "TICKET may hold any number of tickets: JSON lines, one behind the other, or an array, which gives "
          + "an array. They are signed on all cores and printed in their order once all of them are signed: "
          + "nothing is printed when one can't be read. Large outputs wait in a temporary file.",
        "A ticket is cumulative: it says all that was ever granted to the account, and replaces older ones.",
        "--cosign reads signed tickets and adds a signature to each, for `emeth verify --signers` and for "
          + "contracts that ask for several.",
      ],
      arguments: [SignTicketArguments.file],
      flags: [
        KeyOptions.keyFile, KeyOptions.passwordFile, SignTicketArguments.cosign, SignTicketArguments.account,
        SignTicketArguments.epoch, SignTicketArguments.cumulativePayout, SignTicketArguments.unspent,
        SignTicketArguments.locked, SignTicketArguments.jobsRoot, SignTicketArguments.chainID,
        SignTicketArguments.contract, CommonFlags.json,
      ],
      examples: [
        CommandExample("emeth sign-ticket ticket.json --key-file signer.key", "a ticket from a file"),
        CommandExample(
          "emeth sign-ticket --key-file signer.key --account 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed "
            + "--epoch 7 --cumulative-payout 1.5emeth", "a ticket for the embedded settlement"),
        CommandExample(
          "emeth sign-ticket tickets.jsonl --key-file signer.key > signed.jsonl", "a line for every line"),
      ],
      exitCodes: [.no: KeyOptions.wrongPassword])
  ) { parsed, context in
    let given = SignTicketArguments.ticketFlags.first { parsed.isGiven($0) }
    guard let path = parsed[SignTicketArguments.file] ?? (given == nil ? "-" : nil) else {
      let ticket = try SignTicketArguments.ticket(parsed)
      let signed = ticket.signed(with: try KeyOptions.load(parsed, context))
      try context.output.print(signed.canonicalJSON)
      return .done
    }
    if let given {
      throw UsageError.contradiction(
        rule: "\(given.definition.spelling) can't be given with TICKET, which holds the whole ticket",
        command: "sign-ticket")
    }
    let signer = TicketSigner(
      key: try KeyOptions.load(parsed, context), isCosigning: parsed[SignTicketArguments.cosign],
      name: InputFile(path).name)
    try await signTickets(
      of: try JSONPieces(InputFile(path), cancellation: context.cancellation), with: signer, context)
    return .done
  }

  private static func signTickets(
    of pieces: consuming JSONPieces, with signer: TicketSigner, _ context: CommandContext
  ) async throws {
    let output = SpooledOutput()
    var pieces = pieces
    var isFirst = true
    var group = try await pieces.nextGroup()
    let isArray = pieces.form == .array
    if isArray { try output.append("[".utf8) }
    try await OrderedWork.run(
      cancellation: context.cancellation,
      next: {
        if let first = group {
          group = nil
          return first
        }
        return try await pieces.nextGroup()
      },
      body: { group in try group.map { try signer.line(for: $0) } },
      consume: { lines in
        for line in lines {
          if isArray { try output.append((isFirst ? "\n" : ",\n").utf8) }
          try output.append(line.utf8)
          if !isArray { try output.append("\n".utf8) }
          isFirst = false
        }
      })
    guard !isFirst else {
      throw CommandFailure(
        .badInput, code: "ticket.nothing", "\(signer.name) is an empty list: there is nothing to sign")
    }
    if isArray { try output.append("\n]\n".utf8) }
    try output.write(to: context.output)
  }

  private enum SignTicketArguments {
    static let file = Argument(
      optional: "TICKET", .file, help: "JSON of the ticket, `-` for standard input")
    static let cosign = Flag(
      toggle: "cosign", help: "TICKET holds signed tickets: add a signature to each")
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

    /// The ticket that the flags describe.
    static func ticket(_ parsed: ParsedCommand) throws(UsageError) -> UnsignedTicket {
      guard !parsed.isGiven(cosign) else {
        throw .contradiction(
          rule: "--cosign needs TICKET, which holds signed tickets", command: "sign-ticket")
      }
      guard let account = parsed[account], let epoch = parsed[epoch], let payout = parsed[cumulativePayout]
      else {
        throw .contradiction(
          rule: "a ticket from flags needs --account, --epoch and --cumulative-payout", command: "sign-ticket"
        )
      }
      return UnsignedTicket(
        domain: EIP712Domain(chainId: parsed[chainID], verifyingContract: parsed[contract]),
        ticket: Ticket(
          account: account, epoch: epoch, cumulativePayout: payout, unspent: parsed[unspent],
          locked: parsed[locked], jobsRoot: parsed[jobsRoot]))
    }
  }
}

/// Makes a signed ticket's line of a ticket's JSON.
struct TicketSigner: Sendable {
  let key: PrivateKey
  /// Whether the tickets are signed already, and get one signature more.
  let isCosigning: Bool
  /// How the input is called in messages.
  let name: String

  /// The signed ticket as canonical JSON, without a line end.
  ///
  /// - Throws: `CommandFailure` with exit code 3 that names the place.
  func line(for piece: JSONSplitter.Piece) throws -> String {
    let json = try piece.parsed(in: name).value
    do throws(TicketError) {
      return try signed(json).canonicalJSON
    } catch {
      throw CommandFailure(
        .badInput, code: error.code, "\(name), \(piece.place): \(error.message)", hint: error.hint,
        details: ["at": "\(piece.place)"])
    }
  }

  private func signed(_ json: JSONValue) throws(TicketError) -> SignedTicket {
    guard !isCosigning else {
      let ticket = try SignedTicket(json: json)
      try check(ticket.domain)
      return try ticket.cosigned(with: key)
    }
    let ticket = try UnsignedTicket(json: json)
    try check(ticket.domain)
    return ticket.signed(with: key)
  }

  /// No contract redeems a ticket that is signed for another application.
  private func check(_ domain: EIP712Domain) throws(TicketError) {
    guard domain.isEMETH else {
      throw .signed(
        .wrongDomain(
          found: domain,
          expected: EIP712Domain(chainId: domain.chainId, verifyingContract: domain.verifyingContract)))
    }
  }
}
