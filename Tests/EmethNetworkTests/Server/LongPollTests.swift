import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// Those who wait for something to change: they cost little, hear of it at once, and are let go when the server stops.
@Suite struct LongPollTests {
  private func connection(_ server: RunningServer, _ path: String) throws -> RawConnection {
    let connection = try RawConnection(port: server.port)
    connection.send("GET \(path) HTTP/1.1\r\nHost: \(server.address.audience)\r\n")
    return connection
  }

  @Test func aChangeIsHeardAtOnce() async throws {
    try await RunningServer.scene { server, network in
      let client = server.client()
      let seen = try #require(try await client.job(network.jobID))
      let start = ContinuousClock.now
      async let later = client.job(network.jobID, otherThan: seen.tag, waitingUpTo: 20)
      try await Task.sleep(for: .milliseconds(300))
      network.change { $0.status = .processing }
      #expect(try await later?.job.summary.status == .processing)
      let time = ContinuousClock.now - start
      // Long before the wait would have been over.
      #expect(time > .milliseconds(290) && time < .seconds(18))
    }
  }

  @Test func nothingNewIsSaidWhenTheWaitIsOver() async throws {
    try await RunningServer.scene { server, network in
      let client = server.client()
      let seen = try #require(try await client.job(network.jobID))
      let start = ContinuousClock.now
      #expect(try await client.job(network.jobID, otherThan: seen.tag, waitingUpTo: 1) == nil)
      #expect(ContinuousClock.now - start > .milliseconds(950))
    }
  }

  @Test func aThousandWaitAndAreAllTold() async throws {
    try await RunningServer.scene { server, network in
      let seen = try #require(try await server.client().job(network.jobID))
      let all = try (0..<1_000).map { _ in
        let one = try connection(server, "/api/v2/jobs/\(network.jobID)?wait=120")
        one.send("If-None-Match: \(seen.tag)\r\nConnection: close\r\n\r\n")
        return one
      }
      for _ in 0..<600 where server.server.waiting < 1_000 { try await Task.sleep(for: .milliseconds(100)) }
      #expect(server.server.waiting == 1_000)
      // The server still answers others, and one change wakes them all.
      #expect(try await server.client().balances(of: .zero).unspent > .zero)
      network.change { $0.status = .verified }
      for one in all { #expect(try await one.receive(until: "VERIFIED").hasPrefix("HTTP/1.1 200")) }
    }
  }

  private func offer(_ number: UInt32) -> SubJobOffer {
    let parent = JobID(requester: TestKeys.requester.address, salt: TestNetwork.seed(1))
    let position = SubJobPosition(parent: parent, round: 0, part: number, attempt: 0)
    return SubJobOffer(
      id: JobID(parent: parent, round: 0, part: number, attempt: 0), position: position,
      programId: .languageModelTrainingPart, fuel: Fuel(units: 1), fuelPrice: FuelPrice(holonPerFuel: 1),
      fee: TokenAmount(holon: 1), deposit: TokenAmount(holon: 1), deadline: 1, dataBytes: 1,
      parameterBytes: 1)
  }

  /// A SubJob that suits nobody, and changes of all kinds: those who wait are told of another SubJob, and of nothing
  /// else.
  @Test func whoWaitsForAnotherSubJobCostsNothingMeanwhile() async throws {
    try await RunningServer.scene { server, network in
      let offers = (0..<2).map { offer(UInt32($0)) }
      network.change { $0.offers = [offers[0]] }
      let seen = SubJobOffer.mark(of: [offers[0]])
      let count = 24
      let all = (0..<count).map { index in
        Task {
          let connection = try HTTPConnection(
            server: "\(server.address)", key: TestNetwork.key("node", UInt32(index)))
          var filter = SubJobFilter()
          filter.seen = seen
          return try await connection.openSubJobs(filter, waitingUpTo: 60)
        }
      }
      for _ in 0..<600 where server.server.waiting < count { try await Task.sleep(for: .milliseconds(100)) }
      try await Task.sleep(for: .seconds(1))
      let looks = network.state.withLock { $0.looks }
      let start = ContinuousClock.now
      for number in 0..<40 {
        network.change { $0.unspent = TokenAmount(holon: UInt256(UInt64(number))) }
        try await Task.sleep(for: .milliseconds(50))
      }
      // Once a second, whatever changes, and not once for every change.
      let seconds = (ContinuousClock.now - start) / .seconds(1)
      let more = network.state.withLock { $0.looks } - looks
      #expect(Double(more) <= Double(count) * (seconds / 0.75 + 1), "\(more) looks in \(seconds) s")
      #expect(server.server.waiting >= count / 2)
      network.change { $0.offers = offers }
      for one in all { #expect(try await one.value.count == 2) }
      // When the wait is over it is told what there is; who knows nothing is told at once.
      let connection = try HTTPConnection(server: "\(server.address)", key: TestNetwork.key("node", 0))
      var filter = SubJobFilter()
      #expect(try await connection.openSubJobs(filter, waitingUpTo: 60).count == 2)
      filter.seen = SubJobOffer.mark(of: offers)
      #expect(try await connection.openSubJobs(filter, waitingUpTo: 1).count == 2)
    }
  }

  @Test func eventsAreToldUntilTheEnd() async throws {
    try await RunningServer.scene { server, network in
      let one = try connection(server, "/api/v2/jobs/\(network.jobID)/events")
      one.send("\r\n")
      let first = try await one.receive(until: "\n\n\r\n")
      #expect(
        first.contains("content-type: text/event-stream") || first.contains("Content-Type: text/event-stream")
      )
      try await Task.sleep(for: .milliseconds(200))
      network.change { $0.status = .processing }
      try await Task.sleep(for: .milliseconds(200))
      network.change { $0.status = .verified }
      let rest = try await one.receive(until: "0\r\n\r\n")
      let events = (first + rest).components(separatedBy: "event: job\ndata: ").dropFirst()
      let states = events.map { $0.contains("\"status\":4") ? 4 : $0.contains("\"status\":2") ? 2 : 1 }
      // What changes again before it is told is told as it is then.
      #expect(states == [1, 2, 4] || states == [1, 4])
    }
  }

  @Test func theServerStopsAlthoughSomebodyWaits() async throws {
    try await RunningServer.scene { server, network in
      let seen = try #require(try await server.client().job(network.jobID))
      let one = try connection(server, "/api/v2/jobs/\(network.jobID)?wait=60")
      one.send("If-None-Match: \(seen.tag)\r\n\r\n")
      for _ in 0..<500 where server.server.waiting < 1 { try await Task.sleep(for: .milliseconds(20)) }
      #expect(server.server.waiting == 1)
      let start = ContinuousClock.now
      server.server.stop()
      let answer = try await one.receive(until: "\r\n\r\n")
      #expect(answer.hasPrefix("HTTP/1.1 304"), "found \(answer)")
      #expect(ContinuousClock.now - start < .seconds(50))
    }
  }
}
