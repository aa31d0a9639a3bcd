extension Command {
  /// `emeth benchmark tickets`
  static func benchmarkTickets(_ parsed: ParsedCommand, _ context: CommandContext) async throws {
    let benchmark = TicketBenchmark(
      count: parsed[BenchmarkArguments.count], cancellation: context.cancellation)
    let report = try await benchmark.run(for: .seconds(parsed[BenchmarkArguments.seconds]))
    try context.output.write(
      parsed[CommonFlags.json] ? JSONText.pretty(report) : report.text(for: context.outputTerminal))
  }
}

extension TicketBenchmark.Report {
  /// The figures for people.
  func text(for terminal: Terminal) -> String {
    var table = TextTable([
      .init("per second"), .init("sign", .right), .init("check", .right),
    ])
    func add(_ name: String, _ first: Int, _ second: Int) {
      table.add([name, NumberText.grouped(first), NumberText.grouped(second)])
    }
    add("libsecp256k1 alone, one core", rawSignsPerSecond, rawRecoveriesPerSecond)
    add("tickets, one core", signsPerSecond, checksPerSecond)
    table.add([
      "ratio", NumberText.fixed(100 * signRatio, decimals: 1) + " %",
      NumberText.fixed(100 * checkRatio, decimals: 1) + " %",
    ])
    add("tickets, \(cores) cores", allCores.signsPerSecond, allCores.checksPerSecond)
    add("JSON written and read, one core", json.encodesPerSecond, json.decodesPerSecond)
    add("lines to a file and back", io.writesPerSecond, io.readsPerSecond)
    return table.text(for: terminal)
      + "\(NumberText.grouped(tickets)) tickets, medians of \(NumberText.grouped(turns)) turns\n"
  }
}
