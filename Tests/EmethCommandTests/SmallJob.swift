import Foundation
import Testing

/// A job that takes a second: generated text, a very small model, and how two runs of it are compared.
enum SmallJob {
  static let flags = words("--layers 1 --heads 1 --width 16 --context 16 --batch 2 --steps 4 --rounds 2")
  /// The same with steps enough for segments of two.
  static let longerFlags = words(
    "--layers 1 --heads 1 --width 16 --context 16 --batch 2 --steps 12 --rounds 2")
  /// The same, so long that it does not end while a test looks at it.
  static let endlessFlags = words(
    "--layers 1 --heads 1 --width 16 --context 16 --batch 2 --steps 50000 --rounds 2")

  static func words(_ text: String) -> [String] { text.split(separator: " ").map(String.init) }

  /// About ten thousand bytes of words in lines, always the same.
  static let text: String = {
    let vocabulary = words(
      "the network trains a model on prose and pays for work that was checked one two three")
    var state: UInt64 = 3
    return (0..<260).map { _ in
      let line = (0..<8).map { _ -> String in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return vocabulary[Int(state >> 33) % vocabulary.count]
      }
      return line.joined(separator: " ") + ".\n"
    }.joined()
  }()
}

/// What `emeth run --json` prints; amounts must be texts, or decoding fails.
struct RunOutput: Decodable {
  struct Round: Decodable {
    var round: Int
    var trainLoss: Double
    var validationLoss: Double
  }

  struct SubJob: Decodable {
    var jobId: String
    var index: Int
    var round: Int
    var part: Int
    var attempt: Int
    var node: Int?
    var status: String
    var reason: String
  }

  struct Account: Decodable {
    var address: String
    var role: String
    var number: Int
    var earned: String
    var penalty: String
    var balance: String
  }

  struct Conservation: Decodable {
    var `in`: String
    var out: String
    var burned: String
    var locked: String
  }

  struct Verification: Decodable {
    var segments: Int
    var checked: Int
    var detection: Double
    var seconds: Double
    var costShare: Double
  }

  struct Aggregation: Decodable {
    var nodes: Int
    var dropped: Int
    var seconds: Double
    var bytes: Int
  }

  var jobId: String
  var status: String
  var model: String
  var initialLoss: Double
  var validationLoss: Double
  var tokensPerSecond: Double
  var rounds: [Round]
  var subJobs: [SubJob]
  var accounts: [Account]
  var stateRoot: String
  var conservation: Conservation
  var verification: Verification
  var aggregation: Aggregation
}

extension ProgramResult {
  /// Standard output as a run's JSON without the figures in which two equal runs may differ.
  func comparable() throws -> NSDictionary {
    var object = try #require(
      try JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any], "\(errors)")
    object["tokensPerSecond"] = nil
    for (part, timed) in [("verification", ["seconds", "traceShare"]), ("aggregation", ["seconds"])] {
      guard var values = object[part] as? [String: Any] else { continue }
      for name in timed { values[name] = nil }
      object[part] = values
    }
    object["model"] = nil
    return object as NSDictionary
  }

  func run() throws -> RunOutput {
    try #require(exitCode == 0, "\(errors)")
    return try json(RunOutput.self)
  }
}

/// A program that still runs, with its streams in files.
final class RunningProgram {
  private let process = Process()
  private let scratch: ScratchFolder

  init(_ arguments: [String], in folder: URL) throws {
    scratch = try ScratchFolder()
    process.executableURL = Program.url
    process.arguments = arguments
    process.currentDirectoryURL = folder
    process.environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("EMETH_") }
    for name in ["output", "errors"] { try Data().write(to: scratch.url.appending(path: name)) }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = try FileHandle(forWritingTo: scratch.url.appending(path: "output"))
    process.standardError = try FileHandle(forWritingTo: scratch.url.appending(path: "errors"))
    try process.run()
  }

  deinit {
    if process.isRunning { kill(process.processIdentifier, SIGKILL) }
  }

  var processIdentifier: Int32 { process.processIdentifier }

  /// What it has written to standard output until now.
  func outputSoFar() throws -> String { try scratch.read("output") }

  /// Sends a signal and waits for the end; the exit code is 128 and the signal when that ended it.
  func end(_ signal: Int32) throws -> ProgramResult {
    kill(process.processIdentifier, signal)
    return try wait()
  }

  func wait() throws -> ProgramResult {
    process.waitUntilExit()
    let code = process.terminationStatus
    return ProgramResult(
      exitCode: process.terminationReason == .uncaughtSignal ? 128 + code : code,
      output: try scratch.read("output"), errors: try scratch.read("errors"))
  }
}

/// Waits until something has happened, at most three minutes: other tests may keep the machine busy.
func waitUntil(_ what: String, _ hasHappened: () throws -> Bool) throws {
  for _ in 0..<9000 {
    if try hasHappened() { return }
    usleep(20_000)
  }
  Issue.record("waited in vain until \(what)")
}
