import EmethKit
import EmethNetwork

extension Command {
  /// `emeth node-status`: what a node earned, may earn, and lost, and why.
  static let nodeStatus = Command(
    CommandDefinition(
      "node-status", section: .operators, summary: "show what a node earned, may earn and lost, and why",
      arguments: [NodeStatusArguments.account],
      flags: ServerOptions.signedOnly + [NodeStatusArguments.limit, CommonFlags.json],
      examples: [
        CommandExample("emeth node-status --server http://127.0.0.1:7443 --key-file key", "one's own node")
      ],
      exitCodes: [.no: KeyOptions.wrongPassword])
  ) { parsed, context in
    let given = parsed[NodeStatusArguments.account]
    let client = try ServerOptions.requiredClient(parsed, context, signed: given == nil)
    guard let account = given ?? client.account else { return .usage }
    let status = try await client.work(of: account, newest: parsed[NodeStatusArguments.limit])
    if parsed[CommonFlags.json] {
      try context.output.write(JSONText.pretty(status))
      return .done
    }
    try context.output.write(
      """
      node      \(status.account)
      earned    \(status.earned.emethText)
      pending   \(status.pending.emethText)
      lost      \(status.lost.emethText)
      bound     \(status.balances.locked.emethText)
      unspent   \(status.balances.unspent.emethText)

      """)
    guard !status.work.isEmpty else { return .done }
    var table = TextTable([
      .init("SubJob"), .init("status"), .init("earned", .right), .init("pending", .right),
      .init("lost", .right),
      .init("why"),
    ])
    for work in status.work {
      table.add([
        "\(work.subJob.id)", work.subJob.status.name, work.earned.emethText, work.pending.emethText,
        work.lost.emethText, JobReport.shortened(PlainText.visible(work.subJob.reason)),
      ])
    }
    try context.output.write(table.text(for: context.outputTerminal))
    return .done
  }

  private enum NodeStatusArguments {
    static let account = Argument(optional: "ADDRESS", .address, help: "which node; without it the key's")
    static let limit = Flag(
      "limit", .integer(in: 1...1_000), default: 20, help: "newest SubJobs that are listed")
  }
}
