/// Which segments a verifier computes again, drawn so that nobody can know before the submission (PROTOCOL
/// 7).
///
/// The seed needs the submission, the beacon that came after it, and a secret that the verifier had committed
/// to before it: a node that could choose any of them could choose what is checked.
///
/// ```swift
/// let seed = SegmentDraw.seed(submission: digest, beacon: batchDigest, secret: secret)
/// let segments = SegmentDraw.segments(seed: seed, count: 2, of: 10)   // such as [3, 7, 9]
/// ```
public struct SegmentDraw: Hashable, Sendable {
  /// keccak256(submission digest ‖ beacon ‖ secret).
  public static func seed(submission: Bytes32, beacon: Bytes32, secret: Bytes32) -> Bytes32 {
    Keccak256.hash(submission.bytes + beacon.bytes + secret.bytes)
  }

  /// What a verifier posts before any submission it may check: keccak256(20-byte address ‖ secret).
  public static func commitment(address: Address, secret: Bytes32) -> Bytes32 {
    Keccak256.hash(address.bytes + secret.bytes)
  }

  /// The drawn segments: `k` distinct ones by Fisher-Yates, and always the last; ascending.
  ///
  /// - Parameters:
  ///   - seed: The key of the generator.
  ///   - k: How many to draw; all of them when there are not more.
  ///   - n: The number of segments, at most 2^32 − 1. Traps when it is not positive.
  /// - Returns: k or k + 1 indices.
  /// - Complexity: O(k log k), whatever the number of segments.
  public static func segments(seed: Bytes32, count k: Int, of n: Int) -> [Int] {
    precondition(k >= 0, "a draw has no negative count")
    guard let total = UInt32(exactly: n), total > 0 else {
      preconditionFailure("a submission has 1 to 2^32 - 1 segments")
    }
    var generator = ChaCha20Generator(key: seed)
    // Only what was swapped is kept: place i holds i until something else is put there.
    var moved: [Int: Int] = [:]
    var drawn: Set<Int> = [n - 1]
    for place in 0..<min(k, n) {
      let other = place + Int(generator.below(total - UInt32(place)))
      drawn.insert(moved[other] ?? other)
      moved[other] = moved[place] ?? place
    }
    return drawn.sorted()
  }

  /// The boundaries whose leaves a node opens for drawn segments: both ends of each, and of the whole.
  public static func boundaries(ofSegments segments: [Int], of n: Int) -> Set<Int> {
    Set([0, n] + segments.flatMap { [$0, $0 + 1] })
  }

  /// The step whose state root a verdict names: in which of the drawn segments, and how many steps into it.
  ///
  /// The generator's key is keccak256("EMETH step" ‖ seed), so that it says nothing of the segments' draw. A
  /// segment of one step has no inside, both its ends are opened: one of the others is taken.
  ///
  /// - Parameters:
  ///   - seed: The draw's seed.
  ///   - segments: The drawn segments, ascending; traps when there are none.
  ///   - stepCount: The number of steps of a segment, at least 1.
  /// - Returns: The segment, and the number of steps after its start: 1 to below its length, so that no
  ///   opened root gives the answer away. Only where every drawn segment has a single step it is the end of one of
  ///   them, which proves no work.
  public static func interiorStep(
    seed: Bytes32, segments: [Int], stepCount: (Int) -> UInt32
  ) -> (segment: Int, offset: UInt32) {
    precondition(!segments.isEmpty, "a draw has at least one segment")
    var generator = ChaCha20Generator(key: Keccak256.hash(Array("EMETH step".utf8) + seed.bytes))
    let long = segments.filter { stepCount($0) > 1 }
    let candidates = long.isEmpty ? segments : long
    let segment = candidates[Int(generator.below(UInt32(candidates.count)))]
    return (segment, long.isEmpty ? 1 : 1 + generator.below(stepCount(segment) - 1))
  }

  /// Whether a beacon draws an accepting verdict to be replayed by another verifier, one in `share`.
  ///
  /// The generator's key is keccak256("EMETH audit" ‖ verdict digest ‖ beacon); the beacon must come after the
  /// verdict, so that nobody who signs knows whether it will be looked at.
  ///
  /// - Parameter share: 1 for every verdict; traps when it is 0.
  public static func isAudited(verdict: Bytes32, beacon: Bytes32, oneIn share: UInt32) -> Bool {
    precondition(share > 0, "one in at least one")
    var generator = ChaCha20Generator(
      key: Keccak256.hash(Array("EMETH audit".utf8) + verdict.bytes + beacon.bytes))
    return generator.below(share) == 0
  }

  /// The verifier that a beacon draws for a submission, or nil when nobody is eligible.
  ///
  /// The generator's key is keccak256("EMETH verifier" ‖ submission ‖ beacon ‖ turn u32); candidates are
  /// taken in ascending order of their addresses, each once.
  ///
  /// - Parameters:
  ///   - turn: 0 for the first draw for this submission, 1 for the second, and so on.
  ///   - candidates: The bonded verifiers.
  ///   - excluded: The requester, the nodes of the parent, and who was drawn before.
  public static func verifier(
    submission: Bytes32, beacon: Bytes32, turn: UInt32 = 0, among candidates: some Sequence<Address>,
    excluding excluded: Set<Address>
  ) -> Address? {
    let eligible = Set(candidates).subtracting(excluded).sorted()
    guard !eligible.isEmpty else { return nil }
    let key = Keccak256.hash(
      Array("EMETH verifier".utf8) + submission.bytes + beacon.bytes + turn.bigEndianBytes)
    var generator = ChaCha20Generator(key: key)
    return eligible[Int(generator.below(UInt32(eligible.count)))]
  }
}
