/// A ticket with the Signer's signature: what an account redeems (PROTOCOL 9).
///
/// In JSON
/// `{"domain":{"name","version","chainId","verifyingContract"},"ticket":{…},"digest","signature","signer"}`.
///
/// ```swift
/// let signed = SignedTicket(signing: ticket, in: .embedded, with: key)
/// try signed.check(signer: knownSigner)
/// ```
public struct SignedTicket: Hashable, Sendable {
  private let envelope: SignedEnvelope<Ticket>

  /// The chain and contract it counts for.
  public var domain: EIP712Domain { envelope.domain }
  /// What is signed.
  public var ticket: Ticket { envelope.message }
  /// The EIP-712 digest, as claimed; ``check(signer:in:)`` computes it again.
  public var digest: Bytes32 { envelope.digest }
  /// The signature.
  public var signature: Signature { envelope.signature }
  /// Who signed, as claimed.
  public var signer: Address { envelope.signer }

  /// A ticket, signed.
  public init(signing ticket: Ticket, in domain: EIP712Domain, with key: PrivateKey) {
    envelope = SignedEnvelope(signing: ticket, in: domain, with: key)
  }

  /// Checks digest and signature, and who signed.
  ///
  /// - Parameters:
  ///   - signer: Who must have signed; nil: whoever the ticket claims.
  ///   - expectedDomain: The domain that it must be signed for; nil: its own.
  /// - Throws: ``TicketError``: `wrongDomain`, `digestMismatch`, `signature`, `signerMismatch`.
  public func check(signer: Address? = nil, in expectedDomain: EIP712Domain? = nil) throws(TicketError) {
    do throws(SignatureFault) {
      try envelope.check(signer: signer, domain: expectedDomain)
    } catch {
      throw TicketError(error)
    }
  }
}

extension SignedTicket: Codable {
  /// Reads an object; nothing of it is checked but the signature's form.
  public init(from decoder: any Decoder) throws {
    envelope = try SignedEnvelope(from: decoder, messageKey: "ticket")
  }

  /// Writes an object.
  public func encode(to encoder: any Encoder) throws {
    try envelope.encode(to: encoder, messageKey: "ticket")
  }
}

/// A ticket that is to be signed: `{"domain":{"chainId","verifyingContract"},"ticket":{…}}`.
///
/// The domain's name and version are EMETH and 1 unless given; further fields are ignored.
public struct UnsignedTicket: Hashable, Codable, Sendable {
  /// The chain and contract it shall count for.
  public let domain: EIP712Domain
  /// What is to be signed.
  public let ticket: Ticket

  /// A ticket to be signed.
  public init(domain: EIP712Domain, ticket: Ticket) {
    self.domain = domain
    self.ticket = ticket
  }

  /// The ticket, signed.
  public func signed(with key: PrivateKey) -> SignedTicket {
    SignedTicket(signing: ticket, in: domain, with: key)
  }
}
