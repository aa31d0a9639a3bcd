import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// Clients that hold connections and say nothing: they are sent away, others are served meanwhile.
@Suite struct SlowClientTests {
  private var impatient: ServerSettings {
    var settings = ServerSettings()
    settings.patienceSeconds = 1
    return settings
  }

  @Test func whoSaysNothingIsSentAway() async throws {
    try await RunningServer.scene(impatient) { server, _ in
      let silent = try RawConnection(port: server.port)
      let half = try RawConnection(port: server.port)
      half.send("GET /health HTTP/1.1\r\nHost: ")
      let start = ContinuousClock.now
      #expect(try await silent.isClosedByServer())
      #expect(try await half.isClosedByServer())
      #expect(ContinuousClock.now - start < .seconds(10))
    }
  }

  @Test func aBodyThatDripsIsSentAway() async throws {
    try await RunningServer.scene(impatient) { server, network in
      let signed = SignedRequest(
        signing: RequestStatement(
          audience: server.address.audience, method: "POST", path: "/api/v2/withdrawals", body: [],
          time: UInt64(Date().timeIntervalSince1970), nonce: .zero), in: .embedded, with: TestKeys.requester)
      let slow = try RawConnection(port: server.port)
      slow.send(
        "POST /api/v2/withdrawals HTTP/1.1\r\nHost: \(server.address.audience)\r\nContent-Length: 5000\r\n"
          + "\(SignedRequest.headerName): \(signed.headerValue)\r\n\r\n")
      let dripping = Task.detached {
        for _ in 0..<100 {
          slow.send("x")
          try? await Task.sleep(for: .milliseconds(100))
        }
      }
      #expect(try await slow.isClosedByServer())
      dripping.cancel()
      await dripping.value
      #expect(network.changed.isEmpty)
      #expect(try await server.client().balances(of: .zero).unspent > .zero)
    }
  }

  /// Who waits for an answer has said all, however long that takes.
  @Test func whoWaitsIsNotSentAway() async throws {
    try await RunningServer.scene(impatient) { server, network in
      let client = server.client()
      let seen = try #require(try await client.job(network.jobID))
      #expect(try await client.job(network.jobID, otherThan: seen.tag, waitingUpTo: 3) == nil)
    }
  }
}
