import EmethKit
import EmethNetwork
import Foundation

/// A job that is no training, as the flags describe it: the request, and the data set that it names by hash.
struct RequestedComputation: Sendable {
  let request: ComputedRequest
  let dataSet: Data
  /// What continues the prompts of a text generation.
  let model: GivenModel?

  /// Looks at all input before anything is stored or paid.
  ///
  /// - Parameters:
  ///   - model: of a text generation.
  ///   - nodes: how many parts there are where the flags don't say, and records enough.
  init(
    _ parsed: ParsedCommand, dataSet path: String, modules: [ProgramModule], model: GivenModel?,
    parallel: Int?, nodes: Int, fuelPrice: FuelPrice, timeLimit: Duration, retry: RetryPolicy
  ) throws {
    guard let id = ProgramID(rawValue: UInt64(parsed[RemoteJobOptions.program])) else {
      throw ProgramError.zeroProgram
    }
    let program = try ComputedProgram(id, modules: modules)
    let file = InputFile(path)
    let bytes = try file.bytes()
    if bytes.isEmpty { throw FileError.empty(path: file.name) }
    let records = try program.records.records(in: bytes)
    let parallel = UInt32(parallel ?? (program.provesItself ? 1 : min(nodes, records.count)))
    _ = try SplitPlan.ranges(recordCount: UInt64(records.count), parts: parallel)
    try program.check(recordCount: UInt64(records.count), parts: parallel)
    try program.check(dataSet: Data(bytes))
    var parameters: [String: String] = [:]
    for given in parsed[ProgramOptions.parameter] {
      guard parameters.updateValue(given.value, forKey: given.key) == nil else {
        throw UsageError.contradiction(
          rule: "--param names \(given.key) twice", command: parsed.definition.name)
      }
    }
    dataSet = Data(bytes)
    self.model = model
    let generation = try model.map { model in
      try GenerationTerms(
        model.reference, model.tokenizer, drawing: Drawing(parsed), dataSet: Data(bytes), named: file.name,
        parts: parallel)
    }
    request = ComputedRequest(
      manifest: try ComputedManifest(
        program, parameters: parameters, recordCount: UInt64(records.count),
        agreement: UInt32(parsed[ProgramOptions.agreement]), generation: generation),
      dataSetName: file.name, dataSet: SHA256.hash(bytes), parallel: parallel, fuelPrice: fuelPrice,
      timeLimitSeconds: UInt64(timeLimit / .seconds(1)), retry: retry)
  }

  /// Stores the data set and the model where the job will be worked on.
  func store(in network: LocalNetwork) throws {
    try network.keep(dataSet: dataSet)
    if let model { try network.keep(model: model.reference, from: model.folder) }
  }

  /// Sends the data set, then the request. Modules stay here: whoever has one of the same hash can work.
  func submit(to client: ServerClient) async throws -> JobID {
    let file = FileManager.default.temporaryDirectory.appending(path: "emeth-submit-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: file) }
    try dataSet.write(to: file)
    try await client.give(dataSet: file, hash: request.dataSet)
    try await model?.give(to: client)
    return try await client.submit(
      JobSubmission(salt: Bytes32(SystemRandom.bytes(32)) ?? .zero, computed: request))
  }
}

extension Command {
  /// `emeth submit-job DATASET --program N`: requests a job that is no training of a server, or puts it into a local
  /// network's queue.
  static func submitComputation(
    _ parsed: ParsedCommand, _ context: CommandContext
  ) async throws -> ExitCode {
    try ProgramOptions.refuseFlagsOfOthers(in: parsed)
    // What it would cost is known without an account, unless the model is to be fetched.
    let needsNone = parsed[NetworkOptions.dryRun] && !GivenModel.isFetched(by: parsed)
    let client = needsNone ? nil : try ServerOptions.client(parsed, context, signed: true)
    let job = try RequestedComputation(
      parsed, dataSet: parsed[NetworkOptions.dataset], modules: ProgramOptions.modules(parsed, context),
      model: try await ProgramOptions.model(parsed) { reference, folder in
        try await FetchedModel.write(reference, to: folder, from: client, parsed, context)
      },
      parallel: parsed.isGiven(NetworkOptions.parts) ? parsed[NetworkOptions.parts] : nil,
      nodes: parsed[NetworkOptions.parts], fuelPrice: parsed[NetworkOptions.fuelPrice],
      timeLimit: parsed[NetworkOptions.deadline], retry: .standard)
    let request = JobRequest.computed(job.request)
    let cost = try JobCost(request)
    if parsed[NetworkOptions.dryRun] {
      try context.output.write(
        parsed[CommonFlags.json]
          ? JSONText.pretty(cost)
          : "program \(request.program): \(job.request.manifest.recordCount) records in "
            + "\(request.parallel) parts, \(cost.fuelLimit), escrow \(cost.terms.escrow)\n")
      return .done
    }
    context.talk.note(
      "the job costs at most \(cost.terms.escrow.emethText) EMETH, \(cost.terms.verifierFee.emethText) EMETH of them for "
        + "verifiers")
    if let client {
      return try await tell(job.submit(to: client), at: client, parsed, context)
    }
    let network = try openNetwork(parsed, context, mayMake: true)
    let id = try inNetwork(network.folder) {
      try job.store(in: network)
      return try network.submit(request)
    }
    if parsed[CommonFlags.json] {
      try context.output.write(JSONText.pretty(JobListing(try network.job(id))))
    } else {
      try context.output.print("\(id)")
      let modules = parsed[ProgramOptions.module].map { " --module \(ShellWord.quoted($0))" }.joined()
      context.talk.note(
        "work on it with: emeth run --network \(ShellWord.quoted(network.folder.path))\(modules)")
    }
    return .done
  }
}
