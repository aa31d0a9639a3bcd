/// What follows from the verdicts on one submission (PROTOCOL 7).
///
/// One accepting verdict is enough, unless the beacon draws it to be replayed; a rejection needs a second
/// verifier; and where two differ, as many more are drawn as it takes until two agree. Who accepted otherwise
/// than those two, and who signed two verdicts, loses its bond; who rejected and is outvoted is only unpaid: a
/// mismatch can be the verifier's bad memory, a state root that nobody else computes can not.
///
/// ```swift
/// let ruling = Deliberation(opinions).ruling { verdict in beacon.map { isAudited(verdict, $0) } }
/// ```
public struct Deliberation: Hashable, Sendable {
  /// One verifier's verdict.
  public struct Opinion: Hashable, Sendable {
    /// Who.
    public let verifier: Address
    /// The verdict's digest.
    public let digest: Bytes32
    /// Whether it accepts.
    public let accepted: Bool
    /// The state root that it names.
    public let stepRoot: Bytes32
    /// Whether it signed another verdict on the same submission, so that neither counts.
    public let isVoid: Bool

    /// An opinion of these values.
    public init(verifier: Address, digest: Bytes32, accepted: Bool, stepRoot: Bytes32, isVoid: Bool) {
      self.verifier = verifier
      self.digest = digest
      self.accepted = accepted
      self.stepRoot = stepRoot
      self.isVoid = isVoid
    }

    /// The opinion that a verdict is.
    public init(_ verdict: SignedVerdict, isVoid: Bool = false) {
      self.init(
        verifier: verdict.verdict.verifier, digest: verdict.digest, accepted: verdict.verdict.accepted,
        stepRoot: verdict.verdict.stepRoot, isVoid: isVoid)
    }

    fileprivate func agrees(with other: Opinion) -> Bool {
      accepted == other.accepted && (!accepted || stepRoot == other.stepRoot)
    }
  }

  /// What to do next, or what is decided.
  public enum Ruling: Hashable, Sendable {
    /// Another verifier is to be drawn.
    case draw
    /// The next beacon says whether this accepting verdict is replayed.
    case awaitBeacon(verdict: Bytes32)
    /// The submission is accepted or rejected. `by` is paid the verifier's fee by the job, `alsoPaid` are those
    /// who agreed and are paid from the bond pool, `forfeited` lose their bonds.
    case decided(accepted: Bool, by: Address, alsoPaid: [Address], forfeited: [Address])
  }

  /// The verdicts in the order in which they were given.
  public let opinions: [Opinion]

  /// A deliberation over these verdicts, each of another verifier.
  public init(_ opinions: [Opinion]) { self.opinions = opinions }

  /// Who signed two verdicts.
  public var twoFaced: [Address] { opinions.filter(\.isVoid).map(\.verifier) }

  /// What follows.
  ///
  /// - Parameter isAudited: whether the beacon after a verdict draws it to be replayed; nil before that beacon.
  public func ruling(isAudited: (Bytes32) -> Bool?) -> Ruling {
    let valid = opinions.filter { !$0.isVoid }
    for (place, one) in valid.enumerated() where valid.dropFirst(place + 1).contains(where: one.agrees) {
      return decided(by: one, among: valid)
    }
    // Nobody agrees with anybody yet. An acceptance stands alone when all before it rejected, at most one.
    guard let last = valid.last, last.accepted, valid.count <= 2,
      !valid.dropLast().contains(where: \.accepted)
    else { return .draw }
    switch isAudited(last.digest) {
    case nil: return .awaitBeacon(verdict: last.digest)
    case true?: return .draw
    case false?: return decided(by: last, among: valid)
    }
  }

  private func decided(by one: Opinion, among valid: [Opinion]) -> Ruling {
    .decided(
      accepted: one.accepted, by: one.verifier,
      alsoPaid: valid.filter { $0.verifier != one.verifier && $0.agrees(with: one) }.map(\.verifier),
      forfeited: twoFaced + valid.filter { $0.accepted && !$0.agrees(with: one) }.map(\.verifier))
  }
}

extension Signed where Content == Verdict {
  /// Whether this and another verdict prove that their verifier signed two on one submission.
  ///
  /// - Parameter expectedDomain: The domain that both must be signed for; nil: their own.
  public func contradicts(_ other: SignedVerdict, in expectedDomain: EIP712Domain? = nil) -> Bool {
    guard verdict.verifier == other.verdict.verifier, verdict.submission == other.verdict.submission,
      domain == other.domain, verdict != other.verdict
    else { return false }
    do {
      try check(in: expectedDomain)
      try other.check(in: expectedDomain)
      return true
    } catch {
      return false
    }
  }
}
