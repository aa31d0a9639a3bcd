/// A verdict with its verifier's signature.
///
/// In JSON `{"domain", "verdict", "digest", "signature", "signer"}`.
public struct SignedVerdict: Hashable, Sendable {
  private let envelope: SignedEnvelope<Verdict>

  /// The chain and contract it counts for.
  public var domain: EIP712Domain { envelope.domain }
  /// What is signed.
  public var verdict: Verdict { envelope.message }
  /// The EIP-712 digest, as claimed; ``check(of:in:)`` computes it again.
  public var digest: Bytes32 { envelope.digest }
  /// The signature.
  public var signature: Signature { envelope.signature }
  /// Who signed, as claimed.
  public var signer: Address { envelope.signer }

  /// A verdict, signed.
  public init(signing verdict: Verdict, in domain: EIP712Domain, with key: PrivateKey) {
    envelope = SignedEnvelope(signing: verdict, in: domain, with: key)
  }

  /// Checks that the verdict's own verifier signed it, and that it is on a certain submission.
  ///
  /// - Parameters:
  ///   - submission: The digest of the submission; nil: any.
  ///   - expectedDomain: The domain that it must be signed for; nil: its own.
  /// - Throws: ``VerificationError``: `submissionMismatch`, `wrongDomain`, `digestMismatch`, `signature`,
  ///   `signerMismatch`.
  public func check(
    of submission: Bytes32? = nil, in expectedDomain: EIP712Domain? = nil
  ) throws(VerificationError) {
    if let submission, verdict.submission != submission {
      throw .submissionMismatch(found: verdict.submission, expected: submission)
    }
    do throws(SignatureFault) {
      try envelope.check(signer: verdict.verifier, domain: expectedDomain)
    } catch {
      throw VerificationError(error)
    }
  }
}

extension SignedVerdict: Codable {
  /// Reads an object; nothing of it is checked.
  public init(from decoder: any Decoder) throws {
    envelope = try SignedEnvelope(from: decoder, messageKey: "verdict")
  }

  /// Writes an object.
  public func encode(to encoder: any Encoder) throws {
    try envelope.encode(to: encoder, messageKey: "verdict")
  }
}
