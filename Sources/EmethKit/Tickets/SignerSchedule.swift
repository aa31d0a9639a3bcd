/// Who signs which epoch: the first Signer, and those to whom the role was handed on, each by a change that both signed.
///
/// ```swift
/// let schedule = try SignerSchedule(first: known, changes: changes, domain: .embedded)
/// try ticket.check(signer: schedule.signer(of: ticket.ticket.epoch))
/// ```
/// A ticket counts by the key of its epoch, whatever came later: those of earlier epochs stay good, and the old key is good
/// for nothing from the change's epoch on. Whoever trusts one account of a schedule can trust it as a whole, since each
/// change has the word of both sides.
public struct SignerSchedule: Hashable, Sendable {
  /// What all changes are signed for.
  public let domain: EIP712Domain
  /// Who signs from epoch 1 on.
  public let first: Address
  /// The changes, oldest first.
  public private(set) var changes: [SignedSignerChange] = []

  /// The schedule of a Signer that stays.
  public init(first: Address, domain: EIP712Domain) {
    self.first = first
    self.domain = domain
  }

  /// The schedule after some changes, oldest first.
  ///
  /// - Throws: ``TicketError``, as ``append(_:)`` does.
  public init(first: Address, changes: [SignedSignerChange], domain: EIP712Domain) throws(TicketError) {
    self.init(first: first, domain: domain)
    for change in changes { try append(change) }
  }

  /// The schedule that changes describe by themselves; nil when there are none.
  ///
  /// - Throws: ``TicketError``, as ``append(_:)`` does.
  public init?(changes: [SignedSignerChange]) throws(TicketError) {
    guard let oldest = changes.first else { return nil }
    try self.init(first: oldest.content.previous, changes: changes, domain: oldest.domain)
  }

  /// Takes in the next change; nothing changes when it is refused.
  ///
  /// - Throws: ``TicketError``: those of ``Signed/check(signers:in:)`` where one of both has not signed;
  ///   `signerMismatch` for a change by another than the newest signer; `signerReturns` for one to an account that was
  ///   Signer before; `wrongEpoch` unless it begins after the change before, and not with the first epoch.
  public mutating func append(_ change: SignedSignerChange) throws(TicketError) {
    let content = change.content
    guard content.previous == newest else {
      throw .signed(.signerMismatch(found: content.previous, expected: newest))
    }
    guard !contains(content.next) else { throw .signerReturns(content.next) }
    let last = changes.last?.content.epoch ?? 1
    guard content.epoch > last else { throw .wrongEpoch(found: content.epoch, allowed: "above \(last)") }
    try change.check(signers: Self.both(content), in: domain)
    changes.append(change)
  }

  private static func both(_ change: SignerChange) throws(TicketError) -> TrustedSigners {
    do throws(CryptoError) {
      return try TrustedSigners(threshold: 2, of: [change.previous, change.next])
    } catch {
      throw .signerReturns(change.next)
    }
  }

  /// Who signs the tickets and the batch of an epoch. O(changes).
  public func signer(of epoch: UInt64) -> Address {
    changes.last { $0.content.epoch <= epoch }?.content.next ?? first
  }

  /// Who signs once all changes have come about.
  public var newest: Address { changes.last?.content.next ?? first }

  /// Everybody who signs some epoch, in order.
  public var accounts: [Address] { [first] + changes.map(\.content.next) }

  /// Whether an account signs some epoch.
  public func contains(_ account: Address) -> Bool { accounts.contains(account) }
}
