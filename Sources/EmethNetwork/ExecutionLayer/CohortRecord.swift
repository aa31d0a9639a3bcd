import EmethKit

/// One cohort of a round as the Execution Layer has it: what came in, when, and what was found.
///
/// The collector of PROTOCOL 8 is a value without a past; it follows from these events, so that whoever reads
/// the record stands where the last one stood.
struct CohortRecord: Codable, Sendable, Hashable {
  /// Something that the collector was told.
  enum Event: Codable, Sendable, Hashable {
    case roundKey(SignedRoundKey)
    case masked(SignedMasked, stored: MaskedVector)
    /// The deadline had come.
    case deadline
    case expel(JobID)
    case replace(JobID, by: CohortSeat)
    case summed(sumRoot: Bytes32)
  }

  /// An event and its time, seconds on the network's clock.
  struct Entry: Codable, Sendable, Hashable {
    var at: UInt64
    var event: Event
  }

  /// The round, from 0.
  let round: UInt32
  /// Its place in the round's draw, from 0.
  let number: Int
  /// The first attempt, as it was drawn.
  let drawn: CohortPlan
  /// When the first attempt was formed; `nil` until then.
  var formedAt: UInt64?
  /// All that came in since, of all attempts.
  var entries: [Entry] = []
  /// The Aggregator's sum of the attempt that is complete.
  var sum: SignedCohortSum?
  /// The epoch in which the sum arrived: the batch after the one that holds it is the shares' beacon.
  var sumEpoch: UInt64?
  /// Sums of the Aggregator that were found wrong, oldest first.
  var wrongSums: [SignedCohortSum] = []
  /// The verifiers' shares of the sum that holds.
  var shares: [SignedSumShare] = []
  /// Nodes that lied in earlier attempts.
  var lies: [PublicRecords.Accusation] = []
  /// Nodes that a verifier called liars and others found honest; `nil` is none.
  var refuted: [PublicRecords.Accusation]?
  /// SubJobs that left because nobody vouched for them: nobody could say what they masked, or two others overruled who had
  /// accepted them; `nil` is none.
  var unvouched: [JobID]?
  /// Whether the sum was checked and holds.
  var holds = false
  /// How long its members have; `nil` is what the local network gives them.
  let periods: Periods?

  /// How long members have for their keys, and for their masked vectors after that, seconds.
  struct Periods: Codable, Sendable, Hashable {
    var keySeconds: UInt64 = 60
    var maskSeconds: UInt64 = 540
  }

  init(round: UInt32, number: Int, drawn: CohortPlan, periods: Periods? = nil) {
    self.round = round
    self.number = number
    self.drawn = drawn
    self.periods = periods
  }
}

extension CohortRecord {
  /// How long its members have from the beginning of an attempt, seconds.
  var attemptSeconds: UInt64 {
    let periods = periods ?? Periods()
    return periods.keySeconds + periods.maskSeconds
  }

  /// Where a cohort stands: its collector, and what it asked for last.
  struct Standing {
    var collector: CohortCollector
    /// What is to be done next; `nil` before the first attempt.
    var pending: CohortCollector.Effect?

    /// Tells the collector something; what it asks for is pending then.
    mutating func apply(_ event: Event, at time: UInt64) throws(AggregationError) {
      let effects =
        switch event {
        case .roundKey(let key): try collector.apply(.roundKey(key), at: time)
        case .masked(let masked, let stored):
          try collector.apply(.masked(masked, stored: stored), at: time)
        case .deadline: collector.tick(at: time)
        case .expel(let subJob): try collector.apply(.expel(subJob), at: time)
        case .replace(let subJob, let seat): try collector.apply(.replace(subJob, by: seat), at: time)
        case .summed(let sumRoot): try collector.apply(.summed(sumRoot: sumRoot), at: time)
        }
      if let last = effects.last { pending = last }
    }
  }

  /// Where the cohort stands after all that came in.
  func standing(in domain: EIP712Domain) throws(AggregationError) -> Standing {
    let periods = periods ?? Periods()
    var standing = Standing(
      collector: try CohortCollector(
        plan: drawn, domain: domain, keySeconds: periods.keySeconds, maskSeconds: periods.maskSeconds))
    guard let formedAt else { return standing }
    standing.pending = try standing.collector.start(at: formedAt).last
    for entry in entries { try standing.apply(entry.event, at: entry.at) }
    return standing
  }

  /// Tells the collector something and keeps it; what is refused leaves no trace.
  mutating func apply(_ event: Event, to standing: inout Standing, at time: UInt64) throws(AggregationError) {
    try standing.apply(event, at: time)
    entries.append(Entry(at: time, event: event))
  }

  /// Whether this came in before.
  func has(_ event: Event) -> Bool { entries.contains { $0.event == event } }

  /// Every vector that was posted, of all attempts.
  var postedVectors: [MaskedVector] {
    entries.compactMap { if case .masked(_, let stored) = $0.event { stored } else { nil } }
  }
}

/// Reading and writing cohorts inside the caller's transaction.
enum CohortStore {
  static func insert(_ record: CohortRecord, of parent: JobID, in db: SQLSession) throws {
    db.concerns(parent)
    try db.execute(
      sql: "INSERT INTO cohort (parent, round, number, record) VALUES (?, ?, ?, ?)",
      arguments: ["\(parent)", Int64(record.round), record.number, try record.wireText()])
  }

  static func update(_ record: CohortRecord, of parent: JobID, in db: SQLSession) throws {
    db.concerns(parent)
    try db.execute(
      sql: "UPDATE cohort SET record = ? WHERE parent = ? AND round = ? AND number = ?",
      arguments: [try record.wireText(), "\(parent)", Int64(record.round), record.number])
  }

  /// A job's cohorts in the order of the draw; of one round when `round` is given.
  static func cohorts(of parent: JobID, round: UInt32? = nil, in db: SQLSession) throws -> [CohortRecord] {
    let texts =
      if let round {
        try String.fetchAll(
          db, sql: "SELECT record FROM cohort WHERE parent = ? AND round = ? ORDER BY number",
          arguments: ["\(parent)", Int64(round)])
      } else {
        try String.fetchAll(
          db, sql: "SELECT record FROM cohort WHERE parent = ? ORDER BY round, number",
          arguments: ["\(parent)"])
      }
    return try texts.map { try CohortRecord(wireText: $0) }
  }

  /// A round's cohorts of several jobs, each job's in the order of the draw.
  static func cohorts(
    of parents: [JobID], round: UInt32, in db: SQLSession
  ) throws -> [JobID: [CohortRecord]] {
    var found: [JobID: [CohortRecord]] = [:]
    for row in try SQLRow.fetchAll(
      db,
      sql: """
        SELECT parent, record FROM cohort WHERE parent IN (\(parents.filledUp.marks)) AND round = ?
        ORDER BY parent, number
        """, arguments: SQLArguments(parents.filledUp.map { "\($0)" } + [Int64(round)]))
    {
      found[try JobID(hex: row["parent"]), default: []].append(try CohortRecord(wireText: row["record"]))
    }
    return found
  }
}
