/// A verdict with its verifier's signature.
///
/// In JSON `{"domain", "verdict", "digest", "signature", "signer"}`.
public typealias SignedVerdict = Signed<Verdict>

extension Verdict: SignableContent {
  /// What ``Signed/check(signers:in:)`` throws.
  public typealias CheckError = VerificationError

  /// The member `verdict`.
  public static var jsonKey: String { "verdict" }

  /// The verdict's own verifier.
  public var requiredSigner: Address? { verifier }
}

extension Signed where Content == Verdict {
  /// What is signed.
  public var verdict: Verdict { content }

  /// Checks that the verdict's own verifier signed it, and that it is on a certain submission.
  ///
  /// - Parameters:
  ///   - submission: The digest of the submission; nil: any.
  ///   - expectedDomain: The domain that it must be signed for; nil: its own.
  /// - Throws: ``VerificationError``: `submissionMismatch`, and those of ``Signed/check(signers:in:)``.
  public func check(
    of submission: Bytes32?, in expectedDomain: EIP712Domain? = nil
  ) throws(VerificationError) {
    if let submission, verdict.submission != submission {
      throw .submissionMismatch(found: verdict.submission, expected: submission)
    }
    try check(in: expectedDomain)
  }
}
