/// Finds out whether a cohort's sum is right, and if not, who is wrong (PROTOCOL 8).
///
/// First the verifiers' shares are compared with the sum; nothing more is needed when they fit. Otherwise
/// anyone adds the posted vectors again, which checks the Aggregator; if that is right, every node opens its
/// round secret to its own verifier, which finds the liar.
///
/// ```swift
/// let audit = try CohortAudit(roster: roster, masked: posted, sum: sum, aggregator: address, in: domain)
/// let fits = try audit.sharesFit(shares, verifiers: verifiers, sum: projection, in: domain)
/// switch audit.finding(sharesFit: fits, sumRootAddedAgain: nil, openings: [:]) {
/// case .holds: …                   // VERIFIED
/// case .addAgain: …                // add the vectors, ask again with the root
/// case .open(let members): …       // every member's verifier runs RoundOpening.check
/// case .aggregatorLied, .nodesLied, .sharesWrong: …
/// }
/// ```
public struct CohortAudit: Hashable, Sendable {
  /// What is known of a sum, or what must be done next to know it.
  public enum Finding: Hashable, Sendable {
    /// The sum is that of the updates that the verifiers checked.
    case holds
    /// The posted vectors have to be added again.
    case addAgain
    /// These members' openings have to be checked by their verifiers.
    case open([JobID])
    /// The Aggregator's sum is not that of the posted vectors.
    case aggregatorLied(found: Bytes32, expected: Bytes32)
    /// These nodes masked another update than they submitted.
    case nodesLied([JobID])
    /// Vectors and sum are right: a verifier's share is not that of the update that it checked.
    case sharesWrong
  }

  /// The roster.
  public let roster: Roster
  /// What the members signed, in the roster's order.
  public let masked: [Masked]
  /// What the Aggregator signed.
  public let sum: CohortSum

  /// The audit of one sum; everything that was signed is checked.
  ///
  /// - Parameter aggregator: Who must have signed the sum.
  /// - Throws: ``AggregationError``: `maskedMissing`, `rosterMismatch`,
  ///   `foreignRound`, `wrongAttempt`, `maskedRootsMismatch`, `signed`, and those of ``Roster/check(in:)``.
  public init(
    roster: Roster, masked: [SignedMasked], sum: SignedCohortSum, aggregator: Address,
    in domain: EIP712Domain
  ) throws(AggregationError) {
    try roster.check(in: domain)
    try sum.check(signer: aggregator, in: domain)
    var ordered: [Masked] = []
    for entry in roster.entries {
      guard let signed = masked.first(where: { $0.content.jobID == entry.jobID }) else {
        throw .maskedMissing(entry.jobID)
      }
      try roster.check(signed, in: domain)
      ordered.append(signed.content)
    }
    let expected = CohortSum(
      roster: roster, maskedRoots: ordered.map(\.maskedRoot), sumRoot: sum.content.sumRoot)
    guard sum.content.rosterHash == roster.hash else {
      throw .rosterMismatch(found: sum.content.rosterHash, expected: roster.hash)
    }
    guard sum.content == expected else {
      throw .maskedRootsMismatch(
        found: sum.content.maskedRootsHash, expected: expected.maskedRootsHash)
    }
    self.roster = roster
    self.masked = ordered
    self.sum = sum.content
  }

  /// Whether the verifiers' shares add up to the sum's own number.
  ///
  /// - Parameters:
  ///   - shares: One for each member, in any order.
  ///   - verifiers: Each SubJob's drawn verifier, who must have signed its share.
  ///   - projection: Of the whole sum, under the beacon.
  /// - Throws: ``AggregationError``: `shareMissing`, `foreignRound`, `beaconMismatch`, `signed`.
  public func sharesFit(
    _ shares: [SignedSumShare], verifiers: [JobID: Address], sum projection: SumProjection,
    in domain: EIP712Domain
  ) throws(AggregationError) -> Bool {
    var total: UInt64 = 0
    for entry in roster.entries {
      guard let share = shares.first(where: { $0.content.jobID == entry.jobID }),
        let verifier = verifiers[entry.jobID]
      else { throw .shareMissing(entry.jobID) }
      guard share.content.round == roster.round else {
        throw .foreignRound(found: share.content.round, expected: roster.round)
      }
      guard share.content.beacon == projection.beacon else {
        throw .beaconMismatch(found: share.content.beacon, expected: projection.beacon)
      }
      try share.check(signer: verifier, in: domain)
      total = SumProjection.sum(total, share.content.value)
    }
    return total == projection.value
  }

  /// What follows from what is known.
  ///
  /// - Parameters:
  ///   - sharesFit: What ``sharesFit(_:verifiers:sum:in:)`` said.
  ///   - sumRootAddedAgain: The root of the sum of the posted vectors, once somebody has added them again.
  ///   - openings: Whether the member's verifier found the posted vector to be that of the update; a member
  ///     that did not open in time is false.
  public func finding(
    sharesFit: Bool, sumRootAddedAgain: Bytes32?, openings: [JobID: Bool]
  ) -> Finding {
    if sharesFit { return .holds }
    guard let sumRootAddedAgain else { return .addAgain }
    guard sumRootAddedAgain == sum.sumRoot else {
      return .aggregatorLied(found: sum.sumRoot, expected: sumRootAddedAgain)
    }
    let members = roster.entries.map(\.jobID)
    let unopened = members.filter { openings[$0] == nil }
    guard unopened.isEmpty else { return .open(unopened) }
    let liars = members.filter { openings[$0] == false }
    return liars.isEmpty ? .sharesWrong : .nodesLied(liars)
  }
}
