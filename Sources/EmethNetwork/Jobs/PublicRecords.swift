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
    /// The verdicts on its record, in the order in which they were given: the last one decided.
    public var verdicts: [SignedVerdict]
    /// What else was said: by verifiers that replayed a verdict, and second verdicts of those who signed two.
    public var furtherVerdicts: [SignedVerdict]?
    /// Who was drawn besides those on the machine's record: to replay a verdict, or to examine what was masked; `nil` is
    /// nobody.
    public var furtherDraws: [Address]?
    /// How the segments were drawn that all of them replayed; `nil` where nobody was drawn, and in records of versions that
    /// did not keep it.
    public var draw: Draw?
  }

  /// What was drawn of a submission, once for all of its verifiers.
  public struct Draw: Codable, Sendable, Hashable {
    /// The epoch of the batch that is its beacon.
    public var beaconEpoch: UInt64
    /// What the verifier that was drawn first had committed itself to; zero where it revealed nothing, and where a part is
    /// judged whole.
    public var secret: Bytes32
    /// The segments, ascending; `nil` is all of them.
    public var segments: [Int]?
  }

  /// One round's beginning: the state that all its SubJobs started from.
  public struct Round: Codable, Sendable {
    /// Counted from 0; the last one is the result.
    public var round: UInt32
    /// Its state root.
    public var initRoot: Bytes32
  }

  /// One cohort of a complete round, in the attempt whose sum holds.
  public struct Cohort: Codable, Sendable {
    /// The round, counted from 0.
    public var round: UInt32
    /// The epoch of the batch that drew it.
    public var drawEpoch: UInt64
    /// Who was drawn; a lost SubJob's part is done again by another.
    public var drawn: EmethKit.Cohort
    /// Who took part in the end, with keys.
    public var roster: Roster
    /// Their words on their masked updates, in the roster's order.
    public var masked: [SignedMasked]
    /// The Aggregator's word on the sum.
    public var sum: SignedCohortSum
    /// The epoch of the batch that is the shares' beacon.
    public var beaconEpoch: UInt64
    /// The verifiers' shares of the sum.
    public var shares: [SignedSumShare]
    /// Sums that the Aggregator signed before and that were wrong.
    public var wrongSums: [SignedCohortSum]

    /// Where a model folder has the sum with this root, if it has room for it.
    static func place(of sumRoot: Bytes32) -> String {
      "job/sums/\(Hex.encode(sumRoot.bytes, prefixed: false))"
    }
  }

  /// A node that is said to have masked another update than it submitted: what it posted, and what verifiers say.
  public struct Accusation: Codable, Sendable, Hashable {
    /// The node's word.
    public var masked: SignedMasked
    /// The word of the verifier that vouches for the update.
    public var fault: SignedMaskedFault
    /// The words of those that were asked after it, in order.
    public var further: [SignedMaskedFault]?
    /// The verdicts of those that were asked and rejected the submission for what they found in it; `nil` is none.
    public var rejections: [SignedVerdict]?
    /// The verdicts of those that were asked and to which the node opened nothing; `nil` is none.
    public var withheld: [SignedVerdict]?
    /// The words of those to which the accuser handed what it was opened; `nil` is none.
    public var handed: [SignedMaskedFault]?
    /// Those to which the node has opened something as its round secret, as the Execution Layer has it; `nil` is none.
    public var opened: [Address]?

    /// All words, and what follows from them.
    var dispute: MaskedDispute {
      MaskedDispute(
        [fault] + (further ?? []), rejecting: rejections?.map(\.signer) ?? [],
        unopened: withheld?.map(\.signer) ?? [], handed: handed ?? [], opened: Set(opened ?? []))
    }

    /// Whether the node lied; nil where nobody can say.
    var isTrue: Bool? {
      guard case .decided(let lied, _, _) = dispute.ruling(isLast: true) else { return nil }
      return lied
    }

    /// Who says that the vector fits, and vouches for the update from then on.
    var refuter: Address? { dispute.words.first(where: \.content.fits)?.signer }
  }

  /// How the updates were added.
  public struct Aggregation: Codable, Sendable {
    /// Who adds.
    public var aggregator: Address
    /// The cohorts of all complete rounds.
    public var cohorts: [Cohort]
    /// Nodes that were caught.
    public var lies: [Accusation]
    /// Accusations that others found false; `nil` is none.
    public var refuted: [Accusation]?
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
  /// Who signs tickets and batches, from epoch 1 on.
  public var signer: Address
  /// How that role was handed on, oldest change first; `nil` where it never was.
  public var signerChanges: [SignedSignerChange]?
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
  /// SHA-256 of the result; `nil` for a training.
  public var result: Bytes32?
  /// All SubJobs in the order of registration.
  public var subJobs: [SubJob]
  /// How the updates were added; `nil` where they were not masked.
  public var aggregation: Aggregation?
  /// All batches, oldest first.
  public var batches: [SignedBatch]
  /// The newest ticket of every account.
  public var tickets: [SignedTicket]
  /// All settled jobs.
  public var leaves: [Leaf]
}
