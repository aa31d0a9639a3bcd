import EmethKit
import EmethNetwork
import Foundation
import Logging

extension Command {
  /// `emeth serve`: the Execution Layer with Splitter, Aggregator and Signer, behind an HTTP API.
  static let serve = Command(
    CommandDefinition(
      "serve", section: .operators, summary: "serve a network to requesters, nodes and verifiers",
      discussion: [
        "Keeps jobs, money and objects in a folder and answers requesters, nodes and verifiers over HTTP. Its URL is "
          + "printed when it listens; GET /health answers 200 then, /ready says whether it can work, /metrics has its "
          + "figures for Prometheus. Each request is a line of JSON on standard error.",
        "The first Ctrl-C stops it in order: requests in flight are answered; a second one stops it at once. Either way "
          + "nothing is lost.",
        "--config names a JSON file whose members are called like the flags (listen, data, database, storage, interval, "
          + "audiences, grants, tlsCertificate, tlsKey, keepResults, ...); EMETH_LISTEN, EMETH_DATA, EMETH_DATABASE and EMETH_STORAGE "
          + "come before it, flags before both.",
        "Jobs and money are in an SQLite file in the folder, or in a PostgreSQL database (--database), on which several "
          + "servers may work. Its password is better in EMETH_DATABASE, --config or PGPASSFILE than among the flags, "
          + "which everybody on the machine can read.",
        "With --storage s3://BUCKET/PREFIX?endpoint=URL&region=NAME objects lie in a bucket, and nodes and requesters "
          + "fetch and send them there. The keys come from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, or "
          + "from a file that the URL names with credentials=FILE; cache=GIB limits the copies in --data (8).",
        "Objects that no job needs any more are deleted, looked for every hour: a job's data when it has ended, its result "
          + "--keep-results days later, what an account has sent and no job has named after a day.",
        "Bodies and parts of uploads that one address may have are limited, and behind a proxy all clients are one address: let the proxy "
          + "take whole bodies before it passes them on, and limit each client's (Docs/Decisions/0044).",
        "With --gateway NAME=FOLDER@PRICE, once for each model, it sells text of the model in FOLDER under NAME, for PRICE a thousand "
          + "tokens, to clients of the OpenAI HTTP API (URL/v1) whose keys `emeth new-api-key` makes; nodes that run with "
          + "--live-texts draw it and are paid by receipt. The server reads prompts and answers. Nobody computes texts again yet, so "
          + "name nodes that you trust with --gateway-node: Docs/Decisions/0040 says what is open.",
        "With --layer 1, --rpc, --core, --chain-id and --verification it divides jobs of EMETH Core on a chain instead: those of "
          + "program 999 with more than one part, whose requesters let the account of --operator-key-file do so "
          + "(`submit-job --divided-by`). It registers the parts, again after a while where one fails, joins their outputs and "
          + "hands the result in; parts are paid from the job's escrow, the account pays gas: --requester says for whom. With "
          + "--anybody it does so for whoever names it, and strangers can make it pay gas without bound. Inputs and outputs lie with the "
          + "server of --server, which must watch that chain. --dry-run says what it would do.",
        "With --rpc and --core the network settles on a chain, for life: deposits there are credited when they lie "
          + "--confirmations blocks deep, tickets are signed for its settlement, batches are posted and exits served from the "
          + "account of --operator-key-file, which pays the gas. An owner of EMETH Core proposes the network's Signer; while it "
          + "is another one, serve says whom to propose and ends. The first start with a chain wants --chain-id and --settlement; "
          + "--witness-rpc names a node of somebody else's, without whose word nothing is credited, and through which goes out what "
          + "the first one keeps back. "
          + "A chain that is away is told by /ready and /metrics, and jobs "
          + "go on. /api/v1/jobs lists the jobs of EMETH Core then. Not for other people's real money yet: Docs/Decisions/0030 "
          + "says what is open.",
        "With --audit nothing is served: every balance is computed from the ledger's entries and compared. --backup copies "
          + "the network into one file, also while it is served; the file has the Signer's secret. --restore makes a new "
          + "folder of it; epochs that were closed after the copy was made are not in it.",
      ],
      flags: [
        ServeArguments.listen, ServeArguments.data, ServeArguments.database, ServeArguments.storage,
        ServeArguments.grant, ServeArguments.interval, ServeArguments.lease, ServeArguments.audience,
        ServeArguments.certificate, ServeArguments.tlsKey, ServeArguments.config, ServeArguments.keepResults,
        ServeArguments.minimumVerifierFee, ServeArguments.gateway, ServeArguments.gatewayNode,
        ServeArguments.threads,
        ServeArguments.logLevel, ChainOptions.rpc,
        ChainOptions.core,
      ] + ServeArguments.ofChain + [
        LayerOne.layer, LayerOne.requester, LayerOne.anybody, LayerOne.dryRun, ServerOptions.only,
        ChainOptions.verification, ServeArguments.audit,
        ServeArguments.backup, ServeArguments.restore, CommonFlags.json,
      ],
      examples: [
        CommandExample(
          "emeth serve --listen 127.0.0.1:7443 --data net --grant 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed=100emeth",
          "a network for trying things out, with money for one requester"),
        CommandExample(
          "emeth serve --data net --database postgres://emeth@db.example/emeth?sslmode=verify-full",
          "jobs and money in PostgreSQL"),
        CommandExample(
          "EMETH_RPC=https://rpc.example.org/KEY emeth serve --data net --rpc env --core "
            + "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed --chain-id 1 --settlement "
            + "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359 --operator-key-file operator.key",
          "a network whose money is on a chain"),
        CommandExample(
          "emeth serve --layer 1 --rpc env --core 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed --chain-id 1 --verification "
            + "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359 --server https://emeth.example.org --operator-key-file "
            + "server.key --requester 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed --data divided",
          "divides jobs of EMETH Core"),
        CommandExample(
          "emeth serve --audit --data net", "does every balance follow from the entries?"),
        CommandExample(
          "emeth serve --backup net.tar --data net", "a copy to keep elsewhere, as secret as a key"),
      ],
      exitCodes: [
        .no:
          "--audit: a balance does not follow from the entries; --rpc: the settlement takes another Signer, or the "
          + "password does not open the operator's keystore"
      ])
  ) { typed, context in
    let configuration = try ServeConfiguration(typed, context)
    let parsed = configuration.parsed
    let folder = try configuration.folder
    if try LayerOne.isMeant(
      typed, notThere: ServeArguments.ofNetwork,
      onlyThere: [ServerOptions.only, ChainOptions.verification, LayerOne.requester, LayerOne.anybody])
    {
      return try await LayerOne.server(parsed, context, configuration.operatorKey(context), in: folder)
    }
    let others = [
      parsed[ServeArguments.audit] ? "--audit" : nil, parsed[ServeArguments.backup].map { _ in "--backup" },
      parsed[ServeArguments.restore].map { _ in "--restore" },
    ].compactMap { $0 }
    if others.count > 1 {
      throw UsageError.contradiction(
        rule: "\(others.joined(separator: " and ")) are two things to do: give one",
        command: parsed.definition.name)
    }
    let database = try configuration.database
    if parsed[ServeArguments.audit] { return try audit(folder, database, parsed, context) }
    if database != nil, let other = others.first {
      throw CommandFailure(
        .usage, code: "backup.database", "serve: \(other) is for networks whose database is in their folder",
        hint: "save a PostgreSQL database with pg_dump, and the folder's file \"seed\" with it")
    }
    if let file = parsed[ServeArguments.backup] {
      return try tell(
        NetworkBackup(folder: folder).write(to: URL(filePath: file)), "saved to \(file)", parsed, context)
    }
    if let file = parsed[ServeArguments.restore] {
      return try tell(
        NetworkBackup.restore(URL(filePath: file), to: folder), "restored to \(folder.path)", parsed, context)
    }
    let service = try configuration.service()
    let settings = try configuration.server()
    try FolderPath.refuseUnusable(folder.path)
    let chain = try await configuration.chain(context)
    let network = try inNetwork(folder) {
      try NetworkService(folder: folder, settings: service, database: database, chain: chain)
    }
    try await network.checkSigner()
    let server = try inNetwork(folder) {
      var logger = Logger(label: "emeth.serve") { JSONLogHandler(label: $0) }
      logger.logLevel = parsed[ServeArguments.logLevel].level
      return try NetworkServer(service: network, settings: settings, logger: logger)
    }
    context.cancellation.onRequest { server.stop() }
    let (output, asJSON) = (context.output, parsed[CommonFlags.json])
    try await server.run { address in
      struct Listening: Encodable { var url: String }
      try? output.write(asJSON ? JSONText.line(Listening(url: "\(address)")) : "\(address)\n")
    }
    return .done
  }

  private static func tell(
    _ contents: NetworkBackup.Contents, _ done: String, _ parsed: ParsedCommand, _ context: CommandContext
  ) throws -> ExitCode {
    if parsed[CommonFlags.json] {
      try context.output.write(JSONText.pretty(contents))
    } else {
      try context.output.print(
        "\(done): the network as of epoch \(contents.epoch), \(contents.objects) objects, "
          + NumberText.bytes(contents.bytes))
    }
    return .done
  }

  private static func audit(
    _ folder: URL, _ database: DatabaseLocation?, _ parsed: ParsedCommand, _ context: CommandContext
  ) throws -> ExitCode {
    do {
      let found = try LedgerAudit(folder: folder, database: database).run()
      if parsed[CommonFlags.json] {
        try context.output.write(JSONText.pretty(found))
      } else {
        try context.output.print(
          "every balance follows from its entries: granted \(found.in.emethText), held \(found.out.emethText), "
            + "bound \(found.locked.emethText), burned \(found.burned.emethText)")
      }
      return .done
    } catch NetworkError.inconsistent(let what) {
      throw CommandFailure(
        .no, code: "network.inconsistent", "network folder \(folder.path): \(what)", hint: nil,
        details: ["path": folder.path])
    }
  }
}

/// The flags of `emeth serve`.
enum ServeArguments {
  enum LogLevel: String, CaseIterable {
    case debug, info, warning, error

    var level: Logger.Level {
      switch self {
      case .debug: .debug
      case .info: .info
      case .warning: .warning
      case .error: .error
      }
    }
  }

  static let listen = Flag(
    "listen", .text.named("HOST:PORT"), absent: "127.0.0.1:7443",
    help: "address to listen on; port 0 takes a free one")
  static let data = Flag(
    "data", .folder, absent: "the one in EMETH_DATA or --config",
    help: "folder of the network: jobs, money, objects")
  static let database = Flag(
    "database", .text.named("URL"),
    absent: "the one in EMETH_DATABASE or --config, else SQLite in --data",
    help: "PostgreSQL database for jobs and money")
  static let grant = Flag(
    repeated: "grant", .grant,
    help: "money from nowhere for an account, up to so much, once; there only where settlement is embedded")
  static let interval = Flag(
    "interval", .interval, absent: "60s", help: "how often the Signer closes an epoch while something changes"
  )
  static let lease = Flag(
    "lease", .interval, absent: "180s",
    help: "how long a node keeps a SubJob without a word; it renews three times as often")
  static let audience = Flag(
    repeated: "audience", .text.named("HOST[:PORT]"),
    help: "name by which clients know the server, besides the address: what their requests are signed for")
  static let certificate = Flag(
    "tls-certificate", .file, absent: "plain HTTP", help: "PEM file with the certificate chain")
  static let tlsKey = Flag("tls-key", .file, absent: nil, help: "PEM file with the certificate's private key")
  static let config = Flag("config", .file, absent: nil, help: "JSON file with settings")
  static let storage = Flag(
    "storage", .text.named("URL"), absent: "the folder of --data",
    help: "bucket for objects: s3://BUCKET[/PREFIX][?endpoint=URL&region=NAME]")
  static let keepResults = Flag(
    "keep-results", .resultRetention, absent: "30",
    help: "days for which results are kept after a job's end, or forever")
  static let minimumVerifierFee = Flag(
    "minimum-verifier-fee", .tokenAmount, default: ServiceSettings().minimumVerifierFee,
    defaultText: "1holon",
    help: "the least that a verifier must get for a SubJob; jobs that pay less are refused"
  )
  static let gateway = Flag(
    repeated: "gateway", .gatewayModel,
    help: "sell text of the model in FOLDER under NAME, for PRICE a thousand tokens")
  static let gatewayNode = Flag(
    repeated: "gateway-node", .address,
    help: "account whose node draws the gateway's texts, instead of everybody's")
  static let threads = Flag(
    "threads", .integer(in: 1...1024), absent: "2", help: "threads for dividing, adding and validating")
  static let logLevel = Flag(
    "log-level", .choice("LEVEL"), default: LogLevel.info, help: "entries below it are not logged")
  static let witness = Flag(
    "witness-rpc", .text.named("URL"), absent: "the node of --rpc is believed",
    help: "node of another owner that must say the same; `env`: the one in EMETH_WITNESS_RPC")
  static let confirmations = Flag(
    "confirmations", .integer(in: 1...10_000), default: 12,
    help: "blocks in which deposits and batches must lie until they count")
  static let operatorKey = Flag(
    "operator-key-file", .file, absent: nil, help: "key of the account that sends batches and pays their gas")
  static let operatorPassword = Flag(
    "operator-password-file", .file, absent: nil, help: "file with the password of that keystore")
  static let fromBlock = Flag(
    "from-block", .unsigned(from: 0), absent: "0", help: "block of the chain with which reading begins")
  static let posting = Flag(
    "posting", .interval, absent: "6h",
    help: "how often a batch is posted while something changes, 12m to 20h")
  /// Those that belong to a chain.
  static let ofChain: [any CommandFlag] = [
    ChainOptions.chainID, ChainOptions.settlement, witness, confirmations, operatorKey, operatorPassword,
    fromBlock, posting, ChainOptions.plainHTTP,
  ]
  /// Those that belong to a network, and mean nothing to a server of layer 1.
  static let ofNetwork: [any CommandFlag] = [
    listen, database, grant, interval, lease, audience, certificate, tlsKey, storage, keepResults,
    minimumVerifierFee, gateway, gatewayNode, threads, logLevel, ChainOptions.settlement, witness, fromBlock,
    posting,
    audit,
    backup,
    restore,
  ]
  static let backup = Flag(
    "backup", .file, absent: nil, help: "copy the network in --data into this file and end")
  static let restore = Flag(
    "restore", .file, absent: nil, help: "make the network in --data, an empty folder, from a backup and end")
  static let audit = Flag(toggle: "audit", help: "check the ledger in --data and end")
}
