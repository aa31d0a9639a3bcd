/// What sampled replay shall catch: that a share of a job's segments was not computed as it should be, with at
/// least a probability (PROTOCOL 7).
///
/// ```swift
/// let goal = try DetectionGoal(share: Rate(percent: 10), probability: Rate(percent: 95))   // 10%@95%
/// let plan = try goal.plan(subJobs: 16, segments: 10)
/// plan.drawn                      // 2 segments of each SubJob, besides its last
/// plan.detection(per: 10_000)     // 9718: at least 97.18 %
/// ```
public struct DetectionGoal: Hashable, Sendable {
  /// The share of all segments that is bad, above 0 and at most 100 %.
  public let share: Rate
  /// The probability with which at least one of them is to be found, at most 100 %.
  public let probability: Rate

  /// A goal.
  ///
  /// - Throws: ``VerificationError/goalRange(field:found:allowed:)``.
  public init(share: Rate, probability: Rate) throws(VerificationError) {
    guard share > .zero, share <= .whole else {
      throw .goalRange(field: "share", found: share, allowed: "above 0 % to 100 %")
    }
    guard probability <= .whole else {
      throw .goalRange(field: "probability", found: probability, allowed: "0 % to 100 %")
    }
    self.share = share
    self.probability = probability
  }

  /// The fewest draws of each SubJob that reach the goal over a whole job, wherever its bad segments lie.
  ///
  /// The last segment of each SubJob is checked besides; nobody who knows that has a bad one there, so it
  /// counts for nothing here.
  ///
  /// - Parameters:
  ///   - subJobs: How many SubJobs the job has in all rounds, 1 to 2^20.
  ///   - segments: How many segments each of them has, 1 to 2^20.
  /// - Throws: ``VerificationError/oddsRange(field:found:allowed:)``.
  public func plan(subJobs: Int, segments: Int) throws(VerificationError) -> DetectionPlan {
    func plan(_ drawn: Int) throws(VerificationError) -> DetectionPlan {
      try DetectionPlan(subJobs: subJobs, segments: segments, share: share, drawn: drawn)
    }
    // Few draws are found quickly and counted quickly: the steps to them double.
    var (low, high) = (-1, 0)
    while high < segments, try !plan(high).reaches(probability) {
      (low, high) = (high, min(segments, max(1, 2 * high)))
    }
    while high - low > 1 {
      let middle = low + (high - low) / 2
      if try plan(middle).reaches(probability) { high = middle } else { low = middle }
    }
    return try plan(high)
  }
}

extension DetectionGoal: CustomStringConvertible {
  /// The goal as it is typed, such as `10%@95%`.
  public var description: String {
    func text(_ rate: Rate) -> String { String(rate.description.filter { $0 != " " }) }
    return "\(text(share))@\(text(probability))"
  }
}
