import Hummingbird
import Logging

/// Around every request: its place in the line, its errors as JSON, its line in the log, its figures.
struct RequestObserver: RouterMiddleware {
  typealias Context = ServerContext

  let state: ServerState
  let limiter: RateLimiter
  let routes: RouteTable

  func handle(
    _ request: Request, context: ServerContext,
    next: (Request, ServerContext) async throws -> Response
  ) async throws -> Response {
    let start = ContinuousClock.now
    state.figures.begin()
    var response: Response
    do {
      if let wait = limiter.take(from: context.network) {
        throw RequestFailure.tooMany(retryAfterSeconds: Int(wait.rounded(.up)))
      }
      response = try await ClientNetwork.$current.withValue(context.network) {
        try await next(request, context)
      }
    } catch {
      let failure = failure(of: error, request, context)
      response =
        CompletionFailure.isMeant(at: request.uri.path) ? Response(completion: failure) : Response(failure)
      if request.wantsPage {
        let context = PageContext(request, PagePath(""), [], now: state.now)
        let page = ErrorPage(context: context, failure: failure).page.response
        response.body = page.body
        for field in page.headers { response.headers[field.name] = field.value }
      }
      let isOfDatabase = if case NetworkError.databaseFailed? = error as? NetworkError { true } else { false }
      if failure.status.kind == .serverError, failure.status != .serviceUnavailable || isOfDatabase {
        state.logger.error(
          "request failed", metadata: ["path": "\(request.uri.path)", "error": "\(error)"])
      }
    }
    response.headers[.xContentTypeOptions] = "nosniff"
    if response.headers[.cacheControl] == nil { response.headers[.cacheControl] = "no-store" }
    record(request, context, response.status, ContinuousClock.now - start)
    return response
  }

  /// Any error as it is told; what nobody foresaw is this server's.
  private func failure(of error: any Error, _ request: Request, _ context: ServerContext) -> RequestFailure {
    switch error {
    case let error as RequestFailure: return error
    case let error as NetworkError: return RequestFailure(error)
    case is CancellationError: return RequestFailure(NetworkError.interrupted)
    case let error as any HTTPResponseError where error.status == .notFound:
      let allowed = routes.methods(at: request.uri.path)
      guard !allowed.isEmpty else { return .notFound(String(request.uri.path.prefix(200))) }
      return .methodNotAllowed(request.method, allowed: allowed)
    case let error as any HTTPResponseError:
      return RequestFailure(error.status, code: "http.\(error.status.code)", error.status.reasonPhrase)
    default: return .internalError
    }
  }

  private func record(
    _ request: Request, _ context: ServerContext, _ status: HTTPResponse.Status, _ time: Duration
  ) {
    let method = HTTPRequest.Method.known.contains(request.method) ? request.method.rawValue : "other"
    state.figures.end(
      method: method, route: context.endpointPath ?? "unknown", status: status.code, time)
    // The context's own logger is the libraries', which keep to warnings.
    state.logger.log(
      level: status.code >= 500 ? .warning : request.method == .get && status.code < 400 ? .debug : .info,
      "request",
      metadata: [
        "method": "\(method)", "path": "\(request.uri.path.prefix(200))", "status": "\(status.code)",
        "milliseconds": "\(Int((time / .milliseconds(1)).rounded()))", "address": "\(context.remoteHost)",
      ])
  }
}

extension HTTPRequest.Method {
  /// Those that count as themselves; any other text may be a method's name.
  fileprivate static let known: Set<HTTPRequest.Method> = [
    .get, .head, .post, .put, .delete, .options, .patch, .connect, .trace,
  ]
}

extension RequestFailure {
  /// A path that is there, but not for this method.
  fileprivate static func methodNotAllowed(
    _ found: HTTPRequest.Method, allowed: [HTTPRequest.Method]
  ) -> RequestFailure {
    let names = allowed.map(\.rawValue).sorted().joined(separator: ", ")
    var failure = RequestFailure(
      .methodNotAllowed, code: "http.methodNotAllowed",
      "found the method \(found.rawValue.prefix(16)), allowed are \(names)")
    failure.allow = names
    return failure
  }
}

extension Response {
  /// The answer that tells of a failure.
  init(_ failure: RequestFailure) {
    let body = ServerRefusal.Body(code: failure.code, message: failure.message, details: failure.details)
    self.init(status: failure.status, json: body)
    tell(failure)
    if failure.status == .unauthorized { headers[.wwwAuthenticate] = "Emeth-Signature" }
  }

  /// The same as clients of the OpenAI HTTP API read it.
  init(completion failure: RequestFailure) {
    self.init(status: failure.status, json: CompletionFailure(failure))
    tell(failure)
    if failure.status == .unauthorized { headers[.wwwAuthenticate] = "Bearer" }
  }

  private mutating func tell(_ failure: RequestFailure) {
    if let seconds = failure.retryAfterSeconds { headers[.retryAfter] = "\(seconds)" }
    if let allow = failure.allow { headers[.allow] = allow }
    if let range = failure.contentRange { headers[.contentRange] = range }
  }

  /// An answer of one JSON value.
  init(status: HTTPResponse.Status = .ok, json value: some Encodable) {
    guard let data = try? WireFormat.encoder.encode(value) else {
      self.init(status: .internalServerError)
      return
    }
    self.init(
      status: status, headers: [.contentType: "application/json"],
      body: ResponseBody(byteBuffer: ByteBuffer(bytes: data)))
  }

  /// An answer of plain text.
  init(text: String, contentType: String = "text/plain; charset=utf-8") {
    self.init(
      status: .ok, headers: [.contentType: contentType],
      body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
  }
}
