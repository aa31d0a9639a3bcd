import EmethKit

/// What a node, a verifier or a server of layer 1 tells its owner while it works.
public enum AgentEvent: Sendable {
  /// A node measured or corrected how much fuel it burns a second.
  case speed(program: ProgramID, fuelPerSecond: Double)
  /// A node took a SubJob, or a server of layer 1 a job that it divides.
  case took(JobID)
  /// A node took an optimizer step.
  case step(JobID, StepProgress)
  /// A node handed a result in.
  case submitted(JobID)
  /// A node gave a SubJob up.
  case declined(JobID, reason: String)
  /// A SubJob has come to its end, and nothing is kept of it.
  case ended(JobID, JobStatus, reason: String)
  /// What a node's SubJob was rejected for is in a file, which `emeth verify` judges.
  case evidence(JobID, file: String)
  /// An errand was answered.
  case answered(Errand.Kind, JobID)
  /// A verifier gave its verdict.
  case judged(JobID, accepted: Bool, finding: String)
  /// A node listens for its workers at a URL.
  case serving(String)
  /// A worker has been silent for too long, and the node computes its SubJob itself.
  case lostWorker(JobID, Address)
  /// Its ticket was paid on the chain: so much, by this transaction.
  case redeemed(TokenAmount, transaction: Bytes32?)
  /// A transaction of a job on a chain has arrived: by a function of the contracts.
  case sent(String, JobID?, transaction: Bytes32)
  /// A node took a job of a chain for whose result so few verifiers could be drawn: fewer than are wanted.
  case fewVerifiers(JobID, count: UInt64)
  /// Something failed; whatever can be tried again is.
  case failed(what: String, NetworkError)

  /// How far a SubJob is.
  public struct StepProgress: Sendable, Hashable {
    /// Counted from 1.
    public var step: Int
    /// How many there are.
    public var of: Int
    /// The step's training loss, nats a token.
    public var loss: Float
  }
}
