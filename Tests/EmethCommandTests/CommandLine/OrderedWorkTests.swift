import Foundation
import Testing

@testable import emeth_cli

@Suite struct OrderedWorkTests {
  private struct Failed: Error {}

  @Test func resultsComeInTheOrderOfTheInput() async throws {
    var given = 0
    var taken: [Int] = []
    var most = 0
    try await OrderedWork.run(
      cancellation: Cancellation(),
      next: {
        given += 1
        most = max(most, given - taken.count)
        return given <= 200 ? given : nil
      },
      body: { number in
        // Some take longer than others.
        usleep(UInt32.random(in: 0...300))
        return number * 10
      }, consume: { taken.append($0) })
    #expect(taken == (1...200).map { $0 * 10 })
    #expect(most <= 2 * ProcessInfo.processInfo.activeProcessorCount + 1, "\(most) at a time")
  }

  @Test func theFirstErrorEndsIt() async throws {
    func run(failing place: String) async throws {
      var given = 0
      try await OrderedWork.run(
        cancellation: Cancellation(),
        next: {
          given += 1
          if given == 20, place == "next" { throw Failed() }
          return given
        },
        body: { number in
          if number == 20, place == "body" { throw Failed() }
          return number
        },
        consume: { number in if number == 20, place == "consume" { throw Failed() } })
    }
    for place in ["next", "body", "consume"] {
      await #expect(throws: Failed.self) { try await run(failing: place) }
    }
    let cancellation = Cancellation()
    await #expect(throws: Interruption.self) {
      try await OrderedWork.run(
        cancellation: cancellation, next: { 1 }, body: { $0 }, consume: { _ in cancellation.request() })
    }
    var isCalled = false
    try await OrderedWork.run(
      cancellation: Cancellation(), next: { nil as Int? }, body: { $0 }, consume: { _ in isCalled = true })
    #expect(!isCalled)
  }

  /// More than what is kept in memory comes out as it went in.
  @Test func spooledOutputIsWhole() throws {
    let scratch = try ScratchFolder()
    for count in [0, 10, 100_000, 600_000] {
      let spool = SpooledOutput()
      var expected: [UInt8] = []
      for number in 0..<count {
        let line = Array("line \(number)\n".utf8)
        try spool.append(line)
        expected += line
      }
      let path = scratch.path("output")
      let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
      try #require(descriptor >= 0)
      defer { close(descriptor) }
      try spool.write(to: Output(descriptor: descriptor))
      #expect(try Array(Data(contentsOf: URL(filePath: path))) == expected)
    }
  }
}
