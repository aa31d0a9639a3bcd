import EmethKit
import Foundation
import HTTPTypes

/// Why a request is not carried out, as its answer says it: status, stable code, sentence, payload.
///
/// In JSON `{"code", "details", "message"}` (the body's form is ``ServerRefusal/Body``).
struct RequestFailure: Error, Equatable {
  var status: HTTPResponse.Status
  var code: String
  var message: String
  var details: [String: String] = [:]
  /// How long to stay away.
  var retryAfterSeconds: Int?
  /// The methods that the path has.
  var allow: String?
  /// How long what a range was asked of is.
  var contentRange: String?

  init(
    _ status: HTTPResponse.Status, code: String, _ message: String, details: [String: String] = [:],
    hint: String? = nil
  ) {
    self.status = status
    self.code = code
    self.message = message
    self.details = details
    self.details["hint"] = hint
  }
}

extension RequestFailure {
  /// Nothing is at this path.
  static func notFound(_ path: String) -> RequestFailure {
    RequestFailure(.notFound, code: "http.notFound", "nothing is at this path", details: ["path": path])
  }

  /// A query's or path's member that can't be read.
  static func badParameter(_ name: String, found: String, allowed: String) -> RequestFailure {
    RequestFailure(
      .badRequest, code: "http.badParameter", "\(name): found \"\(found.prefix(64))\", allowed \(allowed)",
      details: ["name": name])
  }

  /// A body longer than it may be.
  static func tooLarge(allowed: Int) -> RequestFailure {
    RequestFailure(
      .contentTooLarge, code: "http.bodyTooLarge", "the body is longer than \(allowed) bytes",
      details: ["allowed": "\(allowed)"])
  }

  /// A body that did not come in time, or not whole.
  static let incomplete = RequestFailure(
    .requestTimeout, code: "http.bodyIncomplete", "the body did not come whole in time")

  /// A change without a signature.
  static let unsigned = RequestFailure(
    .unauthorized, code: "request.unsigned", "this request must be signed",
    hint: "send the header \(SignedRequest.headerName) (PROTOCOL 10)")

  /// A nonce that has counted.
  static let replayed = RequestFailure(
    .unauthorized, code: "request.replayed", "a request with this nonce has counted already",
    hint: "sign each request with a nonce of its own")

  /// Too many requests from one place.
  static func tooMany(retryAfterSeconds: Int) -> RequestFailure {
    var failure = RequestFailure(
      .tooManyRequests, code: "http.tooManyRequests", "too many requests",
      details: ["retryAfterSeconds": "\(retryAfterSeconds)"])
    failure.retryAfterSeconds = retryAfterSeconds
    return failure
  }

  /// The database can't be used now: its log says why, the answer does not.
  static let databaseAway = RequestFailure(
    .serviceUnavailable, code: "server.databaseAway", "the server's database can't be used now",
    hint: "nothing was changed; try again")

  /// Nobody could say whether a change was made.
  static let outcomeUnknown = RequestFailure(
    .serviceUnavailable, code: "server.outcomeUnknown",
    "the server's database was lost while the change was being made",
    hint: "look whether it was made before you repeat it")

  /// Something of this machine: its log says what, the answer does not.
  static let internalError = RequestFailure(
    .internalServerError, code: "server.failed", "the server could not do this",
    hint: "the server's log says why")
}

extension RequestFailure {
  /// How an error of the network's rules is told to who asked.
  init(_ error: NetworkError) {
    let status: HTTPResponse.Status
    var details: [String: String] = [:]
    switch error {
    case .unknownJob(let id):
      status = .notFound
      details["job"] = id
    case .missingObject(let hash):
      status = .notFound
      details["hash"] = "\(hash)"
    case .badDataSet, .badSetting, .malformed: status = .badRequest
    case .insufficientBalance(_, let found, let needed):
      status = .conflict
      details["found"] = "\(found.holon)"
      details["needed"] = "\(needed.holon)"
    case .jobEnded: status = .conflict
    case BatchTrees.busy:
      self = .tooMany(retryAfterSeconds: 1)
      return
    case .refused(let code, _, _): status = Self.status(ofRefusal: code)
    case .compute(let error): status = error.code.hasPrefix("input") ? .badRequest : .conflict
    case .interrupted:
      self = RequestFailure(
        .serviceUnavailable, code: "server.stopping", "the server is stopping", hint: "try again")
      return
    case .databaseFailed(let fault):
      self = .databaseAway
      if fault.kind == .outcomeUnknown { self = .outcomeUnknown }
      return
    default:
      self = .internalError
      return
    }
    self.init(status, code: error.code, error.message, details: details, hint: error.hint)
  }

  /// Who is not allowed to do something, or asks for more than there is room for, is told so; everything else that a rule refuses is a conflict with how
  /// things stand, or a body that breaks the rules of its form.
  private static func status(ofRefusal code: String) -> HTTPResponse.Status {
    switch code {
    case "account.notAllowed", "job.wrongSender", "job.wrongRegistrar", "job.verifierNotEligible": .forbidden
    case _ where code.hasSuffix(".forbidden") || code.hasSuffix(".wrongRole"): .forbidden
    case _ where code.hasSuffix(".unknown"): .notFound
    case "upload.quota": .contentTooLarge
    case "job.resultGone": .gone
    case _ where code.hasSuffix(".signerMismatch") || code.hasPrefix("signature."): .forbidden
    case _ where code.hasPrefix("format.") || code.hasPrefix("manifest.") || code.hasPrefix("number."):
      .badRequest
    default: .conflict
    }
  }
}
