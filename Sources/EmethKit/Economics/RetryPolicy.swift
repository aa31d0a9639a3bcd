/// How often and after which delay a SubJob that ended without a result is registered again (PROTOCOL 3).
///
/// ```swift
/// RetryPolicy.standard.delayMilliseconds(afterAttempt: 1)   // 120000
/// ```
public struct RetryPolicy: Hashable, Codable, Sendable {
  /// How many attempts there are in all, at least 1.
  public let attempts: UInt32
  /// The delay after attempt 0.
  public let baseDelayMilliseconds: UInt64
  /// What every further delay is multiplied by.
  public let factor: UInt64

  /// Attempts 0, 1, 2, after 30 s x 4^attempt.
  public static let standard = RetryPolicy(attempts: 3, baseDelayMilliseconds: 30_000, factor: 4)

  /// A policy; traps when there is no attempt.
  public init(attempts: UInt32, baseDelayMilliseconds: UInt64, factor: UInt64) {
    precondition(attempts > 0, "a policy has at least one attempt")
    self.attempts = attempts
    self.baseDelayMilliseconds = baseDelayMilliseconds
    self.factor = factor
  }

  /// The number of the last attempt.
  public var lastAttempt: UInt32 { attempts - 1 }

  /// How long to wait after an attempt failed, or nil when it was the last. Stops growing at 2^64 − 1.
  public func delayMilliseconds(afterAttempt attempt: UInt32) -> UInt64? {
    guard attempt < lastAttempt else { return nil }
    var delay = baseDelayMilliseconds
    // More than 64 steps either overflow or (factor 0 and 1) change nothing any more.
    for _ in 0..<min(attempt, 64) {
      let (product, overflow) = delay.multipliedReportingOverflow(by: factor)
      guard !overflow else { return .max }
      delay = product
    }
    return delay
  }
}

extension RetryPolicy {
  private enum CodingKeys: String, CodingKey {
    case attempts, baseDelayMilliseconds, factor
  }

  /// Reads an object; a policy without attempts is refused.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    let attempts = try container.decodeNumber(UInt32.self, forKey: .attempts)
    guard attempts > 0 else {
      throw DecodingError.dataCorruptedError(
        forKey: .attempts, in: container, debugDescription: "attempts is 0, allowed are 1 and above")
    }
    self.init(
      attempts: attempts,
      baseDelayMilliseconds: try container.decodeNumber(forKey: .baseDelayMilliseconds),
      factor: try container.decodeNumber(forKey: .factor))
  }

  /// Writes an object, its 64-bit numbers as decimal strings.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(attempts, forKey: .attempts)
    try container.encodeDecimal(baseDelayMilliseconds, forKey: .baseDelayMilliseconds)
    try container.encodeDecimal(factor, forKey: .factor)
  }
}
