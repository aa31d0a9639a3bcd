/// The Aggregator's word on a cohort's sum, signed as EIP-712: which vectors it added, and what came out.
///
/// ```swift
/// let sum = CohortSum(roster: roster, maskedRoots: roots, sumRoot: MaskedHasher.root(of: vector))
/// let signed = SignedCohortSum(signing: sum, in: .embedded, with: aggregatorKey)
/// ```
public struct CohortSum: Hashable, Sendable {
  /// The round, from 0.
  public let round: UInt32
  /// The cohort's attempt.
  public let attempt: UInt32
  /// ``Roster/hash``.
  public let rosterHash: Bytes32
  /// SHA-256 over the maskedRoots of all members, in the roster's order.
  public let maskedRootsHash: Bytes32
  /// The root of the sum's chunks (``MaskedHasher``), i32 little-endian.
  public let sumRoot: Bytes32

  /// A sum of these values.
  public init(
    round: UInt32, attempt: UInt32, rosterHash: Bytes32, maskedRootsHash: Bytes32, sumRoot: Bytes32
  ) {
    self.round = round
    self.attempt = attempt
    self.rosterHash = rosterHash
    self.maskedRootsHash = maskedRootsHash
    self.sumRoot = sumRoot
  }

  /// The sum under a roster.
  ///
  /// - Parameter maskedRoots: One for each member, in the roster's order.
  public init(roster: Roster, maskedRoots: [Bytes32], sumRoot: Bytes32) {
    self.init(
      round: roster.round, attempt: roster.attempt, rosterHash: roster.hash,
      maskedRootsHash: SHA256.hash(maskedRoots.flatMap(\.bytes)), sumRoot: sumRoot)
  }
}

extension CohortSum: EIP712Struct {
  /// The type's text.
  public static let eip712Type =
    "CohortSum(uint32 round,uint32 cohortAttempt,bytes32 rosterHash,bytes32 maskedRootsHash,bytes32 sumRoot)"

  /// The members in the order of the type.
  public var eip712Values: [ABIValue] {
    [
      .uint(UInt256(round)), .uint(UInt256(attempt)), .bytes32(rosterHash), .bytes32(maskedRootsHash),
      .bytes32(sumRoot),
    ]
  }
}

extension CohortSum: Codable {
  private enum CodingKeys: String, CodingKey {
    case attempt = "cohortAttempt"
    case round, rosterHash, maskedRootsHash, sumRoot
  }

  /// Reads an object.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    self.init(
      round: try container.decodeNumber(forKey: .round),
      attempt: try container.decodeNumber(forKey: .attempt),
      rosterHash: try container.decode(Bytes32.self, forKey: .rosterHash),
      maskedRootsHash: try container.decode(Bytes32.self, forKey: .maskedRootsHash),
      sumRoot: try container.decode(Bytes32.self, forKey: .sumRoot))
  }
}

extension CohortSum: SignableContent {
  /// What ``Signed/check(signers:in:)`` throws.
  public typealias CheckError = AggregationError

  /// The member `cohortSum`.
  public static var jsonKey: String { "cohortSum" }
}

/// The Aggregator's word on a cohort's sum with its signature.
///
/// In JSON `{"domain", "cohortSum", "digest", "signature", "signer"}`.
public typealias SignedCohortSum = Signed<CohortSum>
