/// Why a cohort, a roster, a masked vector or a sum is refused.
public enum AggregationError: SignatureError, Equatable {
  /// A digest or signatures that do not stand.
  case signed(SignatureFault)
  /// An entry of a roster that its node did not sign.
  case entrySignature(JobID, fault: SignatureFault)

  /// A cohort or roster with none or too many SubJobs.
  case cohortSize(found: Int, allowed: ClosedRange<Int>)
  /// More parts than a sum can have, or none.
  case partCount(found: Int, allowed: ClosedRange<Int>)
  /// A SubJob that is named twice.
  case duplicateMember(JobID)
  /// A cohort in which nobody would be hidden.
  case tooFewAccounts(found: Int, allowed: Int)
  /// Entries of a roster that do not rise, at a place counted from 0.
  case rosterOrder(index: Int)

  /// Another program than this node trained.
  case foreignProgram(found: Bytes32, expected: Bytes32)
  /// Another starting model than this node trained from.
  case foreignInitRoot(found: Bytes32, expected: Bytes32)
  /// Another round.
  case foreignRound(found: UInt32, expected: UInt32)
  /// Another attempt than the one that runs.
  case wrongAttempt(found: UInt32, expected: UInt32)
  /// An attempt that this node has taken part in, or an earlier one.
  case attemptSeen(found: UInt32, last: UInt32)
  /// No number is left for another attempt.
  case attemptsExhausted
  /// A SubJob that is no member.
  case notAMember(JobID)
  /// A member that a plan or roster lacks.
  case memberMissing(JobID)
  /// A member with another node.
  case nodeMismatch(JobID, found: Address, expected: Address)
  /// A member with another resultRoot than its submission has.
  case resultRootAltered(JobID, found: Bytes32, expected: Bytes32)
  /// Another roster than the one that counts, by its hash.
  case rosterMismatch(found: Bytes32, expected: Bytes32)

  /// A member without a key.
  case keyMissing(JobID)
  /// A second, different key of a member for one attempt.
  case keyConflict(JobID)
  /// A round key that was used before, or by two members.
  case roundKeyReused(JobID)
  /// A round key with which everybody has the same in common.
  case roundKeyLowOrder(JobID)
  /// A round secret that does not belong to the member's key.
  case roundKeyMismatch(JobID, found: Bytes32, expected: Bytes32)

  /// A coordinate of an update beyond ±(2^22 − 1).
  case valueOutOfRing(coordinate: UInt64, found: Int32, allowed: Int32)
  /// A vector that is not whole words; bytes.
  case vectorLength(found: UInt64)
  /// A vector of another length, in bytes.
  case vectorMismatch(found: UInt64, expected: UInt64)
  /// A vector with more coordinates than the streams have places, or none.
  case coordinateLimit(found: UInt64, allowed: UInt64)

  /// A member without a masked vector.
  case maskedMissing(JobID)
  /// A second, different masked vector of a member for one attempt.
  case maskedConflict(JobID, found: Bytes32, first: Bytes32)
  /// A masked vector with another root than it should have.
  case maskedRootMismatch(JobID, found: Bytes32, expected: Bytes32)
  /// A sum of other vectors than the posted ones.
  case maskedRootsMismatch(found: Bytes32, expected: Bytes32)
  /// A sum that is no sum of so many updates.
  case sumOutOfBound(coordinate: UInt64, found: Int32, allowed: Int32)
  /// A second, different sum of the same vectors.
  case sumConflict(found: Bytes32, first: Bytes32)
  /// A share of the checkable sum that is not below 2^61 − 1.
  case shareRange(found: UInt64, allowed: UInt64)
  /// A member without a share of the checkable sum.
  case shareMissing(JobID)
  /// A share for another beacon.
  case beaconMismatch(found: Bytes32, expected: Bytes32)

  /// An event that does not fit where the cohort stands.
  case unexpected(event: String, phase: String)
  /// An answer after its deadline; unix seconds.
  case tooLate(event: String, now: UInt64, deadline: UInt64)

  /// OpenSSL could not carry out a function, most often for lack of memory.
  case library(CryptoError)
}
