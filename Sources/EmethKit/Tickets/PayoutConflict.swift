/// An account's cumulativePayout that fell from one signed batch to another: evidence for a challenge on L1
/// (PROTOCOL 9).
///
/// ```swift
/// let evidence = PayoutConflict(earlier: mine, later: published)   // both with their proofs
/// try evidence.check(signers: TrustedSigners(operatorAddress))
/// ```
/// In JSON `{"conflictingTickets":[{…},{…}]}`, the earlier one first.
public struct PayoutConflict: Hashable, Sendable {
  /// The account's ticket in the earlier batch.
  public let earlier: ProvenTicket
  /// The account's ticket in the later batch, which grants less.
  public let later: ProvenTicket

  /// Two tickets with their proofs; nothing is checked.
  public init(earlier: ProvenTicket, later: ProvenTicket) {
    self.earlier = earlier
    self.later = later
  }

  /// Checks signatures and proofs, and that the later batch grants the account less.
  ///
  /// - Parameters:
  ///   - signers: Who must have signed both batches; nil: one and the same account, whoever it is.
  ///   - domain: What both must be signed for; nil: the same domain, whichever it is.
  /// - Throws: ``TicketError``: those of ``ProvenTicket/check(signers:in:)``,
  ///   ``TicketError/accountMismatch(found:expected:)``, ``TicketError/noConflict(first:second:)``.
  public func check(signers: TrustedSigners? = nil, in domain: EIP712Domain? = nil) throws(TicketError) {
    try earlier.check(signers: signers, in: domain)
    try later.check(signers: signers, in: earlier.batch.domain)
    if signers == nil, Set(earlier.batch.allSigners).isDisjoint(with: later.batch.allSigners) {
      throw .signed(.signerMismatch(found: later.batch.signer, expected: earlier.batch.signer))
    }
    guard later.ticket.account == earlier.ticket.account else {
      throw .accountMismatch(found: later.ticket.account, expected: earlier.ticket.account)
    }
    guard earlier.batch.batch.epoch < later.batch.batch.epoch,
      later.ticket.cumulativePayout < earlier.ticket.cumulativePayout
    else { throw .noConflict(first: earlier.batch.batch.epoch, second: later.batch.batch.epoch) }
  }
}

extension PayoutConflict: Codable {
  private enum CodingKeys: String, CodingKey {
    case conflictingTickets
  }

  /// Reads an object; nothing of it is checked but that there are two tickets.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    let tickets = try container.decode([ProvenTicket].self, forKey: .conflictingTickets)
    guard tickets.count == 2 else {
      throw DecodingError.dataCorruptedError(
        forKey: .conflictingTickets, in: container,
        debugDescription: "found \(tickets.count) tickets, needed are 2")
    }
    self.init(earlier: tickets[0], later: tickets[1])
  }

  /// Writes an object.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode([earlier, later], forKey: .conflictingTickets)
  }
}
