/// What a drawn verifier says of a submission, signed as EIP-712 (PROTOCOL 7).
///
/// ```swift
/// let verdict = Verdict(
///   jobID: submission.jobID, submission: submission.digest(in: domain), verifier: address, accepted: true,
///   seed: seed, step: 12, stepRoot: root, evidence: .zero)
/// ```
public struct Verdict: Hashable, Sendable {
  /// The SubJob.
  public let jobID: JobID
  /// The submission's digest.
  public let submission: Bytes32
  /// The verifier.
  public let verifier: Address
  /// Whether every replayed segment ended in the committed bytes.
  public let accepted: Bool
  /// What the segments were drawn from.
  public let seed: Bytes32
  /// A step inside a drawn segment, chosen by the seed.
  public let step: UInt32
  /// The state root after that step: who did not compute it does not know it.
  public let stepRoot: Bytes32
  /// The hash of the evidence; zero when accepted.
  public let evidence: Bytes32

  /// A verdict of these values.
  public init(
    jobID: JobID, submission: Bytes32, verifier: Address, accepted: Bool, seed: Bytes32, step: UInt32,
    stepRoot: Bytes32, evidence: Bytes32
  ) {
    self.jobID = jobID
    self.submission = submission
    self.verifier = verifier
    self.accepted = accepted
    self.seed = seed
    self.step = step
    self.stepRoot = stepRoot
    self.evidence = evidence
  }
}

extension Verdict: EIP712Struct {
  /// The type's text.
  public static let eip712Type =
    "Verdict(bytes16 jobId,bytes32 submission,address verifier,bool accepted,bytes32 seed,uint32 step,"
    + "bytes32 stepRoot,bytes32 evidence)"

  /// The members in the order of the type.
  public var eip712Values: [ABIValue] {
    [
      .fixedBytes(jobID.bytes), .bytes32(submission), .address(verifier), .bool(accepted), .bytes32(seed),
      .uint(UInt256(step)), .bytes32(stepRoot), .bytes32(evidence),
    ]
  }
}

extension Verdict: Codable {
  private enum CodingKeys: String, CodingKey {
    case jobID = "jobId"
    case submission, verifier, accepted, seed, step, stepRoot, evidence
  }

  /// Reads an object.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    self.init(
      jobID: try container.decode(JobID.self, forKey: .jobID),
      submission: try container.decode(Bytes32.self, forKey: .submission),
      verifier: try container.decode(Address.self, forKey: .verifier),
      accepted: try container.decode(Bool.self, forKey: .accepted),
      seed: try container.decode(Bytes32.self, forKey: .seed),
      step: try container.decodeNumber(forKey: .step),
      stepRoot: try container.decode(Bytes32.self, forKey: .stepRoot),
      evidence: try container.decode(Bytes32.self, forKey: .evidence))
  }
}
