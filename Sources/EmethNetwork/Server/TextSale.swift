import EmethCompute
import EmethKit
import Foundation
import Hummingbird

/// One text on its way to its client, and its payment when that is over, however it ends.
struct TextSale: Sendable {
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
