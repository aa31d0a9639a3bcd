/// The SubJobs of a round whose updates are added as one masked sum: 3 to 16 of them (PROTOCOL 8).
///
/// ```swift
/// for cohort in try CohortDraw.cohorts(beacon: beacon, round: 4, seats: seats) {
///   if let warning = cohort.warning { print(warning) }
/// }
/// ```
public struct Cohort: Hashable, Sendable {
  /// The most SubJobs of a cohort.
  public static let maximumSize = 16
  /// With fewer SubJobs, or fewer different accounts, nobody is hidden.
  public static let minimumAccounts = 3

  /// The SubJobs, ascending by their ids.
  public let seats: [CohortSeat]

  /// A cohort of 1 to 16 SubJobs, given in any order.
  ///
  /// - Throws: ``AggregationError``: `cohortSize`, `duplicateMember`.
  public init(_ seats: some Sequence<CohortSeat>) throws(AggregationError) {
    let sorted = seats.sorted { $0.jobID < $1.jobID }
    guard (1...Self.maximumSize).contains(sorted.count) else {
      throw .cohortSize(found: sorted.count, allowed: 1...Self.maximumSize)
    }
    for (seat, next) in zip(sorted, sorted.dropFirst()) where seat.jobID == next.jobID {
      throw .duplicateMember(seat.jobID)
    }
    self.seats = sorted
  }

  /// How many different accounts hold the seats.
  public var accountCount: Int { Set(seats.map(\.node)).count }

  /// Whether the sum hides its terms from the Aggregator: three accounts at least.
  public var hidesItsMembers: Bool { accountCount >= Self.minimumAccounts }

  /// What to tell people when nobody is hidden; nil when the members are.
  public var warning: String? {
    guard !hidesItsMembers else { return nil }
    return "nobody is hidden: a cohort of \(accountCount) account\(accountCount == 1 ? "" : "s"), "
      + "needed are \(Self.minimumAccounts)"
  }

  /// The seat of a SubJob.
  public func seat(of jobID: JobID) -> CohortSeat? {
    seats.first { $0.jobID == jobID }
  }

  /// The cohort in which other SubJobs stand in the place of some of its own: the same parts, computed again
  /// elsewhere.
  ///
  /// - Throws: ``AggregationError``: `notAMember`, `duplicateMember`.
  public func replacing(_ replacements: [JobID: CohortSeat]) throws(AggregationError) -> Cohort {
    for jobID in replacements.keys.sorted() where seat(of: jobID) == nil { throw .notAMember(jobID) }
    return try Cohort(seats.map { replacements[$0.jobID] ?? $0 })
  }
}

extension Cohort: Codable {
  /// Reads an array of seats in any order.
  public init(from decoder: any Decoder) throws {
    let seats = try decoder.limitedArray(of: CohortSeat.self, limit: Cohort.maximumSize)
    self = try decoder.validating { () throws(AggregationError) in try Cohort(seats) }
  }

  /// Writes the array of seats, ascending.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(seats)
  }
}
