import EmethKit
import EmethNetwork

extension Command {
  /// `emeth request-exit FILE`: asks the chain for all that an account has on its servers.
  static let requestExit = Command(
    CommandDefinition(
      "request-exit", section: .keys, summary: "ask the chain for all that one has on its servers",
      discussion: [
        "The servers' operator has seven days to grant the account's whole unspent amount in a batch, after which "
          + "`emeth redeem-ticket` pays it. When it does not, `emeth exit-frozen` freezes the servers' layer and gets the money out.",
        ExitArguments.fileText, ChainOptions.discussion,
      ],
      arguments: [ExitArguments.file], flags: ChainOptions.all,
      examples: [
        CommandExample(
          "emeth request-exit proven.json --rpc http://127.0.0.1:8545 --core "
            + "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed --key-file key", "when a server does not pay out")
      ],
      exitCodes: [.no: "the contract refuses, or \(KeyOptions.wrongPassword)"])
  ) { parsed, context in
    let ticket = try ExitArguments.ticket(parsed[ExitArguments.file])
    let isDryRun = parsed[ChainOptions.dryRun]
    return try await ChainOptions.run(parsed, context) { account throws(ChainError) in
      try await account.requestExit(ticket, isDryRun: isDryRun)
    }
  }

  /// `emeth exit-frozen [FILE]`: gets an account's money out when the operator is gone.
  static let exitFrozen = Command(
    CommandDefinition(
      "exit-frozen", section: .keys, summary: "get one's money out when the operator is gone",
      discussion: [
        "Does what can be done now and says what to wait for; repeat it then. It posts the ticket's batch, where nobody did, freezes "
          + "the servers' layer (no batch of the last 48 hours, "
          + "or the account's exit unserved for seven days), claims what the ticket says, takes what is due of the claim seven days "
          + "later, and takes back deposits of the account that were never credited, which needs no FILE.",
        ExitArguments.fileText, ChainOptions.discussion,
      ],
      arguments: [ExitArguments.optionalFile], flags: ChainOptions.all,
      examples: [
        CommandExample(
          "emeth exit-frozen proven.json --rpc http://127.0.0.1:8545 --core "
            + "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed --key-file key",
          "again after the date that it names")
      ],
      exitCodes: [.no: "it is too early, the contract refuses, or \(KeyOptions.wrongPassword)"])
  ) { parsed, context in
    let ticket = try parsed[ExitArguments.optionalFile].map(ExitArguments.ticket)
    let isDryRun = parsed[ChainOptions.dryRun]
    return try await ChainOptions.run(parsed, context) { account throws(ChainError) in
      try await account.exitFrozen(ticket, isDryRun: isDryRun)
    }
  }

  private enum ExitArguments {
    static let file = Argument("FILE", .file, help: help)
    static let optionalFile = Argument(optional: "FILE", .file, help: help)
    static let help = "JSON of the account's ticket with its batch and proof, `-` for standard input"
    static let fileText =
      "FILE is the account's newest ticket with its batch and proof, as `emeth fetch-ticket --batch posted` prints it and "
      + "`emeth verify` checks it: keep one at hand, since an operator that is gone gives none."

    static func ticket(_ path: String) throws -> ProvenTicket {
      let file = InputFile(path)
      let (json, text) = try JSONInput.parse(file)
      if json["batch"] == nil, json["signature"] != nil {
        throw CommandFailure(
          .badInput, code: "ticket.unproven", "\(file.name) is a signed ticket, without its batch and proof",
          hint: "emeth fetch-ticket ADDRESS --batch posted --server URL")
      }
      return try JSONInput.decode(ProvenTicket.self, from: text, of: file)
    }
  }
}
