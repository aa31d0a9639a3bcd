import EmethNetwork
import Foundation

extension Command {
  /// `emeth benchmark gateway`
  static func benchmarkGateway(_ parsed: ParsedCommand, _ context: CommandContext) async throws {
    let preset = parsed[ModelOptions.preset]
    guard preset.values.vocabularySize != nil else {
      throw UsageError.contradiction(
        rule: "gateway measures models of bytes, and \(preset.rawValue) is none", command: "benchmark")
    }
    var settings = GatewayBenchmark.Settings(program: ownProgram, shape: preset.configuration)
    settings.threads = parsed[ModelOptions.threads] ?? ProcessInfo.processInfo.activeProcessorCount
    settings.streams = parsed[GatewayBenchmarkArguments.streams]
    settings.batch = parsed[ModelOptions.batch] ?? settings.batch
    settings.tokens = parsed[GenerationBenchmark.tokens]
    let cancellation = context.cancellation
    settings.isCancelled = { cancellation.isRequested }
    let talk = context.talk
    let report = try await GatewayBenchmark.run(settings) { step in talk.show([step]) }
    context.talk.clear()
    try context.output.write(
      parsed[CommonFlags.json] ? JSONText.pretty(report) : report.text(for: context.outputTerminal))
  }
}

/// The flags of `emeth benchmark gateway`.
enum GatewayBenchmarkArguments {
  static let streams = Flag(
    "streams", .integer(in: 1...250), default: 200,
    help: "streams beside each other, of a node that computes nothing")
}

extension GatewayBenchmark.Report {
  /// The figures for people.
  func text(for terminal: Terminal) -> String {
    func number(_ value: Double, _ decimals: Int = 2) -> String {
      NumberText.fixed(value, decimals: decimals)
    }
    var times = TextTable([
      .init("milliseconds"), .init("node alone", .right), .init("gateway", .right), .init("added", .right),
      .init("95 % added", .right),
    ])
    times.add([
      "first token, nothing computed", "", number(streams.firstMilliseconds.median),
      number(streams.firstMilliseconds.median), number(streams.firstMilliseconds.slow),
    ])
    times.add([
      "first token", number(texts.firstAloneMilliseconds.median), number(texts.firstMilliseconds.median),
      number(texts.firstAddedMilliseconds.median), number(texts.firstAddedMilliseconds.slow),
    ])
    times.add([
      "each token behind it", number(texts.tokenAloneMilliseconds.median),
      number(texts.tokenMilliseconds.median),
      number(texts.tokenAddedMilliseconds.median), number(texts.tokenAddedMilliseconds.slow),
    ])
    var rates = TextTable([
      .init("tokens per second"), .init("node alone", .right), .init("gateway", .right),
    ])
    rates.add(["one text", number(batch.aloneOneTokensPerSecond, 1), number(batch.oneTokensPerSecond, 1)])
    rates.add([
      "\(batch.texts) texts at once", number(batch.aloneTokensPerSecond, 1), number(batch.tokensPerSecond, 1),
    ])
    rates.add([
      "ratio", number(batch.aloneTokensPerSecond / batch.aloneOneTokensPerSecond), number(batch.ratio),
    ])
    return times.text(for: terminal) + rates.text(for: terminal)
      + "\(streams.streams) streams at once, nothing computed: first tokens after "
      + "\(number(streams.firstOfAllMilliseconds.median, 0)) ms (95 %: \(number(streams.firstOfAllMilliseconds.slow, 0))), "
      + "ends after \(number(streams.fastestSeconds)) to \(number(streams.slowestSeconds)) s, longest pause "
      + "\(number(streams.longestPauseMilliseconds, 0)) ms, \(number(streams.tokensPerSecond, 0)) tokens/s; "
      + "\(tokens) tokens each, \(threads) threads, \(cores) cores\n"
  }
}
