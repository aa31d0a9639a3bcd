import EmethKit
import EmethNetwork
import Foundation

// `submit-job` and `cancel-job` where the job is one of EMETH Core on a chain.
extension Command {
  /// Flags of `submit-job` that mean nothing on a chain, and the one that both know.
  static let elsewhereOnly: [any CommandFlag] =
    [
      ServerOptions.server, NetworkOptions.network, NetworkOptions.checkSegments, NetworkOptions.detect,
      ProgramOptions.module, ProgramOptions.agreement, NetworkOptions.dryRun,
    ] + ProgramOptions.ofGeneration + PrivacyOptions.flags
    + ModelOptions.flags(steps: ModelOptions.stepsPerRound)

  static func submitOnChain(_ parsed: ParsedCommand, _ context: CommandContext) async throws -> ExitCode {
    guard let fuelLimit = parsed[RemoteJobOptions.fuelLimit] else {
      throw UsageError.missingFlag(
        flag: RemoteJobOptions.fuelLimit.definition.spelling, valueName: "FUEL", command: "submit-job")
    }
    // The default elsewhere is a training, which no `emeth node` takes on a chain: its fee would wait in vain.
    guard parsed.isGiven(RemoteJobOptions.program) else {
      throw CommandFailure(
        .usage, code: "program.missing", "submit-job: on a chain --program is needed",
        hint: "give --program 999, or 10000 and up for a module, which `emeth node --layer 1` computes; a "
          + "training is for --layer 2")
    }
    guard let program = ProgramID(rawValue: UInt64(parsed[RemoteJobOptions.program])) else {
      throw ProgramError.zeroProgram
    }
    guard program.isCheckedOnLayerOne else {
      throw CommandFailure(
        .usage, code: "program.unchecked",
        "submit-job: nobody can check program \(program) on a chain: the job would end there unpaid, without a result",
        hint: "leave --layer 1 away: trainings and text generation are computed, and checked, by servers")
    }
    var parameters: [String: String] = [:]
    for given in parsed[ProgramOptions.parameter] {
      guard parameters.updateValue(given.value, forKey: given.key) == nil else {
        throw UsageError.contradiction(
          rule: "--param names \(given.key) twice", command: parsed.definition.name)
      }
    }
    // With a server DATASET is a file, which is given to it; without, a text.
    let server = parsed[ServerOptions.server]
    let named = parsed[NetworkOptions.dataset]
    let input = server == nil ? nil : Data(try InputFile(named).bytes())
    let job = ChainJob(
      program: program,
      parallel: parsed.isGiven(NetworkOptions.parts) ? UInt32(parsed[NetworkOptions.parts]) : 1,
      epochs: UInt32(parsed[NetworkOptions.rounds] ?? 1),
      dataset: input.map { ChainJob.DataSet.input(hash: $0.withUnsafeBytes { SHA256.hash($0) }) }
        ?? .text(named),
      parameters: String(JSONText.line(parameters).dropLast()), fuelLimit: fuelLimit,
      fuelPrice: parsed[NetworkOptions.fuelPrice],
      lifeSeconds: UInt64(parsed[NetworkOptions.deadline] / .seconds(1)),
      divider: parsed[ChainOptions.divider])
    if job.divider != nil, job.parallel == 1 {
      throw UsageError.contradiction(
        rule: "--divided-by is for a job in parts: give --parallel, 2 or more",
        command: parsed.definition.name)
    }
    if input == nil { try check("DATASET", named, ChainJob.datasetByteLimit) }
    try check("what --param gives", job.parameters, ChainJob.parametersByteLimit)
    let isDryRun = parsed[ChainOptions.dryRun]
    let settings = ServerOptions.settings(context)
    return try await ChainOptions.run(parsed, context) { account throws(ChainError) in
      let report = try await account.submit(job, isDryRun: isDryRun)
      if let server, let input, let id = report.job {
        try await account.giveInput(input, of: id, to: account.client(of: server, settings: settings))
      }
      return report
    }
  }

  private static func check(_ what: String, _ text: String, _ limit: Int) throws {
    guard text.utf8.count > limit else { return }
    throw CommandFailure(
      .usage, code: "job.tooLong",
      "submit-job: \(what) has \(text.utf8.count) bytes, allowed are \(limit) on a chain")
  }

  static func cancelOnChain(_ parsed: ParsedCommand, _ context: CommandContext) async throws -> ExitCode {
    guard let job = parsed[NetworkOptions.job].jobID else {
      throw CommandFailure(
        .usage, code: "job.ambiguous",
        "cancel-job: on a chain a job is named by all 32 digits of its id, found \(parsed[NetworkOptions.job])"
      )
    }
    let isDryRun = parsed[ChainOptions.dryRun]
    return try await ChainOptions.run(parsed, context) { account throws(ChainError) in
      try await account.cancel(job, isDryRun: isDryRun)
    }
  }
}
