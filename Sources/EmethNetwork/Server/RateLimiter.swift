import Synchronization

/// Buckets of tokens, one for each account or address: so many requests a second for long, so many at once.
///
/// Memory is bounded: a full bucket is forgotten, and above ``bucketLimit`` the oldest go.
final class RateLimiter: Sendable {
  /// So many are remembered at most.
  static let bucketLimit = 65_536

  private struct Bucket {
    var tokens: Double
    var at: ContinuousClock.Instant
  }

  private let rate: Double
  private let burst: Double
  private let buckets = Mutex<[String: Bucket]>([:])

  /// - Parameters:
  ///   - rate: tokens that a bucket gets a second.
  ///   - burst: tokens that it holds at most.
  init(rate: Double, burst: Double) {
    self.rate = rate
    self.burst = burst
  }

  /// Takes a token; `nil` when there was one, else the seconds until there is.
  func take(from name: String, at now: ContinuousClock.Instant = .now) -> Double? {
    buckets.withLock { buckets in
      if buckets.count >= Self.bucketLimit { forget(&buckets, at: now) }
      var bucket = buckets[name] ?? Bucket(tokens: burst, at: now)
      bucket.tokens = tokens(of: bucket, at: now)
      bucket.at = now
      guard bucket.tokens >= 1 else {
        buckets[name] = bucket
        return (1 - bucket.tokens) / rate
      }
      bucket.tokens -= 1
      buckets[name] = bucket
      return nil
    }
  }

  private func tokens(of bucket: Bucket, at now: ContinuousClock.Instant) -> Double {
    min(burst, bucket.tokens + rate * max(0, (now - bucket.at) / .seconds(1)))
  }

  /// A bucket that is full again says nothing that a new one would not.
  private func forget(_ buckets: inout [String: Bucket], at now: ContinuousClock.Instant) {
    buckets = buckets.filter { tokens(of: $0.value, at: now) < burst }
    if buckets.count >= Self.bucketLimit { buckets = [:] }
  }
}
