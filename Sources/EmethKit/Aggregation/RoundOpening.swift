/// A node's round secret, opened to its own verifier when a cohort's sum does not check (PROTOCOL 8).
///
/// Whoever has it and the posted vector has the update: it travels sealed to the verifier of that SubJob, who
/// knows the update already, and to nobody else.
///
/// ```swift
/// let opening = try member.opening()                       // the node, which seals it
/// try opening.check(update, of: masked, roster: roster)    // its verifier: throws when the node lied
/// ```
public struct RoundOpening: Hashable, Sendable {
  /// The SubJob.
  public let jobID: JobID
  /// The round, from 0.
  public let round: UInt32
  /// The cohort's attempt.
  public let attempt: UInt32
  /// The X25519 secret.
  public let roundSecret: Bytes32

  /// An opening of these values.
  public init(jobID: JobID, round: UInt32, attempt: UInt32, roundSecret: Bytes32) {
    self.jobID = jobID
    self.round = round
    self.attempt = attempt
    self.roundSecret = roundSecret
  }

  /// The root of the vector that an honest node masks this update to.
  ///
  /// - Parameters:
  ///   - update: All of q as the verifier has it from its replay, aligned to 4 bytes.
  ///   - roster: The roster that the node masked under.
  /// - Throws: ``AggregationError``: `foreignRound`, `wrongAttempt`, `notAMember`, `roundKeyMismatch` when
  ///   this is not the secret behind the node's key, and those of ``UpdateMask``.
  /// - Complexity: As masking; 1 MiB of memory besides.
  public func maskedRoot(of update: UnsafeRawBufferPointer, roster: Roster) throws(AggregationError)
    -> Bytes32
  {
    guard round == roster.round else { throw .foreignRound(found: round, expected: roster.round) }
    guard attempt == roster.attempt else { throw .wrongAttempt(found: attempt, expected: roster.attempt) }
    let mask = try UpdateMask(secret: RoundSecret(roundSecret), roster: roster, member: jobID)
    var hasher = MaskedHasher()
    let chunk = UnsafeMutableRawBufferPointer.allocate(
      byteCount: MaskedHasher.chunkByteCount, alignment: 64)
    defer { chunk.deallocate() }
    for start in stride(from: 0, to: update.count, by: chunk.count) {
      let piece = UnsafeRawBufferPointer(rebasing: update[start..<min(update.count, start + chunk.count)])
      let target = UnsafeMutableRawBufferPointer(rebasing: chunk[..<piece.count])
      try mask.mask(piece, at: UInt64(start / UpdateRing.wordByteCount), into: target)
      hasher.update(UnsafeRawBufferPointer(target))
    }
    return hasher.finish().root
  }

  /// Checks that a node masked this update and no other.
  ///
  /// - Parameter masked: What the node signed; the caller has checked its signature.
  /// - Throws: ``AggregationError``: `rosterMismatch`, `maskedRootMismatch`, and those of
  ///   ``maskedRoot(of:roster:)``. Each but `library` proves the node a liar, or its verifier's update wrong.
  public func check(
    _ update: UnsafeRawBufferPointer, of masked: Masked, roster: Roster
  ) throws(AggregationError) {
    guard masked.jobID == jobID else { throw .notAMember(masked.jobID) }
    guard masked.rosterHash == roster.hash else {
      throw .rosterMismatch(found: masked.rosterHash, expected: roster.hash)
    }
    let expected = try maskedRoot(of: update, roster: roster)
    guard masked.maskedRoot == expected else {
      throw .maskedRootMismatch(jobID, found: masked.maskedRoot, expected: expected)
    }
  }
}

extension RoundOpening: CustomStringConvertible, CustomReflectable {
  /// What it opens, never the secret.
  public var description: String { "RoundOpening(\(jobID), attempt \(attempt))" }

  /// What it opens, never the secret.
  public var customMirror: Mirror { Mirror(self, children: ["jobID": jobID, "attempt": attempt]) }
}

extension RoundOpening: Codable {
  private enum CodingKeys: String, CodingKey {
    case jobID = "jobId"
    case attempt = "cohortAttempt"
    case round, roundSecret
  }

  /// Reads an object.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    self.init(
      jobID: try container.decode(JobID.self, forKey: .jobID),
      round: try container.decodeNumber(forKey: .round),
      attempt: try container.decodeNumber(forKey: .attempt),
      roundSecret: try container.decode(Bytes32.self, forKey: .roundSecret))
  }
}
