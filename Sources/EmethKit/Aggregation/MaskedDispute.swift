/// What follows from what verifiers say to one masked vector, the one that vouches for its update first
/// (PROTOCOL 7 and 8): one word costs nobody a deposit.
///
/// The word of an accuser alone decides nothing; another verifier replays the submission, gets the node's round
/// secret opened, and says what it finds. Two that speak against the node decide, one that rejects the submission
/// itself among them. Where the second finds that the vector fits, a third is asked, and two decide. That a node
/// opened nothing is no finding: there the second's word stands, and nobody loses a bond over it.
///
/// Who named a root that two others did not find loses its bond: the root follows from the update and the
/// secret, and nothing else than a lie gives another.
///
/// ```swift
/// switch MaskedDispute(words).ruling(isLast: nobodyIsLeft) {
/// case .ask: …                                       // another verifier
/// case .decided(let lied, let paid, let forfeited): …
/// }
/// ```
public struct MaskedDispute: Hashable, Sendable {
  /// What to do next, or what is decided.
  public enum Ruling: Hashable, Sendable {
    /// Another verifier is to be asked. With nobody left there is no decision.
    case ask
    /// Whether the node masked another update. `paid` replayed and agree with the decision; `forfeited` lose
    /// their bonds.
    case decided(lied: Bool, paid: [Address], forfeited: [Address])
  }

  /// The verifiers' words, each of another, in the order in which they were given.
  public let words: [SignedMaskedFault]

  /// Verifiers that were asked after the first word and rejected the submission, as when the node opens nothing.
  public let rejecting: [Address]

  /// A dispute over these words on one vector.
  public init(_ words: [SignedMaskedFault], rejecting: [Address] = []) {
    self.words = words
    self.rejecting = rejecting
  }

  /// What follows.
  ///
  /// - Parameter isLast: Whether nobody is left who could be asked.
  public func ruling(isLast: Bool) -> Ruling {
    guard let first = words.first else { return .ask }
    let fitting = words.filter(\.content.fits)
    let accusing = words.filter { !$0.content.fits }
    if accusing.count + rejecting.count >= 2 {
      let found = Dictionary(grouping: accusing.map(\.content.expectedRoot)) { $0 }
      let isComputed = found.contains { root, named in root != .zero && named.count >= 2 }
      return decided(
        lied: true, by: accusing.map(\.signer) + rejecting, forfeited: isComputed ? fitting : [])
    }
    if fitting.count >= 2 {
      return decided(
        lied: false, by: fitting.map(\.signer),
        forfeited: accusing.filter { $0.content.expectedRoot != .zero })
    }
    guard !fitting.isEmpty, isLast || first.content.expectedRoot == .zero else { return .ask }
    return decided(lied: false, by: fitting.map(\.signer), forfeited: [])
  }

  /// Who vouched for the update first is paid by the SubJob.
  private func decided(
    lied: Bool, by agreeing: [Address], forfeited: [SignedMaskedFault]
  ) -> Ruling {
    .decided(
      lied: lied, paid: agreeing.filter { $0 != words.first?.signer }, forfeited: forfeited.map(\.signer))
  }
}
