import EmethKit
import EmethNetwork
import Foundation

/// The flags by which a command speaks to EMETH's contracts on a chain.
enum ChainOptions {
  static let rpc = Flag(
    "rpc", .text.named("URL"), absent: "the one in EMETH_RPC",
    help: "node of the chain; `env`: the one in EMETH_RPC, where keys in URLs are safer")
  static let core = Flag("core", .address, absent: "the one in EMETH_CORE", help: "the contract EMETH Core")
  static let chainID = Flag(
    "chain-id", .unsigned(from: 1), absent: "that of the node", help: "chain that is meant")
  static let confirmations = Flag(
    "confirmations", .integer(in: 1...10_000), default: 12,
    help: "blocks in which a transaction must lie until it counts")
  static let wait = Flag(
    "wait", .duration, default: .seconds(1_200), defaultText: "20m", help: "how long to wait for that")
  static let dryRun = Flag(toggle: "dry-run", help: "say what it would cost and send nothing")
  static let again = Flag(
    toggle: "again", help: "once more what an earlier command did; not for going on after an interruption")
  static let plainHTTP = Flag(
    toggle: "plain-http", help: "allow a node elsewhere without TLS, whose answers anybody may change")
  static let data = Flag(
    "data", .folder, absent: "emeth/chain in the user's data folder",
    help: "folder that remembers what was sent")

  /// Those that belong to a chain alone.
  static let own: [any CommandFlag] = [core, chainID, confirmations, wait, dryRun, plainHTTP, data]
  /// The flags of a command that sends transactions.
  static let all: [any CommandFlag] =
    [rpc] + own + [KeyOptions.keyFile, KeyOptions.passwordFile, CommonFlags.json]

  /// What the commands say about interruptions.
  static let discussion =
    "Nothing is sent twice: each transaction is written down before it is sent, and a command that was interrupted goes on "
    + "with it when it is repeated; a payment that has arrived by then is told, and nothing is sent. Gas is paid with the chain's own coin."

  /// Whether a command that knows servers, too, is meant for a chain.
  static func isChain(_ parsed: ParsedCommand) -> Bool { parsed.isGiven(rpc) }

  /// Refuses a flag that belongs to the other kind of place.
  static func refuse(_ flag: any CommandFlag, _ parsed: ParsedCommand) throws(UsageError) {
    guard parsed.isGiven(flag) else { return }
    throw .contradiction(
      rule: isChain(parsed)
        ? "\(flag.definition.spelling) names a server, and --rpc a chain: give one of them"
        : "\(flag.definition.spelling) belongs to --rpc",
      command: parsed.definition.name)
  }

  /// Does something with an account on a chain and prints what came of it.
  static func run(
    _ parsed: ParsedCommand, _ context: CommandContext, settlement: Address? = nil,
    again: Bool = false, _ body: @escaping @Sendable (ChainAccount) async throws(ChainError) -> ChainReport
  ) async throws -> ExitCode {
    var asking = ChainSettings()
    asking.expectedChainID = parsed[chainID]
    asking.expectedSettlement = settlement
    let client = ChainClient(endpoint: try endpoint(parsed, context), settings: asking)
    let core = try core(parsed, context)
    let key = try KeyOptions.load(parsed, context)
    let journal = try folder(parsed, context).appending(path: "transactions.sqlite")
    var settings = SenderSettings()
    settings.confirmations = UInt64(parsed[confirmations])
    settings.patienceSeconds = Int(parsed[wait] / .seconds(1))
    settings.again = again
    let patience = settings
    let task = Task {
      let account = try await ChainAccount.open(
        client: client, core: core, key: key, journal: journal, settings: patience)
      return try await body(account)
    }
    context.cancellation.onRequest { task.cancel() }
    let report: ChainReport
    do {
      report = try await task.value
    } catch {
      try context.cancellation.check(
        note: "repeat the command to go on, without --again: nothing is sent twice")
      throw error
    }
    try context.output.write(parsed[CommonFlags.json] ? JSONText.pretty(report) : text(report))
    return .done
  }

  private static func endpoint(_ parsed: ParsedCommand, _ context: CommandContext) throws -> ChainEndpoint {
    let endpoint = try named(parsed, context)
    guard endpoint.isProtected || parsed[plainHTTP] else {
      throw CommandFailure(
        .usage, code: "chain.plainHTTP",
        "\(parsed.definition.name): \(endpoint) is neither https nor this machine: its answers could be anybody's",
        hint: "name an https:// node, or allow it with --plain-http")
    }
    return endpoint
  }

  private static func named(_ parsed: ParsedCommand, _ context: CommandContext) throws -> ChainEndpoint {
    if let given = parsed[rpc], given != "env" { return try ChainEndpoint(given) }
    guard let text = context.environment["EMETH_RPC"], !text.isEmpty else {
      throw CommandFailure(
        .usage, code: "chain.missing", "\(parsed.definition.name): no node of a chain is named",
        hint: "give --rpc URL or set EMETH_RPC")
    }
    return try ChainEndpoint(text)
  }

  private static func core(_ parsed: ParsedCommand, _ context: CommandContext) throws -> Address {
    if let given = parsed[core] { return given }
    guard let text = context.environment["EMETH_CORE"], !text.isEmpty else {
      throw CommandFailure(
        .usage, code: "chain.missing", "\(parsed.definition.name): EMETH Core is not named",
        hint: "give --core ADDRESS or set EMETH_CORE")
    }
    do throws(CryptoError) {
      return try Address(text)
    } catch {
      throw CommandFailure(.usage, code: error.code, "EMETH_CORE: \(error.message)")
    }
  }

  private static func folder(_ parsed: ParsedCommand, _ context: CommandContext) throws -> URL {
    if let path = parsed[data] { return URL(filePath: path) }
    if let data = context.environment["XDG_DATA_HOME"], data.hasPrefix("/") {
      return URL(filePath: data).appending(path: "emeth/chain")
    }
    guard let home = context.environment["HOME"], !home.isEmpty else {
      throw CommandFailure(
        .unavailable, code: "data.missing",
        "\(parsed.definition.name): neither XDG_DATA_HOME nor HOME is set",
        hint: "name a folder with --data FOLDER")
    }
    return URL(filePath: home).appending(path: ".local/share/emeth/chain")
  }

  /// A report for people.
  private static func text(_ report: ChainReport) -> String {
    var lines: [String] = []
    for step in report.steps {
      let cost = step.wei.map { ", \(report.isDryRun ? "at most " : "")\($0) wei" } ?? ""
      let gas = step.gas.map { "\($0) gas\(cost)" } ?? "gas is known once the step before is done"
      let spender = step.spender.map { "  lets \($0) take tokens of \(step.contract)" } ?? ""
      let place = step.transaction.map { "  \($0)  block \(step.block ?? "")" } ?? ""
      lines.append("\(step.function)\(spender)\(place)  \(gas)\(step.wasSentBefore ? "  (sent before)" : "")")
    }
    if report.steps.isEmpty { lines.append("nothing to do: all of it was paid before") }
    for note in report.notes { lines.append("note: \(note)") }
    lines.append("token    \(report.token)")
    lines.append("account  \(report.account) on chain \(report.chainID)")
    lines.append("\(report.isDryRun ? "would be" : "amount  ") \(report.amount.emethText)")
    lines.append("wallet   \(report.wallet?.emethText ?? "unknown")")
    lines.append("ledger   \(report.ledger?.emethText ?? "unknown")")
    return lines.joined(separator: "\n") + "\n"
  }
}
