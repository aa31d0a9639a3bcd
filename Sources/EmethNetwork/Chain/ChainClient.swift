import EmethKit
import Foundation
import Logging
import Synchronization

/// Requests to a chain's node: Ethereum's JSON-RPC over libcurl, several calls in one request, repeated with pauses of
/// random length where a node is away, limited or cut off.
///
/// ```swift
/// let client = try ChainClient(endpoint: ChainEndpoint("https://rpc.example.org/v1/KEY"))
/// let deposits = try await client.call(EmethCore.deposits(of: node), at: core)
/// ```
/// Safe to share. Nothing of a URL but its host, and nothing of calls but their methods is ever logged.
public final class ChainClient: Sendable {
  /// Where the node is.
  public let endpoint: ChainEndpoint
  /// How it is asked.
  public let settings: ChainSettings

  private let logger: Logger?
  private let gate: RequestGate
  private let idle = Mutex<[CurlHandle]>([])
  private let takesBatches = Mutex(true)
  private let queue = DispatchQueue(label: "emeth.chain", attributes: .concurrent)

  /// Nothing is sent yet.
  public init(
    endpoint: ChainEndpoint, settings: ChainSettings = ChainSettings(), logger: Logger? = nil
  ) {
    self.endpoint = endpoint
    self.settings = settings
    self.logger = logger
    gate = RequestGate(
      concurrentRequests: settings.concurrentRequests, requestsPerSecond: settings.requestsPerSecond)
  }

  /// What a method answers.
  func request(_ method: String, _ params: [JSONValue] = []) async throws(ChainError) -> JSONValue {
    let results = try await batch([RPCCall(method, params)])
    guard let result = results.first else { throw .malformed(method: method, reason: "it is missing") }
    return try result.get()
  }

  /// What several calls come to, in their order. They go in as few requests as the node takes, and are not of one
  /// moment: blocks may come between them.
  ///
  /// - Throws: ``ChainError/interrupted`` alone; what fails is in the results.
  func batch(_ calls: [RPCCall]) async throws(ChainError) -> [Result<JSONValue, ChainError>] {
    var results: [Result<JSONValue, ChainError>] = []
    var rest = calls[...]
    while !rest.isEmpty {
      let count = takesBatches.withLock { $0 } ? max(1, settings.batchLimit) : 1
      results += try await repeated(Array(rest.prefix(count)))
      rest = rest.dropFirst(count)
    }
    return results
  }

  /// Sends calls until each is answered, or until there were enough attempts.
  private func repeated(_ calls: [RPCCall]) async throws(ChainError) -> [Result<JSONValue, ChainError>] {
    var results = [Result<JSONValue, ChainError>?](repeating: nil, count: calls.count)
    // What of a transaction is sent and not answered may have arrived, whatever is said of it afterwards.
    var unanswered: [Int: ChainError] = [:]
    var attempt = 1
    while true {
      let open = results.indices.filter { results[$0] == nil }
      var failures: [Int: ChainError] = [:]
      var pause = 0.0
      do throws(ChainError) {
        for group in takesBatches.withLock({ $0 }) ? [open] : open.map({ [$0] }) {
          let (outcomes, wait) = try await once(group.map { calls[$0] })
          pause = max(pause, wait)
          for (index, outcome) in zip(group, outcomes) {
            switch result(outcome, of: calls[index]) {
            case .success(let value): results[index] = .success(value)
            case .failure(let error):
              if Self.isPassing(error) {
                failures[index] = error
              } else {
                results[index] = .failure(Self.final(error, after: unanswered[index]))
              }
            }
          }
        }
      } catch {
        guard Self.isPassing(error) else {
          if error == .interrupted { throw error }
          for index in open where results[index] == nil {
            results[index] = .failure(Self.final(error, after: unanswered[index]))
          }
          break
        }
        for index in open where results[index] == nil { failures[index] = error }
      }
      if failures.isEmpty { break }
      for (index, error) in failures where calls[index].method == RPCCall.sendRaw {
        if case .rateLimited = error { continue }
        unanswered[index] = unanswered[index] ?? error
      }
      guard attempt < settings.attempts else {
        for (index, error) in failures { results[index] = .failure(error) }
        break
      }
      logger?.debug(
        "request to the chain's node is repeated",
        metadata: [
          "node": "\(endpoint)", "attempt": "\(attempt)", "reason": "\(failures.values.first?.code ?? "")",
        ])
      let bound = min(settings.longestPauseSeconds, 0.25 * Double(1 << min(attempt, 10)))
      pause = max(pause, Double.random(in: 0.02...max(0.03, bound)))
      attempt += 1
      do { try await Task.sleep(for: .seconds(pause)) } catch { throw .interrupted }
    }
    return results.enumerated().map { index, result in
      result ?? .failure(.malformed(method: calls[index].method, reason: "it is missing"))
    }
  }

  /// What is reported of a call whose earlier attempt was not answered: a refusal says nothing of that one.
  private static func final(_ error: ChainError, after unanswered: ChainError?) -> ChainError {
    guard let unanswered else { return error }
    switch error.fault {
    case .alreadyKnown, .nonceTooLow, .underpriced: return error
    default: return unanswered
    }
  }

  private static func isPassing(_ error: ChainError) -> Bool {
    switch error {
    case .unreachable, .rateLimited, .malformed: true
    case .refused: error.fault?.isPassing ?? false
    default: false
    }
  }

  private func result(_ outcome: RPCOutcome, of call: RPCCall) -> Result<JSONValue, ChainError> {
    switch outcome {
    case .value(let value): return .success(value)
    case .missing:
      return .failure(.malformed(method: call.method, reason: "the node's answer says nothing of this call"))
    case .failure(let number, let message, let data):
      switch RPCFault(number: number, message: message) {
      case .rateLimited: return .failure(.rateLimited(endpoint: "\(endpoint)"))
      case .pruned: return .failure(.pruned(endpoint: "\(endpoint)", method: call.method, message: message))
      case .reverted:
        let reason = RPCOutcome.revertData(data).map { RevertReason($0) } ?? .silent
        return .failure(.reverted(function: call.method, reason: reason))
      case .tooMuch, .passing, .alreadyKnown, .nonceTooLow, .underpriced, .insufficientFunds, .unacceptable,
        .other:
        return .failure(
          .refused(endpoint: "\(endpoint)", method: call.method, number: number, message: message))
      }
    }
  }

  /// Sends one request; how long the node wants to be left alone comes with the outcomes.
  private func once(_ calls: [RPCCall]) async throws(ChainError) -> ([RPCOutcome], Double) {
    let isBatch = calls.count > 1
    let body = try RPCCall.body(calls, isBatch: isBatch)
    try await gate.enter()
    defer { gate.leave() }
    let start = ContinuousClock.now
    let answer = try await post(body)
    logger?.debug(
      "request to the chain's node",
      metadata: [
        "node": "\(endpoint)", "methods": "\(Set(calls.map(\.method)).sorted().joined(separator: " "))",
        "calls": "\(calls.count)", "status": "\(answer.status)",
        "seconds": "\((ContinuousClock.now - start) / .seconds(1))",
      ])
    if answer.isTooLong {
      throw .refused(
        endpoint: "\(endpoint)", method: calls.first?.method ?? "", number: answer.status,
        message: "the response size is above \(settings.answerByteLimit) bytes")
    }
    let wait = min(Double(answer.headers["retry-after"] ?? "") ?? 0, 30)
    if answer.status == 429 {
      return (calls.map { _ in .failure(number: 429, message: "too many requests", data: nil) }, wait)
    }
    guard
      let outcomes = RPCOutcome.read(answer.body, count: calls.count, byteLimit: settings.answerByteLimit)
    else {
      if answer.status >= 500 {
        throw .unreachable(endpoint: "\(endpoint)", reason: "status \(answer.status)")
      }
      guard (200..<300).contains(answer.status) else {
        throw .refused(
          endpoint: "\(endpoint)", method: calls.first?.method ?? "", number: answer.status,
          message: "HTTP status \(answer.status)")
      }
      throw .malformed(method: calls.first?.method ?? "", reason: "it is no JSON-RPC")
    }
    if isBatch,
      outcomes.allSatisfy({ if case .failure(let number, _, _) = $0 { number == -32600 } else { false } })
    {
      // A node that takes no batches: each call goes alone from here on.
      takesBatches.withLock { $0 = false }
      return (calls.map { _ in .missing }, 0)
    }
    return (outcomes, wait)
  }

  private struct Answer: Sendable {
    var status: Int
    var headers: [String: String]
    var body: Data
    var isTooLong = false
  }

  private func post(_ body: Data) async throws(ChainError) -> Answer {
    let wish = CancellationWish()
    let result: Result<Answer, NetworkError> = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        queue.async { [self] in
          continuation.resume(
            returning: Result { () throws(NetworkError) in try perform(body, wish: wish) })
        }
      }
    } onCancel: {
      wish.raise()
    }
    do throws(NetworkError) {
      return try result.get()
    } catch {
      switch error {
      case .unreachable(_, let reason): throw .unreachable(endpoint: "\(endpoint)", reason: reason)
      case .interrupted: throw .interrupted
      default: throw .malformed(method: "request", reason: error.message)
      }
    }
  }

  private func perform(_ body: Data, wish: CancellationWish) throws(NetworkError) -> Answer {
    if wish.isRaised { throw .interrupted }
    let kept = idle.withLock { $0.popLast() }
    let handle: CurlHandle
    if let kept {
      handle = kept
    } else {
      handle = try CurlHandle(server: endpoint.server, settings: ClientSettings())
    }
    let transfer = CurlTransfer(
      method: "POST", path: endpoint.path, body: body, sink: .memory(limit: settings.answerByteLimit),
      timeoutSeconds: settings.timeoutSeconds, isCancelled: { wish.isRaised })
    transfer.headers = [("Content-Type", "application/json"), ("Accept", "application/json")]
    // A handle whose request failed goes with its connection.
    do throws(NetworkError) {
      try handle.perform(transfer)
    } catch {
      // Whoever asked for many things can ask for fewer.
      guard transfer.isTooLong else { throw error }
      return Answer(status: 200, headers: [:], body: Data(), isTooLong: true)
    }
    idle.withLock { if $0.count < 16 { $0.append(handle) } }
    return Answer(status: transfer.status, headers: transfer.answerHeaders, body: transfer.received)
  }
}
