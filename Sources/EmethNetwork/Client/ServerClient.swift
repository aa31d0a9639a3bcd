import EmethKit
import Foundation
import Logging
import Synchronization

/// Requests to one server over libcurl: signed where an account's word is needed, repeated where that is safe,
/// over connections that are kept.
///
/// ```swift
/// let client = ServerClient(server: try ServerAddress("http://127.0.0.1:7443"), key: key)
/// let balances: Balances = try await client.get("/api/v2/accounts/\(key.address)/balances")
/// ```
/// Safe to share; each request in flight has a connection and a thread of its own. Bodies and signatures are
/// never logged.
public final class ServerClient: Sendable {
  /// Where the server is.
  public let server: ServerAddress
  /// Who signs; `nil` can only read.
  public let account: Address?
  /// How it goes about its requests.
  public let settings: ClientSettings

  let key: PrivateKey?
  private let logger: Logger?
  private let idle = Mutex<[ServerAddress: [CurlHandle]]>([:])
  private let queue = DispatchQueue(label: "emeth.client", attributes: .concurrent)

  /// Nothing is sent yet.
  public init(
    server: ServerAddress, key: PrivateKey? = nil, settings: ClientSettings = ClientSettings(),
    logger: Logger? = nil
  ) {
    self.server = server
    self.key = key
    self.settings = settings
    self.logger = logger
    account = key?.address
  }

  /// What a request asks for.
  struct Call: Sendable {
    var method = "GET"
    var path: String
    var body: Data?
    /// Keccak-256 of the body, where it is known; else it is computed.
    var bodyHash: Bytes32?
    var contentType = "application/json"
    var isSigned = false
    /// Whether it may be sent again when nobody knows whether it arrived.
    var isRepeatable = true
    var headers: [String: String] = [:]
    /// Seconds for all of it; `nil`: as long as bytes flow.
    var timeoutSeconds: Double?
    var answerLimit = 64 << 20
    /// Another place that the server has pointed to: nothing of the account goes there.
    var elsewhere: ServerAddress?
  }

  /// What came back.
  struct Answer: Sendable {
    var status: Int
    var headers: [String: String]
    var body: Data
  }

  // MARK: - JSON

  /// Reads a value.
  ///
  /// - Parameters:
  ///   - waitSeconds: how long the server may wait before it answers (`?wait=` is the caller's to write).
  public func get<Value: Decodable & Sendable>(
    _ path: String, waitSeconds: Double = 0, signed: Bool = false
  ) async throws(NetworkError) -> Value {
    let call = Call(path: path, isSigned: signed, timeoutSeconds: settings.timeoutSeconds + waitSeconds)
    return try decode(try await send(call).body, from: path)
  }

  /// Sends a value, signed, and reads another.
  ///
  /// - Parameters:
  ///   - repeatable: whether the server takes the same request twice without doing anything twice.
  public func send<Value: Decodable & Sendable>(
    _ method: String, _ path: String, _ body: some Encodable & Sendable, repeatable: Bool = false
  ) async throws(NetworkError) -> Value {
    let data = try asNetworkError { try WireFormat.encoder.encode(body) }
    let call = Call(
      method: method, path: path, body: data, isSigned: true, isRepeatable: repeatable,
      timeoutSeconds: settings.timeoutSeconds)
    return try decode(try await send(call).body, from: path)
  }

  func decode<Value: Decodable>(_ data: Data, from path: String) throws(NetworkError) -> Value {
    do {
      return try JSONDecoder().decode(Value.self, from: data)
    } catch {
      throw .malformed(what: "answer of \(server) to \(path)", reason: WireFormat.problem(of: error))
    }
  }

  // MARK: - Requests

  /// Sends a request until it is answered, or until it may not be repeated any more.
  ///
  /// - Throws: what the server refused as the error that it was there: the same code
  ///   (``NetworkError/refused(code:message:hint:)``); ``NetworkError/unreachable(server:reason:)``,
  ///   ``NetworkError/serverFailed(server:status:code:message:)``, ``NetworkError/interrupted``.
  func send(
    _ call: Call, to sink: (@Sendable (UnsafeRawBufferPointer) -> Bool)? = nil
  ) async throws(NetworkError) -> Answer {
    var attempt = 1
    while true {
      let pause: Double
      do throws(NetworkError) {
        let answer = try await once(call, to: sink)
        // 304 is an answer too: nothing changed; and 307: somebody else has it.
        guard !(200..<300).contains(answer.status), ![304, 307].contains(answer.status) else { return answer }
        let error = ServerRefusal.error(answer, of: server)
        // Nonces are this client's own: it was libcurl that sent the request again, over another connection, where the kept
        // one broke. It may have been done, and its answer been lost.
        let isReplay = error.code == "request.replayed"
        guard call.isRepeatable, attempt < settings.attempts,
          isReplay || [429, 502, 503, 504].contains(answer.status)
        else {
          throw isReplay
            ? .unreachable(
              server: "\(server)", reason: "the connection broke; whether the request was done is not known")
            : error
        }
        pause = max(randomPause(attempt), min(Double(answer.headers["retry-after"] ?? "") ?? 0, 30))
      } catch {
        guard case .unreachable = error, call.isRepeatable, attempt < settings.attempts, sink == nil
        else { throw error }
        pause = randomPause(attempt)
      }
      logger?.debug("request is repeated", metadata: ["path": "\(call.path)", "attempt": "\(attempt)"])
      attempt += 1
      do { try await Task.sleep(for: .seconds(pause)) } catch { throw .interrupted }
    }
  }

  /// Anywhere below a bound that doubles, so that clients which fail together do not come back together.
  private func randomPause(_ attempt: Int) -> Double {
    Double.random(in: 0.05...min(settings.longestPauseSeconds, 0.25 * Double(1 << min(attempt, 10))))
  }

  /// Does blocking work on a thread of its own.
  func offload<Value: Sendable>(
    _ body: @escaping @Sendable () throws(NetworkError) -> Value
  ) async -> Result<Value, NetworkError> {
    await withCheckedContinuation { continuation in
      queue.async { continuation.resume(returning: Result { () throws(NetworkError) in try body() }) }
    }
  }

  /// Sends a request once, on a thread of its own.
  func once(
    _ call: Call, to sink: (@Sendable (UnsafeRawBufferPointer) -> Bool)?
  ) async throws(NetworkError) -> Answer {
    let wish = CancellationWish()
    let result: Result<Answer, NetworkError> = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        queue.async { [self] in
          continuation.resume(
            returning: Result { () throws(NetworkError) in try perform(call, to: sink, wish: wish) })
        }
      }
    } onCancel: {
      wish.raise()
    }
    return try result.get()
  }

  private func perform(
    _ call: Call, to sink: (@Sendable (UnsafeRawBufferPointer) -> Bool)?, wish: CancellationWish
  ) throws(NetworkError) -> Answer {
    if wish.isRaised { throw .interrupted }
    let place = call.elsewhere ?? server
    let kept = idle.withLock { $0[place]?.popLast() }
    let handle: CurlHandle
    if let kept { handle = kept } else { handle = try CurlHandle(server: place, settings: settings) }
    let transfer = CurlTransfer(
      method: call.method, path: call.path,
      body: call.body ?? (call.method == "GET" || call.method == "HEAD" ? nil : Data()),
      sink: sink.map { .stream($0) } ?? .memory(limit: call.answerLimit), timeoutSeconds: call.timeoutSeconds,
      isCancelled: { wish.isRaised })
    transfer.headers = try headers(of: call)
    let start = ContinuousClock.now
    // A handle whose request failed goes with its connection.
    try handle.perform(transfer)
    idle.withLock { if $0[place, default: []].count < 16 { $0[place, default: []].append(handle) } }
    // The query of a store's URL is as good as a key.
    let path = call.elsewhere == nil ? call.path[...] : call.path.prefix { $0 != "?" }
    logger?.debug(
      "request",
      metadata: [
        "method": "\(call.method)", "path": "\(path)", "status": "\(transfer.status)",
        "seconds": "\((ContinuousClock.now - start) / .seconds(1))",
      ])
    return Answer(status: transfer.status, headers: transfer.answerHeaders, body: transfer.received)
  }

  private func headers(of call: Call) throws(NetworkError) -> [(name: String, value: String)] {
    var headers = call.headers.sorted { $0.key < $1.key }.map { (name: $0.key, value: $0.value) }
    if call.elsewhere != nil { return headers }
    headers.append(("Accept", "application/json"))
    if call.body != nil { headers.append(("Content-Type", call.contentType)) }
    guard call.isSigned else { return headers }
    guard let key else {
      throw .refused(
        code: "request.unsigned", message: "\(call.path) takes signed requests only",
        hint: "give the account's key")
    }
    var random = SystemRandomNumberGenerator()
    let statement = RequestStatement(
      audience: server.audience, method: call.method, path: call.path,
      bodyHash: call.bodyHash ?? (call.body ?? Data()).withUnsafeBytes { Keccak256.hash($0) },
      time: UInt64(max(0, Date().timeIntervalSince1970)),
      nonce: Bytes32((0..<32).map { _ in UInt8.random(in: 0...255, using: &random) }) ?? .zero)
    headers.append(
      (SignedRequest.headerName, SignedRequest(signing: statement, in: .embedded, with: key).headerValue))
    return headers
  }
}

/// Whether the task that waits for a request was cancelled: set by one thread, read by another.
final class CancellationWish: Sendable {
  private let state = Mutex(false)

  var isRaised: Bool { state.withLock { $0 } }

  func raise() { state.withLock { $0 = true } }
}

/// A server's error body, as the error that it was on the other side.
enum ServerRefusal {
  /// The three members that every error of the API has.
  struct Body: Codable, Sendable {
    var code: String
    var message: String
    var details: [String: String]?
  }

  static func error(_ answer: ServerClient.Answer, of server: ServerAddress) -> NetworkError {
    let body = try? JSONDecoder().decode(Body.self, from: answer.body)
    let code = body?.code ?? "http.\(answer.status)"
    let message = body?.message ?? "status \(answer.status)"
    if answer.status >= 500 || answer.status == 429 {
      return .serverFailed(server: "\(server)", status: answer.status, code: code, message: message)
    }
    return .refused(code: code, message: message, hint: body?.details?["hint"])
  }
}
