/// The periods and choices that a job's machine works with, fixed at its registration.
public struct JobParameters: Hashable, Codable, Sendable {
  /// How the parts of a round are added (PROTOCOL 8).
  public enum Aggregation: String, Codable, Sendable, CaseIterable {
    /// Results are added as they are: an accepting verdict ends in VERIFIED.
    case plain
    /// Results are masked in cohorts: VERIFIED needs the masked vector and the cohort's sum as well.
    case masked
  }

  /// How long a node holds a job while its sealed header is written; then the claim lapses at no cost.
  public var claimSeconds: UInt32 = 60
  /// How often a node renews its lease while it computes.
  public var leaseRenewalSeconds: UInt32 = 60
  /// After how long without a renewal the lease has lapsed: three missed ones, so that one lost packet costs
  /// nothing.
  public var leaseSeconds: UInt32 = 180
  /// How long the node has to open the drawn segments to the verifier.
  public var openingSeconds: UInt32 = 3_600
  /// How long a drawn verifier has for its verdict, from the openings' receipt.
  public var verificationSeconds: UInt32 = 3_600
  /// The regular interval of batches; a gap above three of them is an outage.
  public var batchIntervalSeconds: UInt32 = 60
  /// What is added to deadlines beside the outage itself.
  public var outageGraceSeconds: UInt32 = 600
  /// Whether the result proves itself (program 84): `submit` ends in VERIFIED or is refused.
  public var selfProving = false
  /// How results are added.
  public var aggregation = Aggregation.plain
  /// Whether FAILED needs the word of a second drawn verifier (PROTOCOL 7); false where only one can be
  /// drawn.
  public var confirmsRejection = true

  /// The protocol's parameters.
  public static let standard = JobParameters()

  /// The protocol's parameters, to be changed field by field.
  public init() {}

  /// The protocol's parameters for a program.
  public init(for entry: ProgramEntry) {
    selfProving = entry.verification == .selfProving
  }
}

extension JobParameters {
  /// By how many seconds deadlines grow for an outage of the Execution Layer (PROTOCOL 2): the outage, as far
  /// as the job lived through it, and the grace.
  ///
  /// - Parameter countedUntil: The end of the last outage that was counted.
  /// - Throws: ``JobError/noOutage(from:to:longerThan:)`` unless it is past and longer than three batch
  ///   intervals; ``JobError/outageNotCounted(from:to:countedUntil:)`` when it was counted already or ended
  ///   before the job.
  func growth(
    outageFrom from: UInt64, outageTo to: UInt64, at now: UInt64, requestedAt: UInt64, countedUntil: UInt64?
  ) throws(JobError) -> UInt64 {
    let least = 3 * UInt64(batchIntervalSeconds)
    guard to <= now, from < to, to - from > least else {
      throw .noOutage(from: from, to: to, longerThan: least)
    }
    let counted = countedUntil ?? 0
    guard from >= counted, to > requestedAt else {
      throw .outageNotCounted(from: from, to: to, countedUntil: max(counted, requestedAt))
    }
    return (to - max(from, requestedAt)).addingSaturated(outageGraceSeconds)
  }
}
