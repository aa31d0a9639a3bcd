import EmethCompute
import EmethKit
import Foundation
import Synchronization
import Testing

@testable import EmethNetwork

/// A server, nodes and clients over HTTP: texts are those that `emeth generate` writes, and paid to the unit.
@Suite struct ServedGatewayTests {
  /// A server that sells text of a very small model, an API key, and nodes.
  final class Scene: Sendable {
    let model: GenerationScene
    let server: RunningServer
    let service: NetworkService
    let key = APIKey()
    let price = TokenAmount(holon: 1_000_000)
    private let folder: TemporaryFolder
    private let agents = Mutex<[Int: Task<Void, Never>]>([:])

    init(budget: TokenAmount? = nil, limits: LiveDesk.Limits = LiveDesk.Limits()) async throws {
      let model = try GenerationScene()
      var settings = try ServiceScene.settings()
      settings.gatewayModels = [
        try GatewayModel(name: "tiny", folder: model.folder.url, price: TokenAmount(holon: 1_000_000))
      ]
      settings.gatewayLimits = limits
      var made: NetworkService?
      server = try await RunningServer.start { folder in
        let service = try NetworkService(folder: folder.url, settings: settings)
        made = service
        return service
      }
      service = try #require(made)
      self.model = model
      folder = try TemporaryFolder()
      _ = try await server.client(ServiceScene.requester).addAPIKey(
        key, name: "test", budget: budget ?? TokenAmount(emeth: "1"))
    }

    func startNode(_ index: Int, texts: Int = 8) async throws {
      var settings = NodeAgent.Settings()
      (settings.threads, settings.patience, settings.liveTexts) = (1, 1, texts)
      let agent = try NodeAgent(
        key: ServiceScene.node(index), folder: folder.url.appending(path: "node-\(index)"),
        connection: HTTPConnection(server: "\(server.address)", key: ServiceScene.node(index)),
        settings: settings)
      let task: Task<Void, Never> = Task { _ = try? await agent.run() }
      agents.withLock { $0[index] = task }
      let (hash, node) = (model.model.hash, ServiceScene.node(index).address)
      for _ in 0..<600 where service.gateway?.desk.has(hash, at: node) != true {
        try await Task.sleep(for: .milliseconds(50))
      }
      try #require(service.gateway?.desk.has(hash, at: node) == true, "the node announces nothing")
    }

    /// Ends a node where it stands.
    func killNode(_ index: Int) async {
      let task = agents.withLock { $0.removeValue(forKey: index) }
      task?.cancel()
      await task?.value
    }

    var client: GatewayClient { GatewayClient(server: server.address, apiKey: key.description) }

    func receiptFile(of index: Int) -> URL { folder.url.appending(path: "node-\(index)/receipts.jsonl") }

    func receipts(of index: Int) throws -> [SignedReceipt] {
      try String(contentsOf: receiptFile(of: index), encoding: .utf8).split(separator: "\n").map {
        try SignedReceipt(wireText: String($0))
      }
    }

    /// What `emeth generate` makes of a prompt.
    func text(_ prompt: String, seed: Int, maxTokens: UInt32, temperature: Double = 0.8) throws -> String {
      var drawing = Drawing()
      (drawing.topK, drawing.maxTokens, drawing.temperature) = (0, maxTokens, temperature)
      drawing.seed = Drawing.seed("\(seed)")
      let line = try WireFormat.encoder.encode(["id": "a", "prompt": prompt])
      return try model.texts(String(decoding: line, as: UTF8.self) + "\n", drawing: drawing)[0].text
    }

    func post(_ body: String, path: String = "/v1/completions", key: String? = nil) async throws -> Asked {
      try await Asked.send(
        to: server, "POST", path, body: Data(body.utf8),
        headers: [
          ("Authorization", "Bearer \(key ?? self.key.description)"), ("Content-Type", "application/json"),
        ])
    }

    func stop() async throws {
      for index in agents.withLock({ Array($0.keys) }) { await killNode(index) }
      try await server.stop()
    }
  }

  private func collect(_ stream: AsyncThrowingStream<String, any Error>) async throws -> String {
    var text = ""
    for try await piece in stream { text += piece }
    return text
  }

  @Test func aTextIsWhatTheModelWritesAndIsPaid() async throws {
    let scene = try await Scene()
    // Nobody has the model yet.
    let early = try await scene.post(#"{"model":"tiny","prompt":"the cat"}"#)
    #expect(early.status == 503 && early.answerHeaders["retry-after"] == "5")
    try await scene.startNode(0)
    let streamed = try await collect(
      scene.client.generate("the cat", model: "tiny", maxTokens: 40, seed: 7))
    #expect(try streamed == scene.text("the cat", seed: 7, maxTokens: 40))
    let whole = try await scene.post(
      #"{"model":"tiny","prompt":"the cat","max_tokens":40,"temperature":0.8,"seed":7}"#)
    #expect(whole.status == 200)
    let object = try #require(try JSONSerialization.jsonObject(with: whole.received) as? [String: Any])
    let choice = (object["choices"] as? [[String: Any]])?.first
    let (said, reason) = (choice?["text"] as? String, choice?["finish_reason"] as? String)
    #expect(said == streamed && reason == "length")
    let usage = object["usage"] as? [String: Int]
    #expect(usage == ["prompt_tokens": 7, "completion_tokens": 40, "total_tokens": 47])
    // 47 tokens at 1,000,000 a thousand, twice.
    let node = ServiceScene.node(0).address
    let start = try TokenAmount(emeth: "100")
    for _ in 0..<100 where try scene.service.ticket(of: node)?.ticket.cumulativePayout.holon != 94_000 {
      try await Task.sleep(for: .milliseconds(50))
    }
    let ticket = try #require(try scene.service.ticket(of: node)).ticket
    #expect(ticket.cumulativePayout.holon == 94_000 && ticket.unspent == start)
    let requester = try scene.service.balances(of: ServiceScene.requester.address)
    #expect(requester.locked == .zero && requester.unspent == start - TokenAmount(holon: 94_000))
    let keys = try await scene.server.client(ServiceScene.requester).apiKeys()
    #expect(keys.map(\.spent.holon) == [94_000] && keys.first?.reserved == .zero)
    #expect(try scene.service.audit().holds)
    for _ in 0..<1_200 where (try? scene.receipts(of: 0).count) != 2 {
      try await Task.sleep(for: .milliseconds(50))
    }
    let receipts = try scene.receipts(of: 0)
    let facts = try scene.service.facts()
    #expect(receipts.map(\.content.holon.holon) == [47_000, 47_000])
    #expect(receipts.allSatisfy { $0.signer == facts.aggregator && $0.content.tokens == 40 })
    #expect(receipts.allSatisfy { $0.content.fuel.units == 1 && $0.content.node == node })
    try await scene.stop()
  }

  /// A node that dies before it has heard of its receipts, or while it writes one, has all of them in the end, once.
  @Test func receiptsAreLostByNobody() async throws {
    let scene = try await Scene()
    try await scene.startNode(0)
    for seed in 1...3 {
      _ = try await collect(scene.client.generate("a cat", model: "tiny", maxTokens: 10, seed: seed))
    }
    func waitForReceipts() async throws -> [SignedReceipt] {
      for _ in 0..<2_400 where (try? scene.receipts(of: 0).count) != 3 {
        try await Task.sleep(for: .milliseconds(50))
      }
      return try scene.receipts(of: 0)
    }
    let all = try await waitForReceipts()
    #expect(Set(all.map(\.content.text)).count == 3)
    await scene.killNode(0)
    let whole = try Data(contentsOf: scene.receiptFile(of: 0))
    // None, one and a half, all but the line's end.
    for count in [0, whole.count / 2, whole.count - 1] {
      try whole.prefix(count).write(to: scene.receiptFile(of: 0))
      try await scene.startNode(0)
      #expect(try await waitForReceipts() == all)
      await scene.killNode(0)
    }
    try await scene.stop()
  }

  /// The text goes on on the other node without a token lost or told twice.
  @Test func aNodeThatIsKilledIsReplaced() async throws {
    let scene = try await Scene()
    try await scene.startNode(0)
    var text = ""
    var isKilled = false
    for try await piece in scene.client.generate("a heron ", model: "tiny", maxTokens: 6_000, seed: 3) {
      text += piece
      if !isKilled, text.utf8.count > 50 {
        isKilled = true
        await scene.killNode(0)
        try await scene.startNode(1)
      }
    }
    #expect(isKilled)
    #expect(try text == scene.text("a heron ", seed: 3, maxTokens: 6_000))
    for _ in 0..<100 where try scene.service.balances(of: ServiceScene.node(1).address).payout == .zero {
      try await Task.sleep(for: .milliseconds(50))
    }
    // Who has drawn its end is paid for all of it.
    #expect(try scene.service.balances(of: ServiceScene.node(1).address).payout.holon == 6_008_000)
    #expect(try scene.service.balances(of: ServiceScene.node(0).address).payout == .zero)
    #expect(try scene.service.audit().holds)
    try await scene.stop()
  }

  /// What was drawn for a client that goes away is paid, the rest of what was bound comes back, and the node stops.
  @Test func aClientThatHangsUpPaysForWhatItGot() async throws {
    let scene = try await Scene()
    try await scene.startNode(0)
    try await read(scene)
    let owner = ServiceScene.requester.address
    for _ in 0..<1_200 where try scene.service.balances(of: owner).locked != .zero {
      try await Task.sleep(for: .milliseconds(50))
    }
    let paid = try scene.service.balances(of: ServiceScene.node(0).address).payout.holon
    #expect(paid > 5_000 && paid < 16_000_000, "\(paid)")
    #expect(try scene.service.balances(of: owner).locked == .zero)
    #expect(scene.service.gateway?.desk.figures.running == 0)
    #expect(try scene.service.audit().holds)
    try await scene.stop()
  }

  /// Clients and nodes that go away while they are let wait take nobody along: the server goes on.
  @Test func whoWaitsMayHangUp() async throws {
    let scene = try await Scene()
    try await scene.startNode(0)
    let body = #"{"model":"tiny","prompt":"seven","max_tokens":16000}"#
    let client = try RawConnection(port: scene.server.port)
    client.send(
      "POST /v1/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer \(scene.key)\r\n"
        + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
    for _ in 0..<400 where scene.service.gateway?.desk.figures.running != 1 {
      try await Task.sleep(for: .milliseconds(50))
    }
    #expect(scene.service.gateway?.desk.figures.running == 1)
    client.abort()
    let owner = ServiceScene.requester.address
    for _ in 0..<1_200 where try scene.service.balances(of: owner).locked != .zero {
      try await Task.sleep(for: .milliseconds(50))
    }
    #expect(try scene.service.balances(of: owner).locked == .zero)
    #expect(scene.service.gateway?.desk.figures.running == 0)
    // The node waits for its next text.
    await scene.killNode(0)
    try await scene.startNode(1)
    let text = try await collect(scene.client.generate("the cat", model: "tiny", maxTokens: 5, seed: 7))
    #expect(try text == scene.text("the cat", seed: 7, maxTokens: 5))
    #expect(try scene.service.audit().holds)
    try await scene.stop()
  }

  /// A client that is gone before its answer begins, so that nobody ever reads its text, gets its money back, and the
  /// node its place, long before the money would come back by itself.
  @Test func aTextThatNobodyReadsIsEnded() async throws {
    var limits = LiveDesk.Limits()
    limits.readerSeconds = 1
    let scene = try await Scene(limits: limits)
    try await scene.startNode(0)
    let body = Data(#"{"model":"tiny","prompt":"seven","max_tokens":16000,"stream":true}"#.utf8)
    let wanted = try CompletionRequest(body, .text, seed: TestNetwork.seed(1))
    _ = try scene.service.begin(wanted, key: scene.key.hash)
    let owner = ServiceScene.requester.address
    #expect(try scene.service.balances(of: owner).locked.holon == 16_005_000)
    for _ in 0..<1_200 where try scene.service.balances(of: owner).locked != .zero {
      try await Task.sleep(for: .milliseconds(50))
    }
    let (money, start) = (try scene.service.balances(of: owner), try TokenAmount(emeth: "100"))
    #expect(money.locked == .zero && money.unspent == start)
    #expect(try scene.service.balances(of: ServiceScene.node(0).address).payout == .zero)
    let figures = scene.service.gateway?.desk.figures
    #expect(figures?.waiting == 0 && figures?.running == 0)
    #expect(try scene.service.audit().holds)
    try await scene.stop()
  }

  /// A text that takes longer than a text may take ends with what there is, and has its price: who asks for long ones and
  /// waits has nothing drawn for nothing.
  @Test func aTextThatTakesTooLongIsPaid() async throws {
    var limits = LiveDesk.Limits()
    (limits.textSeconds, limits.silenceSeconds) = (3, 600)
    let scene = try await Scene(limits: limits)
    let desk = try #require(scene.service.gateway?.desk)
    let node = ServiceScene.node(0).address
    var turn = LiveTurn(models: [scene.model.model.hash], room: 1, open: [], drawn: [], wait: 0)
    _ = await desk.take(turn, from: node)
    async let asked = scene.post(#"{"model":"tiny","prompt":"seven","max_tokens":16000}"#)
    turn.wait = 20
    var begun: [LiveAssignment] = []
    while begun.isEmpty { begun = await desk.take(turn, from: node).begin }
    let text = try #require(begun.first)
    let tokens = Array("abc".utf8).map { UInt32($0) }
    let drawn = LiveTokens(id: text.id, from: 0, tokens: tokens, ending: nil)
    turn = LiveTurn(models: turn.models, room: 0, open: [text.id], drawn: [drawn], wait: 0)
    _ = await desk.take(turn, from: node)
    let answer = try await asked
    let object = try #require(try JSONSerialization.jsonObject(with: answer.received) as? [String: Any])
    let choice = (object["choices"] as? [[String: Any]])?.first
    #expect(answer.status == 200 && choice?["text"] as? String == "abc")
    #expect(choice?["finish_reason"] as? String == "length")
    // 5 tokens read and 3 drawn.
    #expect(try scene.service.balances(of: node).payout.holon == 8_000)
    #expect(try scene.service.balances(of: ServiceScene.requester.address).locked == .zero)
    try await scene.stop()
  }

  /// What can't be paid when its text ends is paid later, once, and its receipt is given then.
  @Test func whatCantBePaidIsPaidLater() async throws {
    var limits = LiveDesk.Limits()
    limits.silenceSeconds = 600
    let scene = try await Scene(limits: limits)
    let (service, node) = (scene.service, ServiceScene.node(0).address)
    let desk = try #require(service.gateway?.desk)
    let models = [scene.model.model.hash]
    _ = await desk.take(LiveTurn(models: models, room: 0, open: [], drawn: [], wait: 0), from: node)
    let body = Data(#"{"model":"tiny","prompt":"seven","max_tokens":100}"#.utf8)
    let text = try service.begin(
      try CompletionRequest(body, .text, seed: TestNetwork.seed(1)), key: scene.key.hash)
    _ = await desk.take(LiveTurn(models: models, room: 1, open: [], drawn: [], wait: 0), from: node)
    let drawn = LiveTokens(id: text.id, from: 0, tokens: [97, 98], ending: nil)
    _ = await desk.take(
      LiveTurn(models: models, room: 0, open: [text.id], drawn: [drawn], wait: 0), from: node)
    try service.database.write { db in
      try db.execute(
        sql: "CREATE TRIGGER fails BEFORE UPDATE ON soldText BEGIN SELECT RAISE(ABORT, 'fails'); END")
    }
    #expect(throws: NetworkError.self) { try service.end(text, tokens: [97, 98]) }
    #expect(throws: NetworkError.self) { try service.endLostTexts() }
    #expect(try service.balances(of: node).payout == .zero)
    try service.database.write { db in try db.execute(sql: "DROP TRIGGER fails") }
    for _ in 0..<2 { try service.endLostTexts() }
    #expect(try service.balances(of: node).payout.holon == 7_000)
    #expect(service.gateway?.unpaid.withLock { $0.isEmpty } == true)
    // A second end is not paid, and has no receipt.
    try service.end(text, tokens: [97])
    // It may have been paid by the server's own round, which says so a moment later.
    let told = await desk.take(
      LiveTurn(models: models, room: 0, open: [], drawn: [], wait: 20), from: node)
    #expect(told.hasReceipts)
    let receipts = try service.receipts(of: node, after: 0)
    #expect(receipts.map(\.content.holon.holon) == [7_000] && receipts.first?.content.node == node)
    #expect(try service.receipts(of: node, after: 1).isEmpty)
    #expect(try service.audit().holds)
    try await scene.stop()
  }

  /// Reads the beginning of a long text, and is gone.
  private func read(_ scene: Scene) async throws {
    let body = #"{"model":"tiny","prompt":"seven","max_tokens":16000,"stream":true}"#
    let connection = try RawConnection(port: scene.server.port)
    connection.send(
      "POST /v1/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer \(scene.key)\r\n"
        + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
    let answer = try await connection.receive(until: "data: ")
    #expect(answer.hasPrefix("HTTP/1.1 200"), "\(answer)")
    connection.abort()
  }

  @Test func whatCantBeSoldIsRefused() async throws {
    let scene = try await Scene(budget: TokenAmount(holon: 30_000))
    try await scene.startNode(0)
    func member(_ name: String, _ asked: Asked) throws -> String? {
      let object = try JSONSerialization.jsonObject(with: asked.received) as? [String: Any]
      let error = try #require(object?["error"] as? [String: Any])
      return error[name] as? String
    }
    let stranger = try await scene.post(#"{"model":"tiny","prompt":"a"}"#, key: "emeth-00")
    #expect(stranger.status == 401)
    #expect(try member("code", stranger) == "invalid_api_key")
    #expect(stranger.answerHeaders["www-authenticate"] == "Bearer")
    let unknown = try await scene.post(#"{"model":"gpt-9","prompt":"a"}"#)
    #expect(unknown.status == 404)
    #expect(try member("code", unknown) == "model_not_found")
    let long = try await scene.post(
      #"{"model":"tiny","prompt":"\#(String(repeating: "x", count: GenerationScene.context + 1))"}"#)
    #expect(long.status == 400)
    #expect(try member("code", long) == "context_length_exceeded")
    #expect(try member("param", long) == "prompt")
    // 1 and 30 tokens cost 31,000.
    let dear = try await scene.post(#"{"model":"tiny","prompt":"a","max_tokens":30}"#)
    #expect(dear.status == 429)
    #expect(try member("code", dear) == "insufficient_quota")
    #expect(
      scene.service.gateway?.desk.figures.waiting == 0 && scene.service.gateway?.desk.figures.running == 0)
    let huge = try await scene.post(
      #"{"model":"tiny","prompt":"\#(String(repeating: "x", count: 1 << 20))"}"#)
    #expect(huge.status == 413)
    let nowhere = try await scene.post("{}", path: "/v1/images/generations")
    #expect(nowhere.status == 404)
    #expect(try member("type", nowhere) == "invalid_request_error")
    #expect(try scene.service.balances(of: ServiceScene.requester.address).locked == .zero)
    // Who has no money makes no keys: each is a row for ever.
    let poor = await #expect(throws: NetworkError.self) {
      let stranger = scene.server.client(TestNetwork.key("stranger", 0))
      _ = try await stranger.addAPIKey(APIKey(), name: "k", budget: .zero)
    }
    #expect(poor?.code == "apiKey.forbidden")
    // A prompt that nobody could pay for is not read: its length is not looked at.
    let unread = try await scene.post(
      #"{"model":"tiny","max_tokens":31,"prompt":"\#(String(repeating: "x", count: GenerationScene.context + 1))"}"#
    )
    #expect(unread.status == 429)
    // A key that is revoked buys nothing more.
    let client = scene.server.client(ServiceScene.requester)
    _ = try await client.revokeAPIKey(1)
    #expect(try await scene.post(#"{"model":"tiny","prompt":"a","max_tokens":2}"#).status == 401)
    let swift = await #expect(throws: NetworkError.self) {
      _ = try await collect(scene.client.generate("a", model: "tiny"))
    }
    #expect(swift?.code == "invalid_api_key")
    try await scene.stop()
  }

  /// A node that the operator does not name gets no text.
  @Test func onlyNamedNodesDraw() async throws {
    let model = try GenerationScene()
    var settings = try ServiceScene.settings()
    settings.gatewayModels = [
      try GatewayModel(name: "tiny", folder: model.folder.url, price: TokenAmount(holon: 1_000))
    ]
    settings.gatewayNodes = [ServiceScene.node(0).address]
    let server = try await RunningServer.start { [settings] folder in
      try NetworkService(folder: folder.url, settings: settings)
    }
    let turn = LiveTurn(models: [model.model.hash], room: 1, open: [], drawn: [], wait: 0)
    let named = try HTTPConnection(server: "\(server.address)", key: ServiceScene.node(0))
    #expect(try await named.take(turn) == LiveWork())
    let other = try HTTPConnection(server: "\(server.address)", key: ServiceScene.node(1))
    let refused = await #expect(throws: NetworkError.self) { _ = try await other.take(turn) }
    #expect(refused?.code == "gateway.forbidden")
    try await server.stop()
  }

  /// More texts than a node draws at once, of two keys: all come to their ends, each the same as alone.
  @Test func manyTextsAtOnce() async throws {
    let scene = try await Scene()
    try await scene.startNode(0, texts: 3)
    let other = APIKey()
    _ = try await scene.server.client(ServiceScene.requester).addAPIKey(
      other, name: "other", budget: TokenAmount(emeth: "1"))
    let second = GatewayClient(server: scene.server.address, apiKey: other.description)
    let texts = try await withThrowingTaskGroup(of: (Int, String).self) { group in
      for number in 0..<10 {
        let client = number < 7 ? scene.client : second
        group.addTask {
          var text = ""
          for try await piece in client.generate(
            "no \(number)", model: "tiny", maxTokens: 30 + number, seed: number)
          {
            text += piece
          }
          return (number, text)
        }
      }
      var texts: [Int: String] = [:]
      for try await (number, text) in group { texts[number] = text }
      return texts
    }
    for number in 0..<10 {
      #expect(try texts[number] == scene.text("no \(number)", seed: number, maxTokens: UInt32(30 + number)))
    }
    #expect(try scene.service.audit().holds)
    try await scene.stop()
  }
}
