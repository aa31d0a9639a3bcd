import EmethKit

/// What a verifier holds against a submission.
public struct Finding: Codable, Sendable, Hashable {
  /// What kind of proof there is of it.
  public enum Kind: String, Codable, Sendable {
    /// The submission says something else than the Execution Layer's record of the SubJob.
    case submission
    /// What the node signed as its opening is short, or does not lead to what it committed to.
    case opening
    /// A segment that is computed again ends in another state than the node committed to.
    case replay
    /// The last state gives another update than the node committed to.
    case result
    /// The opening did not come, or can't be read: only that others find the same speaks for it.
    case withheld
  }

  /// What kind of proof there is of it.
  public var kind: Kind
  /// The segment that it is about, when it is about one.
  public var segment: Int?
  /// In words.
  public var text: String
  /// The root in which the segment ended when it was computed again.
  public var replayedRoot: Bytes32?

  /// A finding.
  public init(_ kind: Kind, segment: Int? = nil, _ text: String, replayedRoot: Bytes32? = nil) {
    self.kind = kind
    self.segment = segment
    self.text = text
    self.replayedRoot = replayedRoot
  }
}
