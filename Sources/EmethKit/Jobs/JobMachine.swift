/// The life of one registered job or SubJob as a value: events in, effects for a ledger out (PROTOCOL 2 and
/// 3).
///
/// Pure: no clock, no storage. The same machine runs in the local network, on the Execution Layer and in a
/// simulator. An event that is refused changes nothing.
///
/// ```swift
/// var machine = try JobMachine(
///   request: job, by: .requester(address), idIsUnused: true, fundsAvailable: balance)
/// var effects = machine.requestEffects
/// effects += try machine.apply(
///   .process(by: node, headerExists: true, cooldownOver: true, depositAvailable: funds), at: now)
/// ```
/// A parent that is divided into SubJobs has a life of its own (``ParentMachine``).
public struct JobMachine: Hashable, Codable, Sendable {
  /// What was asked for.
  public let job: Job
  /// The periods and choices fixed at registration.
  public let parameters: JobParameters
  /// Where the job stands.
  public internal(set) var status: JobStatus = .requested
  /// When it must be submitted, unix seconds, outages included.
  public internal(set) var deadline: UInt64
  /// The node that waits for its sealed header.
  public internal(set) var claim: Claim?
  /// The node that took it.
  public internal(set) var node: Address?
  /// When the node took it, unix seconds.
  public internal(set) var startedAt: UInt64?
  /// When the node's lease lapses unless it is renewed, unix seconds.
  public internal(set) var leaseExpiresAt: UInt64?
  /// The fuel that the node claims to have used.
  public internal(set) var fuelUsed: Fuel?
  /// The digest of the node's submission.
  public internal(set) var submission: Bytes32?
  /// When it was submitted, unix seconds.
  public internal(set) var submittedAt: UInt64?
  /// The verifiers drawn so far, the last one current.
  public internal(set) var draws: [Draw] = []
  /// The accepting verdict of the drawn verifier, data of SUBMITTED until a masked sum checks.
  public internal(set) var verdict: AcceptingVerdict?
  /// The cohort in which the result is added.
  public internal(set) var cohort: Cohort?
  /// The end of the last outage that was added to the deadlines, unix seconds.
  public internal(set) var outagesCountedUntil: UInt64?
  /// When it ended, unix seconds.
  public internal(set) var endedAt: UInt64?
  /// Why it ended as it did.
  public internal(set) var endReason: JobEndReason?
  /// Who got what.
  public internal(set) var settlement: Settlement?

  /// A node's wish for a job whose sealed header is not written yet.
  public struct Claim: Hashable, Codable, Sendable {
    /// The node.
    public let node: Address
    /// When the claim lapses, unix seconds.
    public let expiresAt: UInt64
  }

  /// One verifier drawn by the beacon.
  public struct Draw: Hashable, Codable, Sendable {
    /// The verifier.
    public let verifier: Address
    /// When its challenge was published, unix seconds.
    public let drawnAt: UInt64
    /// When the node must have opened, unix seconds.
    public internal(set) var openBy: UInt64
    /// When the storage gave its receipt for the openings, unix seconds.
    public internal(set) var openedAt: UInt64?
    /// When the verifier counts as silent, unix seconds; nil until the openings are there.
    public internal(set) var answerBy: UInt64?
    /// The evidence of a mismatch that it reported; zero when its verdict was struck instead.
    public internal(set) var dispute: Bytes32?
    /// Who accepted and vouches for the update, where this one was drawn after that: to take its place in the sum.
    public internal(set) var inPlaceOf: Address?

    /// Whether it reported a mismatch: the fee of a failed job is for whoever did so first.
    var hasFound: Bool { dispute.map { $0 != .zero } ?? false }

    /// Whether the verifier had its openings and said nothing in time.
    func isSilent(at now: UInt64) -> Bool {
      guard dispute == nil, let answerBy else { return false }
      return now >= answerBy
    }
  }

  /// An accepting verdict.
  public struct AcceptingVerdict: Hashable, Codable, Sendable {
    /// The verifier that gave it.
    public let verifier: Address
    /// The verdict's digest.
    public let digest: Bytes32
    /// Another one whose word the request asks for as well, and that agrees; `nil` is nobody.
    public internal(set) var sharedWith: Address?
  }

  /// The cohort in which a masked result is added (PROTOCOL 8).
  public struct Cohort: Hashable, Codable, Sendable {
    /// The cohort's attempt.
    public let attempt: UInt32
    /// When keys and masked vector are due, unix seconds.
    public internal(set) var deadline: UInt64
    /// The root of the masked vector, once it is in.
    public internal(set) var maskedRoot: Bytes32?
  }

  /// The current verifier, or after the end the one that is paid.
  public internal(set) var verifier: Address?

  /// Why it ended as it did, in words.
  public var reason: String? { endReason?.message }
}

extension JobMachine {
  /// Who registers a job.
  public enum Registrar: Hashable, Sendable {
    /// The requester itself, for a job of its own.
    case requester(Address)
    /// The Execution Layer, for a SubJob of a parent with this requester.
    case executionLayer(parentRequester: Address)
  }

  /// A job that is registered: REQUESTED, with ``requestEffects`` to carry out.
  ///
  /// - Parameters:
  ///   - job: What is asked for.
  ///   - registrar: Who registers it.
  ///   - idIsUnused: Whether no job has had this id.
  ///   - fundsAvailable: The requester's unspent balance; for a SubJob the parent's escrow.
  ///   - parameters: The periods and choices, fixed from now on.
  /// - Throws: ``JobError``: `idInUse`, `wrongRegistrar`, `escrowNotCovered`, `verifierFeeForSelfProving`.
  public init(
    request job: Job, by registrar: Registrar, idIsUnused: Bool, fundsAvailable: TokenAmount,
    parameters: JobParameters = .standard
  ) throws(JobError) {
    guard idIsUnused else { throw .idInUse(job.id) }
    switch registrar {
    case .requester(let address):
      guard job.position == nil, address == job.requester else {
        throw .wrongRegistrar(job: job.id, isSubJob: job.position != nil, found: address)
      }
    case .executionLayer(let parentRequester):
      guard job.position != nil, parentRequester == job.requester else {
        throw .wrongRegistrar(job: job.id, isSubJob: job.position != nil, found: parentRequester)
      }
    }
    guard fundsAvailable >= job.terms.escrow else {
      throw .escrowNotCovered(found: fundsAvailable, required: job.terms.escrow)
    }
    guard !parameters.selfProving || job.terms.verifierFee == .zero else {
      throw .verifierFeeForSelfProving(found: job.terms.verifierFee)
    }
    self.job = job
    self.parameters = parameters
    deadline = job.deadline
  }

  /// What a ledger has to carry out for the registration.
  public var requestEffects: [JobEffect] {
    if let position = job.position {
      [.escrowFromParent(position.parent, job.terms.escrow)]
    } else {
      [.escrow(from: job.requester, job.terms.escrow)]
    }
  }
}
