import Foundation
import Synchronization
import Testing

@testable import emeth_cli

/// What reaches a node that runs: pausing, going on, draining.
@Suite struct NodeWishesTests {
  private final class Heard: Sendable {
    let paused = Mutex<[Bool]>([])
    let drained = Mutex(0)
  }

  @Test func wishesReachANodeThatRuns() async throws {
    let folder = try ScratchFolder()
    let wishes = NodeWishes(folder: folder.url)
    let heard = Heard()
    let watching = Task {
      await wishes.watch(
        pause: { isPaused in heard.paused.withLock { if $0.last != isPaused { $0.append(isPaused) } } },
        drain: { heard.drained.withLock { $0 += 1 } })
    }
    func seen(_ states: [Bool]) async throws {
      while heard.paused.withLock({ $0 }) != states { try await Task.sleep(for: .milliseconds(20)) }
    }
    try await seen([false])
    // By another that has the folder.
    let other = NodeWishes(folder: folder.url)
    try other.pause.set()
    try await seen([false, true])
    #expect(wishes.pause.isSet && !wishes.drain.isSet)
    other.pause.clear()
    try await seen([false, true, false])
    #expect(heard.drained.withLock { $0 } == 0)
    try other.drain.set()
    await watching.value
    #expect(heard.drained.withLock { $0 } == 1)
  }

  @Test func whatIsWishedIsSaid() throws {
    let folder = try ScratchFolder()
    func run(_ flags: String...) throws -> ProgramResult {
      try Program.run(executable: Program.url, ["drain-node", "--data", folder.url.path] + flags)
    }
    let absent = try run("--pause")
    #expect(absent.exitCode == 4 && absent.errors.contains("no node works in"))
    try FileManager.default.createDirectory(
      at: folder.url.appending(path: "journal"), withIntermediateDirectories: true)
    let wishes = NodeWishes(folder: folder.url)
    #expect(try run("--pause").exitCode == 0)
    #expect(wishes.pause.isSet && !wishes.drain.isSet)
    #expect(try run("--resume").exitCode == 0)
    #expect(!wishes.pause.isSet && !wishes.drain.isSet)
    #expect(try run("--resume", "--pause").exitCode == 2)
    #expect(try run().exitCode == 0)
    #expect(wishes.drain.isSet)
  }
}
