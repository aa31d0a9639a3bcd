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
    let free = UncheckedBody.freeByteCount
    try await RunningServer.scene(settings) { server, network in
      let path = "/api/v2/withdrawals"
      let first = try RawConnection(port: server.port)
      first.send(
        head("POST", path, server, length: free + 90_000) + String(repeating: "x", count: free + 80_000))
      try await memory(of: server, is: 20_000)
      let second = try RawConnection(port: server.port)
      second.send(
        head("POST", path, server, length: free + 50_000) + String(repeating: "x", count: free + 50_000))
      let answer = try await second.receive(until: "tooManyRequests")
      #expect(answer.hasPrefix("HTTP/1.1 429") && answer.lowercased().contains("retry-after: 1"), "\(answer)")
      // The first one is told that its signature does not hold, and its memory is free again.
      first.send(String(repeating: "x", count: 10_000))
      #expect(try await first.receive(until: "\r\n\r\n").hasPrefix("HTTP/1.1 401"))
      try await memory(of: server, is: 100_000)
      #expect(network.changed.isEmpty)
    }
  }

  private func memory(of server: RunningServer, is expected: Int) async throws {
    for _ in 0..<1_000 where server.server.bodyMemoryLeft != expected {
      try await Task.sleep(for: .milliseconds(10))
    }
    #expect(server.server.bodyMemoryLeft == expected)
  }

  /// Who fills what one address may have stands in nobody's way: others send long bodies, everybody short ones.
  @Test func oneAddressKeepsNobodysBodiesAway() async throws {
    var settings = ServerSettings()
    settings.bodyMemory = 100_000
    settings.bodyMemoryOfOneAddress = 50_000
    let long = UncheckedBody.freeByteCount + 40_000
    try await RunningServer.scene(settings) { server, network in
      let path = "/api/v2/withdrawals"
      func holds(from own: UInt32) throws -> RawConnection {
        let one = try RawConnection(port: server.port, from: own)
        one.send(head("POST", path, server, length: long + 1) + String(repeating: "x", count: long))
        return one
      }
      let greedy = try holds(from: 1)
      try await memory(of: server, is: 60_000)
      #expect(try await holds(from: 1).receive(until: "tooManyRequests").hasPrefix("HTTP/1.1 429"))
      try await memory(of: server, is: 60_000)
      let other = try holds(from: 2)
      try await memory(of: server, is: 20_000)
      other.send("x")
      #expect(try await other.receive(until: "\r\n\r\n").hasPrefix("HTTP/1.1 401"), "it was taken in")
      // A change of the greedy address itself.
      _ = try await server.client(TestKeys.requester).withdraw(TokenAmount(holon: 1))
      #expect(network.changed.count == 1)
      withExtendedLifetime(greedy) {}
    }
  }

  /// Parts of which nobody knows yet who signed them fill no disk.
  @Test func unfinishedPartsTakeNoMoreRoomThanTheyMay() async throws {
    var settings = ServerSettings()
    settings.partRoomOfOneAddress = 100_000
    try await RunningServer.scene(settings) { server, _ in
      let path = "/api/v2/objects/\(Bytes32.zero)?offset=0&size=300000"
      let greedy = try RawConnection(port: server.port)
      greedy.send(head("PUT", path, server, length: 90_001) + String(repeating: "x", count: 90_000))
      try await Task.sleep(for: .milliseconds(500))
      let second = try RawConnection(port: server.port)
      second.send(head("PUT", path, server, length: 50_000) + String(repeating: "x", count: 49_999))
      #expect(try await second.receive(until: "tooManyRequests").hasPrefix("HTTP/1.1 429"))
      let other = try RawConnection(port: server.port, from: 2)
      other.send(head("PUT", path, server, length: 50_000) + String(repeating: "x", count: 50_000))
      #expect(try await other.receive(until: "\r\n\r\n").hasPrefix("HTTP/1.1 401"), "it was taken in")
      // What was not signed makes room again.
      greedy.send("x")
      #expect(try await greedy.receive(until: "\r\n\r\n").hasPrefix("HTTP/1.1 401"))
      try await Task.sleep(for: .milliseconds(500))
      let next = try RawConnection(port: server.port)
      next.send(head("PUT", path, server, length: 50_000) + String(repeating: "x", count: 50_000))
      #expect(try await next.receive(until: "\r\n\r\n").hasPrefix("HTTP/1.1 401"))
    }
  }

  /// To hold memory costs as much as to send: who drips, above what any connection must send, is sent away.
  @Test func whoHoldsMuchAndDripsIsSentAway() async throws {
    var settings = ServerSettings()
    settings.patienceSeconds = 3
    let all = settings.bodyMemory
    try await RunningServer.scene(settings) { server, _ in
      let slow = try RawConnection(port: server.port)
      let begun =
        head("POST", "/api/v2/withdrawals", server, length: 8 << 20)
        + String(repeating: "x", count: UncheckedBody.freeByteCount + (4 << 20))
      try await blocking { slow.send(begun) }
      try await memory(of: server, is: all - (4 << 20))
      let dripping = Task.detached {
        for _ in 0..<200 where !Task.isCancelled {
          slow.send(String(repeating: "x", count: 2 * SlowRequestHandler.bytesPerPeriod / 5))
          try? await Task.sleep(for: .milliseconds(100))
        }
      }
      #expect(try await slow.receive(until: "http.bodyIncomplete").hasPrefix("HTTP/1.1 408"))
      dripping.cancel()
      await dripping.value
      try await memory(of: server, is: all)
    }
  }
}
