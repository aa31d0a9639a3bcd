import EmethKit
import Foundation

/// What a client of the OpenAI HTTP API asks for, as far as it can be had here.
///
/// Everything is read strictly: what would change the text and can't be done is refused by name, and so is what nobody
/// knows; only what says nothing about the text (`user`, `metadata`) is passed over.
struct CompletionRequest: Sendable, Hashable {
  /// Which of the two ways to ask.
  enum Kind: Sendable { case text, chat }

  let kind: Kind
  let model: String
  let prompt: String
  let drawing: Drawing
  let isStreamed: Bool
  /// Whether a stream's last chunk counts the tokens.
  let hasUsage: Bool

  /// The longest body, in bytes.
  static let bodyLimit = 1 << 20
  /// The most tokens of one answer.
  static let tokenLimit: UInt32 = 16_384
  /// Tokens of a chat's answer where the request does not say.
  private static let chatTokens: UInt32 = 256

  /// Reads a body.
  ///
  /// - Parameter seed: what everything random follows from where the request does not say.
  init(_ body: Data, _ kind: Kind, seed: Bytes32) throws(RequestFailure) {
    guard let text = String(validating: body, as: UTF8.self) else {
      throw .completion("the body is not UTF-8")
    }
    let members: [JSONValue.Member]
    do throws(FormatError) {
      members = try JSONValue(parsing: text).objectMembers()
    } catch {
      throw .completion("the body is no JSON object: \(error.message)")
    }
    var fields = Fields(members)
    self.kind = kind
    guard let model = try fields.text("model") else {
      throw .completion("you must provide a model parameter", param: "model")
    }
    self.model = model
    var drawing = Drawing()
    (drawing.topK, drawing.seed) = (0, seed)
    drawing.temperature = try fields.real("temperature", in: 0...2) ?? 1
    drawing.topP = try fields.real("top_p", in: 0.0001...1) ?? 1
    drawing.topK = try fields.integer("top_k", in: 0...1_000_000) ?? 0
    drawing.repetitionPenalty = try fields.real("repetition_penalty", in: 0.01...100) ?? 1
    drawing.stop = try fields.stops()
    if let seed = try fields.seed() { drawing.seed = seed }
    let tokens = 1...Self.tokenLimit
    switch kind {
    case .text:
      prompt = try fields.prompt()
      drawing.maxTokens = try fields.integer("max_tokens", in: tokens) ?? 16
      try fields.allow("echo", only: .bool(false))
      try fields.allow("best_of", only: .number("1"))
      try fields.allow("suffix", only: .string(""))
      try fields.allow("logprobs", only: .null)
    case .chat:
      prompt = try fields.chat()
      let longer = try fields.integer("max_completion_tokens", in: tokens)
      let older = try fields.integer("max_tokens", in: tokens)
      drawing.maxTokens = longer ?? older ?? Self.chatTokens
      // Where the other side would speak again, the answer is over.
      if drawing.stop.count < 4 { drawing.stop.append("\nuser:") }
      try fields.allow("logprobs", only: .bool(false))
      try fields.allow("tools", only: .array([]))
      try fields.allow("response_format", only: .object([.init("type", .string("text"))]))
    }
    try fields.allow("n", only: .number("1"))
    try fields.allow("presence_penalty", only: .number("0"))
    try fields.allow("frequency_penalty", only: .number("0"))
    try fields.allow("logit_bias", only: .object([]))
    isStreamed = try fields.truth("stream") ?? false
    hasUsage = try fields.streamOptions()
    for name in ["user", "metadata", "safety_identifier", "prompt_cache_key", "store", "service_tier"] {
      _ = fields.take(name)
    }
    if let name = fields.rest.keys.min() {
      throw .completion("unrecognized request argument supplied: \(name.prefix(64))", param: name)
    }
    self.drawing = drawing
  }

  /// The fields that nobody has looked at yet.
  private struct Fields {
    private(set) var rest: [String: JSONValue]

    init(_ members: [JSONValue.Member]) {
      rest = Dictionary(members.map { ($0.key, $0.value) }) { _, last in last }
    }

    mutating func take(_ name: String) -> JSONValue? {
      guard let value = rest.removeValue(forKey: name), value != .null else { return nil }
      return value
    }

    private func wrong(_ name: String, _ value: JSONValue, allowed: String) -> RequestFailure {
      let found =
        switch value {
        case .number(let text): text
        case .string(let text): String(text.prefix(64)).debugDescription
        default: value.kind
        }
      return .completion("\(name): found \(found), allowed \(allowed)", param: name)
    }

    mutating func text(_ name: String) throws(RequestFailure) -> String? {
      guard let value = take(name) else { return nil }
      guard case .string(let text) = value else { throw wrong(name, value, allowed: "a string") }
      return text
    }

    mutating func truth(_ name: String) throws(RequestFailure) -> Bool? {
      guard let value = take(name) else { return nil }
      guard case .bool(let truth) = value else { throw wrong(name, value, allowed: "true or false") }
      return truth
    }

    mutating func real(_ name: String, in range: ClosedRange<Double>) throws(RequestFailure) -> Double? {
      guard let value = take(name) else { return nil }
      guard case .number(let text) = value, let number = Double(text), range.contains(number) else {
        throw wrong(name, value, allowed: "a number from \(range.lowerBound) to \(range.upperBound)")
      }
      return number
    }

    mutating func integer(_ name: String, in range: ClosedRange<UInt32>) throws(RequestFailure) -> UInt32? {
      guard let value = take(name) else { return nil }
      guard case .number(let text) = value, let number = UInt32(text), range.contains(number) else {
        throw wrong(name, value, allowed: "an integer from \(range.lowerBound) to \(range.upperBound)")
      }
      return number
    }

    mutating func seed() throws(RequestFailure) -> Bytes32? {
      guard let value = take("seed") else { return nil }
      guard case .number(let text) = value, Int64(text) != nil else {
        throw wrong("seed", value, allowed: "an integer of 64 bits")
      }
      return Drawing.seed(text)
    }

    mutating func stops() throws(RequestFailure) -> [String] {
      guard let value = take("stop") else { return [] }
      let elements: [JSONValue] = if case .array(let some) = value { some } else { [value] }
      var stops: [String] = []
      for element in elements {
        guard case .string(let text) = element, (1...Drawing.stopLimit.bytes).contains(text.utf8.count),
          stops.count < 4
        else {
          throw wrong(
            "stop", element, allowed: "at most 4 strings of 1 to \(Drawing.stopLimit.bytes) bytes")
        }
        stops.append(text)
      }
      return stops
    }

    mutating func streamOptions() throws(RequestFailure) -> Bool {
      guard let value = take("stream_options") else { return false }
      guard case .object = value else { throw wrong("stream_options", value, allowed: "an object") }
      guard let usage = value["include_usage"] else { return false }
      guard case .bool(let truth) = usage else {
        throw wrong("stream_options", usage, allowed: "include_usage true or false")
      }
      return truth
    }

    /// Refuses every value of a field but the one that asks for nothing.
    mutating func allow(_ name: String, only allowed: JSONValue) throws(RequestFailure) {
      guard let value = take(name), value != allowed else { return }
      if case .number(let found) = value, case .number(let wanted) = allowed, Double(found) == Double(wanted)
      {
        return
      }
      throw .completion("\(name) can't be had here but as it is where it is absent", param: name)
    }

    mutating func prompt() throws(RequestFailure) -> String {
      guard let value = take("prompt") else {
        throw .completion("you must provide a prompt parameter", param: "prompt")
      }
      let one: JSONValue = if case .array(let some) = value, some.count == 1 { some[0] } else { value }
      guard case .string(let text) = one else {
        throw wrong("prompt", one, allowed: "one string: several prompts, and tokens, can't be had here")
      }
      return text
    }

    /// All that was said, a paragraph each, and who speaks next.
    mutating func chat() throws(RequestFailure) -> String {
      guard let value = take("messages") else {
        throw .completion("you must provide a messages parameter", param: "messages")
      }
      guard case .array(let messages) = value, !messages.isEmpty else {
        throw wrong("messages", value, allowed: "one message or more")
      }
      var text = ""
      for message in messages {
        guard case .string(let role)? = message["role"],
          ["system", "developer", "user", "assistant"].contains(role)
        else {
          throw wrong(
            "messages", message["role"] ?? .null, allowed: "role system, developer, user or assistant")
        }
        text += "\(role): \(try Self.content(message["content"] ?? .null))\n"
      }
      return text + "assistant:"
    }

    private static func content(_ value: JSONValue) throws(RequestFailure) -> String {
      switch value {
      case .string(let text): return text
      case .array(let parts):
        var text = ""
        for part in parts {
          guard part["type"] == .string("text"), case .string(let piece)? = part["text"] else {
            throw .completion("messages: only text can be read here", param: "messages")
          }
          text += piece
        }
        return text
      default: throw .completion("messages: content must be text", param: "messages")
      }
    }
  }
}

extension RequestFailure {
  /// What a client of the OpenAI HTTP API did wrong.
  static func completion(
    _ message: String, param: String? = nil, code: String = "invalid_request"
  ) -> RequestFailure {
    var failure = RequestFailure(.badRequest, code: code, message)
    failure.details["param"] = param
    return failure
  }

  /// No such model, or none any more.
  static func noModel(_ name: String) -> RequestFailure {
    var failure = RequestFailure(
      .notFound, code: "model_not_found",
      "the model \(String(name.prefix(64)).debugDescription) does not exist")
    failure.details["param"] = "model"
    return failure
  }

  /// A key that is none, or no longer one.
  static let badAPIKey = RequestFailure(
    .unauthorized, code: "invalid_api_key",
    "the API key is missing, unknown or revoked: send it as Authorization: Bearer KEY")

  /// A key's budget, or its account's money, does not cover the text.
  static func quota(_ message: String) -> RequestFailure {
    RequestFailure(.tooManyRequests, code: "insufficient_quota", message)
  }

  /// The client is not there any more.
  static let hungUp = RequestFailure(.serviceUnavailable, code: "client.gone", "the client has hung up")

  /// Too many texts wait already.
  static func crowded(_ message: String, retryAfterSeconds: Int) -> RequestFailure {
    var failure = RequestFailure(.tooManyRequests, code: "rate_limit_exceeded", message)
    failure.retryAfterSeconds = retryAfterSeconds
    return failure
  }

  /// Nobody can draw the text now.
  static func noNode(_ message: String) -> RequestFailure {
    var failure = RequestFailure(.serviceUnavailable, code: "no_node", message)
    failure.retryAfterSeconds = 5
    return failure
  }
}
