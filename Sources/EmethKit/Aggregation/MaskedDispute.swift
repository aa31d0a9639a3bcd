/// What follows from what verifiers say to one masked vector, the one that vouches for its update first
/// (PROTOCOL 7 and 8): one word costs nobody a deposit.
///
/// The word of an accuser alone decides nothing; another verifier replays the submission, gets the node's round
/// secret opened, and says what it finds. Two that speak against the node decide, a rejection of the submission
/// itself among them. Where the second finds that the vector fits, a third is asked, and two decide.
///
/// A node owes its own verifier an opening: where that one has been opened nothing, to open nothing to the next one
/// either speaks against it, as does to open something else than its secret. A node that has opened to its own
/// verifier and is gone when the next one asks has not lied by that: with no other word there is no decision, and it
/// ends ``Ruling/undecided``.
///
/// That a node opens to its own verifier and to nobody else need not save it: that one hands what it was opened to one that
/// was opened nothing, sealed: the update and the round secret. They prove themselves against what the node has signed,
/// its resultRoot and its round key, so that the word of the one that gets them rests on bytes and not on the accuser's.
///
/// Who named a root that two others did not find loses its bond: the root follows from the update and the
/// secret, and nothing else than a lie gives another.
///
/// ```swift
/// switch MaskedDispute(words).ruling(isLast: nobodyIsLeft) {
/// case .ask: …                                       // another verifier
/// case .decided(let lied, let paid, let forfeited): …
/// case .undecided: …                                 // nobody loses, and the part is computed again
/// }
/// ```
public struct MaskedDispute: Hashable, Sendable {
  /// What to do next, or what is decided.
  public enum Ruling: Hashable, Sendable {
    /// Another verifier is to be asked.
    case ask
    /// Whether the node masked another update. `paid` replayed and agree with the decision; `forfeited` lose
    /// their bonds.
    case decided(lied: Bool, paid: [Address], forfeited: [Address])
    /// Nobody is left who could say.
    case undecided
  }

  /// The verifiers' words, each of another, in the order in which they were given.
  public let words: [SignedMaskedFault]

  /// Verifiers that were asked after the first word and rejected the submission for what they found in it.
  public let rejecting: [Address]

  /// Verifiers that were asked after the first word and to which the node opened nothing of the submission.
  public let unopened: [Address]

  /// The words of verifiers to which the first one has handed what it was opened: each has computed the root from that.
  public let handed: [SignedMaskedFault]

  /// Verifiers to which the node has opened something as its round secret: the Execution Layer has the receipts.
  public let opened: Set<Address>

  /// A dispute over these words on one vector.
  public init(
    _ words: [SignedMaskedFault], rejecting: [Address] = [], unopened: [Address] = [],
    handed: [SignedMaskedFault] = [], opened: Set<Address> = []
  ) {
    self.words = words
    self.rejecting = rejecting
    self.unopened = unopened
    self.handed = handed
    self.opened = opened
  }

  /// Verifiers that have seen nothing of the node's, where the first one says that it has: it can show them.
  public var unseeing: [Address] {
    guard let first = words.first, !first.content.fits, first.content.expectedRoot != .zero else { return [] }
    return words.filter { $0.content.expectedRoot == .zero && !opened.contains($0.signer) }.map(\.signer)
      + unopened
  }

  /// What follows.
  ///
  /// - Parameter isLast: Whether nobody is left who could be asked.
  public func ruling(isLast: Bool) -> Ruling {
    guard let first = words.first else { return isLast ? .undecided : .ask }
    let fitting = words.filter(\.content.fits)
    let naming = words.filter { !$0.content.fits && $0.content.expectedRoot != .zero }
    let unseeing = words.filter { $0.content.expectedRoot == .zero }.map(\.signer)
    let unread = unseeing.filter(opened.contains)
    let absent = unseeing.filter { !opened.contains($0) } + unopened
    let shown = handed.filter { !$0.content.fits }
    let against =
      naming.map(\.signer) + rejecting + unread + shown.map(\.signer)
      + (opened.contains(first.signer) ? [] : absent)
    if against.count >= 2 {
      let found = Dictionary(grouping: (naming + shown).map(\.content.expectedRoot)) { $0 }
      let isComputed = found.values.contains { $0.count >= 2 }
      return decided(lied: true, by: against, forfeited: isComputed ? fitting : [])
    }
    if fitting.count >= 2 { return decided(lied: false, by: fitting.map(\.signer), forfeited: naming) }
    if !fitting.isEmpty, isLast || first.content.expectedRoot == .zero {
      return decided(lied: false, by: fitting.map(\.signer), forfeited: [])
    }
    return isLast || absent.count >= 2 ? .undecided : .ask
  }

  /// Who vouched for the update first is paid by the SubJob.
  private func decided(
    lied: Bool, by agreeing: [Address], forfeited: [SignedMaskedFault]
  ) -> Ruling {
    .decided(
      lied: lied, paid: agreeing.filter { $0 != words.first?.signer }, forfeited: forfeited.map(\.signer))
  }
}
