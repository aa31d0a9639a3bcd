extension Command {
  /// `emeth benchmark generate`.
  static func benchmarkGeneration(_ parsed: ParsedCommand, _ context: CommandContext) throws {
    let report = try GenerationBenchmark(parsed, context).run()
    try context.output.write(
      parsed[CommonFlags.json] ? JSONText.pretty(report) : report.text(for: context.outputTerminal))
  }
}
