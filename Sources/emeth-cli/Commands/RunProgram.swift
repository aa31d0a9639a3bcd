import EmethKit
import EmethNetwork
import Foundation

/// `emeth run DATASET --program N`: one job that is no training, on a network of its own.
struct RunProgram {
  let parsed: ParsedCommand
  let context: CommandContext
  let dataSet: String
  let settings: NetworkSettings

  init(_ parsed: ParsedCommand, _ context: CommandContext, dataSet: String) throws {
    self.parsed = parsed
    self.context = context
    self.dataSet = dataSet
    settings = try NetworkSettings(parsed)
    try ProgramOptions.refuseFlagsOfOthers(in: parsed)
    let faults: [NodeFault] = [.stall, .swappedFinal, .stampingVerifier, .rejectingVerifier, .twoVerdicts]
    if let fault = settings.fault, !faults.contains(fault.fault) {
      throw UsageError.contradiction(
        rule: "--fault \(fault) is for a training; here are "
          + faults.map(\.rawValue).joined(separator: ", "), command: "run")
    }
  }

  func run() async throws -> ExitCode {
    let modules = try ProgramOptions.modules(parsed, context)
    let folder = try openFolder(modules, await ProgramOptions.model(parsed, fetch: nil))
    if try folder.network.job(folder.job).status.isFinal {
      context.talk.note("the run in \(folder.model.path) has ended already; nothing is done twice")
    }
    let view = RunView(
      context, settings: settings, opening: try opening(of: folder, modules))
    var report = try await work(
      on: folder.job, in: folder.network,
      threads: parsed[ModelOptions.threads] ?? ProcessInfo.processInfo.activeProcessorCount, modules: modules,
      parsed: parsed, view: view, context: context)
    try inNetwork(folder.network.folder) {
      if report.status == "VERIFIED" {
        report.result = try folder.network.exportResult(of: folder.job, to: folder.model).path
      }
      try folder.network.exportRecords(of: folder.job, report: report, to: folder.model)
    }
    try view.finish(report, curve: nil)
    try inNetwork(folder.network.folder) {
      try folder.network.signFolder(of: folder.job, at: folder.model)
      try folder.network.close()
    }
    return try conclude(report, parsed: parsed, context: context)
  }

  /// Looks at all input, then makes or finds the folder: what is refused leaves nothing behind.
  private func openFolder(_ modules: [ProgramModule], _ model: GivenModel?) throws -> RunFolder {
    let out = parsed[NetworkOptions.out]
    if let out { try FolderPath.refuseUnusable(out) }
    let job = try RequestedComputation(
      parsed, dataSet: dataSet, modules: modules, model: model, parallel: parsed[NetworkOptions.parallel],
      nodes: settings.nodes, fuelPrice: FuelPrice(gholon: 120), timeLimit: .seconds(7 * 86_400),
      retry: RetryPolicy(attempts: 3, baseDelayMilliseconds: 100, factor: 4))
    // A machine that can't run it says so at once.
    if job.request.manifest.program.isExternal { _ = try ModuleSandbox(for: modules) }
    let wanted = out.map { URL(filePath: $0) }
    return try inNetwork(wanted?.appending(path: "job") ?? URL(filePath: ".")) {
      try RunFolder(
        wanted: wanted, seed: parsed[ModelOptions.seed].bytes, settings: settings,
        request: .computed(job.request)
      ) { try job.store(in: $0) }
    }
  }

  /// What is said before the work begins.
  private func opening(of folder: RunFolder, _ modules: [ProgramModule]) throws -> String {
    guard case .computed(let request) = folder.request else { return "" }
    let program = try ComputedProgram(request.manifest.program, modules: modules)
    let cost = try JobCost(folder.request)
    let verifiers = request.manifest.agreement - 1
    let fee = TokenAmount(holon: cost.subJobTerms.verifierFee.holon / UInt256(verifiers))
    let checks =
      program.provesItself
      ? "the result proves itself"
      : "every part is computed again by \(verifiers) drawn, for \(fee.emethText) EMETH each"
    let sandbox = try program.module.map { "; sandbox: \(try ModuleSandbox(for: [$0]).summary)" } ?? ""
    return (folder.isResumed ? "going on with the run in \(folder.model.path); " : "")
      + "program \(program.id), \(program.name): \(request.manifest.recordCount) records in "
      + "\(request.parallel) parts; \(checks)\(sandbox)"
  }
}
