/// A batch with the Signer's signature: what is posted on L1 (PROTOCOL 9).
///
/// In JSON `{"domain", "batch", "digest", "signature", "signer"}`.
public struct SignedBatch: Hashable, Sendable {
  private let envelope: SignedEnvelope<Batch>

  /// The chain and contract it counts for.
  public var domain: EIP712Domain { envelope.domain }
  /// What is signed.
  public var batch: Batch { envelope.message }
  /// The EIP-712 digest, as claimed; ``check(signer:in:)`` computes it again.
  public var digest: Bytes32 { envelope.digest }
  /// The signature.
  public var signature: Signature { envelope.signature }
  /// Who signed, as claimed.
  public var signer: Address { envelope.signer }

  /// A batch, signed.
  public init(signing batch: Batch, in domain: EIP712Domain, with key: PrivateKey) {
    envelope = SignedEnvelope(signing: batch, in: domain, with: key)
  }

  /// Checks digest and signature, and who signed.
  ///
  /// - Parameters:
  ///   - signer: Who must have signed; nil: whoever the batch claims.
  ///   - expectedDomain: The domain that it must be signed for; nil: its own.
  /// - Throws: ``TicketError``: `wrongDomain`, `digestMismatch`, `signature`, `signerMismatch`.
  public func check(signer: Address? = nil, in expectedDomain: EIP712Domain? = nil) throws(TicketError) {
    do throws(SignatureFault) {
      try envelope.check(signer: signer, domain: expectedDomain)
    } catch {
      throw TicketError(error)
    }
  }

  /// Checks both signatures, and that this batch may follow the other.
  ///
  /// - Parameter signer: Who must have signed both; nil: whoever they claim (a new Signer may take over).
  /// - Throws: ``TicketError``, as ``check(signer:in:)`` and ``Batch/check(after:in:)`` do.
  public func check(after previous: SignedBatch, signer: Address? = nil) throws(TicketError) {
    try previous.check(signer: signer)
    try check(signer: signer, in: previous.domain)
    try batch.check(after: previous.batch, in: domain)
  }
}

extension SignedBatch: Codable {
  /// Reads an object; nothing of it is checked but the signature's form.
  public init(from decoder: any Decoder) throws {
    envelope = try SignedEnvelope(from: decoder, messageKey: "batch")
  }

  /// Writes an object.
  public func encode(to encoder: any Encoder) throws {
    try envelope.encode(to: encoder, messageKey: "batch")
  }
}
