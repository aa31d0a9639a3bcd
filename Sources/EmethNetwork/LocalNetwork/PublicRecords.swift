import EmethKit
import Foundation

/// All that a third party needs to check a finished job without the network: what was signed, what was paid,
/// and what the money follows from. `job/records.json` of a model folder.
public struct PublicRecords: Codable, Sendable {
  /// One SubJob.
  public struct SubJob: Codable, Sendable {
    /// Its machine at the end: terms, times, states, settlement.
    public var machine: JobMachine
    /// What its node handed in; `nil` when nothing came.
    public var submission: SignedSubmission?
    /// What the node opened of its trace: the leaves that its verifiers asked for.
    public var trace: [BoundaryOpening]
    /// The verdicts in the order in which they were given.
    public var verdicts: [SignedVerdict]
  }

  /// One round's beginning: the state that all its SubJobs started from.
  public struct Round: Codable, Sendable {
    /// Counted from 0; the last one is the result.
    public var round: UInt32
    /// Its state root.
    public var initRoot: Bytes32
  }

  /// A settled job of an account, as its ticket's jobsRoot has it.
  public struct Leaf: Codable, Sendable {
    /// Whose.
    public var account: Address
    /// In which epoch.
    public var epoch: UInt64
    /// What.
    public var leaf: JobLeaf
  }

  /// The domain of all signatures.
  public var domain: EIP712Domain
  /// Who signs tickets and batches.
  public var signer: Address
  /// The rule set that all terms follow.
  public var ruleSet: String
  /// The parent job.
  public var job: Job
  /// How it ended.
  public var status: JobStatus
  /// How the data set was divided.
  public var plan: SplitPlan
  /// Rounds and the result.
  public var rounds: [Round]
  /// All SubJobs in the order of registration.
  public var subJobs: [SubJob]
  /// All batches, oldest first.
  public var batches: [SignedBatch]
  /// The newest ticket of every account.
  public var tickets: [SignedTicket]
  /// All settled jobs.
  public var leaves: [Leaf]
}
