import EmethNetwork
import Foundation

extension Command {
  static let jobCount = Flag(
    "jobs", .integer(in: 100...1_000_000), default: 100_000, help: "server: open jobs that are listed")
  static let connectionCount = Flag(
    "connections", .integer(in: 1...20_000), default: 1_000, help: "server: nodes that wait for work at once")

  /// `emeth benchmark server`.
  static func benchmarkServer(_ parsed: ParsedCommand, _ context: CommandContext) async throws {
    var settings = ServerBenchmark.Settings()
    settings.seconds = Double(parsed[BenchmarkArguments.seconds]) / 10
    settings.jobs = parsed[jobCount]
    settings.connections = parsed[connectionCount]
    let folder = FileManager.default.temporaryDirectory.appending(
      path: "emeth-benchmark-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let talk = context.talk
    let report = try await ServerBenchmark(settings: settings, folder: folder).run { talk.note($0) }
    try context.output.write(
      parsed[CommonFlags.json] ? JSONText.pretty(report) : report.text(for: context.outputTerminal))
  }
}

extension ServerBenchmark.Report {
  /// The figures for people.
  fileprivate func text(for terminal: Terminal) -> String {
    var table = TextTable([
      .init(""), .init("per second", .right), .init("floor", .right), .init("ratio", .right),
    ])
    func add(_ name: String, _ rate: ServerBenchmark.Rate) {
      table.add([
        name, NumberText.grouped(Int(rate.perSecond)), NumberText.grouped(Int(rate.floorPerSecond)),
        NumberText.fixed(rate.ratio, decimals: 2),
      ])
    }
    for (path, rate) in reads.sorted(by: { $0.key < $1.key }) { add("GET \(path)", rate) }
    add("withdrawals", changes)
    var lists = TextTable([
      .init("\(NumberText.grouped(jobs)) open jobs, GET /api/v2/jobs?"), .init("ms", .right),
    ])
    for (query, time) in listMilliseconds.sorted(by: { $0.key < $1.key }) {
      lists.add([query, NumberText.fixed(time, decimals: 1)])
    }
    return table.text(for: terminal) + lists.text(for: terminal)
      + "\(NumberText.grouped(connections)) nodes wait: \(NumberText.bytes(connectionBytes)) for their connections, "
      + "\(NumberText.bytes(processBytes)) the whole process\n"
  }
}
