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
        rule: "DATASET and --network can't be given together: submit the job with `emeth submit-job`, then run its queue",
        command: "run")
    }
    return try await RunDataSet(parsed, context, dataSet: dataSet).run()
  }
}

extension NetworkSettings {
  /// The network that the flags describe.
  init(_ parsed: ParsedCommand) throws {
    let check: Int? =
      switch parsed[NetworkOptions.checkSegments] {
      case .drawn(let count): count
      case .all: nil
      }
    let fault = parsed[NetworkOptions.fault].flatMap { choice in
      NodeFault(rawValue: choice.kind.rawValue).map { FaultPlan(fault: $0, node: choice.node) }
    }
    let nodes = parsed[NetworkOptions.nodes]
    if let fault, fault.node > nodes {
      throw UsageError.contradiction(
        rule: "--fault names node \(fault.node), and there are \(nodes) nodes", command: parsed.definition.name)
    }
    try self.init(nodes: nodes, checkSegments: check, fault: fault)
  }
}

/// `emeth run DATASET`: one job on a network of its own, which lies in the model folder's `job/`.
private struct RunDataSet {
  let parsed: ParsedCommand
  let context: CommandContext
  let options: ModelOptions
  let settings: NetworkSettings
  let name: String
  let bytes: Data

  init(_ parsed: ParsedCommand, _ context: CommandContext, dataSet: String) throws {
    self.parsed = parsed
    self.context = context
    options = try ModelOptions(parsed)
    settings = try NetworkSettings(parsed)
    let file = InputFile(dataSet)
    name = file.name
    bytes = dataSet == "-" ? Data(try file.bytes()) : try DataSet.bytes(of: URL(filePath: dataSet))
  }

  func run() async throws -> ExitCode {
    let parallel = parsed[NetworkOptions.parallel] ?? settings.nodes
    let rounds = parsed[NetworkOptions.rounds]
    // A cheap look at all input before a folder is made.
    let tokenizer = try options.loadTokenizer()
    let shape = try options.configuration(for: tokenizer)
    let preview = try DataSet(name: name, bytes: bytes, tokenizer: tokenizer, context: shape.context)
    guard parallel <= preview.training.count else {
      throw CommandFailure(
        .badInput, code: "data.tooFewRecords",
        "\(name) has too few sequences for --parallel: found \(preview.training.count) sequences, allowed at most that many parts, \(parallel) wanted",
        hint: "take a longer text, a smaller --context or a smaller --parallel",
        details: ["found": "\(preview.training.count)", "wanted": "\(parallel)"])
    }

    let folder = try RunFolder(
      wanted: parsed[NetworkOptions.out].map { URL(filePath: $0) }, seed: options.seed.bytes, settings: settings,
      request: { network in
        try TrainingRequest(
          options, name: name, dataSet: bytes, parallel: parallel, rounds: rounds,
          fuelPrice: FuelPrice(gholon: 120), timeLimit: .seconds(7 * 86_400),
          retry: RetryPolicy(attempts: 3, baseDelayMilliseconds: 100, factor: 4), in: network)
      })
    if folder.isResumed { context.talk.note("going on with the run in \(folder.model.path)") }
    let view = RunView(context, settings: settings)
    var report = try await work(
      on: folder.job, in: folder.network, threads: options.threads, view: view, context: context)
    if report.status == "VERIFIED" || !report.rounds.isEmpty {
      try folder.network.exportModel(of: folder.job, to: folder.model)
      report.model = folder.model.path
    }
    try folder.network.exportRecords(of: folder.job, report: report, to: folder.model)
    try view.finish(report, network: folder.network, curve: folder.model.appending(path: "job/loss.svg"))
    return try conclude(report, parsed: parsed, context: context)
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
        rule: "DATASET is missing; without it, --network FOLDER names the queue to work on", command: "run")
    }
  }

  func run() async throws -> ExitCode {
    let network = try openNetwork(parsed, context, settings: try NetworkSettings(parsed))
    let threads = parsed[ModelOptions.threads] ?? ProcessInfo.processInfo.activeProcessorCount
    var reports: [JobReport] = []
    while let job = try network.nextJob() {
      context.talk.note("working on job \(job)")
      let view = RunView(context, settings: network.settings)
      let report = try await work(on: job, in: network, threads: threads, view: view, context: context)
      try view.finish(report, network: network, curve: nil)
      reports.append(report)
    }
    if reports.isEmpty { context.talk.note("the queue is empty") }
    if parsed[CommonFlags.json] { try context.output.write(JSONText.pretty(reports)) }
    return reports.allSatisfy { $0.status == "VERIFIED" } ? .done : .no
  }
}

/// Opens the network that `--network` names, or the user's own.
func openNetwork(
  _ parsed: ParsedCommand, _ context: CommandContext, settings: NetworkSettings? = nil
) throws -> LocalNetwork {
  let folder: URL
  if let path = parsed[NetworkOptions.network] {
    folder = URL(filePath: path)
  } else {
    folder = try userNetworkFolder(context)
  }
  return try LocalNetwork(folder: folder, settings: settings)
}

/// `emeth/network` in the user's data folder.
private func userNetworkFolder(_ context: CommandContext) throws -> URL {
  if let data = context.environment["XDG_DATA_HOME"], data.hasPrefix("/") {
    return URL(filePath: data).appending(path: "emeth/network")
  }
  guard let home = context.environment["HOME"], !home.isEmpty else {
    throw CommandFailure(
      .unavailable, code: "network.noHome", "no network folder: neither XDG_DATA_HOME nor HOME is set",
      hint: "name one with --network FOLDER", details: [:])
  }
  return URL(filePath: home).appending(path: ".local/share/emeth/network")
}

/// Works on a job; Ctrl-C ends the work between two optimizer steps.
private func work(
  on job: JobID, in network: LocalNetwork, threads: Int, view: RunView, context: CommandContext
) async throws -> JobReport {
  let stop = StopFlag()
  context.cancellation.onRequest { stop.raise() }
  do {
    let report = try await network.work(on: job, threads: threads, stop: stop) { view.show($0) }
    context.talk.clear()
    return report
  } catch NetworkError.interrupted {
    context.talk.clear()
    throw Interruption(note: "repeat the same command to go on where it stopped")
  }
}

/// Prints the result and says how the job ended.
private func conclude(_ report: JobReport, parsed: ParsedCommand, context: CommandContext) throws -> ExitCode {
  if parsed[CommonFlags.json] { try context.output.write(JSONText.pretty(report)) }
  guard report.status == "VERIFIED" else {
    context.talk.note("the job ended as \(report.status): \(report.reason)")
    return .no
  }
  return .done
}
