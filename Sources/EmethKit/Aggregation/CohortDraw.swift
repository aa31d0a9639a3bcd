/// Which SubJobs of a round are added together, drawn by a beacon so that nobody can choose its company
/// (PROTOCOL 8).
///
/// The draw, for n SubJobs in ascending order of their ids:
/// 1. key = keccak256("EMETH cohorts" ‖ beacon ‖ round u32 ‖ turn u32), big-endian, turn 0;
/// 2. a full shuffle by ChaCha20(key): for i = n − 1 … 1 swap i with below(i + 1);
/// 3. ceil(n / 16) runs of the shuffled order whose sizes differ by at most one, the larger ones first;
/// 4. while some run has SubJobs of fewer than three accounts, again from 1 with the next turn, of which
///    there are 64; then the draw of turn 0 stands, and those runs hide nobody (``Cohort/warning``).
///
/// With one or two SubJobs there is one cohort of what there is, and nobody is hidden.
///
/// ```swift
/// let seats = submissions.map { CohortSeat(of: $0) }
/// let cohorts = try CohortDraw.cohorts(beacon: batchDigest, round: 4, seats: seats)
/// ```
public enum CohortDraw {
  /// How often a draw is repeated for the sake of three accounts in every cohort.
  public static let turnLimit: UInt32 = 64

  /// The cohorts of a round, in the order of the draw.
  ///
  /// - Parameters:
  ///   - beacon: Known to nobody before all SubJobs had their verdicts.
  ///   - seats: All SubJobs of the round, 1 to 511, in any order.
  /// - Throws: ``AggregationError``: `partCount`, `duplicateMember`.
  public static func cohorts(
    beacon: Bytes32, round: UInt32, seats: [CohortSeat]
  ) throws(AggregationError) -> [Cohort] {
    guard (1...MaskedSum.maximumParts).contains(seats.count) else {
      throw .partCount(found: seats.count, allowed: 1...MaskedSum.maximumParts)
    }
    let sorted = seats.sorted { $0.jobID < $1.jobID }
    for (seat, next) in zip(sorted, sorted.dropFirst()) where seat.jobID == next.jobID {
      throw .duplicateMember(seat.jobID)
    }
    let first = try draw(beacon: beacon, round: round, turn: 0, sorted: sorted)
    // Where it can't be had, nothing is gained by looking for it.
    guard Set(seats.map(\.node)).count >= Cohort.minimumAccounts else { return first }
    var drawn = first
    for turn in 1..<turnLimit where !drawn.allSatisfy(\.hidesItsMembers) {
      drawn = try draw(beacon: beacon, round: round, turn: turn, sorted: sorted)
    }
    return drawn.allSatisfy(\.hidesItsMembers) ? drawn : first
  }

  private static func draw(
    beacon: Bytes32, round: UInt32, turn: UInt32, sorted: [CohortSeat]
  ) throws(AggregationError) -> [Cohort] {
    let key = Keccak256.hash(
      Array("EMETH cohorts".utf8) + beacon.bytes + round.bigEndianBytes + turn.bigEndianBytes)
    var generator = ChaCha20Generator(key: key)
    var order = sorted
    for place in stride(from: order.count - 1, to: 0, by: -1) {
      order.swapAt(place, Int(generator.below(UInt32(place + 1))))
    }
    let cohortCount = (order.count + Cohort.maximumSize - 1) / Cohort.maximumSize
    let (size, larger) = order.count.quotientAndRemainder(dividingBy: cohortCount)
    var cohorts: [Cohort] = []
    var start = 0
    for index in 0..<cohortCount {
      let end = start + size + (index < larger ? 1 : 0)
      cohorts.append(try Cohort(order[start..<end]))
      start = end
    }
    return cohorts
  }
}
