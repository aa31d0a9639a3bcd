extension Command {
  /// `emeth benchmark tokenize`.
  static func benchmarkTokenizing(_ parsed: ParsedCommand, _ context: CommandContext) throws {
    let benchmark = try TokenizerBenchmark(
      file: parsed[TokenizerBenchmark.text], cancellation: context.cancellation)
    let report = try benchmark.run(for: .seconds(parsed[BenchmarkArguments.seconds]))
    try context.output.write(
      parsed[CommonFlags.json] ? JSONText.pretty(report) : report.text(for: context.outputTerminal))
  }
}
