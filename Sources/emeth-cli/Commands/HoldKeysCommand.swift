import EmethKit
import EmethNetwork
import Foundation

/// The flags of a requester that holds the keys of its job's parts.
enum HeldKeysOptions {
  static let holdKeys = Flag(
    toggle: "hold-keys",
    help: "divide and seal here, so that no server can open a part; stay to write the header for each node")
  static let nodes = Flag(
    repeated: "for-node", .address,
    help: "account of a node that may get parts, several times for several; absent: any node that claims one")

  /// Refuses what can't go with keys that are held.
  static func check(_ parsed: ParsedCommand) throws {
    func contradiction(_ rule: String) -> UsageError {
      .contradiction(rule: rule, command: parsed.definition.name)
    }
    guard parsed[holdKeys] else {
      guard !parsed.isGiven(nodes) else { throw contradiction("--for-node belongs to --hold-keys") }
      return
    }
    guard parsed[RemoteJobOptions.program] == Int(ProgramID.languageModelTraining.rawValue) else {
      throw contradiction(
        "--hold-keys is for a training: the parts' outputs of other programs are joined, and read, by the server"
      )
    }
    let ofSplitter: [any CommandFlag] = [PrivacyOptions.noise, PrivacyOptions.maskVocabulary]
    for flag in ofSplitter where parsed.isGiven(flag) {
      throw contradiction(
        "\(flag.definition.spelling) can't be given with --hold-keys: what it follows from is the server's Splitter's"
      )
    }
  }
}

extension Command {
  /// `emeth hold-keys JOB`: writes the headers of a job's parts for the nodes that claim them.
  static let holdKeys = Command(
    CommandDefinition(
      "hold-keys", section: .requester,
      summary: "write the headers of a job's parts, whose keys are the account's",
      discussion: [
        "For a job of `submit-job --hold-keys`, whose parts no server can open: each node that claims one needs a header "
          + "that only the account of --key-file can write. Runs until the job has ended. While it is away nodes take "
          + "nothing, nobody loses a deposit, and the job waits until its deadline.",
        "It keeps nothing: the keys follow from the key file. Killed, it goes on when it is started again, here or on "
          + "another machine.",
        "With --for-node only these accounts get parts. Without, whoever claims one and locks the deposit reads that "
          + "part, and the server's operator can run a node like anybody.",
      ],
      arguments: [NetworkOptions.job],
      flags: ServerOptions.signedOnly + [HeldKeysOptions.nodes, CommonFlags.json],
      examples: [
        CommandExample(
          "emeth hold-keys 1f2e3d4c --server http://127.0.0.1:7443 --key-file key",
          "until the job has ended"),
        CommandExample(
          "emeth hold-keys 1f2e3d4c --server https://emeth.example.org --key-file key --for-node "
            + "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "parts for one node alone"),
      ],
      exitCodes: [.no: "the job did not end as VERIFIED, or \(KeyOptions.wrongPassword)"])
  ) { parsed, context in
    let client = try ServerOptions.requiredClient(parsed, context, signed: true)
    let job = try await client.find(parsed[NetworkOptions.job])
    guard let seen = try await client.job(job) else { throw NetworkError.unknownJob(id: "\(job)") }
    guard seen.job.requester == client.account else {
      throw CommandFailure(
        .no, code: "account.notAllowed",
        "job \(job) is that of \(seen.job.requester), whose key its parts are sealed by",
        hint: "give the key file of that account")
    }
    return try await holdKeys(of: job, at: client, KeyOptions.load(parsed, context), parsed, context)
  }

  /// Writes headers until a job has ended.
  static func holdKeys(
    of job: JobID, at client: ServerClient, _ key: PrivateKey, _ parsed: ParsedCommand,
    _ context: CommandContext
  ) async throws -> ExitCode {
    let (connection, _) = try ServerOptions.connection(parsed, context, key: key)
    let domain = try await ServerOptions.domain(of: connection, parsed, context)
    let talk = context.talk
    let holder = KeyHolder(
      job: job, key: key, connection: connection, domain: domain, nodes: Set(parsed[HeldKeysOptions.nodes])
    ) { event in
      switch event {
      case .wrote(let place, let node):
        talk.note("round \(place.round + 1): part \(place.part + 1) can be opened by \(node)")
      case .refused(let place, let node):
        talk.note("round \(place.round + 1): part \(place.part + 1) is not for \(node)")
      case .failed(let what, let error): talk.note("\(what): \(error.message)")
      }
    }
    let writing = Task { await holder.run() }
    defer { writing.cancel() }
    let watching = Task { () throws -> ExitCode in
      var tag: String?
      while true {
        guard let seen = try await client.job(job, otherThan: tag, waitingUpTo: 30) else { continue }
        tag = seen.tag
        let status = seen.job.summary.status
        guard status.isFinal else { continue }
        talk.note("job \(job) is \(status.name)")
        return status == .verified ? .done : .no
      }
    }
    context.cancellation.onRequest { watching.cancel() }
    do {
      return try await watching.value
    } catch {
      try context.cancellation.check(
        note: "nodes take nothing of the job until: emeth hold-keys \(job) --server \(client.server)")
      throw error
    }
  }
}
