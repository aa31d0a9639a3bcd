/// A submission with its node's signature.
///
/// In JSON `{"domain", "submission", "digest", "signature", "signer"}`.
public typealias SignedSubmission = Signed<Submission>

extension Submission: SignableContent {
  /// What ``Signed/check(signers:in:)`` throws.
  public typealias CheckError = VerificationError

  /// The member `submission`.
  public static var jsonKey: String { "submission" }

  /// The submission's own node.
  public var requiredSigner: Address? { node }
}

extension Signed where Content == Submission {
  /// What is signed.
  public var submission: Submission { content }
}
