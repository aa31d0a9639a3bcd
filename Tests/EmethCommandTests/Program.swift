import Foundation
import Testing

/// What a run of the program left: exit code, standard output, standard error.
struct ProgramResult: Sendable {
  var exitCode: Int32
  var output: String
  var errors: String

  /// Standard output read as JSON.
  func json<Value: Decodable>(_ type: Value.Type) throws -> Value {
    try JSONDecoder().decode(type, from: Data(output.utf8))
  }
}

/// The error object that `--json` puts on standard error.
struct ErrorObject: Decodable {
  var code: String
  var message: String
  var details: [String: String]

  /// All that is said to people: the message and the hint.
  var readable: String { message + "\n" + (details["hint"] ?? "") }
}

/// Runs the built program `emeth`, which lies beside the test bundle.
enum Program {
  static let url = Bundle.module.bundleURL.deletingLastPathComponent().appending(path: "emeth")

  /// Runs `emeth` with these words and waits for its end.
  static func run(
    _ arguments: String..., input: String = "", environment: [String: String] = [:], in folder: URL? = nil
  ) throws -> ProgramResult {
    try run(
      executable: url, arguments, input: input, environment: environment, in: folder)
  }

  /// Runs a line of the shell in which `$EMETH` is the program.
  static func shell(
    _ line: String, with shell: String = "/bin/bash", environment: [String: String] = [:],
    in folder: URL? = nil
  ) throws -> ProgramResult {
    var environment = environment
    environment["EMETH"] = url.path(percentEncoded: false)
    return try run(
      executable: URL(filePath: shell), ["-c", line], environment: environment, in: folder)
  }

  static func run(
    executable: URL, _ arguments: [String], input: String = "", environment: [String: String] = [:],
    in folder: URL? = nil
  ) throws -> ProgramResult {
    let scratch = try ScratchFolder()
    let process = Process()
    process.executableURL = executable
    process.arguments = arguments
    process.currentDirectoryURL = folder ?? scratch.url
    // The surroundings of the test run must not show: no colour settings, keys or forced CPU.
    var settings = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("EMETH_") }
    settings["NO_COLOR"] = nil
    process.environment = settings.merging(environment) { $1 }
    let streams = ScratchFolder.Streams(in: scratch)
    try input.write(to: streams.input, atomically: false, encoding: .utf8)
    for stream in [streams.output, streams.errors] { try Data().write(to: stream) }
    process.standardInput = try FileHandle(forReadingFrom: streams.input)
    process.standardOutput = try FileHandle(forWritingTo: streams.output)
    process.standardError = try FileHandle(forWritingTo: streams.errors)
    try process.run()
    process.waitUntilExit()
    return ProgramResult(
      exitCode: process.terminationStatus,
      output: String(decoding: try Data(contentsOf: streams.output), as: UTF8.self),
      errors: String(decoding: try Data(contentsOf: streams.errors), as: UTF8.self))
  }

  /// Where a tool lies, or nil when this machine has none.
  static func find(_ tool: String) -> String? {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
    return path.split(separator: ":").map { "\($0)/\(tool)" }
      .first { FileManager.default.isExecutableFile(atPath: $0) }
  }
}

/// A folder for one test, removed with the value.
final class ScratchFolder: Sendable {
  struct Streams {
    let input: URL
    let output: URL
    let errors: URL

    init(in folder: ScratchFolder) {
      input = folder.url.appending(path: ".stdin")
      output = folder.url.appending(path: ".stdout")
      errors = folder.url.appending(path: ".stderr")
    }
  }

  let url: URL

  init() throws {
    url = FileManager.default.temporaryDirectory.appending(path: "emeth-test-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  func path(_ name: String) -> String { url.appending(path: name).path(percentEncoded: false) }

  func write(_ text: String, to name: String) throws {
    try text.write(toFile: path(name), atomically: false, encoding: .utf8)
  }

  func read(_ name: String) throws -> String { try String(contentsOfFile: path(name), encoding: .utf8) }

  /// Names of all entries, hidden ones too, sorted.
  func names() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: path("")).sorted()
  }
}
