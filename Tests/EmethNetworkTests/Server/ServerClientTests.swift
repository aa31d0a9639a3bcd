import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// What a client does when a kept connection breaks after its request was done, and before the answer came: libcurl
/// sends the same bytes once more by itself then, and the server knows their nonce.
@Suite struct ServerClientTests {
  private let key = TestKeys.requester

  /// Runs a test with a client that has a connection through a relay, and keeps it.
  private func scene(
    attempts: Int = 6, _ test: (HTTPConnection, BreakingRelay, FakeNetwork) async throws -> Void
  ) async throws {
    let relay = try BreakingRelay()
    defer { relay.stop() }
    var settings = ServerSettings()
    settings.audiences = ["127.0.0.1:\(relay.port)"]
    try await RunningServer.scene(settings) { server, network in
      relay.relay(to: server.port)
      var settings = ClientSettings()
      settings.attempts = attempts
      let connection = try HTTPConnection(
        server: "http://127.0.0.1:\(relay.port)", key: key, settings: settings)
      _ = try await connection.client.job(network.jobID)
      try #require(relay.connections == 1)
      try await test(connection, relay, network)
    }
  }

  /// What the client says when it can't know, and may not ask again.
  private func expectUnknownEnd(_ error: NetworkError?) {
    guard case .unreachable(_, let reason) = error else {
      Issue.record("found \(String(describing: error))")
      return
    }
    #expect(reason == "the connection broke; whether the request was done is not known")
  }

  @Test func whatMayBeRepeatedIsAskedAnew() async throws {
    try await scene { connection, relay, network in
      relay.loseNextAnswer()
      try await connection.renew(network.jobID)
      // The one whose answer was lost, and another with a nonce of its own; libcurl's repetition did nothing.
      let renewal = "renew \(network.jobID)"
      #expect(network.changed == [renewal, renewal])
      #expect(relay.connections == 2)
    }
  }

  @Test func whatMayNotBeRepeatedIsDoneOnce() async throws {
    try await scene { connection, relay, network in
      relay.loseNextAnswer()
      expectUnknownEnd(
        await #expect(throws: NetworkError.self) {
          _ = try await connection.client.withdraw(TokenAmount(holon: 1_000))
        })
      #expect(network.changed == ["withdraw 1000 by \(key.address)"])
      #expect(relay.connections == 2)
    }
  }

  @Test func aVerifierLeaves() async throws {
    try await scene { connection, _, network in
      let standing = try await connection.client.leave()
      #expect(standing.account == key.address)
      #expect(network.changed == ["leave"])
    }
  }

  @Test func itIsAskedAnewNoMoreOftenThanAnythingElse() async throws {
    try await scene(attempts: 1) { connection, relay, network in
      relay.loseNextAnswer()
      expectUnknownEnd(
        await #expect(throws: NetworkError.self) { try await connection.renew(network.jobID) })
      #expect(network.changed == ["renew \(network.jobID)"])
    }
  }
}
