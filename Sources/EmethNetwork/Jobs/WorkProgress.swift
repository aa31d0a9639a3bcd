import EmethKit

/// What happens while a job is worked on, as it happens.
public enum WorkProgress: Sendable {
  /// The data set is divided; `parts` SubJobs a round, `steps` optimizer steps each.
  case divided(records: UInt64, parts: UInt32, rounds: UInt32, steps: UInt32, initialLoss: Double)
  /// The data set of a job that is no training is divided into records and parts.
  case recordsDivided(records: UInt64, parts: UInt32)
  /// The parts' outputs are joined to a result of so many bytes.
  case joined(bytes: Int)
  /// A round begins, counted from 0.
  case roundBegan(UInt32)
  /// A node (counted from 1) took a SubJob.
  case taken(part: UInt32, attempt: UInt32, node: Int)
  /// A node took an optimizer step.
  case step(part: UInt32, node: Int, step: Int, of: Int, loss: Float, tokens: Int)
  /// A verifier (counted from 1) replays a SubJob's drawn segments.
  case replaying(part: UInt32, verifier: Int, segments: Int, of: Int)
  /// A verifier (counted from 1) lost its bond: it named a state that nobody else computes, or signed two
  /// verdicts.
  case bondLost(verifier: Int)
  /// A SubJob ended.
  case ended(part: UInt32, attempt: UInt32, node: Int?, status: JobStatus, reason: String)
  /// A round's SubJobs were drawn into cohorts, whose updates are added masked.
  case cohortsDrawn(round: UInt32, sizes: [Int])
  /// The Signer closed an epoch.
  case epochClosed(UInt64)
  /// A round is done.
  case roundEnded(round: UInt32, trainLoss: Double, validationLoss: Double)
}
