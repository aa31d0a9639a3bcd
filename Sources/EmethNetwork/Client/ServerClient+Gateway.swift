import EmethKit
import Foundation

/// API keys of the client's account, and text that is bought with one.
extension ServerClient {
  /// Makes a key of the account; the server hears its hash alone.
  public func addAPIKey(
    _ key: APIKey, name: String, budget: TokenAmount
  ) async throws(NetworkError) -> APIKeyStanding {
    try await send(
      "POST", "/api/v2/gateway/keys", WantedAPIKey(key, name: name, budget: budget), repeatable: true)
  }

  /// The account's keys, with what each has spent.
  public func apiKeys() async throws(NetworkError) -> [APIKeyStanding] {
    try await get("/api/v2/gateway/keys", signed: true)
  }

  /// Ends a key of the account.
  public func revokeAPIKey(_ number: UInt32) async throws(NetworkError) -> APIKeyStanding {
    try await send("POST", "/api/v2/gateway/keys/\(number)/revoke", Nothing(), repeatable: true)
  }

  /// The models whose text the server sells.
  public func liveModels() async throws(NetworkError) -> [LiveModel] {
    try await get("/api/v2/gateway/models")
  }
}

/// Text from a server's gateway, as it is drawn.
///
/// ```swift
/// let gateway = GatewayClient(server: try ServerAddress("http://127.0.0.1:7443"), apiKey: key)
/// for try await piece in gateway.generate("ROMEO:", model: "tiny") { print(piece, terminator: "") }
/// ```
public struct GatewayClient: Sendable {
  private let client: ServerClient
  private let apiKey: String

  /// A client that shows a key; nothing is sent yet.
  public init(server: ServerAddress, apiKey: String, settings: ClientSettings = ClientSettings()) {
    client = ServerClient(server: server, settings: settings)
    self.apiKey = apiKey
  }

  /// One message of a chat.
  public struct Message: Codable, Sendable, Hashable {
    /// `system`, `user` or `assistant`.
    public var role: String
    /// What is said.
    public var content: String

    /// Something that somebody says.
    public init(role: String, content: String) { (self.role, self.content) = (role, content) }
  }

  /// What follows a prompt.
  ///
  /// - Parameters:
  ///   - seed: what everything random follows from; nil takes a new one.
  /// - Returns: pieces of text; it ends with the text, or throws ``NetworkError``. Who stops reading pays for what was
  ///   drawn until then.
  public func generate(
    _ prompt: String, model: String, maxTokens: Int = 200, temperature: Double = 0.8, seed: Int? = nil,
    stop: [String] = []
  ) -> AsyncThrowingStream<String, any Error> {
    stream(
      "/v1/completions",
      Body(
        model: model, prompt: prompt, max_tokens: maxTokens, temperature: temperature, seed: seed,
        stop: stop.isEmpty ? nil : stop))
  }

  /// What a chat's assistant says next.
  public func chat(
    _ messages: [Message], model: String, maxTokens: Int = 200, temperature: Double = 0.8
  ) -> AsyncThrowingStream<String, any Error> {
    stream(
      "/v1/chat/completions",
      Body(model: model, messages: messages, max_tokens: maxTokens, temperature: temperature))
  }

  private struct Body: Encodable, Sendable {
    var model: String
    var prompt: String?
    var messages: [Message]?
    var max_tokens: Int
    var temperature: Double
    var seed: Int?
    var stop: [String]?
    var stream = true
  }

  private func stream(_ path: String, _ body: Body) -> AsyncThrowingStream<String, any Error> {
    let (client, apiKey) = (client, apiKey)
    return AsyncThrowingStream { continuation in
      let task = Task {
        do {
          let events = EventReader { continuation.yield($0) }
          let call = ServerClient.Call(
            method: "POST", path: path, body: try WireFormat.encoder.encode(body), isRepeatable: false,
            headers: ["Authorization": "Bearer \(apiKey)"])
          let answer = try await client.once(call) { events.take($0) }
          guard (200..<300).contains(answer.status) else { throw EventReader.error(answer, client.server) }
          try events.finish(client.server)
          continuation.finish()
        } catch {
          continuation.finish(throwing: error)
        }
      }
      continuation.onTermination = { _ in task.cancel() }
    }
  }
}
