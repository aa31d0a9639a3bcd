import EmethKit

/// A SubJob that waits for a node.
public struct SubJobOffer: Codable, Sendable, Hashable {
  /// The SubJob.
  public var id: JobID
  /// Its place in its job.
  public var position: SubJobPosition
  /// The program.
  public var programId: ProgramID
  /// The work by the formula.
  public var fuel: Fuel
  /// What a unit of it is paid.
  public var fuelPrice: FuelPrice
  /// What the node earns when it is verified.
  public var fee: TokenAmount
  /// What it has to lock.
  public var deposit: TokenAmount
  /// When it must be submitted, unix seconds.
  public var deadline: UInt64
  /// Bytes of the sealed part.
  @DecimalText public var dataBytes: UInt64
  /// Bytes of the parameters that it begins with.
  @DecimalText public var parameterBytes: UInt64
  /// Who pays for it; `nil` from servers that did not say it.
  public var requester: Address?
  /// What its job's manifest says of the program; `nil` for a training's.
  public var terms: ProgramTerms?
  /// What has to be known of a training; `nil` for others, and from servers that did not say it.
  public var training: TrainingTerms?
  /// Zero bits at the top of a proof of work's target; `nil` for others, and from servers that did not say it.
  public var proofZeroBits: UInt32?

  /// What tells one list from another.
  public static func mark(of offers: [SubJobOffer]) -> Bytes32 { SHA256.hash(offers.flatMap(\.id.bytes)) }
}

/// Which SubJobs a node wants to hear of, the best paid first.
public struct SubJobFilter: Codable, Sendable, Hashable {
  /// Only these programs; empty is all.
  public var programs: Set<ProgramID> = []
  /// None of these.
  public var withoutPrograms: Set<ProgramID> = []
  /// Of external programs only those of these modules, by their hashes; `nil` is all.
  public var modules: Set<Bytes32>?
  /// Only those that pay at least so much for a unit of fuel.
  public var minimumFuelPrice = FuelPrice(gholon: 0)
  /// At most so many, 1 to 1,000.
  public var limit = 100
  /// What came of an earlier question (``SubJobOffer/mark(of:)``) and was nothing for the node: who waits is answered once
  /// there is another list, or the wait is over; `nil` where any SubJob will do.
  public var seen: Bytes32?

  /// All SubJobs.
  public init() {}
}

/// How a SubJob stands, as its node and its verifiers need to know it.
public struct SubJobState: Codable, Sendable, Hashable {
  /// The SubJob.
  public var id: JobID
  /// Its place in its job.
  public var position: SubJobPosition
  /// The node that took it.
  public var node: Address?
  /// Where it stands.
  public var status: JobStatus
  /// Why it ended; empty before.
  public var reason: String
  /// The same as a rule of the protocol; `nil` before.
  public var endReason: JobEndReason?
  /// Objects: the evidence for which it FAILED, as its verifiers have handed it in: each a file that `emeth verify` judges,
  /// sealed to the node, the requester and the drawn verifiers; `nil` is none.
  public var evidence: [Bytes32]?
  /// When it must be submitted, unix seconds.
  public var deadline: UInt64
  /// When the node's lease lapses, unix seconds; `nil` when it is not computed now.
  public var leaseExpiresAt: UInt64?
  /// Whether its round is complete or its job has ended, so that nobody asks for anything of it any more.
  public var isOver: Bool
}

/// What a node has to show for one SubJob that it took.
public struct NodeWork: Codable, Sendable, Hashable {
  /// The SubJob.
  public var subJob: SubJobState
  /// The fee that it got.
  public var earned: TokenAmount
  /// The fee that it gets if it is verified; zero when it has ended.
  public var pending: TokenAmount
  /// What it has locked for it now.
  public var locked: TokenAmount
  /// What it lost of its deposit.
  public var lost: TokenAmount
}

/// What an account earned, may earn, and lost, and why.
public struct NodeAccount: Codable, Sendable, Hashable {
  /// The account.
  public var account: Address
  /// Its money.
  public var balances: Balances
  /// Fees of all verified SubJobs.
  public var earned: TokenAmount
  /// Fees of all that have not ended.
  public var pending: TokenAmount
  /// What all that ended otherwise cost.
  public var lost: TokenAmount
  /// The newest SubJobs, or those of a further page, newest first.
  public var work: [NodeWork]
  /// What to ask for as `before` to see more; `nil` at the end.
  public var next: UInt32?
}

/// A verifier's standing.
public struct VerifierAccount: Codable, Sendable, Hashable {
  /// The account.
  public var account: Address
  /// The bond that it has posted and not lost.
  public var bond: TokenAmount
  /// Whether it lost a bond and is not drawn any more.
  public var isStruck: Bool
  /// When its key binding ends, unix seconds; `nil` without one.
  public var bindingExpiry: UInt64?
  /// How many commitments it has posted; the next one has this number.
  public var posted: UInt32
  /// How many of them are not used yet.
  public var unused: UInt32
  /// Hashes of the modules that it computes with, ascending; `nil` is none.
  public var modules: [Bytes32]?
}

/// What everybody may know of a served network.
public struct NetworkFacts: Codable, Sendable, Hashable {
  /// The domain of all signatures.
  public var domain: EIP712Domain
  /// The service's time, unix seconds.
  public var time: UInt64
  /// Who signs the tickets and the batch of the epoch that is open.
  public var signer: Address
  /// How that role was and will be handed on, oldest change first; `nil` where it never was.
  public var signerChanges: [SignedSignerChange]?
  /// Who adds masked updates.
  public var aggregator: Address
  /// How often epochs are closed, milliseconds.
  public var epochMilliseconds: UInt32
  /// The periods of SubJobs.
  public var periods: JobParameters
  /// The newest epoch; 0 before the first.
  @DecimalText public var epoch: UInt64

  /// Who signs the tickets and the batch of an epoch, as this says: ``SignerSchedule`` looks whether it may.
  public func signer(of epoch: UInt64) -> Address {
    guard let changes = signerChanges, let oldest = changes.first else { return signer }
    return changes.last { $0.content.epoch <= epoch }?.content.next ?? oldest.content.previous
  }
}
