/// A node's word on what it opened to a challenge: that document and no other (PROTOCOL 7).
///
/// Without it anybody could write an opening that does not fit and call it the node's. With it an opening that
/// is short, or does not lead to the trace root, proves by itself that its node cheated.
///
/// ```swift
/// let statement = OpeningStatement(
///   jobID: id, submission: digest, seed: challenge.seed, contentHash: SHA256.hash(document))
/// let signed = SignedOpeningStatement(signing: statement, in: .embedded, with: nodeKey)
/// ```
public struct OpeningStatement: Hashable, Sendable {
  /// The SubJob.
  public let jobID: JobID
  /// Digest of the submission that is opened.
  public let submission: Bytes32
  /// The challenge's seed, from which the segments were drawn.
  public let seed: Bytes32
  /// SHA-256 of the opening's bytes. They hold salts, so that the hash tells nothing of them.
  public let contentHash: Bytes32

  /// A statement of these values.
  public init(jobID: JobID, submission: Bytes32, seed: Bytes32, contentHash: Bytes32) {
    self.jobID = jobID
    self.submission = submission
    self.seed = seed
    self.contentHash = contentHash
  }
}

/// An opening statement with its node's signature.
///
/// In JSON `{"domain", "opening", "digest", "signature", "signer"}`.
public typealias SignedOpeningStatement = Signed<OpeningStatement>

extension OpeningStatement: EIP712Struct {
  /// The type's text.
  public static let eip712Type =
    "Opening(bytes16 jobId,bytes32 submission,bytes32 seed,bytes32 contentHash)"

  /// The members in the order of the type.
  public var eip712Values: [ABIValue] {
    [.fixedBytes(jobID.bytes), .bytes32(submission), .bytes32(seed), .bytes32(contentHash)]
  }
}

extension OpeningStatement: SignableContent {
  /// What ``Signed/check(signers:in:)`` throws.
  public typealias CheckError = VerificationError

  /// The member `opening`.
  public static var jsonKey: String { "opening" }
}

extension OpeningStatement: Codable {
  private enum CodingKeys: String, CodingKey {
    case jobID = "jobId"
    case submission, seed, contentHash
  }
}
