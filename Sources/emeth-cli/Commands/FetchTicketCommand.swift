import EmethKit
import EmethNetwork

extension Command {
  /// `emeth fetch-ticket`: an account's ticket from a server, signed or proven.
  static let fetchTicket = Command(
    CommandDefinition(
      "fetch-ticket", section: .keys, summary: "fetch an account's ticket from a server",
      discussion: [
        "Prints the account's newest signed ticket, which `emeth redeem-ticket` has paid on the chain on which the server "
          + "settles. With --batch it prints the ticket with its proof in a batch, which needs no signature of its own: what "
          + "`emeth request-exit` and `emeth exit-frozen` take, and `emeth redeem-ticket` above what signed tickets may be paid.",
        "It is checked first: that the network's Signer has signed it, for the network's chain and contract, and that the "
          + "proof leads to the batch. Keep one of each posted batch at hand: an operator that is gone gives none.",
      ],
      arguments: [FetchTicketArguments.account],
      flags: ServerOptions.signedOnly + [FetchTicketArguments.batch, CommonFlags.json],
      examples: [
        CommandExample(
          "emeth fetch-ticket --server http://127.0.0.1:7443 --key-file key > signed.json", "one's own"),
        CommandExample(
          "emeth fetch-ticket 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed --batch posted --server "
            + "http://127.0.0.1:7443 > proven.json", "with its proof in the newest batch on the chain"),
      ],
      exitCodes: [.no: "there is no such ticket or batch, or \(KeyOptions.wrongPassword)"])
  ) { parsed, context in
    let given = parsed[FetchTicketArguments.account]
    let client = try ServerOptions.requiredClient(parsed, context, signed: given == nil)
    guard let account = given ?? client.account else { return .usage }
    do {
      let facts: NetworkFacts = try await client.get("/api/v2/network")
      guard let batch = parsed[FetchTicketArguments.batch] else {
        let signed = try await client.ticket(of: account)
        try check(client.server, account, signed.ticket) { () throws(TicketError) in
          try signed.check(
            signers: TrustedSigners(facts.signer(of: signed.ticket.epoch)), in: facts.domain)
        }
        try context.output.print(signed.canonicalJSON)
        return .done
      }
      let proven = try await client.provenTicket(of: account, in: batch)
      try check(client.server, account, proven.ticket) { () throws(TicketError) in
        try proven.check(
          signers: TrustedSigners(facts.signer(of: proven.batch.batch.epoch)), in: facts.domain)
      }
      try context.output.write(JSONText.pretty(proven))
      return .done
    } catch NetworkError.refused(let code, let message, let hint)
      where ["ticket.none", "batch.none"].contains(code)
    {
      throw CommandFailure(.no, code: code, message, hint: hint)
    }
  }

  /// What a server gives must be what it says that its Signer signs, and the account's.
  private static func check(
    _ server: ServerAddress, _ account: Address, _ ticket: Ticket, _ body: () throws(TicketError) -> Void
  ) throws {
    do throws(TicketError) {
      try body()
      guard ticket.account == account else {
        throw .accountMismatch(found: ticket.account, expected: account)
      }
    } catch {
      throw CommandFailure(
        .badInput, code: error.code, "the ticket that \(server) gives: \(error.message)", hint: error.hint)
    }
  }

  private enum FetchTicketArguments {
    static let account = Argument(optional: "ADDRESS", .address, help: "whose; without it the key's")
    static let batch = Flag(
      "batch", .provenBatch, absent: "the signed ticket alone",
      help: "with its proof in the newest batch, in the newest on the chain, or in that of an epoch")
  }
}

extension ValueType where Value == ProvenBatch {
  /// `newest`, `posted` or an epoch.
  fileprivate static var provenBatch: Self {
    let allowed = "newest, posted or an epoch, from 1"
    return Self(name: "BATCH", allowed: allowed) { text throws(ValueRefusal) in
      guard let batch = ProvenBatch(text) else { throw ValueRefusal(allowed: allowed) }
      return batch
    }
  }
}
