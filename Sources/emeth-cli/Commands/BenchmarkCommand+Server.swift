import EmethNetwork
import Foundation

extension Command {
  /// `emeth benchmark server`
  static func benchmarkServer(_ parsed: ParsedCommand, _ context: CommandContext) async throws {
    if parsed[ServerBenchmarkArguments.plain] { return try await servePlainly(context) }
    var settings = ServerBenchmark.Settings(
      program: parsed[ServerBenchmarkArguments.program].map { URL(filePath: $0) } ?? ownProgram,
      plainProgram: ownProgram)
    settings.database = parsed[ServerBenchmarkArguments.database]
    settings.seconds = Double(parsed[BenchmarkArguments.seconds])
    settings.jobs = parsed[ServerBenchmarkArguments.jobs]
    settings.connections = parsed[ServerBenchmarkArguments.connections]
    let cancellation = context.cancellation
    settings.isCancelled = { cancellation.isRequested }
    let report = try await ServerBenchmark.run(settings) { step in context.talk.show([step]) }
    context.talk.clear()
    try context.output.write(
      parsed[CommonFlags.json] ? JSONText.pretty(report) : report.text(for: context.outputTerminal))
  }

  /// This program, for the processes whose speed is measured.
  static var ownProgram: URL { URL(filePath: "/proc/self/exe").resolvingSymlinksInPath() }

  /// `emeth benchmark transfer`
  static func benchmarkTransfer(_ parsed: ParsedCommand, _ context: CommandContext) async throws {
    let report = try await TransferBenchmark(
      program: ownProgram, storage: parsed[ServeArguments.storage],
      byteCount: parsed[ServerBenchmarkArguments.byteCount].bytes
    ).run()
    if parsed[CommonFlags.json] { return try context.output.write(JSONText.pretty(report)) }
    func rate(_ seconds: Double) -> String {
      "\(NumberText.fixed(seconds, decimals: 1)) s, \(NumberText.bytes(Int(Double(report.byteCount) / seconds)))/s"
    }
    try context.output.print(
      "\(NumberText.bytes(report.byteCount)) sent in \(rate(report.uploadSeconds)); fetched and checked in "
        + "\(rate(report.downloadSeconds)); memory: server \(NumberText.bytes(report.serverBytes)), client "
        + "\(NumberText.bytes(report.clientBytes))")
  }

  /// The floor by itself, until somebody stops it.
  private static func servePlainly(_ context: CommandContext) async throws {
    struct Listening: Encodable { var url: String }
    let server = PlainServer()
    context.cancellation.onRequest { server.stop() }
    let output = context.output
    try await server.run { address in try? output.write(JSONText.line(Listening(url: "\(address)"))) }
  }
}

/// The flags of `emeth benchmark server`.
enum ServerBenchmarkArguments {
  static let plain = Flag(
    toggle: "plain", help: "only serve the plain handler, until Ctrl-C, for other clients such as wrk")
  static let program = Flag(
    "program", .file, absent: "this one", help: "the emeth whose serve is measured, such as an older one")
  static let database = Flag(
    "database", .text.named("URL"), absent: "an SQLite file", help: "an empty PostgreSQL database to fill")
  static let jobs = Flag("jobs", .integer(in: 1...1_000_000), default: 100_000, help: "open jobs")
  static let connections = Flag(
    "connections", .integer(in: 1...8_000), default: 1_000, help: "nodes that wait for work")
  static let byteCount = Flag(
    "bytes", .byteCount, default: ByteCount.threeGigabytes, help: "length of the file that is sent")
  static let flags: [any CommandFlag] = [plain, program, database, jobs, connections]
}

extension ByteCount {
  /// What a large data set has.
  fileprivate static let threeGigabytes = ByteCount(gigabytes: 3)
}

extension ServerBenchmark.Report {
  /// The figures for people.
  func text(for terminal: Terminal) -> String {
    var rates = TextTable([
      .init("per second"), .init("alone", .right), .init("served", .right), .init("ratio", .right),
      .init("median ms", .right), .init("99 % ms", .right),
    ])
    func number(_ value: Double) -> String { NumberText.grouped(Int(value.rounded())) }
    func percent(_ ratio: Double) -> String { NumberText.fixed(100 * ratio, decimals: 1) + " %" }
    func add(_ name: String, _ alone: Double, _ served: Double, _ ratio: Double?, _ rate: Rate) {
      rates.add([
        name, number(alone), number(served), ratio.map(percent) ?? "",
        NumberText.fixed(rate.medianMilliseconds, decimals: 2),
        NumberText.fixed(rate.slowMilliseconds, decimals: 2),
      ])
    }
    add("reads", reads.plain.perSecond, reads.jobs.perSecond, nil, reads.jobs)
    add(
      "reads, processor time", reads.plain.perProcessorSecond, reads.jobs.perProcessorSecond, reads.ratio,
      reads.jobs)
    for change in changes {
      add(change.name, change.databasePerSecond, change.rate.perSecond, change.ratio, change.rate)
    }
    var pages = TextTable([.init("a page of"), .init("median ms", .right), .init("slowest ms", .right)])
    for list in lists {
      pages.add([
        list.name, NumberText.fixed(list.medianMilliseconds, decimals: 1),
        NumberText.fixed(list.slowestMilliseconds, decimals: 1),
      ])
    }
    return rates.text(for: terminal) + pages.text(for: terminal)
      + "\(NumberText.grouped(waiting.connections)) waiting nodes: \(NumberText.bytes(waiting.bytes)), before them "
      + "\(NumberText.bytes(waiting.bytesBefore)); \(NumberText.grouped(jobs)) open jobs, \(database), \(cores) cores\n"
  }
}
