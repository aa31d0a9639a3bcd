/// A node's word on the key that it masks with in one attempt of a cohort, signed as EIP-712.
///
/// It ties the key to the account, the SubJob and what was computed from, so that no Aggregator can put a key
/// of its own in a node's place, or an earlier attempt's.
///
/// ```swift
/// let key = RoundKey(of: plan, seat: seat, roundKey: secret.publicKey)
/// let signed = SignedRoundKey(signing: key, in: .embedded, with: nodeKey)
/// ```
public struct RoundKey: Hashable, Sendable {
  /// The SubJob.
  public let jobID: JobID
  /// The round, from 0.
  public let round: UInt32
  /// The cohort's attempt.
  public let attempt: UInt32
  /// The node, which signs.
  public let node: Address
  /// The manifest's hash.
  public let programHash: Bytes32
  /// The state root that the node trained from.
  public let initRoot: Bytes32
  /// The root of its quantised update.
  public let resultRoot: Bytes32
  /// The X25519 public key.
  public let roundKey: Bytes32

  /// A key of these values.
  public init(
    jobID: JobID, round: UInt32, attempt: UInt32, node: Address, programHash: Bytes32, initRoot: Bytes32,
    resultRoot: Bytes32, roundKey: Bytes32
  ) {
    self.jobID = jobID
    self.round = round
    self.attempt = attempt
    self.node = node
    self.programHash = programHash
    self.initRoot = initRoot
    self.resultRoot = resultRoot
    self.roundKey = roundKey
  }

  /// The key of one member of a plan.
  public init(of plan: CohortPlan, seat: CohortSeat, roundKey: Bytes32) {
    self.init(
      jobID: seat.jobID, round: plan.round, attempt: plan.attempt, node: seat.node,
      programHash: plan.programHash, initRoot: plan.initRoot, resultRoot: seat.resultRoot, roundKey: roundKey)
  }
}

extension RoundKey: EIP712Struct {
  /// The type's text.
  public static let eip712Type =
    "RoundKey(bytes16 jobId,uint32 round,uint32 cohortAttempt,address node,bytes32 programHash,"
    + "bytes32 initRoot,bytes32 resultRoot,bytes32 roundKey)"

  /// The members in the order of the type.
  public var eip712Values: [ABIValue] {
    [
      .fixedBytes(jobID.bytes), .uint(UInt256(round)), .uint(UInt256(attempt)), .address(node),
      .bytes32(programHash), .bytes32(initRoot), .bytes32(resultRoot), .bytes32(roundKey),
    ]
  }
}

extension RoundKey: Codable {
  private enum CodingKeys: String, CodingKey {
    case jobID = "jobId"
    case attempt = "cohortAttempt"
    case round, node, programHash, initRoot, resultRoot, roundKey
  }

  /// Reads an object.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    self.init(
      jobID: try container.decode(JobID.self, forKey: .jobID),
      round: try container.decodeNumber(forKey: .round),
      attempt: try container.decodeNumber(forKey: .attempt),
      node: try container.decode(Address.self, forKey: .node),
      programHash: try container.decode(Bytes32.self, forKey: .programHash),
      initRoot: try container.decode(Bytes32.self, forKey: .initRoot),
      resultRoot: try container.decode(Bytes32.self, forKey: .resultRoot),
      roundKey: try container.decode(Bytes32.self, forKey: .roundKey))
  }
}

extension RoundKey: SignableContent {
  /// What ``Signed/check(signers:in:)`` throws.
  public typealias CheckError = AggregationError

  /// The member `roundKey`.
  public static var jsonKey: String { "roundKey" }

  /// The key's own node.
  public var requiredSigner: Address? { node }
}

/// A round key with its node's signature.
///
/// In JSON `{"domain", "roundKey", "digest", "signature", "signer"}`.
public typealias SignedRoundKey = Signed<RoundKey>
