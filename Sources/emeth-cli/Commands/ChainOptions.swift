import EmethKit
import EmethNetwork
import Foundation

/// The flags by which a command speaks to EMETH's contracts on a chain.
enum ChainOptions {
  static let rpc = Flag(
    "rpc", .text.named("URL"), absent: "the one in EMETH_RPC",
    help: "node of the chain; `env`: the one in EMETH_RPC, where keys in URLs are safer")
  static let layer = Flag(
    "layer", .integer(in: 1...2), absent: "1 with --rpc, else 2",
    help: "1: EMETH's contracts on a chain; 2: a server or a local network")
  static let core = Flag("core", .address, absent: "the one in EMETH_CORE", help: "the contract EMETH Core")
  static let chainID = Flag(
    "chain-id", .unsigned(from: 1), absent: "that of the node", help: "chain that is meant")
  static let settlement = Flag(
    "settlement", .address, absent: "the one that Core names", help: "the contract that must be meant")
  static let verification = Flag(
    "verification", .address, absent: "the one that Core names",
    help: "the contract EmethVerifiers that must be meant")
  static let divider = Flag(
    "divided-by", .address, absent: nil,
    help: "account of an `emeth serve --layer 1` that may divide this account's jobs and end them")
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
  /// What a command that knows servers, too, has besides its own, key and --json.
  static let beside: [any CommandFlag] = [layer, rpc] + own

  /// What the commands say about interruptions.
  static let discussion =
    "Nothing is sent twice: each transaction is written down before it is sent, and a command that was interrupted goes on "
    + "with it when it is repeated. A payment that has arrived before its report was printed is told, and nothing is sent. Gas "
    + "is paid with the chain's own coin."

  /// What a command that knows servers, too, says about layers.
  static let layers =
    "--layer 1, or --rpc, means EMETH's contracts on a chain; the flags from --rpc to --data belong to it."

  /// Whether a command that knows servers, too, is meant for a chain; refuses flags of the other kind of place.
  ///
  /// - Parameters:
  ///   - others: the command's flags that mean something elsewhere; those that mean something here, too, are in both.
  ///   - also: the command's flags that mean something on a chain, beside this type's.
  static func isChain(
    _ parsed: ParsedCommand, others: [any CommandFlag], also: [any CommandFlag] = []
  ) throws(UsageError) -> Bool {
    let isChain = (parsed[layer] ?? (parsed.isGiven(rpc) ? 1 : 2)) == 1
    let ofChain = [rpc] + own + also
    let both = Set(ofChain.map(\.definition.name)).intersection(others.map(\.definition.name))
    for flag in isChain ? others : ofChain
    where parsed.isGiven(flag) && !both.contains(flag.definition.name) {
      throw .contradiction(
        rule: isChain
          ? "\(flag.definition.spelling) means nothing on a chain (--layer 1 or --rpc)"
          : "\(flag.definition.spelling) belongs to --layer 1",
        command: parsed.definition.name)
    }
    return isChain
  }

  /// Does something with an account on a chain and prints what came of it.
  static func run(
    _ parsed: ParsedCommand, _ context: CommandContext, settlement: Address? = nil,
    again: Bool = false, _ body: @escaping @Sendable (ChainAccount) async throws(ChainError) -> ChainReport
  ) async throws -> ExitCode {
    let client = try client(parsed, context, settlement: settlement)
    let core = try core(parsed, context)
    let key = try KeyOptions.load(parsed, context)
    let journal = try folder(parsed, context).appending(path: "transactions.sqlite")
    let settings = settings(parsed, again: again)
    return try await tell(
      Task {
        let account = try await ChainAccount.open(
          client: client, core: core, key: key, journal: journal, settings: settings)
        return (account.sender, try await body(account))
      }, parsed, context)
  }

  /// Deploys the contracts and prints where they are.
  static func deploy(
    _ parsed: ParsedCommand, _ context: CommandContext, _ terms: ChainDeployment.Terms
  ) async throws -> ExitCode {
    let client = try client(parsed, context, settlement: nil)
    let key = try KeyOptions.load(parsed, context)
    let journal = try folder(parsed, context).appending(path: "transactions.sqlite")
    let settings = settings(parsed, again: false)
    return try await tell(
      Task {
        let deployment = try await ChainDeployment.open(
          client: client, key: key, journal: journal, terms: terms, settings: settings)
        return (deployment.sender, try await deployment.run(isDryRun: parsed[dryRun]))
      }, parsed, context)
  }

  /// Prints a report. Only when it is written nothing of it is open any more: whoever is killed before has told nobody.
  private static func tell(
    _ task: Task<(TransactionSender, ChainReport), any Error>, _ parsed: ParsedCommand,
    _ context: CommandContext
  ) async throws -> ExitCode {
    context.cancellation.onRequest { task.cancel() }
    let (sender, report): (TransactionSender, ChainReport)
    do {
      (sender, report) = try await task.value
    } catch {
      try context.cancellation.check(
        note: "repeat the command to go on, without --again: nothing is sent twice")
      throw error
    }
    try context.output.write(parsed[CommonFlags.json] ? JSONText.pretty(report) : text(report))
    context.output.synchronise()
    try sender.settle(report)
    return .done
  }

  /// The node that is named, and what it must answer.
  static func client(
    _ parsed: ParsedCommand, _ context: CommandContext, settlement: Address?
  ) throws -> ChainClient {
    var settings = ChainSettings()
    settings.expectedChainID = parsed[chainID]
    settings.expectedSettlement = settlement
    return ChainClient(endpoint: try endpoint(parsed, context), settings: settings)
  }

  private static func settings(_ parsed: ParsedCommand, again: Bool) -> SenderSettings {
    var settings = SenderSettings()
    settings.confirmations = UInt64(parsed[confirmations])
    settings.patienceSeconds = Int(parsed[wait] / .seconds(1))
    settings.again = again
    return settings
  }

  /// What a node or a verifier has besides, to work for a chain.
  static let ofAgents: [any CommandFlag] = [rpc, core, chainID, verification, confirmations, plainHTTP]

  /// Opens the account of a node or a verifier, which keeps its transactions in its own folder.
  static func opener(
    _ parsed: ParsedCommand, _ context: CommandContext, _ key: PrivateKey, in folder: URL
  ) throws -> @Sendable () async throws(ChainError) -> ChainAccount {
    var asking = ChainSettings()
    asking.expectedChainID = parsed[chainID]
    asking.expectedVerification = parsed[verification]
    var settings = SenderSettings()
    settings.confirmations = UInt64(parsed[confirmations])
    let client = ChainClient(endpoint: try endpoint(parsed, context), settings: asking)
    let core = try core(parsed, context)
    let (journal, how) = (folder.appending(path: "chain/transactions.sqlite"), settings)
    return { () async throws(ChainError) in
      try await ChainAccount.open(client: client, core: core, key: key, journal: journal, settings: how)
    }
  }

  /// The node that is named, if its answers can be believed.
  static func endpoint(_ parsed: ParsedCommand, _ context: CommandContext) throws -> ChainEndpoint {
    try checked(named(parsed[rpc], variable: "EMETH_RPC", parsed, context), parsed)
  }

  /// The node of another owner that is named beside it, on the same terms; `nil` when there is none.
  static func witness(_ parsed: ParsedCommand, _ context: CommandContext) throws -> ChainEndpoint? {
    guard let given = parsed[ServeArguments.witness] else { return nil }
    return try checked(named(given, variable: "EMETH_WITNESS_RPC", parsed, context), parsed)
  }

  private static func checked(_ endpoint: ChainEndpoint, _ parsed: ParsedCommand) throws -> ChainEndpoint {
    guard endpoint.isProtected || parsed[plainHTTP] else {
      throw CommandFailure(
        .usage, code: "chain.plainHTTP",
        "\(parsed.definition.name): \(endpoint) is neither https nor this machine: its answers could be anybody's",
        hint: "name an https:// node, or allow it with --plain-http")
    }
    return endpoint
  }

  private static func named(
    _ given: String?, variable: String, _ parsed: ParsedCommand, _ context: CommandContext
  ) throws -> ChainEndpoint {
    if let given, given != "env" { return try ChainEndpoint(given) }
    guard let text = context.environment[variable], !text.isEmpty else {
      throw CommandFailure(
        .usage, code: "chain.missing", "\(parsed.definition.name): no node of a chain is named",
        hint: given == nil ? "give --rpc URL or set \(variable)" : "set \(variable)")
    }
    return try ChainEndpoint(text)
  }

  /// EMETH Core, as it is named.
  static func core(_ parsed: ParsedCommand, _ context: CommandContext) throws -> Address {
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
    try folder(parsed[data], parsed, context)
  }

  /// Where it is kept what was sent or signed: a folder that was given, or the user's own.
  static func folder(_ given: String?, _ parsed: ParsedCommand, _ context: CommandContext) throws -> URL {
    if let given { return URL(filePath: given) }
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
      let spender = step.spender.map { "  lets \($0) take tokens of \(step.contract ?? .zero)" } ?? ""
      let place = step.transaction.map { "  \($0)  block \(step.block ?? "")" } ?? ""
      lines.append("\(step.function)\(spender)\(place)  \(gas)\(step.wasSentBefore ? "  (sent before)" : "")")
    }
    if report.steps.isEmpty { lines.append("nothing to do now") }
    for note in report.notes { lines.append("note: \(note)") }
    let contracts = [
      ("token   ", report.token), ("core    ", report.core), ("settles ", report.settlement),
      ("verifies", report.verification),
    ]
    for (name, address) in contracts {
      if let address { lines.append("\(name) \(address)") }
    }
    if let job = report.job { lines.append("job      \(job)") }
    lines.append("account  \(report.account) on chain \(report.chainID)")
    if let amount = report.amount {
      lines.append("\(report.isDryRun ? "would be" : "amount  ") \(amount.emethText)")
    }
    if report.core != nil, report.settlement == nil {
      lines.append("wallet   \(report.wallet?.emethText ?? "unknown")")
      lines.append("ledger   \(report.ledger?.emethText ?? "unknown")")
    }
    return lines.joined(separator: "\n") + "\n"
  }
}
