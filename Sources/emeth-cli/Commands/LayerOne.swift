import EmethKit
import EmethNetwork
import Foundation

/// `emeth node`, `emeth verifier` and `emeth serve` where they work for jobs of EMETH Core on a chain.
enum LayerOne {
  static let layer = Flag(
    "layer", .integer(in: 1...2), default: 2,
    help: "1: jobs of EMETH Core on a chain; 2: the network of the server")
  static let requester = Flag(
    repeated: "requester", .address,
    help: "with --layer 1: divides jobs of this account")
  static let anybody = Flag(
    toggle: "anybody",
    help: "with --layer 1: divides jobs of whoever names the server, who makes it pay gas without bound")
  static let dryRun = Flag(toggle: "dry-run", help: "with --layer 1: say what it would take and send nothing")

  /// Whether a chain is meant; refuses flags that mean nothing there.
  ///
  /// - Parameters:
  ///   - others: the command's flags that mean nothing on a chain.
  ///   - own: those that mean nothing elsewhere, beside --dry-run.
  static func isMeant(
    _ parsed: ParsedCommand, notThere others: [any CommandFlag], onlyThere own: [any CommandFlag] = []
  ) throws(UsageError) -> Bool {
    let name = parsed.definition.name
    guard parsed[layer] == 1 else {
      if parsed.definition.flag(named: dryRun.definition.name) != nil, parsed[dryRun] {
        throw .contradiction(rule: "--dry-run belongs to --layer 1", command: name)
      }
      for flag in own where parsed.isGiven(flag) {
        throw .contradiction(rule: "\(flag.definition.spelling) belongs to --layer 1", command: name)
      }
      return false
    }
    for flag in others where parsed.isGiven(flag) {
      throw .contradiction(rule: "\(flag.definition.spelling) means nothing with --layer 1", command: name)
    }
    return true
  }

  /// Refuses what belongs to a chain where none is meant.
  static func refuseChain(_ parsed: ParsedCommand) throws(UsageError) {
    for flag in ChainOptions.ofAgents where parsed.isGiven(flag) {
      throw .contradiction(
        rule: "\(flag.definition.spelling) belongs to --layer 1", command: parsed.definition.name)
    }
  }

  /// Refuses to work for a chain of which the node alone says what it is. One that lies would name a contract of its own
  /// as the one that checks jobs, and be sent the verifier's bond.
  private static func requireNames(_ parsed: ParsedCommand) throws {
    let named: [any CommandFlag] = [ChainOptions.chainID, ChainOptions.verification]
    for flag in named where !parsed.isGiven(flag) {
      throw CommandFailure(
        .usage, code: "chain.missing",
        "\(parsed.definition.name): --layer 1 needs \(flag.definition.spelling): a node of a chain that lies could name any",
        hint: "give --chain-id NUMBER and --verification ADDRESS, as `emeth deploy` has printed them")
    }
  }

  /// Refuses to pay gas for strangers unless that is said: any account may name a server, and registering parts of a job costs
  /// that account nothing.
  private static func requireRequesters(_ parsed: ParsedCommand) throws {
    let name = parsed.definition.name
    if parsed[anybody], parsed.isGiven(requester) {
      throw UsageError.contradiction(rule: "--anybody and --requester exclude each other", command: name)
    }
    guard parsed[anybody] || parsed.isGiven(requester) else {
      throw CommandFailure(
        .usage, code: "requester.missing", "\(name): --layer 1 needs --requester or --anybody",
        hint: "give --requester ADDRESS, or --anybody: then whoever names this server makes it pay gas")
    }
  }

  /// What came of a requester's job.
  private struct Fetched: Encodable {
    var job: JobID
    /// Whether it may be that no verifier has looked at it.
    var mayBeUnseen: Bool
    var result: String
  }

  /// Writes the output of a requester's job.
  static func fetchResult(_ parsed: ParsedCommand, _ context: CommandContext) async throws -> ExitCode {
    guard let job = parsed[NetworkOptions.job].jobID else {
      throw CommandFailure(
        .usage, code: "job.ambiguous",
        "fetch-result: on a chain a job is named by all 32 digits of its id, found \(parsed[NetworkOptions.job])"
      )
    }
    let server = try ServerOptions.requiredClient(parsed, context, signed: false).server
    let key = try KeyOptions.load(parsed, context)
    let target = parsed[NetworkOptions.out] ?? "emeth-\(Hex.encode(job.bytes, prefixed: false).prefix(8))"
    let folder = try AtomicFolder(at: target)
    // Nothing is sent: what remembers that is as short-lived as the transfer.
    let work = FileManager.default.temporaryDirectory.appending(path: "emeth-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: work) }
    let mayBeUnseen: Bool
    do {
      let account = try await ChainOptions.opener(parsed, context, key, in: work)()
      let output = try await account.output(
        of: job, from: account.client(of: server, settings: ServerOptions.settings(context)), in: work)
      mayBeUnseen = try await account.mayBeUnseen(job)
      try output.write(to: URL(filePath: folder.workingPath).appending(path: resultFile))
      try folder.commit()
    } catch {
      folder.discard()
      throw error
    }
    let place = URL(filePath: target).appending(path: resultFile).path
    if parsed[CommonFlags.json] {
      try context.output.write(JSONText.pretty(Fetched(job: job, mayBeUnseen: mayBeUnseen, result: place)))
    } else {
      if mayBeUnseen {
        context.talk.note(
          "it may be that no verifier has looked at this result: it counts because two that were drawn let their "
            + "time pass")
      }
      try context.output.print(target)
    }
    return .done
  }

  private static let resultFile = "result.dat"

  /// A node's work.
  static func node(
    _ parsed: ParsedCommand, _ context: CommandContext, _ files: ServerClient, _ key: PrivateKey,
    in folder: URL, _ settings: NodeAgent.Settings
  ) async throws -> ExitCode {
    try requireNames(parsed)
    let events = AgentEvents(parsed, context)
    let account = try await ChainOptions.opener(parsed, context, key, in: folder)()
    // A dry run's JSON is its answer alone.
    let isTold = !(parsed[dryRun] && parsed[CommonFlags.json])
    let node = try LayerOneNode(account: account, files: files, folder: folder, settings: settings) {
      if isTold { events.tell($0) }
    }
    if parsed[dryRun] {
      let offers = try await node.offers()
      try context.output.write(parsed[CommonFlags.json] ? JSONText.pretty(offers) : text(offers))
      return .done
    }
    events.say(
      "node \(account.address) works for \(account.contracts.core) on chain \(account.contracts.chainID)")
    let wishes = NodeWishes(folder: folder)
    wishes.drain.clear()
    try await Command.running(context) {
      let watching = Task { await wishes.watch(pause: { node.isPaused = $0 }, drain: { node.drain() }) }
      defer { watching.cancel() }
      try await node.run()
    }
    wishes.drain.clear()
    events.say("node \(account.address) has ended all that it took")
    return .done
  }

  /// A verifier's work.
  static func verifier(
    _ parsed: ParsedCommand, _ context: CommandContext, _ files: ServerClient, _ key: PrivateKey,
    in folder: URL, _ settings: VerifierAgent.Settings
  ) async throws -> ExitCode {
    try requireNames(parsed)
    let events = AgentEvents(parsed, context)
    let account = try await ChainOptions.opener(parsed, context, key, in: folder)()
    // A dry run's JSON is its answer alone.
    let isTold = !(parsed[dryRun] && parsed[CommonFlags.json])
    let verifier = try LayerOneVerifier(
      account: account, key: key, files: files, folder: folder, settings: settings
    ) { if isTold { events.tell($0) } }
    if parsed[dryRun] {
      let plans = try await verifier.plans()
      try context.output.write(parsed[CommonFlags.json] ? JSONText.pretty(plans) : text(plans))
      return .done
    }
    events.say(
      "verifier \(account.address) works for \(account.contracts.core) on chain \(account.contracts.chainID)")
    try await Command.running(context) { try await verifier.run() }
    return .done
  }

  /// A server's work.
  static func server(
    _ parsed: ParsedCommand, _ context: CommandContext, _ key: PrivateKey, in folder: URL
  ) async throws -> ExitCode {
    try requireNames(parsed)
    try requireRequesters(parsed)
    try FolderPath.refuseUnusable(folder.path)
    let server = try ServerOptions.requiredClient(parsed, context, signed: false).server
    let events = AgentEvents(parsed, context)
    let account = try await ChainOptions.opener(parsed, context, key, in: folder)()
    let files = account.client(of: server, settings: ServerOptions.settings(context))
    let divider = try LayerOneServer(
      account: account, files: files, folder: folder, requesters: Set(parsed[requester])
    ) { events.tell($0) }
    if parsed[dryRun] {
      let plans = try await divider.plans()
      try context.output.write(parsed[CommonFlags.json] ? JSONText.pretty(plans) : text(plans))
      return .done
    }
    events.say(
      "server \(account.address) divides jobs of \(account.contracts.core) on chain \(account.contracts.chainID)"
    )
    try await Command.running(context) { try await divider.run() }
    return .done
  }

  private static func text(_ plans: [LayerOneServer.Plan]) -> String {
    if plans.isEmpty { return "no job waits for a server\n" }
    return plans.map { plan in
      let terms = "program \(plan.program)  \(plan.verified) of \(plan.parts) parts verified"
      let answer =
        plan.refusal.map { "not divided: \(PlainText.visible($0))" }
        ?? plan.next.map { PlainText.visible($0) + (plan.wei.map { ", at most \($0) wei each" } ?? "") }
        ?? "waits for its parts"
      return "\(plan.job)  \(terms)  \(answer)\n"
    }.joined()
  }

  private static func text(_ plans: [LayerOneVerifier.Plan]) -> String {
    if plans.isEmpty { return "nothing is to be done now\n" }
    return plans.map { plan in
      let answer =
        plan.refusal.map { "nothing: \(PlainText.visible($0))" }
        ?? (plan.next ?? "") + (plan.wei.map { ", at most \($0) wei" } ?? "")
      return "\(plan.job.map { "\($0)" } ?? "standing")  \(answer)\n"
    }.joined()
  }

  private static func text(_ offers: [LayerOneNode.Offer]) -> String {
    if offers.isEmpty { return "no job waits for a node\n" }
    return offers.map { offer in
      let terms = "program \(offer.program)  pays \(offer.fee.emethText)  locks \(offer.deposit.emethText)"
      let answer =
        offer.refusal.map { "not taken: \(PlainText.visible($0))" }
        ?? "would be taken" + (offer.wei.map { ", at most \($0) wei" } ?? " after a deposit")
        + (offer.candidates.map { ", \($0) could check it" } ?? "")
      return "\(offer.job)  \(terms)  \(answer)\n"
    }.joined()
  }
}
