/// How likely a draw finds bad segments, in exact integers (PROTOCOL 7).
///
/// Of n segments m are bad and k are drawn: P = 1 − C(n−m, k) / C(n, k). The last segment, which is checked
/// besides, only adds to it.
///
/// ```swift
/// let odds = try DetectionOdds(segments: 100, bad: 10, drawn: 3)
/// odds.probability                        // 67/245: a little more than 27 %
/// odds.parts(per: 1_000_000)              // 273469
/// try DetectionOdds.drawsNeeded(segments: 100, bad: 10, probability: Ratio(99, over: 100))   // 36
/// ```
public struct DetectionOdds: Hashable, Sendable {
  /// The most segments that odds are calculated for, 2^20.
  public static let maximumSegments = 1 << 20

  /// n, the number of segments.
  public let segments: Int
  /// m, how many are bad.
  public let bad: Int
  /// k, how many are drawn.
  public let drawn: Int

  // C(n−m, k) / C(n, k) as big products.
  private let missed: (numerator: BigNatural, denominator: BigNatural)

  /// The odds of a draw.
  ///
  /// - Throws: ``VerificationError/oddsRange(field:found:allowed:)`` unless n is 1 to 2^20, and m and k are 0
  ///   to n.
  /// - Complexity: O(min(m, k)²) word operations.
  public init(segments: Int, bad: Int, drawn: Int) throws(VerificationError) {
    try DetectionOdds.check("segments", segments, 1...DetectionOdds.maximumSegments)
    try DetectionOdds.check("bad", bad, 0...segments)
    try DetectionOdds.check("drawn", drawn, 0...segments)
    self.segments = segments
    self.bad = bad
    self.drawn = drawn
    // Symmetric in m and k, so that the shorter product will do: Π (n − larger − i) / (n − i), i < smaller.
    let (smaller, larger) = (min(bad, drawn), max(bad, drawn))
    let free = segments - larger
    guard smaller <= free else {
      missed = (BigNatural(0), BigNatural(1))
      return
    }
    var (numerator, denominator) = (BigNatural(1), BigNatural(1))
    for index in 0..<smaller {
      numerator.multiply(by: UInt64(free - index))
      denominator.multiply(by: UInt64(segments - index))
    }
    missed = (numerator, denominator)
  }

  private static func check(_ field: String, _ found: Int, _ allowed: ClosedRange<Int>)
    throws(VerificationError)
  {
    guard allowed.contains(found) else { throw .oddsRange(field: field, found: found, allowed: allowed) }
  }

  /// The probability as an exact fraction, or nil when its terms need more than 256 bits; ``parts(per:)`` and
  /// ``reaches(_:)`` are exact in every case.
  public var probability: Ratio? {
    let (smaller, larger) = (min(bad, drawn), max(bad, drawn))
    let free = segments - larger
    guard smaller <= free else { return Ratio(1, nonZero: 1) }
    var miss = Ratio(1, nonZero: 1)
    for index in 0..<smaller {
      // Cancelled crosswise first, so that the products are in lowest terms and grow no more than they must.
      let factor = Ratio(UInt256(free - index), nonZero: UInt256(segments - index))
      let left = Ratio(miss.numerator, nonZero: factor.denominator)
      let right = Ratio(factor.numerator, nonZero: miss.denominator)
      let (upper, upperOverflow) = left.numerator.multipliedReportingOverflow(by: right.numerator)
      let (lower, lowerOverflow) = left.denominator.multipliedReportingOverflow(by: right.denominator)
      guard !upperOverflow, !lowerOverflow else { return nil }
      miss = Ratio(upper, nonZero: lower)
    }
    return Ratio(miss.denominator - miss.numerator, nonZero: miss.denominator)
  }

  /// The probability in parts of a scale, rounded down: `parts(per: 100)` is whole percents.
  public func parts(per scale: UInt64) -> UInt64 {
    var found = missed.denominator.subtracting(missed.numerator)
    found.multiply(by: scale)
    // The largest q with q x denominator <= found; never more than the scale.
    var (low, high) = (UInt64(0), scale)
    while low < high {
      let middle = low + (high - low) / 2 + 1
      var product = missed.denominator
      product.multiply(by: middle)
      if product <= found {
        low = middle
      } else {
        high = middle - 1
      }
    }
    return low
  }

  /// Whether the probability is at least a given one, exactly.
  public func reaches(_ probability: Ratio) -> Bool {
    let found = missed.denominator.subtracting(missed.numerator)
    return found.multiplied(by: probability.denominator)
      >= missed.denominator.multiplied(by: probability.numerator)
  }

  /// The least number of draws that finds bad segments with at least a given probability, or nil when none
  /// does (nothing is bad).
  ///
  /// - Throws: ``VerificationError/oddsRange(field:found:allowed:)``;
  ///   ``VerificationError/probabilityAboveOne(found:)``.
  public static func drawsNeeded(
    segments: Int, bad: Int, probability: Ratio
  ) throws(VerificationError) -> Int? {
    guard probability.numerator <= probability.denominator else {
      throw .probabilityAboveOne(found: probability)
    }
    func reaches(_ draws: Int) throws(VerificationError) -> Bool {
      try DetectionOdds(segments: segments, bad: bad, drawn: draws).reaches(probability)
    }
    if try reaches(0) { return 0 }
    guard bad > 0 else { return nil }
    // Doubling first keeps the products short when few draws are enough. With n draws P = 1.
    var (low, high) = (0, 1)
    while high < segments, try !reaches(high) {
      (low, high) = (high, min(high * 2, segments))
    }
    while high - low > 1 {
      let middle = low + (high - low) / 2
      if try reaches(middle) {
        high = middle
      } else {
        low = middle
      }
    }
    return high
  }

  /// The least number of draws that finds a cheat on at least a share of the segments: m = the share of n,
  /// rounded up.
  ///
  /// - Throws: As ``drawsNeeded(segments:bad:probability:)``, also for a share above one.
  public static func drawsNeeded(
    segments: Int, badShare: Ratio, probability: Ratio
  ) throws(VerificationError) -> Int? {
    try check("segments", segments, 1...maximumSegments)
    guard badShare.numerator <= badShare.denominator else { throw .probabilityAboveOne(found: badShare) }
    let (high, low) = badShare.numerator.multipliedFullWidth(by: UInt256(segments))
    let (quotient, rest) = badShare.denominator.dividingFullWidth((high, low))
    let bad = Int(quotient) + (rest > 0 ? 1 : 0)
    return try drawsNeeded(segments: segments, bad: bad, probability: probability)
  }

  /// Whether all three numbers are equal.
  public static func == (left: DetectionOdds, right: DetectionOdds) -> Bool {
    (left.segments, left.bad, left.drawn) == (right.segments, right.bad, right.drawn)
  }

  /// Feeds the three numbers to the hasher.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(segments)
    hasher.combine(bad)
    hasher.combine(drawn)
  }
}
