/// The sum of masked vectors, mod 2^32: when all of a cohort's are in, the exact sum of its updates
/// (PROTOCOL 8).
///
/// ```swift
/// try MaskedSum.add([first, second, third], into: sum)     // sum holds zeros, or a sum so far
/// try MaskedSum.check(sum, parts: 3)                       // masks that did not cancel show here
/// ```
/// Words are i32 little-endian; buffers are aligned to 4 bytes. Ranges of one vector can be added by
/// different threads.
public enum MaskedSum {
  /// The most parts of a round whose exact sum fits 32 bits: 511 x (2^22 − 1) < 2^31.
  public static let maximumParts = 511

  /// Adds vectors to a sum, all of them in one pass over it.
  ///
  /// - Throws: ``AggregationError``: `vectorMismatch` naming the length of the first vector that is not as
  ///   long as the sum, `vectorLength`. The sum is as it was then.
  /// - Complexity: Every vector is read once, the sum read and written once.
  public static func add(
    _ vectors: [UnsafeRawBufferPointer], into sum: UnsafeMutableRawBufferPointer
  ) throws(AggregationError) {
    _ = try UpdateRing.wordCount(of: UnsafeRawBufferPointer(sum))
    for vector in vectors where vector.count != sum.count {
      throw .vectorMismatch(found: UInt64(vector.count), expected: UInt64(sum.count))
    }
    let terms = vectors.map { UpdateRing.words($0) }
    let total = UpdateRing.words(sum)
    for start in stride(from: 0, to: total.count, by: UpdateRing.blockWords) {
      let block = start..<min(total.count, start + UpdateRing.blockWords)
      let target = UnsafeMutableBufferPointer(rebasing: total[block])
      for term in terms { add(UnsafeBufferPointer(rebasing: term[block]), to: target) }
    }
  }

  /// Checks that a sum can be one of so many updates: no coordinate beyond parts x (2^22 − 1).
  ///
  /// A single mask that did not cancel fails this all but certainly; a sum that passes may still be wrong,
  /// which is what ``SumProjection`` is for.
  ///
  /// - Parameter first: Which coordinate of the whole vector comes first.
  /// - Throws: ``AggregationError``: `sumOutOfBound` with the first such coordinate, `partCount` unless the
  ///   parts are 1 to 511, `vectorLength`.
  public static func check(
    _ sum: UnsafeRawBufferPointer, at first: UInt64 = 0, parts: Int
  ) throws(AggregationError) {
    guard (1...maximumParts).contains(parts) else {
      throw .partCount(found: parts, allowed: 1...maximumParts)
    }
    _ = try UpdateRing.wordCount(of: sum)
    let words = UpdateRing.words(sum)
    let bound = UInt32(parts) * UInt32(UpdateRing.limit)
    guard let outside = UpdateRing.firstOutside(words, limit: bound) else { return }
    throw .sumOutOfBound(
      coordinate: first &+ UInt64(outside),
      found: Int32(bitPattern: UInt32(littleEndian: words[outside])), allowed: Int32(bound))
  }

  @inline(__always)
  private static func add(
    _ term: UnsafeBufferPointer<UInt32>, to target: UnsafeMutableBufferPointer<UInt32>
  ) {
    for index in 0..<target.count {
      target[index] =
        (UInt32(littleEndian: target[index]) &+ UInt32(littleEndian: term[index])).littleEndian
    }
  }
}
