import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// What a server says to those who ask for what is not there, too much, or nothing at all.
@Suite struct NetworkServerTests {
  /// One request without a signature.
  private func ask(
    _ server: RunningServer, _ path: String, method: String = "GET", body: Data? = nil,
    headers: [(String, String)] = []
  ) async throws -> Asked {
    try await Asked.send(to: server, method, path, body: body, headers: headers)
  }

  private func code(_ transfer: Asked) throws -> String {
    try JSONDecoder().decode(ServerRefusal.Body.self, from: transfer.received).code
  }

  @Test func itSaysThatItLivesAndWhetherItCanWork() async throws {
    try await RunningServer.scene { server, network in
      #expect(try await ask(server, "/health").status == 200)
      #expect(try await ask(server, "/ready").status == 200)
      #expect(try await ask(server, "/health", method: "HEAD").status == 200)
      network.state.withLock { $0.isBroken = true }
      #expect(try await ask(server, "/health").status == 200)
      let ready = try await ask(server, "/ready")
      #expect(ready.status == 503)
      // What is wrong inside is for the log.
      let facts = try await ask(server, "/api/v2/network")
      #expect(facts.status == 500)
      for answer in [ready, facts] {
        #expect(!String(decoding: answer.received, as: UTF8.self).contains("secret place"))
      }
    }
  }

  @Test func whatIsNotThereIsSaidInJSON() async throws {
    try await RunningServer.scene { server, network in
      for path in ["/nowhere", "/api", "/api/v2/none", "/api/v2/jobs/x/y/z", "/%00", "/..%2f.."] {
        let answer = try await ask(server, path)
        #expect(answer.status == 404, "\(path)")
        #expect(try code(answer) == "http.notFound", "\(path)")
      }
      let wrong = try await ask(server, "/api/v2/jobs", method: "DELETE", body: Data())
      #expect(wrong.status == 405)
      #expect(wrong.answerHeaders["allow"] == "GET, HEAD, POST")
      #expect(try code(wrong) == "http.methodNotAllowed")
      let job = try await ask(server, "/api/v2/jobs/0x00000000000000000000000000000000")
      #expect(job.status == 404)
      #expect(try code(job) == "job.unknown")
      for path in [
        "/api/v2/jobs/0x12", "/api/v2/jobs?limit=0", "/api/v2/jobs?limit=x", "/api/v2/jobs?status=HAPPY",
        "/api/v2/jobs?before=99999999999", "/api/v2/accounts/0x00/balances", "/api/v2/batches/0",
        "/api/v2/jobs/\(network.jobID)?wait=-1",
      ] {
        let answer = try await ask(server, path)
        #expect(answer.status == 400, "\(path)")
        #expect(try code(answer) == "http.badParameter", "\(path)")
      }
    }
  }

  @Test func theClientGetsTheErrorThatItWas() async throws {
    try await RunningServer.scene { server, network in
      let client = server.client()
      let unknown = JobID(requester: .zero, salt: .zero)
      let refused = await #expect(throws: NetworkError.self) { _ = try await client.job(unknown) }
      #expect(refused?.code == "job.unknown")
      #expect(refused?.message == NetworkError.unknownJob(id: "\(unknown)").message)
      let seen = try #require(try await client.job(network.jobID))
      #expect(seen.job == (try network.job(network.jobID)))
      #expect(try await client.job(network.jobID, otherThan: seen.tag) == nil)
      network.state.withLock { $0.isBroken = true }
      let error = await #expect(throws: NetworkError.self) {
        let _: NetworkFacts = try await client.get("/api/v2/network")
      }
      guard case .serverFailed(_, 500, "server.failed", _) = error else {
        Issue.record("found \(String(describing: error))")
        return
      }
    }
  }

  @Test func tooMuchIsRefusedBeforeItIsTaken() async throws {
    var settings = ServerSettings()
    settings.bodyLimit = 10_000
    try await RunningServer.scene(settings) { server, network in
      let signature = SignedRequest(
        signing: RequestStatement(
          audience: server.address.audience, method: "POST", path: "/api/v2/withdrawals", body: [],
          time: UInt64(Date().timeIntervalSince1970), nonce: .zero), in: .embedded, with: TestKeys.requester)
      let header = (SignedRequest.headerName, signature.headerValue)
      let answer = try await ask(
        server, "/api/v2/withdrawals", method: "POST", body: Data(count: 10_001), headers: [header])
      #expect(answer.status == 413)
      #expect(try code(answer) == "http.bodyTooLarge")
      // One that does not say how long it is, and is too long.
      let connection = try RawConnection(port: server.port)
      connection.send(
        "POST /api/v2/withdrawals HTTP/1.1\r\nHost: \(server.address.audience)\r\n"
          + "\(header.0): \(header.1)\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n")
      for _ in 0..<4 { connection.send("1000\r\n" + String(repeating: "x", count: 4_096) + "\r\n") }
      #expect(try await connection.receive(until: "http.bodyTooLarge").hasPrefix("HTTP/1.1 413"))
      #expect(network.changed.isEmpty)
    }
  }

  @Test func whatIsNoHTTPEndsTheConnection() async throws {
    var settings = ServerSettings()
    settings.patienceSeconds = 1
    try await RunningServer.scene(settings) { server, _ in
      for text in [
        "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: " + String(repeating: "y", count: 200_000) + "\r\n\r\n",
      ] {
        let connection = try RawConnection(port: server.port)
        connection.send(text)
        #expect(try await connection.isClosedByServer(), "\(text.prefix(40))")
      }
      #expect(try await ask(server, "/health").status == 200)
    }
  }

  @Test func whoIsTooFastWaits() async throws {
    var settings = ServerSettings()
    settings.requestBurst = 20
    settings.requestRate = 0.1
    try await RunningServer.scene(settings) { server, _ in
      var last = try await ask(server, "/health")
      for _ in 0..<30 where last.status == 200 { last = try await ask(server, "/health") }
      #expect(last.status == 429)
      #expect(try code(last) == "http.tooManyRequests")
      #expect((Int(last.answerHeaders["retry-after"] ?? "") ?? 0) >= 1)
    }
  }

  @Test func figuresAreForPrometheus() async throws {
    try await RunningServer.scene { server, network in
      _ = try await ask(server, "/api/v2/jobs/\(network.jobID)")
      _ = try await ask(server, "/nowhere/\(network.jobID)")
      let answer = try await ask(server, "/metrics")
      let text = String(decoding: answer.received, as: UTF8.self)
      #expect(answer.answerHeaders["content-type"]?.hasPrefix("text/plain; version=0.0.4") == true)
      #expect(
        text.contains(
          "emeth_http_requests_total{method=\"GET\",route=\"/api/v2/jobs/{id}\",status=\"200\"} 1\n"))
      #expect(text.contains("# TYPE emeth_http_request_seconds histogram\n"))
      // No figure of its own for every path that somebody makes up.
      #expect(!text.contains("nowhere"))
      for line in text.split(separator: "\n") where !line.hasPrefix("#") {
        #expect(
          line.split(separator: " ").count == 2 && Double(line.split(separator: " ")[1]) != nil, "\(line)")
      }
    }
  }

  @Test func theCacheOf2023IsAnswered() async throws {
    let folder = try TemporaryFolder()
    let local = try LocalNetwork(folder: folder.url, seed: TestNetwork.seed())
    let id = try local.submit(TestNetwork.request(local, manifest: TestNetwork.manifest()))
    let database = try NetworkDatabase(file: folder.url.appending(path: "network.sqlite"))
    let one = try #require(try CachedJob.find(id, in: database))
    #expect(try CachedJob.list(.requested, in: database) == [one])
    #expect(try CachedJob.list(.verified, in: database).isEmpty)
    #expect(try CachedJob.find(JobID(requester: .zero, salt: .zero), in: database) == nil)
    let object = try JSONSerialization.jsonObject(with: WireFormat.encoder.encode(one)) as? [String: Any]
    let members = try #require(object)
    #expect(
      Set(members.keys) == [
        "id", "parentId", "programId", "param", "numParallel", "numEpoch", "dataset", "deadline", "fuelLimit",
        "fuelPrice", "fuelUsed", "result", "requester", "assignedNode", "status", "created", "updated",
      ])
    for name in ["programId", "numParallel", "numEpoch", "deadline", "status"] {
      #expect(members[name] is NSNumber)
    }
    for name in ["fuelLimit", "fuelPrice", "fuelUsed"] {
      #expect(UInt256(decimal: members[name] as? String ?? "") != nil)
    }
    #expect(members["result"] is NSNull && members["assignedNode"] is NSNull)
    #expect(members["parentId"] as? String == "0x00000000000000000000000000000000")
    let param = try #require(members["param"] as? String)
    #expect((try? JSONSerialization.jsonObject(with: Data(param.utf8))) != nil)
    #expect((try? Date(members["created"] as? String ?? "", strategy: .iso8601)) != nil)
  }
}
