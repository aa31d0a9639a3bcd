import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// Who may change something on a server, and what happens to everybody else: an answer with a code, and nothing.
@Suite struct SignedRequestServerTests {
  private let key = TestKeys.requester
  private let body = Data(#"{"amount":"1000"}"#.utf8)
  private let path = "/api/v2/withdrawals"

  private func header(
    _ server: RunningServer, audience: String? = nil, method: String = "POST", path: String? = nil,
    body: Data? = nil, time: UInt64? = nil, nonce: UInt64 = 1
  ) -> String {
    let statement = RequestStatement(
      audience: audience ?? server.address.audience, method: method, path: path ?? self.path,
      body: Array(body ?? self.body), time: time ?? UInt64(Date().timeIntervalSince1970),
      nonce: TestNetwork.seed(nonce))
    return SignedRequest(signing: statement, in: .embedded, with: key).headerValue
  }

  private func post(
    _ server: RunningServer, header: String?, body: Data? = nil, path: String? = nil
  ) async throws -> (status: Int, body: ServerRefusal.Body?) {
    let answer = try await Asked.send(
      to: server, "POST", path ?? self.path, body: body ?? self.body,
      headers: header.map { [(SignedRequest.headerName, $0)] } ?? [])
    return (answer.status, try? JSONDecoder().decode(ServerRefusal.Body.self, from: answer.received))
  }

  @Test func aSignedRequestCountsOnce() async throws {
    try await RunningServer.scene { server, network in
      let header = header(server)
      #expect(try await post(server, header: header).status == 200)
      #expect(network.changed == ["withdraw 1000 by \(key.address)"])
      let again = try await post(server, header: header)
      #expect(again.status == 401)
      #expect(again.body?.code == "request.replayed")
      #expect(network.changed.count == 1)
      // Another nonce is another request.
      #expect(try await post(server, header: self.header(server, nonce: 2)).status == 200)
      #expect(network.changed.count == 2)
    }
  }

  /// A later version asks for kinds that are not known here, of which there are none; a list of nothing else is none.
  @Test func kindsOfErrandsThatAreNotKnownAreLeftOut() async throws {
    try await RunningServer.scene { server, _ in
      func ask(_ kinds: String, _ nonce: UInt64) async throws -> (status: Int, body: Data) {
        let path = "/api/v2/errands?kinds=\(kinds)"
        let signed = header(server, method: "GET", path: path, body: Data(), nonce: nonce)
        let answer = try await Asked.send(
          to: server, "GET", path, body: nil, headers: [(SignedRequest.headerName, signed)])
        return (answer.status, answer.received)
      }
      let mixed = try await ask("share,unheardOf,judge", 1)
      #expect(mixed.status == 200 && mixed.body == Data("[]".utf8))
      for (kinds, nonce) in [("unheardOf", 2), ("", 3)] as [(String, UInt64)] {
        let refused = try await ask(kinds, nonce)
        #expect(refused.status == 400, "\(kinds)")
        let body = try JSONDecoder().decode(ServerRefusal.Body.self, from: refused.body)
        #expect(body.code == "http.badParameter")
      }
    }
    #expect(Routes.kinds(of: "share,unheardOf,judge") == [.share, .judge])
  }

  @Test func everythingElseIsRefusedAndChangesNothing() async throws {
    try await RunningServer.scene { server, network in
      let now = UInt64(Date().timeIntervalSince1970)
      let cases: [(String?, Data?, String)] = [
        (nil, nil, "request.unsigned"), ("account=0x", nil, "request.malformed"),
        (header(server, time: now - 400), nil, "request.expired"),
        (header(server, time: now + 400), nil, "request.expired"),
        (header(server, audience: "example.org"), nil, "request.signerMismatch"),
        (header(server, method: "PUT"), nil, "request.signerMismatch"),
        (header(server, path: "/api/v2/other"), nil, "request.signerMismatch"),
        (header(server), Data(#"{"amount":"9999"}"#.utf8), "request.signerMismatch"),
      ]
      for (header, body, code) in cases {
        let answer = try await post(server, header: header, body: body)
        #expect(answer.status == 401, "\(code)")
        #expect(answer.body?.code == code)
      }
      #expect(network.changed.isEmpty)
    }
  }

  @Test func rolesAndBalancesAreChecked() async throws {
    try await RunningServer.scene { server, network in
      let stranger = server.client(TestKeys.other)
      let job = network.jobID
      await #expect(throws: NetworkError.self) { _ = try await stranger.cancel(job) }
      let path = "/api/v2/jobs/\(job)/cancel"
      let empty = Data("{}".utf8)
      let statement = RequestStatement(
        audience: server.address.audience, method: "POST", path: path, body: Array(empty),
        time: UInt64(Date().timeIntervalSince1970), nonce: TestNetwork.seed(77))
      let signed = SignedRequest(signing: statement, in: .embedded, with: TestKeys.other)
      let answer = try await post(server, header: signed.headerValue, body: empty, path: path)
      #expect(answer.status == 403)
      #expect(answer.body?.code == "job.wrongSender")
      let tooMuch = Data(#"{"amount":"999999999999999999"}"#.utf8)
      let poor = try await post(server, header: header(server, body: tooMuch), body: tooMuch)
      #expect(poor.status == 409)
      #expect(poor.body?.code == "ledger.insufficient")
      #expect(poor.body?.details?["needed"] == "999999999999999999")
      #expect(network.changed.isEmpty)
      _ = try await server.client(key).cancel(job)
      #expect(network.changed == ["cancel"])
    }
  }

  @Test func aBodyThatIsNoRequestIsSaidSo() async throws {
    try await RunningServer.scene { server, network in
      var nonce: UInt64 = 10
      for text in [
        "", "{", "[]", #"{"amount":-1}"#, #"{"amount":"x"}"#, "null", String(repeating: "[", count: 5_000),
      ] {
        nonce += 1
        let body = Data(text.utf8)
        let answer = try await post(server, header: header(server, body: body, nonce: nonce), body: body)
        #expect(answer.status == 400, "\(text.prefix(20))")
        #expect(answer.body?.code == "http.badBody")
      }
      #expect(network.changed.isEmpty)
    }
  }

  /// Also among those that are written together.
  @Test(arguments: TestDatabase.all)
  func eachNonceCountsOnce(on kind: TestDatabase) throws {
    let folder = try TemporaryFolder()
    let store = NonceStore(try kind.open(in: folder))
    let uses = (1...20).map { NonceStore.Use(account: key.address, nonce: TestNetwork.seed(UInt64($0))) }
    #expect(try store.use([], at: 5) == [])
    #expect(try store.use([uses[0], uses[1], uses[0]], at: 5) == [true, true, false])
    #expect(try store.use(uses, at: 5) == uses.map { $0 != uses[0] && $0 != uses[1] })
    #expect(try store.use(uses + uses, at: 5) == Array(repeating: false, count: 40))
    // Another account's is another's.
    let other = NonceStore.Use(account: TestKeys.other.address, nonce: uses[0].nonce)
    let mixed = try store.use([uses[0], other, uses[1], other, uses[2]], at: 5)
    #expect(mixed == [false, true, false, false, false])
  }

  /// The same requests at two servers, in another order: while a third one has the middle nonce, one of the two waits for
  /// it, and the other for that one. Both would hold what the other needs if each went by the order in which they came.
  @Test func twoServersDoNotWaitForEachOther() async throws {
    let folder = try TemporaryFolder()
    guard case .postgres(let address) = try TestDatabase.postgres.location(in: folder) else { return }
    let stores = try (0..<2).map { _ in NonceStore(try NetworkDatabase(.postgres(address))) }
    let uses = [1, 2, 3].map { NonceStore.Use(account: key.address, nonce: TestNetwork.seed($0)) }.sorted()
    let (third, observer) = (try PostgresConnection(address), try PostgresConnection(address))
    let thirdOne: Int = try #require(
      try third.rows("SELECT pg_backend_pid() AS pid", []).first.map { try $0["pid"] })
    try third.run("BEGIN")
    _ = try third.execute(
      "INSERT INTO requestNonce (account, nonce, at) VALUES (?, ?, 5)",
      ["\(key.address)".sqlValue, Data(uses[1].nonce.bytes).sqlValue])
    func waiting(_ condition: String = "") throws -> Int {
      try observer.rows(
        """
        SELECT count(*) AS amount FROM pg_stat_activity WHERE datname = current_database()
          AND wait_event_type = 'Lock' \(condition)
        """, []
      ).first.map { try $0["amount"] } ?? 0
    }
    let end = ContinuousClock.now + .seconds(120)
    func wait(for count: Int) async throws {
      while try waiting() < count, ContinuousClock.now < end { try await Task.sleep(for: .milliseconds(20)) }
    }
    async let one = blocking { try stores[0].use(uses, at: 5) }
    try await wait(for: 1)
    async let other = blocking { try stores[1].use(uses.reversed(), at: 5) }
    try await wait(for: 2)
    #expect(try waiting() == 2)
    #expect(try waiting("AND \(thirdOne) = ANY (pg_blocking_pids(pid))") == 1)
    try third.run("ROLLBACK")
    #expect(try await one == [true, true, true])
    #expect(try await other == [false, false, false])
  }

  @Test(arguments: TestDatabase.all)
  func noncesAreForgottenAfterAQuarterOfAnHour(on kind: TestDatabase) throws {
    let folder = try TemporaryFolder()
    let database = try kind.open(in: folder)
    let store = NonceStore(database)
    let (account, nonce) = (key.address, TestNetwork.seed(5))
    #expect(try store.use(nonce, of: account, at: 1_000))
    #expect(try !store.use(nonce, of: account, at: 1_900))
    // Another account's is another's.
    #expect(try store.use(nonce, of: TestKeys.other.address, at: 1_900))
    #expect(try store.use(nonce, of: account, at: 1_901))
    let count = try database.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM requestNonce") }
    #expect(count == 2)
    // All else waits for the disk.
    let question =
      kind == .sqlite ? "PRAGMA synchronous" : "SELECT current_setting('synchronous_commit')"
    let answer = try database.write { try SQLRow.fetchOne($0, sql: question)?.values }
    #expect(answer == [kind == .sqlite ? .integer(2) : .text("on")])
  }
}
