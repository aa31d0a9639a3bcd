import EmethKit
import Foundation
import Testing

/// Interrupted and killed: no half file ever has the name that was asked for.
@Suite struct SealingInterruptionTests {
  private let scratch: ScratchFolder
  private let recipient: SealingRecipient

  init() throws {
    scratch = try ScratchFolder()
    var random = SystemRandomNumberGenerator()
    let identity = SealingIdentity(using: &random)
    recipient = identity.recipient
    try scratch.writeIdentity(identity, to: "id.txt")
    // Opened for both ways a pipe has no end: what reads from it waits, or is fed for ever.
    try #require(mkfifo(scratch.path("pipe"), 0o600) == 0)
  }

  private func temporaryNames() throws -> [String] { try scratch.names().filter { $0.hasPrefix(".sealed") } }

  @Test(arguments: [SIGINT, SIGTERM]) func aReadThatWaitsEndsAtOnceAndLeavesNothing(_ signal: Int32) throws {
    let descriptor = open(scratch.path("pipe"), O_RDWR)
    defer { close(descriptor) }
    let program = try RunningProgram(["seal", "-r", "\(recipient)", "pipe", "-o", "sealed"], in: scratch.url)
    try waitUntil("it has begun") { try !temporaryNames().isEmpty }
    let result = try program.end(signal)
    #expect(result.exitCode == 130 && result.output == "" && result.errors == "emeth: error: interrupted\n")
    #expect(try scratch.names() == ["id.txt", "pipe"])
  }

  @Test func inTheMiddleOfEndlessDataToo() throws {
    let program = try RunningProgram(
      ["seal", "-r", "\(recipient)", "/dev/zero", "-o", "sealed"], in: scratch.url)
    try waitUntil("data flows") {
      try temporaryNames().contains {
        (try? FileManager.default.attributesOfItem(atPath: scratch.path($0))[.size] as? Int) ?? 0 > 1 << 20
      }
    }
    #expect(try program.end(SIGINT).exitCode == 130)
    #expect(try scratch.names() == ["id.txt", "pipe"])
  }

  @Test(arguments: [0, 5, 20, 60, 150]) func killedItLeavesTheOldFile(_ milliseconds: UInt32) throws {
    try scratch.write("old", to: "sealed")
    let program = try RunningProgram(
      ["seal", "-r", "\(recipient)", "/dev/zero", "-o", "sealed"], in: scratch.url)
    usleep(milliseconds * 1000)
    #expect(try program.end(SIGKILL).exitCode == 128 + SIGKILL)
    #expect(try scratch.read("sealed") == "old")
  }
}
