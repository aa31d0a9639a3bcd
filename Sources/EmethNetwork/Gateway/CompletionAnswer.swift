import EmethKit
import Foundation
import Hummingbird

/// The answers of the OpenAI HTTP API, with its names.
struct CompletionAnswer: Sendable {
  let kind: CompletionRequest.Kind
  let id: String
  let created: UInt64
  let model: String

  /// How many tokens were read and drawn.
  struct Usage: Encodable, Sendable, Hashable {
    var prompt_tokens: Int
    var completion_tokens: Int
    var total_tokens: Int

    init(prompt: Int, drawn: Int) {
      (prompt_tokens, completion_tokens, total_tokens) = (prompt, drawn, prompt + drawn)
    }
  }

  private struct Message: Encodable {
    var role: String?
    var content: String?
  }

  private struct Choice: Encodable {
    var index = 0
    var text: String?
    var message: Message?
    var delta: Message?
    var finish_reason: String?
    var logprobs: String?

    private enum CodingKeys: String, CodingKey {
      case index, text, message, delta, finish_reason, logprobs
    }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(index, forKey: .index)
      try container.encodeIfPresent(text, forKey: .text)
      try container.encodeIfPresent(message, forKey: .message)
      try container.encodeIfPresent(delta, forKey: .delta)
      // These two are there, be they null.
      try container.encode(finish_reason, forKey: .finish_reason)
      try container.encode(logprobs, forKey: .logprobs)
    }
  }

  private struct Body: Encodable {
    var id: String
    var object: String
    var created: UInt64
    var model: String
    var choices: [Choice]
    var usage: Usage?
  }

  /// The whole text at once.
  func whole(_ text: String, _ ending: LiveEnding, _ usage: Usage) throws -> Data {
    var choice = Choice(finish_reason: ending.finishReason)
    switch kind {
    case .text: choice.text = text
    case .chat: choice.message = Message(role: "assistant", content: text)
    }
    return try encode([choice], kind == .chat ? "chat.completion" : "text_completion", usage)
  }

  /// One piece of a stream, as it goes over the wire.
  func chunk(_ text: String, isFirst: Bool = false, ending: LiveEnding? = nil) throws -> String {
    var choice = Choice(finish_reason: ending?.finishReason)
    switch kind {
    case .text: choice.text = text
    case .chat:
      choice.delta = Message(
        role: isFirst ? "assistant" : nil, content: text.isEmpty && ending != nil ? nil : text)
    }
    return try event([choice], nil)
  }

  /// The chunk that counts the tokens.
  func last(_ usage: Usage) throws -> String { try event([], usage) }

  /// What follows the last chunk.
  static let done = "data: [DONE]\n\n"

  /// What went wrong after the stream had begun.
  static func event(_ failure: RequestFailure) -> String {
    let body = (try? CompletionFailure(failure).wireText()) ?? "{}"
    return "data: \(body)\n\n"
  }

  private func event(_ choices: [Choice], _ usage: Usage?) throws -> String {
    let data = try encode(choices, kind == .chat ? "chat.completion.chunk" : "text_completion", usage)
    return "data: \(String(decoding: data, as: UTF8.self))\n\n"
  }

  private func encode(_ choices: [Choice], _ object: String, _ usage: Usage?) throws -> Data {
    try WireFormat.encoder.encode(
      Body(id: id, object: object, created: created, model: model, choices: choices, usage: usage))
  }
}

extension LiveEnding {
  /// As clients know it.
  fileprivate var finishReason: String { self == .maxTokens ? "length" : "stop" }
}

/// An error as clients of the OpenAI HTTP API read it.
struct CompletionFailure: Encodable, Sendable {
  struct Body: Encodable, Sendable {
    var message: String
    var type: String
    var param: String?
    var code: String

    private enum CodingKeys: String, CodingKey { case message, type, param, code }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(message, forKey: .message)
      try container.encode(type, forKey: .type)
      try container.encode(param, forKey: .param)
      try container.encode(code, forKey: .code)
    }
  }

  var error: Body

  init(_ failure: RequestFailure) {
    let type =
      switch failure.status.code {
      case 401: "authentication_error"
      case 403: "permission_error"
      case 429: failure.code == "insufficient_quota" ? "insufficient_quota" : "rate_limit_error"
      case 500...: "server_error"
      default: "invalid_request_error"
      }
    error = Body(
      message: failure.message, type: type, param: failure.details["param"], code: failure.code)
  }

  /// Whether errors at a path are told in this form.
  static func isMeant(at path: String) -> Bool { path == "/v1" || path.hasPrefix("/v1/") }
}
