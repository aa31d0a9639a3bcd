/// A node's word on its masked update: which vector it posted under which roster, signed as EIP-712
/// (PROTOCOL 8).
///
/// By the roster's hash it is also the node's signature under the roster.
///
/// ```swift
/// let masked = Masked(
///   jobID: jobID, round: 4, attempt: 0, rosterHash: roster.hash, maskedRoot: MaskedHasher.root(of: y))
/// let signed = SignedMasked(signing: masked, in: .embedded, with: nodeKey)
/// try signed.check(signer: entry.node)
/// ```
public struct Masked: Hashable, Sendable {
  /// The SubJob.
  public let jobID: JobID
  /// The round, from 0.
  public let round: UInt32
  /// The cohort's attempt.
  public let attempt: UInt32
  /// ``Roster/hash``.
  public let rosterHash: Bytes32
  /// The root of the masked vector's chunks (``MaskedHasher``).
  public let maskedRoot: Bytes32

  /// A word of these values.
  public init(jobID: JobID, round: UInt32, attempt: UInt32, rosterHash: Bytes32, maskedRoot: Bytes32) {
    self.jobID = jobID
    self.round = round
    self.attempt = attempt
    self.rosterHash = rosterHash
    self.maskedRoot = maskedRoot
  }
}

extension Masked: EIP712Struct {
  /// The type's text.
  public static let eip712Type =
    "Masked(bytes16 jobId,uint32 round,uint32 cohortAttempt,bytes32 rosterHash,bytes32 maskedRoot)"

  /// The members in the order of the type.
  public var eip712Values: [ABIValue] {
    [
      .fixedBytes(jobID.bytes), .uint(UInt256(round)), .uint(UInt256(attempt)), .bytes32(rosterHash),
      .bytes32(maskedRoot),
    ]
  }
}

extension Masked: Codable {
  private enum CodingKeys: String, CodingKey {
    case jobID = "jobId"
    case attempt = "cohortAttempt"
    case round, rosterHash, maskedRoot
  }

  /// Reads an object.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    self.init(
      jobID: try container.decode(JobID.self, forKey: .jobID),
      round: try container.decodeNumber(forKey: .round),
      attempt: try container.decodeNumber(forKey: .attempt),
      rosterHash: try container.decode(Bytes32.self, forKey: .rosterHash),
      maskedRoot: try container.decode(Bytes32.self, forKey: .maskedRoot))
  }
}

extension Masked: SignableContent {
  /// What ``Signed/check(signers:in:)`` throws.
  public typealias CheckError = AggregationError

  /// The member `masked`.
  public static var jsonKey: String { "masked" }
}

/// A node's word on its masked update with its signature.
///
/// In JSON `{"domain", "masked", "digest", "signature", "signer"}`.
public typealias SignedMasked = Signed<Masked>
