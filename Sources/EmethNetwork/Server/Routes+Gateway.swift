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
      let account = try await state.account(of: request)
      let after = try request.number("after", in: 0...UInt64(Int64.max)) ?? 0
      return try await state.offload { [service = state.service] in
        try service.receipts(of: account, after: after)
      }
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
