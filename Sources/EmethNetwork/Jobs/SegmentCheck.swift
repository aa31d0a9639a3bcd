import EmethKit

/// How many segments of a SubJob its verifier replays, besides the last.
public enum SegmentCheck: Sendable, Hashable {
  /// So many, drawn at random.
  case drawn(Int)
  /// As many as it takes to reach a goal over the whole job.
  case detecting(DetectionGoal)
  /// Every one.
  case all

  /// What is drawn of each SubJob of a job; `nil` is all of its segments.
  ///
  /// - Parameters:
  ///   - subJobs: how many SubJobs the job has in all rounds when each is done at the first attempt.
  ///   - segments: how many segments each has.
  /// - Throws: `NetworkError.refused` for a job beyond the limits of `DetectionGoal.plan`.
  public func drawn(subJobs: Int, segments: Int) throws(NetworkError) -> Int? {
    switch self {
    case .drawn(let count): return count
    case .all: return nil
    case .detecting(let goal):
      return try asNetworkError { try goal.plan(subJobs: subJobs, segments: segments).drawn }
    }
  }
}

extension SegmentCheck {
  /// What it finds, counted for the goal's share of bad segments, or for a tenth.
  ///
  /// - Throws: as `drawn(subJobs:segments:)`.
  public func plan(subJobs: Int, segments: Int) throws(NetworkError) -> DetectionPlan {
    let drawn = try drawn(subJobs: subJobs, segments: segments) ?? segments
    return try asNetworkError {
      try DetectionPlan(subJobs: subJobs, segments: segments, share: countedShare, drawn: drawn)
    }
  }

  /// How the steps of each SubJob are best cut into segments to be checked so; where all are checked, as for
  /// two drawn ones.
  ///
  /// - Parameters:
  ///   - tokensPerStep: batch times context.
  ///   - subJobs: how many SubJobs the job has in all rounds when each is done at the first attempt.
  /// - Throws: as `drawn(subJobs:segments:)`.
  public func segmentPlan(
    model: ModelShape, tokensPerStep: UInt64, stepsPerRound: UInt32, subJobs: Int
  ) throws(NetworkError) -> SegmentPlan {
    try asNetworkError {
      try SegmentPlan(model: model, tokensPerStep: tokensPerStep, stepsPerRound: stepsPerRound) {
        segments throws(VerificationError) in
        switch self {
        case .drawn(let count): count
        case .detecting(let goal): try goal.plan(subJobs: subJobs, segments: segments).drawn
        case .all: 2
        }
      }
    }
  }

  /// The share of bad segments that odds are told for.
  public var countedShare: Rate {
    if case .detecting(let goal) = self { goal.share } else { Rate(percent: 10) }
  }
}

extension SegmentCheck: CustomStringConvertible {
  /// Such as `2`, `all` or `10%@95%`.
  public var description: String {
    switch self {
    case .drawn(let count): "\(count)"
    case .detecting(let goal): "\(goal)"
    case .all: "all"
    }
  }
}

extension SegmentCheck: Codable {
  private enum CodingKeys: String, CodingKey {
    case drawn, share, probability
  }

  /// Reads what `encode(to:)` writes.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    if let count = try container.decodeIfPresent(Int.self, forKey: .drawn) {
      guard count >= 0 else {
        throw DecodingError.dataCorruptedError(
          forKey: .drawn, in: container, debugDescription: "\(count) segments, allowed are 0 and above")
      }
      self = .drawn(count)
    } else if let share = try container.decodeIfPresent(Rate.self, forKey: .share) {
      self = .detecting(
        try DetectionGoal(share: share, probability: container.decode(Rate.self, forKey: .probability)))
    } else {
      self = .all
    }
  }

  /// `{"drawn"}`, `{"share", "probability"}`, or `{}` for all.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    switch self {
    case .drawn(let count): try container.encode(count, forKey: .drawn)
    case .detecting(let goal):
      try container.encode(goal.share, forKey: .share)
      try container.encode(goal.probability, forKey: .probability)
    case .all: break
    }
  }
}
