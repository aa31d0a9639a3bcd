/// A ticket with the Signer's signature: what an account redeems (PROTOCOL 9).
///
/// In JSON `{"domain", "ticket", "digest", "signature", "signer"}`; the domain is
/// `{"name", "version", "chainId", "verifyingContract"}`.
///
/// ```swift
/// let signed = SignedTicket(signing: ticket, in: .embedded, with: key)
/// try signed.check(signer: knownSigner)
/// ```
public typealias SignedTicket = Signed<Ticket>

extension Ticket: SignableContent {
  /// What ``Signed/check(signers:in:)`` throws.
  public typealias CheckError = TicketError

  /// The member `ticket`.
  public static var jsonKey: String { "ticket" }
}

extension Signed where Content == Ticket {
  /// What is signed.
  public var ticket: Ticket { content }
}
