import EmethCompute
import EmethKit
import Foundation
import HTTPTypes
import Hummingbird

/// Selling text: the OpenAI HTTP API for clients, keys for accounts, live work for nodes (Docs/Decisions/0040).
extension Routes {
  private struct ModelList: Encodable, Sendable {
    var object = "list"
    var data: [Model]
  }

  private struct Model: Encodable, Sendable {
    var id: String
    var object = "model"
    var created = 0
    var owned_by = "emeth"
  }

  func addGateway() {
    json(.get, "/v1/models") { request, _, state -> ModelList in
      let (seller, _) = try await state.seller(to: request)
      return ModelList(data: seller.gateway?.liveModels.map { Model(id: $0.name) } ?? [])
    }

    json(.get, "/v1/models/:model") { request, context, state -> Model in
      let (seller, _) = try await state.seller(to: request)
      let name = context.parameters.get("model") ?? ""
      guard seller.gateway?.models[name] != nil else { throw RequestFailure.noModel(name) }
      return Model(id: name)
    }

    add(.post, "/v1/completions") { request, _, state in try await state.complete(request, .text) }

    add(.post, "/v1/chat/completions") { request, _, state in try await state.complete(request, .chat) }

    json(.get, "/api/v2/gateway/models") { _, _, state in try state.sellingNetwork().gateway?.liveModels ?? []
    }

    json(.get, "/api/v2/gateway/keys") { request, _, state in
      let seller = try state.sellingNetwork()
      let account = try await state.account(of: request)
      return try await state.offload { try seller.apiKeys(of: account) }
    }

    json(.post, "/api/v2/gateway/keys") { request, _, state in
      let seller = try state.sellingNetwork()
      let (account, wanted) = try await state.signed(request, WantedAPIKey.self)
      return try await state.offload { try seller.addAPIKey(wanted, by: account) }
    }

    json(.post, "/api/v2/gateway/keys/:number/revoke") { request, context, state in
      let seller = try state.sellingNetwork()
      let number = try context.parameter("number", "an integer of 32 bits") { text throws(RequestFailure) in
        guard let number = UInt32(decimal: text) else {
          throw .badParameter("number", found: text, allowed: "an integer of 32 bits")
        }
        return number
      }
      let (account, _) = try await state.signedData(request, limit: 2)
      return try await state.offload { try seller.revokeAPIKey(number, by: account) }
    }

    json(.get, "/api/v2/gateway/receipts") { request, _, state in
      let seller = try state.sellingNetwork()
      let account = try await state.account(of: request)
      let after = try request.number("after", in: 0...UInt64(Int64.max)) ?? 0
      return try await state.offload { try seller.receipts(of: account, after: after) }
    }

    add(.post, "/api/v2/gateway/turn") { request, _, state -> Response in
      let seller = try state.sellingNetwork()
      let (account, turn) = try await state.signed(request, LiveTurn.self)
      let allowed = seller.settings.gatewayNodes
      guard allowed.isEmpty || allowed.contains(account) else {
        throw RequestFailure(
          .forbidden, code: "gateway.forbidden", "\(account) is not among the nodes that draw text here")
      }
      guard let desk = seller.gateway?.desk else { return Response(json: LiveWork()) }
      try desk.check(turn)
      if turn.wait == 0 { return Response(json: await desk.take(turn, from: account)) }
      // Who has hung up while it was let wait gets nothing that others could draw.
      let gone = StopFlag()
      let work = try await request.answering {
        await desk.take(turn, from: account, unless: gone)
      } whenGone: {
        gone.raise()
      }
      var answer = Response(json: work)
      answer.headers[.connection] = "close"
      return answer
    }
  }
}

extension Request {
  /// Finds an answer that may take long, of a request whose body was read, and listens meanwhile for its client's
  /// going away. The connection ends with that answer.
  fileprivate func answering<Value: Sendable>(
    _ answer: () async throws -> Value, whenGone: @escaping @Sendable () -> Void
  ) async throws -> Value {
    // The library goes over the body again, and traps where it does not come to an end before the connection does: this
    // one is at its end at once.
    var request = self
    request.body = RequestBody(buffer: ByteBuffer())
    return try await request.body.consumeWithInboundCloseHandler { _ in
      try await answer()
    } onInboundClosed: {
      whenGone()
    }
  }
}

extension ServerState {
  /// The network, where it sells text.
  fileprivate func sellingNetwork() throws(RequestFailure) -> NetworkService {
    guard let seller = service.seller else {
      throw RequestFailure(
        .notFound, code: "gateway.none", "this server sells no text",
        hint: "emeth serve --gateway offers models")
    }
    return seller
  }

  /// The network, and the hash of the key that a client shows.
  fileprivate func seller(to request: Request) async throws -> (NetworkService, key: Bytes32) {
    let seller = try sellingNetwork()
    guard let header = request.headers[.authorization], header.lowercased().hasPrefix("bearer "),
      header.utf8.count <= 256
    else { throw RequestFailure.badAPIKey }
    let hash = APIKey.hash(of: header.dropFirst(7).trimmingCharacters(in: .whitespaces))
    if let wait = accountLimiter.take(from: "\(hash)") {
      throw RequestFailure.crowded(
        "too many requests with this key", retryAfterSeconds: Int(wait.rounded(.up)))
    }
    try await offload { try seller.checkAPIKey(hash) }
    return (seller, hash)
  }

  /// Answers a wish for text.
  fileprivate func complete(_ request: Request, _ kind: CompletionRequest.Kind) async throws -> Response {
    let (seller, key) = try await seller(to: request)
    let wanted = try await wish(in: request, kind)
    let text = try await offload { try seller.begin(wanted, key: key) }
    let sale = TextSale(state: self, seller: seller, text: text, request: wanted)
    if wanted.isStreamed { return sale.stream }
    var answer = try await request.answering {
      do {
        return try await sale.whole()
      } catch let failure as RequestFailure {
        return Response(completion: failure)
      }
    } whenGone: {
      text.end(.failed(.hungUp))
    }
    // A connection on which a client's going away was listened for ends with its answer, and says so.
    answer.headers[.connection] = "close"
    return answer
  }

  /// What a body asks for; its bytes are not kept while the text is drawn.
  private func wish(in request: Request, _ kind: CompletionRequest.Kind) async throws -> CompletionRequest {
    var body = uncheckedBody()
    defer { body.giveBack() }
    try await receive(request, limit: CompletionRequest.bodyLimit) { piece in try body.take(piece) }
    var random = SystemRandomNumberGenerator()
    let seed = Bytes32((0..<32).map { _ in UInt8.random(in: 0...255, using: &random) }) ?? .zero
    return try CompletionRequest(body.data, kind, seed: seed)
  }
}

/// One text on its way to its client, and its payment when that is over, however it ends.
private struct TextSale: Sendable {
  let state: ServerState
  let seller: NetworkService
  let text: LiveText
  let request: CompletionRequest

  private var answer: CompletionAnswer {
    CompletionAnswer(
      kind: request.kind, id: (request.kind == .chat ? "chatcmpl-" : "cmpl-") + "\(text.id)",
      created: state.now, model: request.model)
  }

  /// The whole text in one answer.
  func whole() async throws -> Response {
    var all = ""
    let (tokens, ending) = try await paid { piece in all += piece }
    let data = try answer.whole(all, ending, usage(tokens))
    return Response(
      status: .ok, headers: [.contentType: "application/json"],
      body: ResponseBody(byteBuffer: ByteBuffer(bytes: data)))
  }

  /// The text as it comes.
  var stream: Response {
    let sale = self
    return Response(
      status: .ok, headers: [.contentType: "text/event-stream; charset=utf-8"],
      body: ResponseBody { writer in
        var writer = writer
        try await sale.write { try await writer.write(ByteBuffer(string: $0)) }
        try await writer.finish(nil)
      })
  }

  private func write(_ send: (String) async throws -> Void) async throws {
    let answer = answer
    var isFirst = true
    do {
      let (tokens, ending) = try await paid { piece in
        // A sign of life, which says that the client is still there too.
        if piece.isEmpty { return try await send(": still here\n\n") }
        try await send(answer.chunk(piece, isFirst: isFirst))
        isFirst = false
      }
      try await send(answer.chunk("", isFirst: isFirst, ending: ending))
      if request.hasUsage { try await send(answer.last(usage(tokens))) }
      try await send(CompletionAnswer.done)
    } catch let failure as RequestFailure {
      try await send(CompletionAnswer.event(failure))
    }
  }

  private func usage(_ tokens: Int) -> CompletionAnswer.Usage {
    CompletionAnswer.Usage(prompt: text.prompt.count, drawn: tokens)
  }

  /// Hands the text on and has it paid: all of it, or what was handed on before something went wrong.
  private func paid(_ send: (String) async throws -> Void) async throws -> (tokens: Int, LiveEnding) {
    var handed: [UInt32] = []
    do {
      let ending = try await hand(&handed, send)
      await pay(handed)
      return (handed.count, ending)
    } catch {
      // Who waits for a whole text has nothing of one that came to no end; who has hung up has had it drawn.
      let failure = error as? RequestFailure
      let isOwed = request.isStreamed || failure == nil || failure?.code == RequestFailure.hungUp.code
      await pay(isOwed ? handed : [])
      throw error
    }
  }

  private func pay(_ tokens: [UInt32]) async {
    // Whoever went away, the node is paid; where it can't be now, the service does it later. The client has its text.
    _ = await Task { [state, seller, text] in
      try await state.offload { try seller.end(text, tokens: tokens) }
    }.result
  }

  private func hand(_ handed: inout [UInt32], _ send: (String) async throws -> Void) async throws
    -> LiveEnding
  {
    guard let gateway = seller.gateway, let model = gateway.models[request.model] else {
      throw RequestFailure.noModel(request.model)
    }
    var stream = TokenTextStream(model.tokenizer, stops: request.drawing.stop)
    let begin = ContinuousClock.now
    while true {
      let (tokens, end) = await text.next(after: handed.count, waitingUpTo: 1)
      try Task.checkCancellation()
      var piece = ""
      var isAtMark = false
      for token in tokens where !stream.isStopped && !isAtMark {
        // Whatever the node calls it, behind the model's end mark there is no text.
        isAtMark = token == model.tokenizer.endOfText
        if isAtMark { continue }
        handed.append(token)
        piece += stream.append(token)
      }
      let isLast = stream.isStopped || isAtMark || end != nil
      if isLast { piece += stream.finish() }
      if !piece.isEmpty || (tokens.isEmpty && !isLast) { try await send(piece) }
      if stream.isStopped { return .stop }
      if isAtMark { return .endOfText }
      switch end {
      case .ended(let ending)?: return ending
      case .failed(let failure)?: throw failure
      case nil: break
      }
      gateway.desk.sweep()
      let seconds = (ContinuousClock.now - begin) / .seconds(1)
      if text.node == nil, handed.isEmpty, seconds > Gateway.waitSeconds {
        throw RequestFailure.crowded("no node was free for the text", retryAfterSeconds: 5)
      }
      if state.changes.isClosed { throw RequestFailure.noNode("the server is stopping") }
      guard seconds >= gateway.desk.limits.textSeconds else { continue }
      // How long its text becomes a client decides: what there is by then is its text, and has its price.
      guard !handed.isEmpty else {
        throw RequestFailure.noNode("the text took longer than a text may take")
      }
      let rest = stream.finish()
      if !rest.isEmpty { try await send(rest) }
      return .maxTokens
    }
  }
}
