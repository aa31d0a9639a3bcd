/// What an account holder, or anyone who watches the Signer, knows of signed tickets and batches, and what can
/// be redeemed by it.
///
/// Takes in tickets and batches of one domain in any order, as often as they come, and refuses with the
/// reason what is foreign, forged or contradicts what it holds; a refused one changes nothing, but two
/// batches that can't both be honest are kept as evidence.
///
/// ```swift
/// var book = TicketBook(domain: domain, signers: TrustedSigners(operatorAddress))
/// try book.add(signedTicket)
/// book.recordRedeemed(paidSoFar, by: account)          // redeemed[account] on L1
/// print(book.redeemable(by: account)?.amount ?? .zero)
/// ```
public struct TicketBook: Sendable {
  /// What everything must be signed for.
  public let domain: EIP712Domain
  /// Who must have signed.
  public let signers: TrustedSigners

  /// Pairs of batches that can't both be honest, in the order in which they were found, at most
  /// ``conflictLimit``: one is enough for a challenge.
  public internal(set) var conflicts: [BatchConflict] = []

  /// The most conflicts that are kept.
  public static let conflictLimit = 64

  var entries: [Address: Entry] = [:]
  var batches: [UInt64: SignedBatch] = [:]
  var epochs = EpochSet()
  /// The leaves of the newest batch that came with its leaves.
  var published: (epoch: UInt64, leaves: [Address: Ticket])?

  /// What is held of an account.
  struct Entry: Sendable {
    var signed: SignedTicket?
    var proven: ProvenTicket?
    var redeemed = TokenAmount.zero
  }

  /// What an addition did.
  public enum Addition: Hashable, Sendable {
    /// It is the newest of its account, or of all batches.
    case newest
    /// It is genuine, and something newer is known.
    case older
    /// It was known already.
    case known
  }

  /// An empty book.
  public init(domain: EIP712Domain, signers: TrustedSigners) {
    self.domain = domain
    self.signers = signers
  }

  /// Notes how much an account has redeemed on L1 in all; a lower amount than is known is ignored.
  public mutating func recordRedeemed(_ total: TokenAmount, by account: Address) {
    let known = entries[account]?.redeemed ?? .zero
    if total > known { entries[account, default: Entry()].redeemed = total }
  }
}

extension TicketBook {
  /// Takes in a ticket that the Signer handed out.
  ///
  /// - Throws: ``TicketError``: those of ``Signed/check(signers:in:)``; `ticketConflict`, `payoutFell`,
  ///   `leafMissing` or `wrongEpoch` when it contradicts what is held.
  @discardableResult
  public mutating func add(_ ticket: SignedTicket) throws(TicketError) -> Addition {
    try ticket.check(signers: signers, in: domain)
    let new = ticket.ticket
    try checkAgainstHeld(new)
    guard let held = entries[new.account]?.signed else {
      entries[new.account, default: Entry()].signed = ticket
      return isNewest(new) ? .newest : .older
    }
    if held.ticket == new { return .known }
    guard new.epoch > held.ticket.epoch else { return .older }
    entries[new.account, default: Entry()].signed = ticket
    return isNewest(new) ? .newest : .older
  }

  /// Takes in a ticket with its proof, and the batch that it is proven by.
  ///
  /// - Throws: ``TicketError``: those of ``ProvenTicket/check(signers:in:)`` and of
  ///   ``add(_:leaves:)``; `ticketConflict`, `payoutFell`, `leafMissing` or `wrongEpoch` when it contradicts
  ///   what is held.
  @discardableResult
  public mutating func add(_ proven: ProvenTicket) throws(TicketError) -> Addition {
    try proven.check(signers: signers, in: domain)
    let new = proven.ticket
    try checkAgainstHeld(new, newestUntil: proven.batch.batch.epoch)
    try insert(proven.batch)
    guard let held = entries[new.account]?.proven else {
      entries[new.account, default: Entry()].proven = proven
      return isNewest(new) ? .newest : .older
    }
    if held == proven { return .known }
    guard proven.batch.batch.epoch > held.batch.batch.epoch else { return .older }
    entries[new.account, default: Entry()].proven = proven
    return isNewest(new) ? .newest : .older
  }

  private func isNewest(_ ticket: Ticket) -> Bool {
    tickets(of: ticket.account).allSatisfy { $0.ticket.epoch <= ticket.epoch }
  }

  /// The tickets that are held of an account, each with the epoch until which it is known to be the account's
  /// newest.
  func tickets(of account: Address) -> [(ticket: Ticket, newestUntil: UInt64)] {
    var tickets: [(ticket: Ticket, newestUntil: UInt64)] = []
    if let signed = entries[account]?.signed { tickets.append((signed.ticket, signed.ticket.epoch)) }
    if let proven = entries[account]?.proven { tickets.append((proven.ticket, proven.batch.batch.epoch)) }
    if let published, let leaf = published.leaves[account] { tickets.append((leaf, published.epoch)) }
    return tickets
  }

  /// Checks that an account's ticket can be as honest as those that are held of it.
  ///
  /// - Parameter newestUntil: The epoch of the batch that has the ticket as a leaf; nil for a signed ticket.
  func checkAgainstHeld(_ ticket: Ticket, newestUntil: UInt64? = nil) throws(TicketError) {
    let newestUntil = newestUntil ?? ticket.epoch
    if let published, ticket.epoch <= published.epoch, published.leaves[ticket.account] == nil {
      throw .leafMissing(account: ticket.account)
    }
    for held in tickets(of: ticket.account) {
      if held.ticket == ticket { continue }
      guard held.ticket.epoch != ticket.epoch else {
        throw .ticketConflict(account: ticket.account, epoch: ticket.epoch)
      }
      let isLater = ticket.epoch > held.ticket.epoch
      let (older, newer) = isLater ? (held.ticket, ticket) : (ticket, held.ticket)
      guard newer.cumulativePayout >= older.cumulativePayout else {
        throw .payoutFell(
          account: ticket.account, found: newer.cumulativePayout, before: older.cumulativePayout)
      }
      // A batch holds the newest ticket of every account: none of a later epoch can lie before its end.
      guard newer.epoch > (isLater ? held.newestUntil : newestUntil) else {
        throw .wrongEpoch(
          found: ticket.epoch,
          allowed: isLater
            ? "above \(held.newestUntil), until when \(held.ticket.epoch) was the account's newest"
            : "\(held.ticket.epoch) or above in a batch of epoch \(newestUntil)")
      }
    }
  }
}
