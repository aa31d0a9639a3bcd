/// What an account can redeem on L1, and how.
public struct Redeemable: Hashable, Sendable {
  /// The ticket that grants it: the newest that is known.
  public let ticket: Ticket
  /// What the account has redeemed in all, as far as is known.
  public let redeemed: TokenAmount
  /// What redeeming pays: cumulativePayout less what was redeemed, or zero.
  public let amount: TokenAmount
  /// How it can be redeemed.
  public let route: Route

  /// The two ways to redeem (PROTOCOL 9).
  public enum Route: Hashable, Sendable {
    /// `redeemTicket`: at once, by the Signer's signature.
    case signature(SignedTicket)
    /// `redeemFromBatch`: by a proof, 24 hours after the batch was posted.
    case proof(batch: SignedBatch)
  }
}

extension TicketBook {
  /// All accounts of which something is known, in ascending order.
  public var accounts: [Address] {
    Set(entries.keys).union(published?.leaves.keys.map { $0 } ?? []).sorted()
  }

  /// The newest ticket of an account that the Signer handed out.
  public func newestTicket(of account: Address) -> SignedTicket? { entries[account]?.signed }

  /// What an account can redeem by its newest ticket, also when that is nothing; nil when no ticket is known.
  public func redeemable(by account: Address) -> Redeemable? {
    let entry = entries[account]
    var routes: [(ticket: Ticket, route: Redeemable.Route)] = []
    if let signed = entry?.signed { routes.append((signed.ticket, .signature(signed))) }
    if let proven = entry?.proven { routes.append((proven.ticket, .proof(batch: proven.batch))) }
    if let published, let leaf = published.leaves[account], let batch = batches[published.epoch] {
      routes.append((leaf, .proof(batch: batch)))
    }
    // Of the same ticket the first route stays: a signature pays at once.
    guard var best = routes.first else { return nil }
    for other in routes.dropFirst() where other.ticket.epoch > best.ticket.epoch { best = other }
    let (payout, redeemed) = (best.ticket.cumulativePayout, entry?.redeemed ?? .zero)
    return Redeemable(
      ticket: best.ticket, redeemed: redeemed, amount: payout > redeemed ? payout - redeemed : .zero,
      route: best.route)
  }

  /// All accounts that can redeem something, in ascending order.
  public var redeemables: [Redeemable] {
    accounts.compactMap { redeemable(by: $0) }.filter { $0.amount > .zero }
  }

  /// An account's newest ticket with its proof, for `redeemFromBatch`: as it was taken in, or made from a
  /// batch's leaves.
  ///
  /// - Throws: ``TicketError/leafMissing(account:)`` when neither is known.
  public func provenTicket(of account: Address) throws(TicketError) -> ProvenTicket {
    if let published, let batch = batches[published.epoch], published.leaves[account] != nil,
      entries[account]?.proven.map({ $0.batch.batch.epoch < published.epoch }) ?? true
    {
      return try ProvenTicket(account: account, leaves: Array(published.leaves.values), batch: batch)
    }
    guard let proven = entries[account]?.proven else { throw .leafMissing(account: account) }
    return proven
  }
}
