import EmethKit
import EmethNetwork
import Foundation

extension Command {
  /// `emeth cosign-batch`: one of several Signers' keys signs the batch that waits for it.
  static let cosignBatch = Command(
    CommandDefinition(
      "cosign-batch", section: .operators, summary: "sign a network's batch as one of several keys",
      discussion: [
        "Where a network's Signer on its chain is a contract EmethSigners of which several members must sign, a server posts a "
          + "batch when enough of them have signed it: its own key first, the others' by this command. It asks the server which "
          + "batch waits, checks it, signs it and gives the server the signature. Run it at least as often as batches are posted.",
        "A batch is signed only when it can be true by what the node of --rpc says: its leaves are those of its root, nobody has "
          + "less than in the batch that this key signed last, no account is gone, all accounts together have no more than came "
          + "in, and it is no second one of its epoch. What was signed lies in --data: without it two batches of one epoch could "
          + "be signed, which costs the operator's bond.",
        "What it signs and who has signed goes to standard output; nothing is sent to the chain.",
      ],
      flags: ServerOptions.signedOnly + [
        ChainOptions.rpc, ChainOptions.core, ChainOptions.chainID, ChainOptions.settlement,
        ChainOptions.plainHTTP, CosignBatchArguments.dryRun, CosignBatchArguments.data, CommonFlags.json,
      ],
      examples: [
        CommandExample(
          "emeth cosign-batch --server https://l2.example.org --rpc https://rpc.example.org --core "
            + "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed --key-file member.key", "every hour, by a timer")
      ],
      exitCodes: [.no: "the batch can't be true, the key is no member, or \(KeyOptions.wrongPassword)"])
  ) { parsed, context in
    let server = try ServerOptions.requiredClient(parsed, context, signed: true)
    let chain = try ChainOptions.client(parsed, context, settlement: parsed[ChainOptions.settlement])
    let core = try ChainOptions.core(parsed, context)
    let folder = try ChainOptions.folder(parsed[CosignBatchArguments.data], parsed, context)
    let cosigner = BatchCosigner(
      server: server, chain: chain, core: core, key: try KeyOptions.load(parsed, context), folder: folder)
    let isDryRun = parsed[CosignBatchArguments.dryRun]
    let task = Task { try await cosigner.run(isDryRun: isDryRun) }
    context.cancellation.onRequest { task.cancel() }
    let report: BatchCosigner.Report?
    do {
      report = try await task.value
    } catch {
      try context.cancellation.check(note: nil)
      throw error
    }
    try tell(report, parsed, context)
    return .done
  }

  private static func tell(
    _ report: BatchCosigner.Report?, _ parsed: ParsedCommand, _ context: CommandContext
  ) throws {
    guard !parsed[CommonFlags.json] else {
      try context.output.write(JSONText.pretty(Outcome(waiting: report != nil, batch: report)))
      return
    }
    guard let report else {
      try context.output.print("no batch waits for signatures")
      return
    }
    let accounts = report.accounts == 1 ? "1 account" : "\(report.accounts) accounts"
    try context.output.print(
      """
      \(report.isDryRun ? "would sign" : "signed") the batch of epoch \(report.epoch)  \(report.digest)
      says      \(accounts) \(report.said.emethText), with what was burned; \(report.cameIn.emethText) came in
      signed by \(report.signers.map(\.description).joined(separator: ", ")): \(report.signers.count) of \(report.needed)
      """)
  }

  private struct Outcome: Encodable {
    /// Whether a batch was there to sign.
    var waiting: Bool
    var batch: BatchCosigner.Report?
  }

  private enum CosignBatchArguments {
    static let dryRun = Flag(toggle: "dry-run", help: "check the batch and sign nothing")
    static let data = Flag(
      "data", .folder, absent: "emeth/chain in the user's data folder",
      help: "folder that remembers what was signed")
  }
}
