/// A submission with its node's signature.
///
/// In JSON `{"domain", "submission", "digest", "signature", "signer"}`.
public struct SignedSubmission: Hashable, Sendable {
  private let envelope: SignedEnvelope<Submission>

  /// The chain and contract it counts for.
  public var domain: EIP712Domain { envelope.domain }
  /// What is signed.
  public var submission: Submission { envelope.message }
  /// The EIP-712 digest, as claimed; ``check(in:)`` computes it again.
  public var digest: Bytes32 { envelope.digest }
  /// The signature.
  public var signature: Signature { envelope.signature }
  /// Who signed, as claimed.
  public var signer: Address { envelope.signer }

  /// A submission, signed.
  public init(signing submission: Submission, in domain: EIP712Domain, with key: PrivateKey) {
    envelope = SignedEnvelope(signing: submission, in: domain, with: key)
  }

  /// Checks that the submission's own node signed it.
  ///
  /// - Parameter expectedDomain: The domain that it must be signed for; nil: its own.
  /// - Throws: ``VerificationError``: `wrongDomain`, `digestMismatch`, `signature`, `signerMismatch`.
  public func check(in expectedDomain: EIP712Domain? = nil) throws(VerificationError) {
    do throws(SignatureFault) {
      try envelope.check(signer: submission.node, domain: expectedDomain)
    } catch {
      throw VerificationError(error)
    }
  }
}

extension SignedSubmission: Codable {
  /// Reads an object; nothing of it is checked.
  public init(from decoder: any Decoder) throws {
    envelope = try SignedEnvelope(from: decoder, messageKey: "submission")
  }

  /// Writes an object.
  public func encode(to encoder: any Encoder) throws {
    try envelope.encode(to: encoder, messageKey: "submission")
  }
}
