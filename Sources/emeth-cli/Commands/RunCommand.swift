import EmethCompute
import EmethKit
import EmethNetwork
import Foundation

extension Command {
  /// `emeth run DATASET`: the whole network on this machine.
  static let run = Command(.run) { parsed, context in
    let dataSet: String? = parsed[NetworkOptions.optionalDataset]
    guard let dataSet else { return try await RunQueue(parsed, context).run() }
    if parsed.isGiven(NetworkOptions.network) {
      throw UsageError.contradiction(
        rule: "DATASET and --network can't be given together: submit the job with `emeth submit-job`, "
          + "then run its queue",
        command: "run")
    }
    guard parsed[RemoteJobOptions.program] == ProgramID.languageModelTraining.rawValue else {
      return try await RunProgram(parsed, context, dataSet: dataSet).run()
    }
    try ProgramOptions.refuse(for: "a training", in: parsed)
    return try await RunDataSet(parsed, context, dataSet: dataSet).run()
  }
}

extension NetworkSettings {
  /// The network that the flags describe.
  init(_ parsed: ParsedCommand) throws {
    let fault = parsed[NetworkOptions.fault]
    let nodes = parsed[NetworkOptions.nodes]
    if let fault {
      let role = fault.fault.role
      let count = try Self.count(of: role, nodes: nodes)
      guard fault.node <= count else {
        throw UsageError.contradiction(
          rule: "--fault names \(role.rawValue) \(fault.node), and there are \(count) of them",
          command: parsed.definition.name)
      }
    }
    try self.init(nodes: nodes, check: NetworkOptions.check(parsed), fault: fault)
  }

  /// How many of a role there are in a network with so many nodes.
  private static func count(of role: FaultRole, nodes: Int) throws -> Int {
    switch role {
    case .node: nodes
    case .verifier: try NetworkSettings(nodes: nodes).verifiers
    case .aggregator: 1
    }
  }
}

/// `emeth run DATASET`: one job on a network of its own, which lies in the model folder's `job/`.
private struct RunDataSet {
  let parsed: ParsedCommand
  let context: CommandContext
  let options: ModelOptions
  let privacy: PrivacyOptions
  let settings: NetworkSettings
  let dataSet: String

  init(_ parsed: ParsedCommand, _ context: CommandContext, dataSet: String) throws {
    self.parsed = parsed
    self.context = context
    self.dataSet = dataSet
    options = try ModelOptions(parsed)
    privacy = try PrivacyOptions(parsed)
    settings = try NetworkSettings(parsed)
  }

  func run() async throws -> ExitCode {
    let (folder, plan) = try openFolder()
    let hasEnded = try folder.network.job(folder.job).status.isFinal
    if hasEnded {
      context.talk.note("the run in \(folder.model.path) has ended already; nothing is done twice")
    }
    let view = RunView(
      context, settings: settings, stepsPerRound: options.steps ?? options.preset.stepsPerRound,
      opening: try opening(of: folder, plan))
    var report = try await work(
      on: folder.job, in: folder.network, threads: options.threads,
      parsed: parsed, view: view, context: context)
    try folder.network.nameEvidence(on: folder.job, context)
    try inNetwork(folder.network.folder) {
      if !report.rounds.isEmpty {
        try folder.network.exportModel(of: folder.job, to: folder.model)
        report.model = folder.model.path
      }
      try folder.network.exportRecords(of: folder.job, report: report, to: folder.model)
    }
    try view.finish(report, curve: folder.model.appending(path: "job/loss.svg"))
    try inNetwork(folder.network.folder) {
      try folder.network.signFolder(of: folder.job, at: folder.model)
      try folder.network.close()
    }
    return try conclude(report, parsed: parsed, context: context)
  }

  /// What is said before the work begins: how much of it will be checked, what that finds, and what it is paid.
  private func opening(of folder: RunFolder, _ memory: MemoryPlan) throws -> String {
    guard case .training(let request) = folder.request else { return "" }
    let manifest = request.manifest
    let segments = Int(manifest.segmentCount)
    let plan = try settings.check.plan(
      subJobs: Int(manifest.rounds) * Int(request.parallel), segments: segments)
    let replayed = min(segments, plan.drawn + 1)
    let share = min(
      100, 100 * Double(replayed) * Double(manifest.segmentLength) / Double(manifest.stepsPerRound))
    let found = Double(plan.detection(per: 1_000_000)) / 10_000
    let foundInOne = Double(plan.detectionOfOneSubJob(per: 1_000_000)) / 10_000
    let cost = try JobCost(request)
    let alone =
      "on as many of one SubJob's with \(NumberText.fixed(foundInOne, decimals: 1)) %; "
      + "the job costs at most \(cost.terms.escrow.emethText) EMETH; "
    return (folder.isResumed ? "going on with the run in \(folder.model.path); " : "")
      + "verifiers replay \(replayed) of \(segments) segments of each SubJob, "
      + "\(NumberText.fixed(share, decimals: 1)) % of the work, for "
      + "\(cost.subJobTerms.verifierFee.emethText) EMETH each: cheats on "
      + "\(settings.check.countedShare) of all segments are found with \(NumberText.fixed(found, decimals: 1)) %, "
      + alone + "a node's training takes \(memory.text)"
  }

  /// Looks at all input, then makes or finds the folder: what is refused leaves nothing behind.
  private func openFolder() throws -> (RunFolder, MemoryPlan) {
    let device = try DeviceOptions.open(parsed, context, threads: options.threads)
    let out = parsed[NetworkOptions.out]
    if let out { try FolderPath.refuseUnusable(out) }
    let parallel = parsed[NetworkOptions.parallel] ?? settings.nodes
    let tokenizer = try options.loadTokenizer()
    let configuration = try options.configuration(for: tokenizer)
    let plan = try MemoryPlan(configuration: configuration, batch: options.batch, device: device)
    let text = try TrainingText(
      dataSet, tokenizer: tokenizer, context: configuration.context, device: device)
    try text.refuse(parts: parallel)
    let job = try RequestedJob(
      options, tokenizer: tokenizer, name: InputFile(dataSet).name, dataSet: text.corpus.bytes,
      parallel: parallel,
      rounds: parsed[NetworkOptions.rounds], cutFor: settings.check, privacy: privacy,
      fuelPrice: FuelPrice(gholon: 120),
      timeLimit: .seconds(7 * 86_400),
      retry: RetryPolicy(attempts: 3, baseDelayMilliseconds: 100, factor: 4))
    let wanted = out.map { URL(filePath: $0) }
    let folder = try inNetwork(wanted?.appending(path: "job") ?? URL(filePath: ".")) {
      try RunFolder(
        wanted: wanted, seed: options.seed.bytes, settings: settings, request: job.request, objects: job.store
      )
    }
    let expected = try JobReport.Privacy(expectedOf: job.request.manifest, parts: job.request.parallel)
    if let expected { context.talk.note("privacy to be expected of a part: \(expected.text)") }
    return (folder, plan)
  }
}

/// `emeth run --network FOLDER`: works on the queue until it is empty.
private struct RunQueue {
  let parsed: ParsedCommand
  let context: CommandContext

  init(_ parsed: ParsedCommand, _ context: CommandContext) throws {
    self.parsed = parsed
    self.context = context
    guard parsed.isGiven(NetworkOptions.network) else {
      throw UsageError.contradiction(
        rule: "DATASET is missing; without it, --network FOLDER names the queue to work on",
        command: "run")
    }
    let ofDataSet: [any CommandFlag] =
      [NetworkOptions.parallel, NetworkOptions.rounds, NetworkOptions.out] + PrivacyOptions.flags
      + ModelOptions.flags(steps: ModelOptions.stepsPerRound).filter {
        $0.definition.spelling != ModelOptions.threads.definition.spelling
      }
    if let given = ofDataSet.first(where: { parsed.isGiven($0) }) {
      throw UsageError.contradiction(
        rule: "\(given.definition.spelling) belongs to a DATASET: the jobs in a queue bring their own",
        command: "run")
    }
  }

  func run() async throws -> ExitCode {
    let threads = parsed[ModelOptions.threads] ?? ProcessInfo.processInfo.activeProcessorCount
    _ = try DeviceOptions.open(parsed, context)
    let network = try openNetwork(parsed, context, settings: try NetworkSettings(parsed))
    let modules = try ProgramOptions.modules(parsed, context)
    var reports: [JobReport] = []
    while let job = try network.nextJob() {
      let view = RunView(context, settings: network.settings, opening: "working on job \(job)")
      let report = try await work(
        on: job, in: network, threads: threads, modules: modules, parsed: parsed, view: view, context: context
      )
      try network.nameEvidence(on: job, context)
      try view.finish(report, curve: nil)
      let name = ShellWord.quoted(network.folder.path)
      context.talk.note(
        "fetch the \(report.program == nil ? "model" : "result") with: emeth fetch-result \(job) --network \(name)"
      )
      reports.append(report)
    }
    if reports.isEmpty { context.talk.note("the queue is empty") }
    if parsed[CommonFlags.json] { try context.output.write(JSONText.pretty(reports)) }
    return reports.allSatisfy { $0.status == "VERIFIED" } ? .done : .no
  }
}

extension LocalNetwork {
  /// Says where the evidence against nodes lies, how large it is, and who can judge it.
  fileprivate func nameEvidence(on job: JobID, _ context: CommandContext) throws {
    for file in try evidenceFiles(on: job) {
      let size = (try? file.resourceValues(forKeys: [.fileSizeKey]).fileSize) ?? 0
      context.talk.note(
        "evidence, \(NumberText.bytes(size)): check it anywhere with `emeth verify \(ShellWord.quoted(file.path))`"
      )
    }
  }
}

/// Works on a job; Ctrl-C ends the work between two optimizer steps.
func work(
  on job: JobID, in network: LocalNetwork, threads: Int, modules: [ProgramModule] = [], parsed: ParsedCommand,
  view: RunView,
  context: CommandContext
) async throws -> JobReport {
  let stop = StopFlag()
  network.device = parsed[DeviceOptions.device]
  context.cancellation.onRequest { stop.raise() }
  do {
    let report = try await network.work(
      on: job, threads: threads, keepsEvidence: !parsed[NetworkOptions.noEvidence],
      modelCache: parsed[NetworkOptions.modelCache]?.bytes ?? LocalNetwork.defaultModelCache,
      modules: modules, stop: stop
    ) { view.show($0) }
    context.talk.clear()
    return report
  } catch {
    context.talk.clear()
    if error == .interrupted { throw Interruption(note: "repeat the same command to go on where it stopped") }
    throw error.naming(network.folder)
  }
}

/// Prints the result and says how the job ended.
func conclude(_ report: JobReport, parsed: ParsedCommand, context: CommandContext) throws -> ExitCode {
  if parsed[CommonFlags.json] { try context.output.write(JSONText.pretty(report)) }
  guard report.status == "VERIFIED" else {
    context.talk.note("the job ended as \(report.status): \(report.reason)")
    return .no
  }
  return .done
}
