/// What so many draws of each SubJob find over a whole job.
///
/// A cheat chooses where the bad segments lie. The chance to miss those of one SubJob, C(n−m, k) / C(n, k), is
/// log-concave in m, so that spreading them evenly over the SubJobs hides them best: that is what is counted
/// here. Probabilities are exact to 2^-80.
public struct DetectionPlan: Hashable, Sendable {
  /// SubJobs of the job in all rounds.
  public let subJobs: Int
  /// Segments of each.
  public let segments: Int
  /// Bad segments of the whole job: the share of all, rounded up.
  public let bad: Int
  /// Segments that are drawn of each SubJob.
  public let drawn: Int

  /// The odds of a number of draws.
  ///
  /// - Parameters:
  ///   - subJobs: 1 to 2^20.
  ///   - segments: Of each SubJob, 1 to 2^20.
  ///   - share: Of all segments that is bad, at most 100 %.
  ///   - drawn: Of each SubJob; all of them when there are not more.
  /// - Throws: ``VerificationError/oddsRange(field:found:allowed:)``,
  ///   ``VerificationError/goalRange(field:found:allowed:)``.
  public init(subJobs: Int, segments: Int, share: Rate, drawn: Int) throws(VerificationError) {
    let limit = 1...DetectionOdds.maximumSegments
    guard limit.contains(subJobs) else {
      throw .oddsRange(field: "subJobs", found: subJobs, allowed: limit)
    }
    guard limit.contains(segments) else {
      throw .oddsRange(field: "segments", found: segments, allowed: limit)
    }
    guard drawn >= 0 else { throw .oddsRange(field: "drawn", found: drawn, allowed: 0...segments) }
    guard share <= .whole else {
      throw .goalRange(field: "share", found: share, allowed: "above 0 % to 100 %")
    }
    self.subJobs = subJobs
    self.segments = segments
    self.drawn = min(drawn, segments)
    // At most 2^40 · 100,000: no overflow.
    let (quotient, rest) = (subJobs * segments * Int(share.per100000))
      .quotientAndRemainder(dividingBy: Int(Rate.denominator))
    bad = quotient + (rest > 0 ? 1 : 0)
  }

  /// The probability that at least one bad segment is drawn, in parts of a scale, rounded down.
  public func detection(per scale: UInt64) -> UInt64 { Self.found(missed, per: scale) }

  /// The same for one SubJob alone in which the same share of segments is bad.
  public func detectionOfOneSubJob(per scale: UInt64) -> UInt64 {
    Self.found(missed(bad: (bad + subJobs - 1) / subJobs), per: scale)
  }

  func reaches(_ probability: Rate) -> Bool {
    // found / 2^120 >= probability
    Self.found(missed) * UInt256(UInt64(Rate.denominator))
      >= UInt256(UInt64(probability.per100000)) << Self.fractionBits
  }

  // MARK: - Fractions of 2^120, rounded up

  private static let fractionBits = 120
  private static let one = UInt256(1) << fractionBits
  /// The most that rounding up adds to a chance: at most 2^20 factors, each off by one, to a power of at most
  /// 2^20.
  private static let rounding = UInt256(1) << 40

  /// The chance that no bad segment is drawn at all.
  private var missed: UInt256 {
    let (each, more) = bad.quotientAndRemainder(dividingBy: subJobs)
    return Self.product(
      Self.power(missed(bad: each), subJobs - more), Self.power(missed(bad: each + 1), more))
  }

  /// The chance that none of `bad` segments of one SubJob is drawn.
  private func missed(bad: Int) -> UInt256 {
    guard bad + drawn <= segments else { return 0 }
    let (fewer, more) = (min(bad, drawn), max(bad, drawn))
    var chance = Self.one
    for index in 0..<fewer {
      let (quotient, rest) = (chance * UInt256(UInt64(segments - more - index)))
        .quotientAndRemainder(dividingBy: UInt256(UInt64(segments - index)))
      chance = rest > 0 ? quotient + 1 : quotient
    }
    return chance
  }

  private static func product(_ first: UInt256, _ second: UInt256) -> UInt256 {
    (first * second + (one - 1)) >> fractionBits
  }

  private static func power(_ base: UInt256, _ exponent: Int) -> UInt256 {
    var (result, square, left) = (one, base, exponent)
    while left > 0 {
      if left & 1 != 0 { result = product(result, square) }
      square = product(square, square)
      left >>= 1
    }
    return result
  }

  private static func found(_ missed: UInt256) -> UInt256 { one - missed + min(missed, rounding) }

  private static func found(_ missed: UInt256, per scale: UInt64) -> UInt64 {
    UInt64(truncatingIfNeeded: (found(missed) * UInt256(scale)) >> fractionBits)
  }
}
