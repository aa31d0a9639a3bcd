/// The EmethVerifiers contract: bonds, commitments, draws and cohorts on L1 (Docs/Decisions/0018).
///
/// ```swift
/// let call = EmethVerifiers.challenge(jobID, secret: secret)
/// let review = try EmethVerifiers.review(jobID).result(returned)
/// ```
public enum EmethVerifiers {
  /// Where the check of a job stands.
  public enum Phase: UInt8, Hashable, Sendable {
    /// Nothing was submitted.
    case notSubmitted = 0
    /// A verifier is to be drawn.
    case waitsForDraw = 1
    /// The verifier is to show its secret.
    case waitsForChallenge = 2
    /// The node is to open.
    case waitsForOpenings = 3
    /// The verifier is to say what it found.
    case waitsForVerdict = 4
    /// Accepted; a masked vector may be missing.
    case accepted = 5
    /// The node is to post its round key.
    case waitsForKey = 6
    /// The round key is there.
    case keyPosted = 7
    /// The node is to post its masked vector's root.
    case waitsForMasked = 8
    /// The root is there.
    case maskedPosted = 9
  }

  /// The check of one job.
  public struct Review: Hashable, Sendable {
    /// Where it stands.
    public let phase: Phase
    /// Whether a masked vector belongs to it.
    public let isMasked: Bool
    /// How often a verifier was drawn before.
    public let turn: UInt64
    /// How many drawn verifiers were silent with their openings; who never showed a secret is not among them.
    public let silent: UInt64
    /// Until when the next step is due, unix seconds; nil: no time runs.
    public let dueBy: UInt64?
    /// The block whose hash draws the verifier; nil: none is set.
    public let beaconBlock: UInt64?
    /// The submission's hash.
    public let submission: Bytes32
    /// Of the verifier that is drawn, the commitment whose secret it is to show; zero: nobody is drawn.
    public let commitment: Bytes32
    /// Who is drawn; nil: nobody.
    public let verifier: Address?
    /// Who found a fault first; nil: nobody.
    public let finder: Address?
  }

  /// A verifier's bond and its stock of commitments.
  public struct Bond: Hashable, Sendable {
    /// The bond.
    public let amount: TokenAmount
    /// From when it can be taken out, unix seconds; nil when that was not announced.
    public let unbondingAt: UInt64?
    /// How many commitments were ever posted.
    public let posted: UInt64
    /// How many of them are used.
    public let used: UInt64
  }

  /// Something that the contract logged.
  public enum Event: Hashable, Sendable {
    /// A verifier was drawn by a block's hash.
    case drawn(JobID, verifier: Address, beacon: Bytes32)
    /// Nobody drew in time: a later block draws.
    case drawDelayed(JobID, beaconBlock: UInt64)
    /// The verifier has shown its secret; the segments follow from the seed.
    case challenged(JobID, seed: Bytes32)
    /// The node has opened.
    case opened(JobID, openings: Bytes32)
    /// A verifier rejects the result; a second one is drawn.
    case disputed(JobID, verifier: Address)
    /// A part's cohort went on: its attempt, its phase, and the key, roster or root of that phase.
    case cohortChanged(JobID, attempt: UInt64, phase: UInt64, word: Bytes32)
    /// A bond rose, fell, or is about to.
    case bondChanged(verifier: Address, amount: TokenAmount, unbondingAt: UInt64?)
    /// A bond is lost.
    case bondForfeited(verifier: Address, amount: TokenAmount)
    /// A verifier has posted commitments; so many in all.
    case secretsCommitted(verifier: Address, posted: UInt64)
  }

  /// Every event of the contract.
  public static let events: [ABIEvent] = eventTable.map(\.event)
  /// The functions of the contract that accounts call; Core's own calls are not among them.
  public static let functions: [ABIFunction] = Function.all
}

extension EmethVerifiers.Event {
  /// The event of a log.
  ///
  /// - Throws: ``ContractError/unknownEvent(topic0:)``, ``ContractError/data(of:cause:)``,
  ///   ``ContractError/value(of:member:found:allowed:)``.
  public init(topics: [Bytes32], data: [UInt8]) throws(ContractError) {
    self = try ContractEvent.output(in: EmethVerifiers.eventTable, topics: topics, data: data)
  }
}
