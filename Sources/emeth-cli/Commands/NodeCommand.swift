import EmethKit
import EmethNetwork
import Foundation

extension Command {
  /// `emeth node`: earns by computing SubJobs for a server's network.
  static let node = Command(
    CommandDefinition(
      "node", section: .operators, summary: "compute for a server's network and earn by it",
      discussion: [
        "Looks for SubJobs that pay enough and that this machine can end in time (it measures its speed first), takes as "
          + "many at once as it has workers, computes, hands in, and answers what it is asked about its work. The deposit "
          + "for each comes from the account of --key-file.",
        "It computes trainings, text generations (program 2), programs 84 and 999, and external programs (10000 and above) whose folders --module names: "
          + "a job names its module by hash, and who has another one under the same number does not take its parts.",
        "Its journal lies in --data: stopped or killed at any moment and started again with the same folder, it goes on. "
          + "`emeth drain-node --data FOLDER` lets it end what it has taken and take nothing more; with --pause it stays and "
          + "takes nothing until --resume.",
        "With --device cuda:0,1 there is a worker on each of these GPUs; with --workers more of them share them evenly.",
        "--config, or EMETH_NODE_CONFIG, names a JSON file whose members are called like the flags (server, keyFile, data, "
          + "workers, minimumFuelPrice, includePrograms, ...); flags and the environment come before it. That of the node "
          + "of 2023 serves too: of it, cacheServerUrl and privateKey count.",
        "With --live-texts N it draws text for the clients of the server's gateway too, beside its SubJobs: it fetches the models that "
          + "the server sells, within --model-cache, and keeps a signed receipt of each text in --data (receipts.jsonl).",
        "Other machines of the same owner compute for it as workers: with --worker ADDRESS, once for each, it listens for them at "
          + "--listen, and there `emeth node --worker-of URL` runs with that account's key and a folder of its own. Workers "
          + "need no money. What one was given and is silent about for 30 seconds the node computes itself. Parts and results "
          + "travel sealed; with --tls-certificate so does the rest.",
        "--redeem when:10emeth or --redeem daily, with --rpc and --core, has its tickets paid on the chain on which the server "
          + "settles, when they pay so much or once a day; the node's account pays the gas. By hand it is `emeth redeem-ticket`.",
        "With --layer 1, --rpc, --core, --chain-id and --verification it works for jobs of EMETH Core on a chain instead, of "
          + "programs 84, 999, and 10000 and above: "
          + "it puts what they lock into its ledger there, and gets inputs from the server of --server, which must watch that chain. "
          + "--dry-run says which jobs it would take, and why not the others.",
        "With --json every event is one JSON object on a line of its own.",
      ],
      flags: ServerOptions.signedOnly + [
        LayerOne.layer, LayerOne.dryRun, NodeArguments.config, NodeArguments.folder, NodeArguments.workers,
        DeviceOptions.ofWorkers,
        NodeArguments.threads,
        NodeArguments.minimumPrice,
        NodeArguments.include, NodeArguments.exclude, ProgramOptions.module, ProgramOptions.engine,
        NodeArguments.margin,
        NetworkOptions.modelCache, NodeArguments.liveTexts, NodeArguments.worker, NodeArguments.listen,
        ServeArguments.audience,
        ServeArguments.certificate, ServeArguments.tlsKey, NodeArguments.workerOf,
      ] + NodeRedeeming.flags + [CommonFlags.json],
      examples: [
        CommandExample(
          "emeth node --server http://127.0.0.1:7443 --key-file node.key --data node",
          "one worker on all cores"),
        CommandExample(
          "emeth node --worker-of http://192.168.1.5:7444 --key-file worker.key --data worker",
          "a second machine for a node that says --worker ADDRESS --listen 192.168.1.5:7444"),
        CommandExample(
          "emeth node --layer 1 --rpc env --core 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed --chain-id 1 "
            + "--verification 0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359 --server https://emeth.example.org "
            + "--key-file node.key --data node", "jobs of EMETH Core on a chain"),
      ],
      exitCodes: [.no: KeyOptions.wrongPassword])
  ) { typed, context in
    let (completed, configuredKey) = try NodeConfiguration.complete(typed, context)
    var parsed = completed
    if let master = parsed[NodeArguments.workerOf] {
      guard !typed.isGiven(ServerOptions.only), parsed[NodeArguments.worker].isEmpty else {
        throw UsageError.contradiction(
          rule: "--worker-of names whom a worker works for: it has no --server and no workers of its own",
          command: parsed.definition.name)
      }
      parsed.set(ServerOptions.only.definition, to: master)
    }
    guard let path = parsed[NodeArguments.folder] else {
      throw CommandFailure(
        .usage, code: "data.missing", "node: no folder is named",
        hint: "give --data FOLDER, or \"data\" in the file of --config")
    }
    let (connection, key) = try ServerOptions.connection(parsed, context, key: configuredKey)
    let folder = URL(filePath: path)
    try FolderPath.refuseUnusable(folder.path)
    var settings = NodeAgent.Settings()
    settings.device = parsed[DeviceOptions.ofWorkers]
    let workers = parsed[NodeArguments.workers] ?? settings.device.each.count
    settings.workers = workers
    settings.threads =
      parsed[NodeArguments.threads] ?? max(1, ProcessInfo.processInfo.activeProcessorCount / workers)
    // What can't be used is refused before the network hears of this node.
    try DeviceOptions.openEach(settings.device, context, threads: settings.threads)
    settings.filter.minimumFuelPrice = parsed[NodeArguments.minimumPrice]
    settings.filter.programs = Set(parsed[NodeArguments.include])
    settings.filter.withoutPrograms = Set(parsed[NodeArguments.exclude])
    settings.modules = try ProgramOptions.modules(parsed, context)
    settings.marginPercent = parsed[NodeArguments.margin]
    settings.liveTexts = parsed[NodeArguments.liveTexts]
    settings.remote = try NodeArguments.remote(parsed)
    if parsed[NodeArguments.workerOf] != nil {
      // What others compute than trainings, the node computes itself.
      settings.filter.programs = [.languageModelTraining]
    }
    if let bytes = parsed[NetworkOptions.modelCache]?.bytes { settings.modelCache = bytes }
    if try LayerOne.isMeant(
      parsed,
      notThere: [
        NodeArguments.worker, NodeArguments.listen, NodeArguments.workerOf, NodeRedeeming.policy,
        NetworkOptions.modelCache, NodeArguments.liveTexts,
      ])
    {
      return try await LayerOne.node(parsed, context, connection.client, key, in: folder, settings)
    }
    let events = AgentEvents(parsed, context)
    events.say("node \(connection.account) works for \(connection.client.server)")
    let domain = try await ServerOptions.domain(of: connection, parsed, context)
    let agent = try NodeAgent(
      key: key, folder: folder, connection: connection, domain: domain, settings: settings
    ) { events.tell($0) }
    let redeemer = try await NodeRedeeming.redeemer(parsed, context, connection, folder, key, domain)
    let wishes = NodeWishes(folder: folder)
    wishes.drain.clear()
    if wishes.pause.isSet { events.say("it takes nothing until `emeth drain-node --resume`") }
    try await running(context) {
      let watching = Task { await wishes.watch(pause: { agent.isPaused = $0 }, drain: { agent.drain() }) }
      let redeeming = Task { await redeemer?.run { events.tell($0) } }
      defer {
        watching.cancel()
        redeeming.cancel()
      }
      try await agent.run()
    }
    wishes.drain.clear()
    events.say("node \(connection.account) has ended all that it took")
    return .done
  }

  /// `emeth drain-node`: lets a node end what it has taken.
  static let drainNode = Command(
    CommandDefinition(
      "drain-node", section: .operators, summary: "let a node end what it has taken and take nothing more",
      discussion: [
        "The node that works in the folder ends by itself when everything that it took has come to its end. With --pause it "
          + "does not end: it takes nothing more, over restarts too, until --resume."
      ],
      flags: [NodeArguments.data, NodeArguments.pause, NodeArguments.resume],
      examples: [
        CommandExample("emeth drain-node --data node", "before the machine is needed for something else"),
        CommandExample("emeth drain-node --data node --pause", "for a while"),
      ])
  ) { parsed, context in
    guard !parsed[NodeArguments.pause] || !parsed[NodeArguments.resume] else {
      throw UsageError.contradiction(
        rule: "--pause and --resume are opposites", command: parsed.definition.name)
    }
    let folder = URL(filePath: parsed[NodeArguments.data])
    let places = [folder, folder.appending(path: LayerOneNode.place)]
    guard
      places.contains(where: {
        FileManager.default.fileExists(atPath: $0.appending(path: "journal").path)
      })
    else {
      throw CommandFailure(
        .unavailable, code: "node.missing", "no node works in \(folder.path)", hint: "name its --data folder",
        details: ["path": folder.path])
    }
    let wishes = NodeWishes(folder: folder)
    if parsed[NodeArguments.resume] {
      wishes.pause.clear()
      context.talk.note("the node in \(folder.path) takes SubJobs again")
    } else {
      try (parsed[NodeArguments.pause] ? wishes.pause : wishes.drain).set()
      context.talk.note("the node in \(folder.path) takes nothing more")
    }
    return .done
  }

  /// Runs a node's or a verifier's work in a task that the user's wish to stop cancels.
  static func running(_ context: CommandContext, _ body: @escaping @Sendable () async throws -> Void)
    async throws
  {
    let task = Task { try await body() }
    context.cancellation.onRequest { task.cancel() }
    do {
      try await task.value
    } catch {
      try context.cancellation.check(note: "start it again with the same --data: it goes on where it stopped")
      throw error
    }
  }
}

/// The flags of `emeth node`.
enum NodeArguments {
  static let config = Flag(
    "config", .file, absent: "the one in EMETH_NODE_CONFIG", help: "JSON file with settings")
  static let folder = Flag(
    "data", .folder, absent: "the one in --config", help: "the node's own folder: journal, parts, states")
  static let data = Flag(required: "data", .folder, help: "the node's own folder")
  static let pause = Flag(toggle: "pause", help: "the node stays, and takes nothing until --resume")
  static let resume = Flag(toggle: "resume", help: "a node that pauses takes SubJobs again")
  static let workers = Flag(
    "workers", .integer(in: 1...64), absent: "one for each device", help: "SubJobs that it computes at once")
  static let threads = Flag(
    "threads", .integer(in: 1...1024), absent: "all CPU cores, shared by the workers",
    help: "threads of each worker")
  static let minimumPrice = Flag(
    "minimum-fuel-price", .fuelPrice, default: FuelPrice(gholon: 0), defaultText: "0",
    help: "takes nothing that pays less")
  static let include = Flag(repeated: "include-program", .programID, help: "takes only this program")
  static let exclude = Flag(repeated: "exclude-program", .programID, help: "does not take this program")
  static let worker = Flag(
    repeated: "worker", .address,
    help: "account of another machine that computes for this node; with --listen")
  static let listen = Flag(
    "listen", .text.named("HOST:PORT"), absent: nil, help: "address at which the node listens for its workers"
  )
  static let workerOf = Flag(
    "worker-of", .server, absent: nil,
    help: "URL of the node that this machine computes for, instead of --server")
  static let liveTexts = Flag(
    "live-texts", .integer(in: 0...256), default: 0,
    help: "texts of the server's gateway that it draws side by side; 0 for none")
  static let margin = Flag(
    "margin", .integer(in: 0...1_000), default: 25,
    help: "by how many percent it must be faster than a deadline asks for")

  /// The workers that are allowed; nil for none.
  static func remote(_ parsed: ParsedCommand) throws -> NodeAgent.Workers? {
    let accounts = Set(parsed[worker])
    guard let address = parsed[listen], !accounts.isEmpty else {
      guard parsed[listen] == nil, accounts.isEmpty else {
        throw UsageError.contradiction(
          rule: "--worker and --listen belong together", command: parsed.definition.name)
      }
      return nil
    }
    return NodeAgent.Workers(server: try ServeConfiguration.server(parsed, at: address), accounts: accounts)
  }
}

/// What its owner wishes of a node: files in its folder, so that a wish reaches a node that runs.
struct NodeWishes: Sendable {
  /// One wish: it is there or not.
  struct Mark: Sendable {
    fileprivate let file: URL

    var isSet: Bool { FileManager.default.fileExists(atPath: file.path) }

    func set() throws { try AtomicFile.write("", to: file.path) }

    func clear() { try? FileManager.default.removeItem(at: file) }
  }

  /// That it ends what it has taken, and then itself.
  let drain: Mark
  /// That it takes nothing for now.
  let pause: Mark

  init(folder: URL) {
    drain = Mark(file: folder.appending(path: "drain"))
    pause = Mark(file: folder.appending(path: "pause"))
  }

  /// Tells what is wished until draining is, or the task is cancelled.
  func watch(pause tell: @Sendable (Bool) -> Void, drain end: @Sendable () -> Void) async {
    while !Task.isCancelled {
      tell(pause.isSet)
      if drain.isSet { return end() }
      try? await Task.sleep(for: .milliseconds(500))
    }
  }
}

extension ValueType where Value == ProgramID {
  /// A program's number.
  static var programID: Self {
    let allowed = "an integer from 1"
    return Self(name: "ID", allowed: allowed) { text throws(ValueRefusal) in
      guard let number = UInt64(decimal: text), let program = ProgramID(rawValue: number) else {
        throw ValueRefusal(allowed: allowed)
      }
      return program
    }
  }
}
