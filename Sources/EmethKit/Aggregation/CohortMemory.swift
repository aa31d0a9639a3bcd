/// What a node must not forget between attempts and rounds: the attempts that it has taken part in, and the
/// round keys that it has seen.
///
/// Kept beside the node's other state and given to the next ``CohortMember``: written before the effects of
/// an event are carried out, so that a node that starts again never answers an attempt twice.
///
/// ```swift
/// var member = try CohortMember(seat: seat, …, memory: readMemory())
/// let effects = try member.apply(event)
/// try write(member.memory)
/// ```
public struct CohortMemory: Hashable, Sendable {
  /// The last attempt of each SubJob.
  public private(set) var attempts: [JobID: UInt32] = [:]
  /// Round keys of earlier attempts, its own and others'.
  public private(set) var roundKeys: Set<Bytes32> = []

  /// No memory.
  public init() {}

  /// Takes over what another member of the same node remembers.
  public mutating func formUnion(_ other: CohortMemory) {
    attempts.merge(other.attempts) { max($0, $1) }
    roundKeys.formUnion(other.roundKeys)
  }

  mutating func note(attempt: UInt32, of jobID: JobID, ownKey: Bytes32) {
    attempts[jobID] = attempt
    roundKeys.insert(ownKey)
  }

  mutating func note(_ roster: Roster) {
    roundKeys.formUnion(roster.entries.map(\.roundKey))
  }
}

extension CohortMemory: Codable {
  private enum CodingKeys: String, CodingKey {
    case attempts, roundKeys
  }

  private struct Attempt: Codable {
    var jobID: JobID
    var attempt: UInt32

    enum CodingKeys: String, CodingKey {
      case jobID = "jobId"
      case attempt = "cohortAttempt"
    }
  }

  /// Reads an object.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    for attempt in try container.decode([Attempt].self, forKey: .attempts) {
      // The later one counts, whatever the order.
      attempts[attempt.jobID] = max(attempt.attempt, attempts[attempt.jobID] ?? 0)
    }
    roundKeys = Set(try container.decode([Bytes32].self, forKey: .roundKeys))
  }

  /// Writes an object, in ascending order.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    let sorted = attempts.sorted { $0.key < $1.key }
    try container.encode(sorted.map { Attempt(jobID: $0.key, attempt: $0.value) }, forKey: .attempts)
    try container.encode(roundKeys.sorted(), forKey: .roundKeys)
  }
}
