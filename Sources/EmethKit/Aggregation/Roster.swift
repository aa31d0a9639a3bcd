/// The members of one attempt of a cohort with the keys that they mask with (PROTOCOL 8).
///
/// ```swift
/// let roster = try Roster(plan: plan, keys: signedKeys)
/// try roster.check(in: .embedded)
/// let index = roster.index(of: jobID)       // i of y_i
/// ```
/// In canonical bytes: per entry 16 bytes SubJob id, 20 bytes node, 32 bytes resultRoot, 32 bytes round key,
/// ascending by id. ``hash`` is SHA-256(those bytes ‖ programHash ‖ initRoot ‖ round u32 ‖ attempt u32),
/// big-endian, which is also the salt of the masks' keys: masks cancel only among nodes that hold the same
/// roster and trained the same program from the same model.
public struct Roster: Hashable, Sendable {
  /// The manifest's hash.
  public let programHash: Bytes32
  /// The state root that all members trained from.
  public let initRoot: Bytes32
  /// The round, from 0.
  public let round: UInt32
  /// The cohort's attempt.
  public let attempt: UInt32
  /// The members, ascending by SubJob id.
  public let entries: [RosterEntry]
  /// What members sign.
  public let hash: Bytes32

  /// A roster of 1 to 16 entries; nothing of their signatures is checked.
  ///
  /// - Throws: ``AggregationError``: `cohortSize`, `rosterOrder` unless the ids rise, `roundKeyReused` when
  ///   two entries have the same key.
  public init(
    programHash: Bytes32, initRoot: Bytes32, round: UInt32, attempt: UInt32, entries: [RosterEntry]
  ) throws(AggregationError) {
    guard (1...Cohort.maximumSize).contains(entries.count) else {
      throw .cohortSize(found: entries.count, allowed: 1...Cohort.maximumSize)
    }
    for index in entries.indices.dropFirst() where entries[index].jobID <= entries[index - 1].jobID {
      throw .rosterOrder(index: index)
    }
    var keys: Set<Bytes32> = []
    for entry in entries where !keys.insert(entry.roundKey).inserted { throw .roundKeyReused(entry.jobID) }
    self.programHash = programHash
    self.initRoot = initRoot
    self.round = round
    self.attempt = attempt
    self.entries = entries
    let context = programHash.bytes + initRoot.bytes + round.bigEndianBytes + attempt.bigEndianBytes
    hash = SHA256.hash(entries.flatMap(\.canonicalBytes) + context)
  }

  /// The roster of a plan whose members have all given a key, each of which ``check(_:of:in:)`` accepts.
  ///
  /// - Throws: ``AggregationError/keyMissing(_:)``, and those of the other initialiser.
  public init(plan: CohortPlan, keys: [JobID: SignedRoundKey]) throws(AggregationError) {
    var entries: [RosterEntry] = []
    for seat in plan.cohort.seats {
      guard let key = keys[seat.jobID] else { throw .keyMissing(seat.jobID) }
      entries.append(RosterEntry(seat: seat, roundKey: key.content.roundKey, signature: key.signature))
    }
    try self.init(
      programHash: plan.programHash, initRoot: plan.initRoot, round: plan.round, attempt: plan.attempt,
      entries: entries)
  }

  /// The entries' bytes one after the other.
  public var canonicalBytes: [UInt8] { entries.flatMap(\.canonicalBytes) }

  /// The place of a SubJob, or nil when it has none.
  public func index(of jobID: JobID) -> Int? {
    entries.firstIndex { $0.jobID == jobID }
  }

  /// How many different accounts take part.
  public var accountCount: Int { Set(entries.map(\.node)).count }
}

/// One member of a roster.
public struct RosterEntry: Hashable, Sendable {
  /// The SubJob.
  public let jobID: JobID
  /// The node.
  public let node: Address
  /// The root of its quantised update.
  public let resultRoot: Bytes32
  /// The X25519 public key that it masks with in this attempt.
  public let roundKey: Bytes32
  /// The node's signature under its ``RoundKey``.
  public let signature: Signature

  /// An entry of these values.
  public init(
    jobID: JobID, node: Address, resultRoot: Bytes32, roundKey: Bytes32, signature: Signature
  ) {
    self.jobID = jobID
    self.node = node
    self.resultRoot = resultRoot
    self.roundKey = roundKey
    self.signature = signature
  }

  init(seat: CohortSeat, roundKey: Bytes32, signature: Signature) {
    self.init(
      jobID: seat.jobID, node: seat.node, resultRoot: seat.resultRoot, roundKey: roundKey,
      signature: signature)
  }

  /// The entry without its key.
  public var seat: CohortSeat { CohortSeat(jobID: jobID, node: node, resultRoot: resultRoot) }

  /// 100 bytes: id, node, resultRoot, round key.
  public var canonicalBytes: [UInt8] { jobID.bytes + node.bytes + resultRoot.bytes + roundKey.bytes }
}

extension RosterEntry: Codable {
  private enum CodingKeys: String, CodingKey {
    case jobID = "jobId"
    case node, resultRoot, roundKey, signature
  }
}

extension Roster: Codable {
  private enum CodingKeys: String, CodingKey {
    case programHash, initRoot, round, entries
    case attempt = "cohortAttempt"
  }

  /// Reads an object; the signatures are not checked.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    let programHash = try container.decode(Bytes32.self, forKey: .programHash)
    let initRoot = try container.decode(Bytes32.self, forKey: .initRoot)
    let round: UInt32 = try container.decodeNumber(forKey: .round)
    let attempt: UInt32 = try container.decodeNumber(forKey: .attempt)
    let entries = try container.superDecoder(forKey: .entries)
      .limitedArray(of: RosterEntry.self, limit: Cohort.maximumSize)
    self = try decoder.validating { () throws(AggregationError) in
      try Roster(
        programHash: programHash, initRoot: initRoot, round: round, attempt: attempt, entries: entries)
    }
  }

  /// Writes an object.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(programHash, forKey: .programHash)
    try container.encode(initRoot, forKey: .initRoot)
    try container.encode(round, forKey: .round)
    try container.encode(attempt, forKey: .attempt)
    try container.encode(entries, forKey: .entries)
  }
}
