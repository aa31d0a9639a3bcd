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
      #expect(ContinuousClock.now - start < .seconds(20))
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

  private func head(_ method: String, _ path: String, _ server: RunningServer, length: Int? = nil) -> String {
    let signed = SignedRequest(
      signing: RequestStatement(
        audience: server.address.audience, method: method, path: path, body: [],
        time: UInt64(Date().timeIntervalSince1970), nonce: .zero), in: .embedded, with: TestKeys.requester)
    return "\(method) \(path) HTTP/1.1\r\nHost: \(server.address.audience)\r\n"
      + (length.map { "Content-Length: \($0)\r\n" } ?? "")
      + "\(SignedRequest.headerName): \(signed.headerValue)\r\n\r\n"
  }

  /// A large answer that nobody reads holds its connection no longer than the period.
  @Test func whoReadsNothingIsSentAway() async throws {
    try await RunningServer.scene(impatient) { server, network in
      var data = Data(count: 64 << 20)
      data[12_345] = 1
      let hash = try network.store.put(data, durable: false)
      let deaf = try RawConnection(port: server.port)
      deaf.send(head("GET", "/api/v2/objects/\(hash)", server))
      try await Task.sleep(for: .seconds(4))
      let received = try await deaf.receive().utf8.count
      #expect(received > 0 && received < data.count, "\(received) bytes came")
      // Who reads gets all of it, however long that takes.
      let folder = try TemporaryFolder()
      let target = folder.url.appending(path: "target")
      try await server.client(TestKeys.requester).fetch(object: hash, to: target)
      #expect(try Data(contentsOf: target) == data)
    }
  }

  @Test func oneAddressHasSoManyConnections() async throws {
    var settings = ServerSettings()
    settings.connectionsOfOneAddress = 3
    try await RunningServer.scene(settings) { server, _ in
      var open: [RawConnection] = []
      for _ in 0..<3 {
        let connection = try RawConnection(port: server.port)
        connection.send("GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(try await connection.receive(until: "\r\n\r\n").hasPrefix("HTTP/1.1 200"))
        open.append(connection)
      }
      #expect(try await RawConnection(port: server.port).isClosedByServer())
      // One that has ended makes room.
      open.removeLast()
      var isServed = false
      for _ in 0..<100 where !isServed {
        let connection = try RawConnection(port: server.port)
        connection.send("GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        isServed = try await connection.receive(until: "\r\n\r\n").hasPrefix("HTTP/1.1 200")
      }
      #expect(isServed)
      withExtendedLifetime(open) {}
    }
  }

  /// What has come of bodies that nobody has checked takes no more memory than it may.
  @Test func unfinishedBodiesTakeNoMoreMemoryThanTheyMay() async throws {
    var settings = ServerSettings()
    settings.bodyMemory = 100_000
    try await RunningServer.scene(settings) { server, network in
      let path = "/api/v2/withdrawals"
      let first = try RawConnection(port: server.port)
      first.send(head("POST", path, server, length: 90_000) + String(repeating: "x", count: 80_000))
      for _ in 0..<500 where server.server.bodyMemoryLeft > 20_000 {
        try await Task.sleep(for: .milliseconds(10))
      }
      #expect(server.server.bodyMemoryLeft == 20_000)
      let second = try RawConnection(port: server.port)
      second.send(head("POST", path, server, length: 50_000) + String(repeating: "x", count: 50_000))
      let answer = try await second.receive(until: "tooManyRequests")
      #expect(answer.hasPrefix("HTTP/1.1 429") && answer.lowercased().contains("retry-after: 1"), "\(answer)")
      // The first one is told that its signature does not hold, and its memory is free again.
      first.send(String(repeating: "x", count: 10_000))
      #expect(try await first.receive(until: "\r\n\r\n").hasPrefix("HTTP/1.1 401"))
      for _ in 0..<500 where server.server.bodyMemoryLeft < 100_000 {
        try await Task.sleep(for: .milliseconds(10))
      }
      #expect(server.server.bodyMemoryLeft == 100_000)
      #expect(network.changed.isEmpty)
    }
  }
}
