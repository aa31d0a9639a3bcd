import EmethKit
import EmethNetwork

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
        "What the change is goes to standard output, with --json as a document that `emeth verify` takes.",
      ],
      flags: [
        ServeArguments.data, ServeArguments.database, ServeArguments.config, KeyOptions.keyFile,
        KeyOptions.passwordFile, CommonFlags.json,
      ],
      examples: [
        CommandExample(
          "emeth rotate-signer --data net --key-file new.key", "after `emeth new-key --out new.key`")
      ],
      exitCodes: [.no: KeyOptions.wrongPassword])
  ) { parsed, context in
    let configuration = try ServeConfiguration(parsed, context)
    let folder = try configuration.folder
    let database = try configuration.database
    let key = try KeyOptions.load(parsed, context)
    let signed = try inNetwork(folder) {
      try SignerRotation(folder: folder, database: database).handOver(to: key)
    }
    if parsed[CommonFlags.json] {
      try context.output.write(JSONText.pretty(signed))
    } else {
      let change = signed.content
      try context.output.print(
        "from epoch \(change.epoch) on \(change.next) signs, until then \(change.previous)")
    }
    return .done
  }
}
