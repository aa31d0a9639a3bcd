import EmethKit
import Foundation
import HTTPTypes
import Hummingbird

/// Reading requests: who signed, what the body says, what the path and the query name.
extension ServerState {
  /// The account that signed a request with this body; its nonce has counted then.
  ///
  /// A request is for a server, which the audience names, and for no chain: so it can be signed by who does not know yet
  /// where the server's network settles.
  ///
  /// A request that only reads may be signed too, where the answer is for one account's eyes; its nonce does not count,
  /// so that reading writes nothing.
  ///
  /// - Throws: ``RequestFailure``, 401.
  func account(of request: Request, bodyHash: @escaping @Sendable () throws -> Bytes32) async throws
    -> Address
  {
    try await account(claimed: claim(of: request), by: request, bodyHash: bodyHash)
  }

  /// The same of a header that was read already.
  private func account(
    claimed claim: Claim, by request: Request, bodyHash: @escaping @Sendable () throws -> Bytes32
  ) async throws -> Address {
    let (method, path) = (request.method.rawValue, request.head.path ?? "")
    let now = self.now
    let isChange = request.method != .get && request.method != .head
    let account = try await offload { [self] in
      let hash = try bodyHash()
      let account: Address
      do throws(CryptoError) {
        account = try claim.signed.check(
          audience: claim.audience, method: method, path: path, bodyHash: hash, at: now, in: .embedded)
      } catch {
        throw RequestFailure(unauthorized: error)
      }
      try countRequest(of: account)
      return account
    }
    guard isChange else { return account }
    let counts = try await nonces.answer(to: NonceStore.Use(account: account, nonce: claim.signed.nonce))
    if !counts { throw RequestFailure.replayed }
    return account
  }

  /// Counts a request among those that its account may send.
  ///
  /// - Throws: ``RequestFailure``, 429.
  func countRequest(of account: Address) throws(RequestFailure) {
    if let wait = accountLimiter.take(from: "\(account)") {
      throw .tooMany(retryAfterSeconds: Int(wait.rounded(.up)))
    }
  }

  /// The account that signed a request without a body.
  func account(of request: Request) async throws -> Address {
    try await account(of: request) { Keccak256.hash([]) }
  }

  /// The account that signed a request, and its JSON body.
  func signed<Body: Decodable>(_ request: Request, _ type: Body.Type) async throws -> (Address, Body) {
    let (account, data) = try await signedData(request, limit: settings.bodyLimit)
    return (account, try read(data, type))
  }

  /// A JSON body.
  func read<Body: Decodable>(_ data: Data, _ type: Body.Type) throws(RequestFailure) -> Body {
    do {
      return try JSONDecoder().decode(Body.self, from: data)
    } catch {
      throw RequestFailure(
        .badRequest, code: "http.badBody", "the body can't be read: \(WireFormat.problem(of: error))")
    }
  }

  /// The account that signed a request, and its body's bytes.
  func signedData(_ request: Request, limit: Int) async throws -> (Address, Data) {
    // What can't be right is refused before the body is read.
    let claim = try claim(of: request)
    var body = uncheckedBody()
    defer { body.giveBack() }
    try await receive(request, limit: limit) { piece in try body.take(piece) }
    let whole = body.data
    let account = try await account(claimed: claim, by: request) {
      whole.withUnsafeBytes { Keccak256.hash($0) }
    }
    return (account, whole)
  }

  /// Room for the body of the request that is being carried out.
  func uncheckedBody() -> UncheckedBody {
    UncheckedBody(
      budget: bodies, client: ClientNetwork.current, period: .seconds(settings.patienceSeconds))
  }

  /// What a request's header claims, and the server's name that the request must be signed for.
  struct Claim: Sendable {
    let signed: SignedRequest
    let audience: String
  }

  /// What the header claims.
  func claim(of request: Request) throws -> Claim {
    guard let text = request.headers[.emethSignature] else { throw RequestFailure.unsigned }
    let signed: SignedRequest
    do throws(CryptoError) {
      signed = try SignedRequest(headerValue: text)
    } catch {
      throw RequestFailure(unauthorized: error)
    }
    guard let host = request.head.authority, let audience = audiences.audience(of: host) else {
      throw RequestFailure(
        .unauthorized, code: "request.wrongAudience",
        "this server does not go by the name \"\((request.head.authority ?? "").prefix(64))\"",
        hint: "use the URL that its operator names")
    }
    return Claim(signed: signed, audience: audience)
  }

  /// Takes a body in, piece by piece; one that is cut off is told from one that is whole by its length.
  func receive(_ request: Request, limit: Int, _ take: (ByteBuffer) async throws -> Void) async throws {
    let announced = request.headers[.contentLength].map { UInt64($0) ?? .max }
    if let announced, announced > UInt64(limit) { throw RequestFailure.tooLarge(allowed: limit) }
    var count = 0
    for try await piece in request.body {
      count += piece.readableBytes
      guard count <= limit else { throw RequestFailure.tooLarge(allowed: limit) }
      try await take(piece)
    }
    if let announced, announced != UInt64(count) { throw RequestFailure.incomplete }
  }
}

extension HTTPField.Name {
  /// The header of signed requests.
  static var emethSignature: Self { HTTPField.Name(SignedRequest.headerName) ?? .authorization }
  /// The last event that a client of an event stream has seen.
  static var lastEventID: Self { HTTPField.Name("Last-Event-ID") ?? .ifRange }
}

extension RequestFailure {
  /// A signature that does not hold.
  init(unauthorized error: CryptoError) {
    self.init(.unauthorized, code: error.code, error.message, hint: error.hint)
  }
}

// MARK: - Parameters

extension ServerContext {
  /// A part of the path that is a value of some kind.
  func parameter<Value>(
    _ name: String, _ allowed: String, _ read: (String) throws -> Value
  ) throws(RequestFailure) -> Value {
    let text = parameters.get(name) ?? ""
    do { return try read(text) } catch { throw .badParameter(name, found: text, allowed: allowed) }
  }

  /// A job or a SubJob.
  func jobID(_ name: String = "id") throws(RequestFailure) -> JobID {
    try parameter(name, "0x and 32 hexadecimal digits") { try JobID(hex: $0) }
  }

  /// An account.
  func address(_ name: String = "address") throws(RequestFailure) -> Address {
    try parameter(name, "0x and 40 hexadecimal digits") { try Address($0) }
  }

  /// A hash.
  func hash(_ name: String = "hash") throws(RequestFailure) -> Bytes32 {
    try parameter(name, "0x and 64 hexadecimal digits") { try Bytes32(hex: $0) }
  }
}

extension Request {
  /// A member of the query; `nil` when it is absent.
  func query<Value>(
    _ name: String, _ allowed: String, _ read: (String) throws -> Value?
  ) throws(RequestFailure) -> Value? {
    guard let text = uri.queryParameters[Substring(name)].map(String.init) else { return nil }
    let value: Value?
    do { value = try read(text) } catch { throw .badParameter(name, found: text, allowed: allowed) }
    guard let value else { throw .badParameter(name, found: text, allowed: allowed) }
    return value
  }

  /// A whole number of the query.
  func number<Number: FixedWidthInteger>(
    _ name: String, in range: ClosedRange<Number>
  ) throws(RequestFailure) -> Number? {
    try query(name, "an integer from \(range.lowerBound) to \(range.upperBound)") {
      Number(decimal: $0).flatMap { range.contains($0) ? $0 : nil }
    }
  }

  /// How long the client would wait for something to happen, seconds.
  func wait() throws(RequestFailure) -> Double {
    try number("wait", in: 0...3_600).map { Double($0 as Int) } ?? 0
  }
}
