import Foundation
import Testing

/// `emeth run --program`, and the examples of Docs/WritingAProgram.md.
@Suite struct RunProgramTests {
  private let scratch: ScratchFolder

  init() throws {
    scratch = try ScratchFolder()
    try scratch.write((1...100).map { "\($0)\n" }.joined(), to: "numbers.txt")
    try scratch.write("one\n", to: "word.txt")
    try scratch.write("", to: "empty.txt")
  }

  private func run(_ arguments: String) throws -> ProgramResult {
    try Program.run(executable: Program.url, ["run"] + SmallJob.words(arguments), in: scratch.url)
  }

  /// What `emeth run --json` says of such a job.
  private struct Output: Decodable {
    struct SubJob: Decodable {
      var status: String
    }
    var status: String
    var program: String
    var result: String
    var model: String?
    var subJobs: [SubJob]
  }

  @Test func theMeanOfNumbers() throws {
    let result = try run("numbers.txt --program 999 --parallel 7 --nodes 3 --out out --json")
    try #require(result.exitCode == 0, "\(result.errors)")
    let output = try result.json(Output.self)
    #expect(output.status == "VERIFIED" && output.program == "999" && output.model == nil)
    #expect(output.subJobs.count == 7)
    #expect(try String(contentsOfFile: output.result, encoding: .utf8) == "100,50.5\r\n")
    let verified = try Program.run("verify", scratch.path("out"))
    #expect(verified.exitCode == 0, "\(verified.errors)")
    let again = try run("numbers.txt --program 999 --parallel 7 --nodes 3 --out out --json")
    #expect(again.exitCode == 0 && again.errors.contains("nothing is done twice"))
    #expect(try again.json(Output.self).result == output.result)
    try scratch.write("100,50.6\r\n", to: "out/result.dat")
    #expect(try Program.run("verify", scratch.path("out")).exitCode == 1)
  }

  @Test func aQueuedJobIsFetched() throws {
    func emeth(_ line: String) throws -> ProgramResult {
      let result = try Program.run(executable: Program.url, SmallJob.words(line), in: scratch.url)
      try #require(result.exitCode == 0, "\(line): \(result.errors)")
      return result
    }
    let cost = try emeth("submit-job numbers.txt --program 999 --parallel 4 --network net --dry-run")
    #expect(cost.output.hasPrefix("program 999: 100 records in 4 parts, 4 fuel"), "\(cost.output)")
    #expect(!FileManager.default.fileExists(atPath: scratch.path("net")))
    let job = try emeth("submit-job numbers.txt --program 999 --parallel 4 --network net").output
      .trimmingCharacters(in: .newlines)
    let early = try Program.run(
      executable: Program.url, SmallJob.words("fetch-result \(job) --network net --out out"), in: scratch.url)
    #expect(early.exitCode == 1 && early.errors.contains("has no result"))
    _ = try emeth("run --network net --nodes 2")
    _ = try emeth("fetch-result \(job) --network net --out out")
    #expect(try String(contentsOfFile: scratch.path("out/result.dat"), encoding: .utf8) == "100,50.5\r\n")
    _ = try emeth("verify out")
    let shown = try emeth("show-job \(job) --network net")
    #expect(shown.output.contains("rounds    1 of 1, 4 parts"), "\(shown.output)")
  }

  struct Refusal: Sendable, CustomTestStringConvertible {
    var testDescription: String { line }
    var line: String
    var exitCode: Int32
    var code: String
    var message: String

    init(_ line: String, _ exitCode: Int32, _ code: String, _ message: String) {
      (self.line, self.exitCode, self.code, self.message) = (line, exitCode, code, message)
    }
  }

  @Test(arguments: [
    Refusal("numbers.txt --program 999 --steps 3", 2, "usage.contradiction", "--steps is for a training"),
    Refusal("numbers.txt --program 999 --rounds 3", 2, "usage.contradiction", "--rounds is for a training"),
    Refusal(
      "numbers.txt --program 999 --fault skip-steps@1", 2, "usage.contradiction",
      "skip-steps@1 is for a training"),
    Refusal("numbers.txt --agree 3", 2, "usage.contradiction", "--agree is for other programs"),
    Refusal("numbers.txt --program 999 --agree 4", 2, "usage.valueOutOfRange", "2...3"),
    Refusal("numbers.txt --program 998", 3, "setting.invalid", "found 998"),
    Refusal("numbers.txt --program 10000", 3, "setting.invalid", "--module"),
    Refusal("numbers.txt --program 10000 --module none", 4, "file.failed", "none/module.json"),
    Refusal("numbers.txt --program 999 --param a=1", 3, "setting.invalid", "999 has no parameters"),
    Refusal("numbers.txt --program 999 --param a", 2, "usage.valueNotAllowed", "KEY=VALUE"),
    Refusal("numbers.txt --program 999 --parallel 101", 3, "splitting.", "101"),
    Refusal("numbers.txt --program 84", 3, "setting.invalid", "100 records"),
    Refusal("word.txt --program 84", 3, "program.malformed", "challenge and target"),
    Refusal("empty.txt --program 999", 3, "file.empty", "empty.txt is empty"),
  ])
  func whatIsRefusedLeavesNothingBehind(refusal: Refusal) throws {
    let before = try FileManager.default.contentsOfDirectory(atPath: scratch.url.path).sorted()
    let result = try run(refusal.line + " --json")
    #expect(result.exitCode == refusal.exitCode, "\(result.errors)")
    let error = try JSONDecoder().decode(ErrorObject.self, from: Data(result.errors.utf8))
    #expect(error.code.hasPrefix(refusal.code), "\(error.code)")
    #expect(error.readable.contains(refusal.message), "\(error.readable)")
    #expect(result.output.isEmpty)
    // Every run of the program has its streams there.
    #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.url.path).sorted() == before)
  }

  @Test func whatTheDocumentShowsRuns() throws {
    let document = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "../../../Docs/WritingAProgram.md").standardized
    let blocks = try String(contentsOf: document, encoding: .utf8).components(separatedBy: "```sh\n")
      .dropFirst()
      .compactMap { $0.components(separatedBy: "```").first }
    try #require(blocks.count == 5)
    try FileManager.default.createSymbolicLink(
      at: scratch.url.appending(path: "emeth"), withDestinationURL: Program.url)
    try scratch.write(
      (["set -euo pipefail", "PATH=$PWD:$PATH"] + blocks).joined(separator: "\n"), to: "all.sh")
    let result = try Program.run(
      executable: URL(filePath: "/usr/bin/env"), ["bash", "all.sh"], in: scratch.url)
    #expect(result.exitCode == 0, "\(result.errors)")
    let rejected = "FAILED computed again, the output has root 0x"
    for line in ["1000,50.05", rejected, "      3 the", "      1 apple", "VERIFIED"] {
      #expect(result.output.contains(line), "\(line): \(result.output)")
    }
  }
}
