import EmethCompute
import Foundation

/// A device with a thread of control of its own, off the cooperative pool, for one piece of work at a time.
final class AgentLane: Sendable {
  private let lanes: ComputeLanes

  init(threads: Int, device: DeviceChoice) throws(NetworkError) {
    lanes = try ComputeLanes(threads: max(1, threads), count: 1, device: device)
  }

  /// Runs `body`; the caller asks for nothing else meanwhile.
  func run<Result: Sendable>(
    _ body: @escaping @Sendable (Device) throws -> Result
  ) async throws(NetworkError) -> Result {
    let results = try await lanes.map([()]) { _, device in try body(device) }
    guard let result = results.first else { throw .interrupted }
    return result
  }
}

extension NetworkError {
  /// Whether the network has answered and will not answer otherwise.
  var isFinalAnswer: Bool {
    switch self {
    // Not the work is refused but this request: the clock of one of the two is wrong, its body was cut off, or somebody
    // else is at the same object.
    case .refused(let code, _, _):
      !(code.hasPrefix("request.") || ["http.bodyIncomplete", "upload.busy"].contains(code))
    case .malformed, .unknownJob, .badSetting, .insufficientBalance: true
    default: false
    }
  }

  /// Whether a device failed, which says nothing of the work: it is waited for until it is back.
  var isOfDevice: Bool {
    switch self {
    case .compute(.deviceFailed), .compute(.deviceUnavailable): true
    default: false
    }
  }

  /// Whether the network says that a SubJob is not, or no longer, this node's. Whatever else it refuses, the work is
  /// still wanted.
  var endsTheWork: Bool {
    switch self {
    case .unknownJob: true
    case .refused(let code, _, _):
      code.hasPrefix("job.") || code.hasPrefix("subJob.") || code == "account.notAllowed"
    default: false
    }
  }
}

/// The system's time, unix seconds.
func secondsNow() -> UInt64 { UInt64(max(0, Date().timeIntervalSince1970)) }

/// Waits, or returns early when the task is cancelled.
func pause(_ seconds: Double) async { try? await Task.sleep(for: .seconds(seconds)) }
