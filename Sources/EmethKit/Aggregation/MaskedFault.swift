/// A verifier's word on a masked vector, signed as EIP-712: it computed the vector's root from the node's opened
/// round secret and the update that it checked (PROTOCOL 8). Any other root than the posted one says that the
/// node masked another update than it submitted.
///
/// The node's own ``SignedMasked`` beside it says what the node posted. The secret stays between node and
/// verifier, so that one word decides nothing: see ``MaskedDispute``.
///
/// ```swift
/// let fault = MaskedFault(of: signedMasked.content, expectedRoot: root)
/// let signed = SignedMaskedFault(signing: fault, in: .embedded, with: verifierKey)
/// ```
public struct MaskedFault: Hashable, Sendable {
  /// The SubJob.
  public let jobID: JobID
  /// The round, from 0.
  public let round: UInt32
  /// The cohort's attempt.
  public let attempt: UInt32
  /// ``Roster/hash``.
  public let rosterHash: Bytes32
  /// The root that the node signed.
  public let maskedRoot: Bytes32
  /// The root of the submitted update under the node's mask; zero when the node opened no secret that fits.
  public let expectedRoot: Bytes32

  /// Whether the vector is that of the submitted update.
  public var fits: Bool { expectedRoot == maskedRoot }

  /// Whether this is a word on what a node signed.
  public func isAbout(_ masked: Masked) -> Bool {
    self == MaskedFault(of: masked, expectedRoot: expectedRoot)
  }

  /// A word of these values.
  public init(
    jobID: JobID, round: UInt32, attempt: UInt32, rosterHash: Bytes32, maskedRoot: Bytes32,
    expectedRoot: Bytes32
  ) {
    self.jobID = jobID
    self.round = round
    self.attempt = attempt
    self.rosterHash = rosterHash
    self.maskedRoot = maskedRoot
    self.expectedRoot = expectedRoot
  }

  /// A word on what a node signed.
  public init(of masked: Masked, expectedRoot: Bytes32) {
    self.init(
      jobID: masked.jobID, round: masked.round, attempt: masked.attempt, rosterHash: masked.rosterHash,
      maskedRoot: masked.maskedRoot, expectedRoot: expectedRoot)
  }
}

extension MaskedFault: EIP712Struct {
  /// The type's text.
  public static let eip712Type =
    "MaskedFault(bytes16 jobId,uint32 round,uint32 cohortAttempt,bytes32 rosterHash,bytes32 maskedRoot,"
    + "bytes32 expectedRoot)"

  /// The members in the order of the type.
  public var eip712Values: [ABIValue] {
    [
      .fixedBytes(jobID.bytes), .uint(UInt256(round)), .uint(UInt256(attempt)), .bytes32(rosterHash),
      .bytes32(maskedRoot), .bytes32(expectedRoot),
    ]
  }
}

extension MaskedFault: Codable {
  private enum CodingKeys: String, CodingKey {
    case jobID = "jobId"
    case attempt = "cohortAttempt"
    case round, rosterHash, maskedRoot, expectedRoot
  }

  /// Reads an object.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    self.init(
      jobID: try container.decode(JobID.self, forKey: .jobID),
      round: try container.decodeNumber(forKey: .round),
      attempt: try container.decodeNumber(forKey: .attempt),
      rosterHash: try container.decode(Bytes32.self, forKey: .rosterHash),
      maskedRoot: try container.decode(Bytes32.self, forKey: .maskedRoot),
      expectedRoot: try container.decode(Bytes32.self, forKey: .expectedRoot))
  }
}

extension MaskedFault: SignableContent {
  /// What ``Signed/check(signers:in:)`` throws.
  public typealias CheckError = AggregationError

  /// The member `maskedFault`.
  public static var jsonKey: String { "maskedFault" }
}

/// A verifier's word on a masked vector, with its signature.
///
/// In JSON `{"domain", "maskedFault", "digest", "signature", "signer"}`.
public typealias SignedMaskedFault = Signed<MaskedFault>
