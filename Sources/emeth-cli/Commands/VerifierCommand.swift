import EmethKit
import EmethNetwork
import Foundation

extension Command {
  /// `emeth verifier`: earns by replaying others' work for a server's network.
  static let verifier = Command(
    CommandDefinition(
      "verifier", section: .operators,
      summary: "replay others' work for a server's network and earn by it",
      discussion: [
        "Posts a bond from the account of --key-file and a stock of commitments, replays the segments that the beacon "
          + "draws for it, and signs its verdicts. A false verdict costs the bond, and so do two on one submission: one process "
          + "at a time works with a key, on whatever machine.",
        "Parts of an external program (10000 and above) are drawn for it only if --module names the folder of the module.",
        "--release-bond ends that: the account is drawn no more, and its bond is back when the time for verdicts is over and all jobs have "
          + "ended for which it was asked something. Until then it answers what it was drawn for: silence may cost others. Stop the verifier "
          + "that runs first, and start it so with the same --data; without --release-bond it posts its bond again.",
        "With --layer 1, --rpc, --core, --chain-id and --verification it checks jobs of EMETH Core on a chain instead, of programs 999 and 10000 and above, once "
          + "an owner of the contracts has listed its account. It ends late jobs, and those whose node or verifiers stay silent.",
        "With --json every event is one JSON object on a line of its own.",
      ],
      flags: ServerOptions.signedOnly + [
        LayerOne.layer, LayerOne.dryRun,
        VerifierArguments.data, VerifierArguments.bond, VerifierArguments.releaseBond,
        DeviceOptions.device, VerifierArguments.threads,
        VerifierArguments.workers, NetworkOptions.modelCache,
        ProgramOptions.module, ProgramOptions.engine,
      ] + ChainOptions.ofAgents + [CommonFlags.json],
      examples: [
        CommandExample(
          "emeth verifier --server http://127.0.0.1:7443 --key-file verifier.key", "on all cores"),
        CommandExample(
          "emeth verifier --server http://127.0.0.1:7443 --key-file verifier.key --release-bond",
          "when it is to check no more"),
      ],
      exitCodes: [.no: KeyOptions.wrongPassword])
  ) { parsed, context in
    let (connection, key) = try ServerOptions.connection(parsed, context)
    let folder = try VerifierArguments.folder(of: connection.account, parsed, context)
    try FolderPath.refuseUnusable(folder.path)
    var settings = VerifierAgent.Settings()
    settings.threads = parsed[VerifierArguments.threads] ?? ProcessInfo.processInfo.activeProcessorCount
    settings.device = parsed[DeviceOptions.device]
    _ = try DeviceOptions.open(parsed, context, threads: settings.threads)
    settings.modules = try ProgramOptions.modules(parsed, context)
    settings.bond = parsed[VerifierArguments.bond]
    settings.workers = parsed[VerifierArguments.workers]
    settings.isLeaving = parsed[VerifierArguments.releaseBond]
    if let bytes = parsed[NetworkOptions.modelCache]?.bytes { settings.modelCache = bytes }
    if try LayerOne.isMeant(
      parsed, notThere: [NetworkOptions.modelCache, VerifierArguments.releaseBond],
      onlyThere: [VerifierArguments.workers])
    {
      return try await LayerOne.verifier(parsed, context, connection.client, key, in: folder, settings)
    }
    try LayerOne.refuseChain(parsed)
    let events = AgentEvents(parsed, context)
    events.say("verifier \(connection.account) works for \(connection.client.server)")
    let domain = try await ServerOptions.domain(of: connection, parsed, context)
    let agent = try VerifierAgent(
      key: key, folder: folder, connection: connection, domain: domain, settings: settings
    ) { events.tell($0) }
    // From here on no other process works in its folder, and posts the bond again.
    var isBound = true
    if settings.isLeaving { isBound = try await VerifierArguments.leave(connection.client, parsed, context) }
    if isBound { try await running(context) { try await agent.run() } }
    if settings.isLeaving { events.say("nothing of verifier \(connection.account) is bound any more") }
    return .done
  }
}

/// The flags of `emeth verifier`.
enum VerifierArguments {
  static let data = Flag(
    "data", .folder, absent: "emeth/verifiers/<address> in the user's data folder",
    help: "the verifier's own folder")
  static let bond = Flag(
    "bond", .tokenAmount, default: VerifierAgent.Settings().bond, defaultText: "10emeth",
    help: "bond that it posts, at least 1 EMETH, or what the account has if that is less")
  static let releaseBond = Flag(
    toggle: "release-bond", help: "be drawn no more, answer what is open, and end when the bond is back")
  static let threads = Flag(
    "threads", .integer(in: 1...1024), absent: "all CPU cores", help: "threads to replay with")
  static let workers = Flag(
    "workers", .integer(in: 1...64), default: 4,
    help: "with --layer 1: results that it computes again at once, each with all threads")

  /// Says to the network that the verifier leaves; false where it has nothing bound, or nothing any more.
  static func leave(
    _ client: ServerClient, _ parsed: ParsedCommand, _ context: CommandContext
  ) async throws -> Bool {
    let standing: VerifierAccount
    do throws(NetworkError) {
      standing = try await client.leave()
    } catch {
      guard error.code == "verifier.noBond" else { throw error }
      return false
    }
    if parsed[CommonFlags.json] {
      try context.output.write(JSONText.line(standing))
    } else {
      context.talk.note(
        "verifier \(standing.account) is drawn no more; it answers until its bond of \(standing.bond.emethText) EMETH "
          + "is back, when all that it was asked for has ended")
    }
    return true
  }

  static func folder(of account: Address, _ parsed: ParsedCommand, _ context: CommandContext) throws -> URL {
    if let path = parsed[data] { return URL(filePath: path) }
    let place = "emeth/verifiers/\(account)"
    if let data = context.environment["XDG_DATA_HOME"], data.hasPrefix("/") {
      return URL(filePath: data).appending(path: place)
    }
    guard let home = context.environment["HOME"], !home.isEmpty else {
      throw CommandFailure(
        .unavailable, code: "data.missing", "verifier: neither XDG_DATA_HOME nor HOME is set",
        hint: "name a folder with --data FOLDER")
    }
    return URL(filePath: home).appending(path: ".local/share").appending(path: place)
  }
}
