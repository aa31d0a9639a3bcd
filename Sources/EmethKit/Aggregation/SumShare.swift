/// A verifier's word on the update that it checked, in one number: h_i of the cohort's checkable sum
/// (PROTOCOL 8), signed as EIP-712.
///
/// ```swift
/// let share = SumShare(jobID: jobID, round: 4, beacon: beacon, value: projection.value)
/// let signed = SignedSumShare(signing: share, in: .embedded, with: verifierKey)
/// ```
public struct SumShare: Hashable, Sendable {
  /// The SubJob.
  public let jobID: JobID
  /// The round, from 0.
  public let round: UInt32
  /// The beacon, drawn after all masked vectors were fixed.
  public let beacon: Bytes32
  /// ``SumProjection/value`` of q.
  public let value: UInt64

  /// A share of these values.
  ///
  /// - Throws: ``AggregationError/shareRange(found:allowed:)`` unless the value is below 2^61 − 1.
  public init(jobID: JobID, round: UInt32, beacon: Bytes32, value: UInt64) throws(AggregationError) {
    guard value < SumProjection.modulus else {
      throw .shareRange(found: value, allowed: SumProjection.modulus - 1)
    }
    self.jobID = jobID
    self.round = round
    self.beacon = beacon
    self.value = value
  }
}

extension SumShare: EIP712Struct {
  /// The type's text.
  public static let eip712Type = "SumShare(bytes16 jobId,uint32 round,bytes32 beacon,uint64 value)"

  /// The members in the order of the type.
  public var eip712Values: [ABIValue] {
    [.fixedBytes(jobID.bytes), .uint(UInt256(round)), .bytes32(beacon), .uint(UInt256(value))]
  }
}

extension SumShare: Codable {
  private enum CodingKeys: String, CodingKey {
    case jobID = "jobId"
    case round, beacon, value
  }

  /// Reads an object.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    let jobID = try container.decode(JobID.self, forKey: .jobID)
    let round: UInt32 = try container.decodeNumber(forKey: .round)
    let beacon = try container.decode(Bytes32.self, forKey: .beacon)
    let value: UInt64 = try container.decodeNumber(forKey: .value)
    self = try decoder.validating { () throws(AggregationError) in
      try SumShare(jobID: jobID, round: round, beacon: beacon, value: value)
    }
  }

  /// Writes an object; value is a decimal string.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(jobID, forKey: .jobID)
    try container.encode(round, forKey: .round)
    try container.encode(beacon, forKey: .beacon)
    try container.encodeDecimal(value, forKey: .value)
  }
}

extension SumShare: SignableContent {
  /// What ``Signed/check(signers:in:)`` throws.
  public typealias CheckError = AggregationError

  /// The member `sumShare`.
  public static var jsonKey: String { "sumShare" }
}

/// A share of the checkable sum with its verifier's signature.
///
/// In JSON `{"domain", "sumShare", "digest", "signature", "signer"}`.
public typealias SignedSumShare = Signed<SumShare>
