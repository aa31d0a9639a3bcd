import EmethKit
import Foundation
import Synchronization

/// Requests to one bucket of an S3-compatible store over libcurl, signed, and repeated where a store is busy or a
/// connection broke. Every request of S3 that is used here may be repeated.
///
/// Calls wait for their answers on the calling thread. Keys are those of the bucket, without any prefix of ours.
final class S3Client: Sendable {
  /// One request.
  struct Call {
    var method = "GET"
    var key: String
    var query: [(name: String, value: String)] = []
    var headers: [(name: String, value: String)] = []
    var body: Data?
    /// SHA-256 of the body, where it is known.
    var bodyHash: Bytes32?
    /// Where a good answer's body goes; `nil`: into memory.
    var sink: ((UnsafeRawBufferPointer) -> Bool)?
    /// What a good answer has in its body.
    var answer = AnswerBody.bytes
    /// How long the answer may take; `nil`: as long as bytes flow.
    var timeoutSeconds: Double?
    /// What is being done, for messages.
    var what: String
  }

  /// What a good answer has in its body.
  enum AnswerBody {
    /// An object's bytes, which may look like anything, or nothing that counts.
    case bytes
    /// A document, and no error.
    case document
    /// What came of a work that may fail after the status was sent: a document with the tag of what was made.
    case made

    fileprivate func isIn(_ answer: S3Answer) -> Bool {
      switch self {
      case .bytes: true
      case .document: answer.isDocument
      case .made: answer.isDocument && answer.text("ETag")?.isEmpty == false
      }
    }
  }

  let address: S3Address
  let settings: ClientSettings
  private let credentials: AWSCredentials
  private let idle = Mutex<[CurlHandle]>([])

  init(address: S3Address, credentials: AWSCredentials, settings: ClientSettings = ClientSettings()) {
    self.address = address
    self.credentials = credentials
    self.settings = settings
  }

  private func signature() -> AWSSignature {
    AWSSignature(
      credentials: credentials, region: address.region,
      seconds: UInt64(max(0, Date().timeIntervalSince1970)))
  }

  /// A URL by which anybody can do one thing for so many seconds.
  ///
  /// - Parameter headers: which the request must have besides, as they are here.
  func presigned(
    _ method: String, _ key: String, query: [(name: String, value: String)] = [],
    headers: [(name: String, value: String)] = [], seconds: Int
  ) -> String {
    "\(address.endpoint)"
      + signature().presigned(
        method: method, host: address.endpoint.audience, path: address.path(of: key), query: query,
        headers: headers, seconds: seconds)
  }

  /// Sends a request until it is answered well, or ill for good.
  ///
  /// - Parameter allowed: statuses that are an answer too, such as 404.
  /// - Throws: ``NetworkError/storageFailed(code:place:reason:)``, ``NetworkError/unreachable(server:reason:)``.
  @discardableResult
  func send(_ call: Call, allowing allowed: Set<Int> = []) throws(NetworkError) -> S3Answer {
    var attempt = 1
    while true {
      do throws(NetworkError) {
        let answer = try once(call)
        // A merge of parts that takes long is answered 200 before it is known how it ended.
        let isError = answer.status >= 300 || !call.answer.isIn(answer)
        guard isError, !allowed.contains(answer.status) else { return answer }
        let failure = NetworkError(answer, of: address, doing: call.what)
        guard Self.isPassing(answer), attempt < settings.attempts else { throw failure }
      } catch {
        guard case .unreachable = error, attempt < settings.attempts, call.sink == nil else { throw error }
      }
      pause(after: attempt)
      attempt += 1
    }
  }

  /// Anywhere below a bound that doubles, so that servers which fail together do not come back together.
  func pause(after attempt: Int) {
    let bound = min(settings.longestPauseSeconds, 0.25 * Double(1 << min(attempt, 10)))
    Thread.sleep(forTimeInterval: Double.random(in: 0.05...max(0.06, bound)))
  }

  private static func isPassing(_ answer: S3Answer) -> Bool {
    let codes: Set<String> = [
      "SlowDown", "RequestTimeout", "InternalError", "ServiceUnavailable", "OperationAborted",
    ]
    return [429, 500, 502, 503, 504].contains(answer.status)
      || answer.text("Code").map(codes.contains) ?? false
  }

  private func once(_ call: Call) throws(NetworkError) -> S3Answer {
    let kept = idle.withLock { $0.popLast() }
    let handle: CurlHandle
    if let kept {
      handle = kept
    } else {
      handle = try CurlHandle(server: address.endpoint, settings: settings)
    }
    let path = address.path(of: call.key)
    let query = AWSSignature.query(call.query)
    let body = call.body ?? (call.method == "POST" || call.method == "PUT" ? Data() : nil)
    let transfer = CurlTransfer(
      method: call.method, path: query.isEmpty ? path : "\(path)?\(query)", body: body,
      sink: call.sink.map { .stream($0) } ?? .memory(limit: 64 << 20), timeoutSeconds: call.timeoutSeconds,
      isCancelled: { false })
    transfer.headers = signature().headers(
      method: call.method, host: address.endpoint.audience, path: path, query: call.query,
      headers: call.headers, payload: payload(of: body, call.bodyHash))
    // A handle whose request failed goes with its connection.
    try handle.perform(transfer)
    if transfer.sinkFailed {
      return S3Answer(status: transfer.status, headers: transfer.answerHeaders, body: Data())
    }
    idle.withLock { if $0.count < 16 { $0.append(handle) } }
    return S3Answer(status: transfer.status, headers: transfer.answerHeaders, body: transfer.received)
  }

  /// What is signed for the body: its hash. Over TLS, which guards it already, a long one's is not computed for that.
  private func payload(of body: Data?, _ hash: Bytes32?) -> String {
    guard let body, !body.isEmpty else { return AWSSignature.emptyPayload }
    if let hash { return Hex.encode(hash.bytes, prefixed: false) }
    if address.endpoint.isSecure, body.count > 1 << 20 { return AWSSignature.unsignedPayload }
    return Hex.encode(body.withUnsafeBytes { SHA256.hash($0) }.bytes, prefixed: false)
  }
}
