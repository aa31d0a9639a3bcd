import EmethCompute
import Foundation

extension Command {
  /// `emeth benchmark train`
  static func benchmarkTraining(_ parsed: ParsedCommand, _ context: CommandContext) throws {
    let model = try BenchmarkModel(parsed, context, onSeveral: true)
    let benchmark = try TrainingBenchmark(
      configuration: model.configuration, batch: model.batch, team: model.team)
    for _ in 0..<parsed[BenchmarkArguments.steps] {
      try context.cancellation.check()
      try benchmark.step()
    }
    let report = benchmark.report
    if parsed[CommonFlags.json] {
      try context.output.write(JSONText.pretty(report))
    } else {
      try context.output.write(
        LabelledLines.text([
          ("model", model.description),
          (
            "step",
            "\(NumberText.fixed(report.millisecondsPerStep, decimals: 1)) ms, median of \(report.steps)"
          ), ("tokens", "\(NumberText.grouped(Int(report.tokensPerSecond))) a second"),
          ("reached", BenchmarkModel.text(flops: report.achievedFlops)),
          ("peak", BenchmarkModel.text(flops: report.peakFlops)),
          ("ratio", NumberText.fixed(100 * report.ratio, decimals: 1) + " %"),
          ("memory", benchmark.plan.text),
        ]))
    }
  }
}

/// The model, batch and threads that `emeth benchmark train` and `matmul` measure.
struct BenchmarkModel {
  let configuration: ModelConfiguration
  let batch: Int
  let team: DeviceTeam

  /// - Parameter onSeveral: whether several GPUs can do what is measured together.
  init(_ parsed: ParsedCommand, _ context: CommandContext, onSeveral: Bool) throws {
    let preset = parsed[BenchmarkArguments.preset].values
    configuration = try ModelConfiguration(
      layers: preset.layers, heads: preset.heads, width: preset.width,
      context: parsed[BenchmarkArguments.context] ?? preset.context,
      vocabularySize: preset.vocabularySize ?? ModelConfiguration.gpt2.vocabularySize)
    batch = parsed[BenchmarkArguments.batch] ?? preset.batch
    let threads = parsed[BenchmarkArguments.threads] ?? ProcessInfo.processInfo.activeProcessorCount
    let profile = parsed[BenchmarkArguments.profile]
    team =
      onSeveral
      ? try DeviceOptions.openTeam(parsed, context, threads: threads, profile: profile)
      : DeviceTeam(try DeviceOptions.open(parsed, context, threads: threads, profile: profile))
  }

  /// Such as `6 layers, 6 heads, 384 channels, 256 ids, batch 12 of 256 tokens, on cpu avx2, 2 threads`.
  var description: String {
    "\(configuration.layers) layers, \(configuration.heads) heads, \(configuration.width) channels, "
      + "\(NumberText.grouped(configuration.vocabularySize)) ids, batch \(batch) of "
      + "\(NumberText.grouped(configuration.context)) tokens, on \(team)"
  }

  /// Operations a second in thousands of millions.
  static func text(flops: Double) -> String { "\(NumberText.fixed(flops * 1e-9, decimals: 1)) GFLOP/s" }
}
