import Foundation
import Testing

/// Killed, interrupted and doubled runs: the same command again ends with the same result.
@Suite struct RunInterruptionTests {
  private let scratch: ScratchFolder
  private let words = ["run", "text.txt", "--out", "model", "--json"]

  init() throws {
    scratch = try ScratchFolder()
    try scratch.write(SmallJob.text, to: "text.txt")
  }

  private func emeth(_ arguments: [String]) throws -> ProgramResult {
    try Program.run(executable: Program.url, arguments, in: scratch.url)
  }

  private func expected() throws -> NSDictionary {
    try emeth(["run", "text.txt", "--out", "reference", "--json"] + SmallJob.longerFlags).comparable()
  }

  @Test(arguments: [10, 60, 150, 300, 500, 800])
  func killedAtAnyMomentItEndsWithTheSameResult(_ milliseconds: UInt32) throws {
    let program = try RunningProgram(words + SmallJob.longerFlags, in: scratch.url)
    usleep(milliseconds * 1000)
    let killed = try program.end(SIGKILL)
    // Under their final names stand whole files or none.
    if killed.exitCode != 0 { #expect(killed.output.isEmpty) }
    let result = try emeth(words + SmallJob.longerFlags)
    #expect(try result.comparable() == expected())
    #expect(try emeth(["verify", "model"]).exitCode == 0)
    #expect(try scratch.read("model/job/loss.svg").contains("</svg>"))
    #expect(try scratch.names() == ["model", "reference", "text.txt"])
  }

  @Test func killedAgainAndAgainItStillEndsWithTheSameResult() throws {
    for milliseconds: UInt32 in [100, 250, 400, 150, 350, 200] {
      let program = try RunningProgram(words + SmallJob.longerFlags, in: scratch.url)
      usleep(milliseconds * 1000)
      _ = try program.end(SIGKILL)
    }
    #expect(try emeth(words + SmallJob.longerFlags).comparable() == expected())
  }

  @Test func withoutOutTheSameCommandFindsItsFolderAgain() throws {
    let words = ["run", "text.txt", "--json"] + SmallJob.longerFlags
    let program = try RunningProgram(words, in: scratch.url)
    func folders() throws -> [String] { try scratch.names().filter { $0 != "text.txt" } }
    try waitUntil("the job is stored") {
      try folders().contains { FileManager.default.fileExists(atPath: scratch.path("\($0)/job/lock")) }
    }
    _ = try program.end(SIGKILL)
    let result = try emeth(words)
    #expect(try folders().count == 1)
    #expect(try result.comparable() == expected())
  }

  @Test(arguments: [SIGINT, SIGTERM])
  func anInterruptionEndsInOrderAndTheSameCommandGoesOn(_ signal: Int32) throws {
    let program = try RunningProgram(words + SmallJob.endlessFlags, in: scratch.url)
    try waitUntil("the run works") { FileManager.default.fileExists(atPath: scratch.path("model/job/lock")) }
    usleep(300_000)
    let interrupted = try program.end(signal)
    #expect(interrupted.exitCode == 130 && interrupted.output.isEmpty)
    // Behind what is said of the price.
    let last = try #require(interrupted.errors.split(separator: "\n").last)
    let error = try JSONDecoder().decode(ErrorObject.self, from: Data(last.utf8))
    #expect(error.code == "interrupted" && error.details["hint"]?.contains("same command") == true)
    let again = try RunningProgram(
      ["run", "text.txt", "--out", "model"] + SmallJob.endlessFlags, in: scratch.url)
    try waitUntil("the run works again") {
      try scratch.read("model/job/lock") == "\(again.processIdentifier)\n"
    }
    usleep(300_000)
    let result = try again.end(SIGINT)
    #expect(result.exitCode == 130 && result.errors.contains("going on with the run in "), "\(result.errors)")
    let end = "emeth: error: interrupted\nhint: repeat the same command to go on where it stopped\n"
    #expect(result.errors.hasSuffix(end))
  }

  @Test func twoRunsOnOneFolder() throws {
    let first = try RunningProgram(words + SmallJob.endlessFlags, in: scratch.url)
    try waitUntil("the first run works") {
      (try? scratch.read("model/job/lock")) == "\(first.processIdentifier)\n"
    }
    let second = try emeth(words + SmallJob.endlessFlags)
    #expect(second.exitCode == 4 && second.output.isEmpty)
    let error = try JSONDecoder().decode(ErrorObject.self, from: Data(second.errors.utf8))
    #expect(error.code == "network.inUse")
    #expect(error.message.hasSuffix("is in use by process \(first.processIdentifier)"))
    #expect(try first.end(SIGINT).exitCode == 130)
  }
}
