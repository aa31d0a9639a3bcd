/// Something that happens to a parent (PROTOCOL 3).
public enum ParentEvent: Hashable, Sendable {
  /// The requester takes it back before its first SubJob is registered.
  case cancel(by: Address)
  /// The Execution Layer registers a SubJob of the current round, paid from the parent's escrow.
  case registerSubJob(Job)
  /// A SubJob has ended; `returned` is what its settlement gives to "the requester".
  case subJobEnded(JobID, JobStatus, returned: TokenAmount)
  /// The sum of a round, counted from 0, has checked.
  case completeRound(UInt32)
  /// A SubJob's last attempt ended without a result.
  case giveUp
  /// The deadline is reached.
  case timeout
  /// The Execution Layer was out between two batches (unix seconds): the deadline grows.
  case extendDeadline(outageFrom: UInt64, outageTo: UInt64)

  /// An event without its data, as errors name it.
  public enum Name: String, Hashable, Sendable, CaseIterable {
    case cancel, registerSubJob, subJobEnded, completeRound, giveUp, timeout, extendDeadline
  }

  /// Which event it is.
  public var name: Name {
    switch self {
    case .cancel: .cancel
    case .registerSubJob: .registerSubJob
    case .subJobEnded: .subJobEnded
    case .completeRound: .completeRound
    case .giveUp: .giveUp
    case .timeout: .timeout
    case .extendDeadline: .extendDeadline
    }
  }
}

/// What has to be carried out after a parent's event.
public enum ParentEffect: Hashable, Sendable {
  /// Move the escrow from the requester's unspent balance to the parent.
  case escrow(from: Address, TokenAmount)
  /// End the SubJobs that are REQUESTED or PROCESSING (``JobEvent/endWithParent(parentStatus:)``); those that
  /// are SUBMITTED run to their end.
  case endSubJobs([JobID])
  /// Give the rest of the parent's escrow back to the requester's unspent balance.
  case refund(to: Address, TokenAmount)
}
