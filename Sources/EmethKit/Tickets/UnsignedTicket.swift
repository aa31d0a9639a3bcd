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
