import Foundation

extension Command {
  /// `emeth benchmark SUBJECT`: how fast this machine is at something.
  static let benchmark = Command(
    CommandDefinition(
      "benchmark", section: .program, summary: "measure the speed of this machine",
      discussion: [
        "tickets: signs and checks tickets, EIP-712 hashing included, in turn with what libsecp256k1 alone "
          + "does with ready digests on the same core, and prints medians and the ratio of the speeds; apart "
          + "from that all cores together, JSON, and reading and writing files. Rates are per second; one "
          + "core's are by its processor time."
      ],
      arguments: [BenchmarkArguments.subject],
      flags: [BenchmarkArguments.count, BenchmarkArguments.seconds, CommonFlags.json],
      examples: [CommandExample("emeth benchmark tickets --json", "rates and ratios as JSON")])
  ) { parsed, context in
    switch parsed[BenchmarkArguments.subject] {
    case .tickets:
      let benchmark = TicketBenchmark(
        count: parsed[BenchmarkArguments.count], cancellation: context.cancellation)
      let report = try await benchmark.run(for: .seconds(parsed[BenchmarkArguments.seconds]))
      try context.output.write(
        parsed[CommonFlags.json] ? JSONText.pretty(report) : report.text(for: context.outputTerminal))
    }
    return .done
  }

  private enum BenchmarkSubject: String, CaseIterable {
    case tickets
  }

  private enum BenchmarkArguments {
    static let subject: Argument<BenchmarkSubject> = Argument(
      "SUBJECT", .choice("SUBJECT"), help: "what to measure: tickets")
    static let count = Flag("count", .integer(in: 40...1_000_000), default: 2_000, help: "different tickets")
    static let seconds = Flag("seconds", .integer(in: 1...3600), default: 10, help: "time for all of it")
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
