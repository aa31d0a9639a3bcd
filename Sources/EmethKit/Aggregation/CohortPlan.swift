/// One attempt of a cohort: who takes part, and what all of them computed from (PROTOCOL 8).
///
/// A node takes it from the Execution Layer's records, never on the Aggregator's word alone: the members are
/// those that ``CohortDraw`` gives.
///
/// ```swift
/// let plan = try CohortPlan(
///   cohort: cohort, round: 4, attempt: 0, programHash: manifest.programHash, initRoot: root,
///   coordinates: 124_439_808)
/// ```
public struct CohortPlan: Hashable, Sendable {
  /// The most coordinates of an update: 2^35, as many as the checkable sum's stream has numbers.
  public static let maximumCoordinates: UInt64 = 1 << 35

  /// The members.
  public let cohort: Cohort
  /// The round, from 0.
  public let round: UInt32
  /// Which attempt of this cohort, from 0; a later one has a higher number.
  public let attempt: UInt32
  /// The manifest's hash.
  public let programHash: Bytes32
  /// The state root that all members trained from.
  public let initRoot: Bytes32
  /// The number of coordinates of an update, each of 4 bytes.
  public let coordinates: UInt64

  /// A plan of these values.
  ///
  /// - Throws: ``AggregationError/coordinateLimit(found:allowed:)``.
  public init(
    cohort: Cohort, round: UInt32, attempt: UInt32, programHash: Bytes32, initRoot: Bytes32,
    coordinates: UInt64
  ) throws(AggregationError) {
    guard (1...Self.maximumCoordinates).contains(coordinates) else {
      throw .coordinateLimit(found: coordinates, allowed: Self.maximumCoordinates)
    }
    self.cohort = cohort
    self.round = round
    self.attempt = attempt
    self.programHash = programHash
    self.initRoot = initRoot
    self.coordinates = coordinates
  }

  /// The bytes of one vector.
  public var byteCount: UInt64 { coordinates * 4 }

  /// The same with other members and the next attempt's number.
  ///
  /// - Throws: ``AggregationError/attemptsExhausted`` after attempt 2^32 − 1.
  func next(of cohort: Cohort) throws(AggregationError) -> CohortPlan {
    guard attempt < .max else { throw .attemptsExhausted }
    return try CohortPlan(
      cohort: cohort, round: round, attempt: attempt + 1, programHash: programHash, initRoot: initRoot,
      coordinates: coordinates)
  }
}

extension CohortPlan: Codable {
  private enum CodingKeys: String, CodingKey {
    case cohort, round, programHash, initRoot, coordinates
    case attempt = "cohortAttempt"
  }

  /// Reads an object.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    let cohort = try container.decode(Cohort.self, forKey: .cohort)
    let round: UInt32 = try container.decodeNumber(forKey: .round)
    let attempt: UInt32 = try container.decodeNumber(forKey: .attempt)
    let programHash = try container.decode(Bytes32.self, forKey: .programHash)
    let initRoot = try container.decode(Bytes32.self, forKey: .initRoot)
    let coordinates: UInt64 = try container.decodeNumber(forKey: .coordinates)
    self = try decoder.validating { () throws(AggregationError) in
      try CohortPlan(
        cohort: cohort, round: round, attempt: attempt, programHash: programHash, initRoot: initRoot,
        coordinates: coordinates)
    }
  }

  /// Writes an object; coordinates is a decimal string.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(cohort, forKey: .cohort)
    try container.encode(round, forKey: .round)
    try container.encode(attempt, forKey: .attempt)
    try container.encode(programHash, forKey: .programHash)
    try container.encode(initRoot, forKey: .initRoot)
    try container.encodeDecimal(coordinates, forKey: .coordinates)
  }
}
