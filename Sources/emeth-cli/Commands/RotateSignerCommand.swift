import EmethKit
import EmethNetwork
import Foundation

extension Command {
  /// `emeth rotate-signer`: gives the role of a network's Signer to another key.
  static let rotateSigner = Command(
    CommandDefinition(
      "rotate-signer", section: .operators, summary: "let another key sign a network's tickets",
      discussion: [
        "The epoch that is open is still signed by the old key, the next one by the key of --key-file: on every server of "
          + "the network, without a break, whether it is served now or not. The change is signed by both keys and stands at "
          + "/api/v2/network and in the records of jobs; by it everybody knows who signs which epoch. Tickets of earlier "
          + "epochs stay good, and the old key is good for none of the later ones.",
        "The key is copied into --data, to be read by its owner alone, and is part of backups. It must be one that nothing "
          + "else uses: no account, no other role, no former Signer's.",
        "Of a network that settles on a chain its contract says whose signatures count, and a node of that chain is asked "
          + "(--rpc, --witness-rpc). An owner of EMETH Core proposes the new Signer first, which starts eight days later: until then "
          + "the key is kept, and servers hand over when the contract does. One that it will not take is refused. What the "
          + "old key has signed pays nobody any more then: everybody gets a ticket of the new one.",
        "What the change is goes to standard output, with --json as a document that `emeth verify` takes; of a key that was "
          + "kept, from when it counts.",
      ],
      flags: [
        ServeArguments.data, ServeArguments.database, ServeArguments.config, ChainOptions.rpc,
        ServeArguments.witness, ChainOptions.plainHTTP, KeyOptions.keyFile, KeyOptions.passwordFile,
        CommonFlags.json,
      ],
      examples: [
        CommandExample(
          "emeth rotate-signer --data net --key-file new.key", "after `emeth new-key --out new.key`"),
        CommandExample(
          "emeth rotate-signer --data net --key-file new.key --rpc https://rpc.example.org",
          "after proposeSigner of its address"),
      ],
      exitCodes: [.no: KeyOptions.wrongPassword])
  ) { parsed, context in
    let configuration = try ServeConfiguration(parsed, context)
    let folder = try configuration.folder
    let rotation = SignerRotation(folder: folder, database: try configuration.database)
    let key = try KeyOptions.load(parsed, context)
    let outcome: SignerRotation.Outcome
    if try inNetwork(folder, { try rotation.domain() }) == .embedded {
      for flag in [ChainOptions.rpc, ServeArguments.witness] where parsed.isGiven(flag) {
        throw UsageError.contradiction(
          rule: "\(flag.definition.spelling) is for a network that settles on a chain",
          command: parsed.definition.name)
      }
      outcome = .changed(try inNetwork(folder) { try rotation.handOver(to: key) })
    } else {
      let given = configuration.parsed
      let main = try ChainOptions.endpoint(given, context)
      let nodes = [main] + (try ChainOptions.witness(given, context).map { [$0] } ?? [])
      let task = Task { try await rotation.prepare(key, asking: nodes.map { ChainClient(endpoint: $0) }) }
      context.cancellation.onRequest { task.cancel() }
      do {
        outcome = try await task.value
      } catch {
        try context.cancellation.check(note: nil)
        throw error
      }
    }
    try tell(outcome, key.address, parsed, context)
    return .done
  }

  private static func tell(
    _ outcome: SignerRotation.Outcome, _ next: Address, _ parsed: ParsedCommand, _ context: CommandContext
  ) throws {
    struct Prepared: Encodable {
      var next: Address
      var startsAt: UInt64
    }
    switch (outcome, parsed[CommonFlags.json]) {
    case (.changed(let signed), true): try context.output.write(JSONText.pretty(signed))
    case (.changed(let signed), false):
      let change = signed.content
      try context.output.print(
        "from epoch \(change.epoch) on \(change.next) signs, until then \(change.previous)")
    case (.prepared(let time), true):
      try context.output.write(JSONText.pretty(Prepared(next: next, startsAt: time)))
    case (.prepared(let time), false):
      try context.output.print(
        "the chain takes what \(next) signs from \(ChainAccount.date(time)) on; servers hand over then")
    }
  }
}
