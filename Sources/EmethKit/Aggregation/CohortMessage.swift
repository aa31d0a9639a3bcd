/// What Aggregator, nodes and verifiers send each other about a cohort, over any transport.
///
/// Vectors are not in messages: their roots are, and their bytes lie where both sides find them.
///
/// In JSON an object with one member that names the kind:
/// `{"form": {"plan", "deadline"}}`, `{"roundKey": {…}}`, `{"offer": {"roster", "deadline"}}`,
/// `{"masked": {…}}`, `{"cohortSum": {…}}`, `{"sumShare": {…}}`, `{"opening": {…}}`, `{"maskedFault": {…}}`.
///
/// ```swift
/// let data = try JSONEncoder().encode(CohortMessage.roundKey(signedKey))
/// if case .roundKey(let key) = try JSONDecoder().decode(CohortMessage.self, from: data) { … }
/// ```
public enum CohortMessage: Hashable, Sendable {
  /// To the members: an attempt is formed; keys are due at the deadline (unix seconds).
  case form(CohortPlan, deadline: UInt64)
  /// From a member: its key.
  case roundKey(SignedRoundKey)
  /// To the members: the roster; masked vectors are due at the deadline.
  case offer(Roster, deadline: UInt64)
  /// From a member: its word on its masked vector.
  case masked(SignedMasked)
  /// From the Aggregator: the sum.
  case cohortSum(SignedCohortSum)
  /// From a verifier: its share of the checkable sum.
  case sumShare(SignedSumShare)
  /// From a member to its own verifier, sealed: its round secret.
  case opening(RoundOpening)
  /// From a verifier: a node masked another update than it submitted.
  case maskedFault(SignedMaskedFault)
}

extension CohortMessage: Codable {
  private enum Kind: String, CodingKey, CaseIterable {
    case form, roundKey, offer, masked, cohortSum, sumShare, opening, maskedFault
  }

  private enum DatedKeys: String, CodingKey {
    case plan, roster, deadline
  }

  /// Reads an object with exactly one of the known members; other members are ignored.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Kind.self)
    let kinds = Kind.allCases.filter { container.contains($0) }
    guard let kind = kinds.first, kinds.count == 1 else {
      throw DecodingError.dataCorrupted(
        .init(
          codingPath: decoder.codingPath,
          debugDescription: "a cohort's message has \(kinds.count) known members, allowed is 1"))
    }
    switch kind {
    case .form:
      let dated = try container.nestedContainer(keyedBy: DatedKeys.self, forKey: kind)
      self = .form(
        try dated.decode(CohortPlan.self, forKey: .plan),
        deadline: try dated.decodeNumber(forKey: .deadline))
    case .offer:
      let dated = try container.nestedContainer(keyedBy: DatedKeys.self, forKey: kind)
      self = .offer(
        try dated.decode(Roster.self, forKey: .roster), deadline: try dated.decodeNumber(forKey: .deadline))
    case .roundKey: self = .roundKey(try container.decode(SignedRoundKey.self, forKey: kind))
    case .masked: self = .masked(try container.decode(SignedMasked.self, forKey: kind))
    case .cohortSum: self = .cohortSum(try container.decode(SignedCohortSum.self, forKey: kind))
    case .sumShare: self = .sumShare(try container.decode(SignedSumShare.self, forKey: kind))
    case .opening: self = .opening(try container.decode(RoundOpening.self, forKey: kind))
    case .maskedFault:
      self = .maskedFault(try container.decode(SignedMaskedFault.self, forKey: kind))
    }
  }

  /// Writes an object with one member.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Kind.self)
    switch self {
    case .form(let plan, let deadline):
      var dated = container.nestedContainer(keyedBy: DatedKeys.self, forKey: .form)
      try dated.encode(plan, forKey: .plan)
      try dated.encode(deadline, forKey: .deadline)
    case .offer(let roster, let deadline):
      var dated = container.nestedContainer(keyedBy: DatedKeys.self, forKey: .offer)
      try dated.encode(roster, forKey: .roster)
      try dated.encode(deadline, forKey: .deadline)
    case .roundKey(let key): try container.encode(key, forKey: .roundKey)
    case .masked(let masked): try container.encode(masked, forKey: .masked)
    case .cohortSum(let sum): try container.encode(sum, forKey: .cohortSum)
    case .sumShare(let share): try container.encode(share, forKey: .sumShare)
    case .opening(let opening): try container.encode(opening, forKey: .opening)
    case .maskedFault(let fault): try container.encode(fault, forKey: .maskedFault)
    }
  }
}
