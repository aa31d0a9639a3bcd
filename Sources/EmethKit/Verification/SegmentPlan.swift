/// How the steps of a SubJob are cut into segments, so that committing to their ends and replaying some of them
/// cost least together (PROTOCOL 7).
///
/// Short segments make a replay cheap and the trace dear: a state root is taken at the end of each. What a
/// root costs is reckoned from the model alone, never measured, so that the same job has the same segments on
/// every machine: hashing a byte of the state takes as long as ``operationsPerByte`` floating-point operations
/// of training, on as many threads.
///
/// No segment has a single step unless the SubJob has no more: a verdict names a state from inside a segment, which
/// nobody can tell who has not computed it.
///
/// ```swift
/// let goal = try DetectionGoal(share: Rate(percent: 10), probability: Rate(percent: 95))
/// let plan = try SegmentPlan(model: small, tokensPerStep: 3_072, stepsPerRound: 500) {
///   segments throws(VerificationError) in try goal.plan(subJobs: 16, segments: segments).drawn
/// }
/// plan.length        // 3 steps
/// plan.replayShare   // 18000 millionths: a verifier repeats 1.8 % of the work
/// ```
public struct SegmentPlan: Hashable, Sendable {
  /// Floating-point operations of training in the time in which a byte is hashed: about 45 on a CPU with SHA
  /// instructions and AVX2, about 90 with AVX-512.
  public static let operationsPerByte: UInt64 = 64
  /// The most that the trace may take of a SubJob's training, in millionths; more only in rounds so short that a
  /// verifier repeats four times as much.
  public static let maximumTraceShare: UInt64 = 30_000

  /// Steps of a segment, S; 2 or more, but for a SubJob of one step.
  public let length: UInt32
  /// Segments of a SubJob, n.
  public let segments: Int
  /// Segments that are drawn of each SubJob.
  public let drawn: Int
  /// What committing takes of a SubJob's training, in millionths, rounded up.
  public let traceShare: UInt64
  /// Steps that a verifier repeats, the last segment's included, in millionths of a SubJob's, rounded up.
  public let replayShare: UInt64

  /// The plan that costs least.
  ///
  /// - Parameters:
  ///   - tokensPerStep: batch times context, 1 or more.
  ///   - stepsPerRound: H, 1 or more.
  ///   - draws: how many segments of each SubJob are drawn when it has so many.
  /// - Throws: ``VerificationError/oddsRange(field:found:allowed:)``, and what `draws` throws.
  public init(
    model: ModelShape, tokensPerStep: UInt64, stepsPerRound: UInt32,
    draws: (Int) throws(VerificationError) -> Int
  ) throws(VerificationError) {
    let limit = 1...DetectionOdds.maximumSegments
    guard tokensPerStep > 0 else {
      throw .oddsRange(field: "tokensPerStep", found: 0, allowed: 1...Int.max)
    }
    guard stepsPerRound > 0 else { throw .oddsRange(field: "stepsPerRound", found: 0, allowed: limit) }
    // Parameters and two moments of 4 bytes each, in millionths of a step.
    let root = Self.quotient(
      UInt128(12 * model.parameterCount) * UInt128(Self.operationsPerByte) * 1_000_000,
      UInt128(model.operationsPerTrainedToken) * UInt128(tokensPerStep))
    let steps = UInt128(stepsPerRound)

    var best = Candidate(length: stepsPerRound, segments: 1, drawn: min(1, try draws(1)))
    var length = stepsPerRound - 1
    while length > 1 {
      let segments = Int((stepsPerRound - 1) / length + 1)
      // Of all lengths that give so many segments the shortest is replayed fastest.
      length = (stepsPerRound - 1) / UInt32(segments) + 1
      let trace = Candidate.trace(segments, root: root)
      guard segments <= limit.upperBound, trace < best.cost(root: root, steps: steps) else { break }
      let next = Candidate(length: length, segments: segments, drawn: min(segments, try draws(segments)))
      let allowed = max(
        steps * UInt128(Self.maximumTraceShare), next.replayedSteps(of: steps) * 1_000_000 / 4)
      // Of so many segments any other length leaves the last one even fewer steps.
      let hasShort = (stepsPerRound - 1) % length == 0
      let isCheaper = next.cost(root: root, steps: steps) < best.cost(root: root, steps: steps)
      if !hasShort, trace <= allowed, isCheaper {
        best = next
      }
      length -= 1
    }
    self.length = best.length
    segments = best.segments
    drawn = best.drawn
    traceShare = UInt64(clamping: Self.quotient(Candidate.trace(best.segments, root: root), steps))
    replayShare = UInt64(clamping: Self.quotient(best.replayedSteps(of: steps) * 1_000_000, steps))
  }

  /// A way to cut, and what it costs in millionths of a step.
  private struct Candidate {
    let length: UInt32
    let segments: Int
    let drawn: Int

    /// A root at the beginning and one at each segment's end.
    static func trace(_ segments: Int, root: UInt128) -> UInt128 { UInt128(segments + 1) * root }

    /// The drawn segments and the last.
    private var replayed: UInt128 { UInt128(min(segments, drawn + 1)) }

    func replayedSteps(of steps: UInt128) -> UInt128 { min(steps, replayed * UInt128(length)) }

    func cost(root: UInt128, steps: UInt128) -> UInt128 {
      Self.trace(segments, root: root) + replayedSteps(of: steps) * 1_000_000 + replayed * root
    }
  }

  /// Rounded up.
  private static func quotient(_ dividend: UInt128, _ divisor: UInt128) -> UInt128 {
    (dividend + divisor - 1) / divisor
  }
}
