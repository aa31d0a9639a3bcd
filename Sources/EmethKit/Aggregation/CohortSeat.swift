/// One SubJob's place in a cohort: who computed it, and what its submission committed to (PROTOCOL 8).
///
/// ```swift
/// let seat = CohortSeat(jobID: submission.jobID, node: submission.node, resultRoot: submission.resultRoot)
/// ```
public struct CohortSeat: Hashable, Sendable {
  /// The SubJob.
  public let jobID: JobID
  /// The node that submitted it.
  public let node: Address
  /// The root of the salted chunks of its quantised update.
  public let resultRoot: Bytes32

  /// A seat of these values.
  public init(jobID: JobID, node: Address, resultRoot: Bytes32) {
    self.jobID = jobID
    self.node = node
    self.resultRoot = resultRoot
  }

  /// The seat of an accepted submission.
  public init(of submission: Submission) {
    self.init(jobID: submission.jobID, node: submission.node, resultRoot: submission.resultRoot)
  }
}

extension CohortSeat: Codable {
  private enum CodingKeys: String, CodingKey {
    case jobID = "jobId"
    case node, resultRoot
  }
}
