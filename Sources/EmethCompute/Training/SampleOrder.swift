/// The order in which a SubJob goes through its part's sequences in one round.
///
/// Each pass is a full shuffle of the part (for i = n−1 … 1 swap i with `below(i + 1)`), drawn from the
/// generator labelled "order" for (seed, part, round, pass), and the next pass starts when one is used up
/// (PROTOCOL 6). It depends on nothing else: a repeated attempt elsewhere takes the same sequences.
///
/// ```swift
/// var order = try SampleOrder(seed: seed, part: 2, round: 0, sequences: plan.count)
/// let batch = try order.next(12)
/// ```
public struct SampleOrder: Sendable {
  private let seed: [UInt8]
  private let part: UInt32
  private let round: UInt32
  private let sequences: Int
  private var pass: UInt32 = 0
  private var permutation: [UInt32] = []
  private var position = 0

  /// The order of `round` over `sequences` sequences of a part.
  ///
  /// - Parameters:
  ///   - seed: 32 bytes.
  ///   - sequences: how many the part has, 1 to 2^32 − 1.
  /// - Throws: `ComputeError.invalidInput` for another seed length or number of sequences.
  public init(seed: [UInt8], part: UInt32, round: UInt32, sequences: Int) throws(ComputeError) {
    guard sequences > 0, sequences <= Int(UInt32.max) else {
      throw .invalidInput(
        what: "sequences of part \(part)", found: "\(sequences)", allowed: "1 to \(UInt32.max)")
    }
    self.seed = seed
    self.part = part
    self.round = round
    self.sequences = sequences
    try shuffle()
  }

  /// The index of the next sequence, in `0 ..< sequences`. O(1), a new pass O(sequences).
  public mutating func next() throws(ComputeError) -> Int {
    if position == sequences {
      pass += 1
      try shuffle()
    }
    defer { position += 1 }
    return Int(permutation[position])
  }

  /// The indices of the next `count` sequences.
  public mutating func next(_ count: Int) throws(ComputeError) -> [Int] {
    var indices: [Int] = []
    indices.reserveCapacity(count)
    for _ in 0..<count { indices.append(try next()) }
    return indices
  }

  /// Passes over `count` sequences, as a replay does that starts inside a round; whole passes cost nothing.
  public mutating func skip(_ count: Int) throws(ComputeError) {
    precondition(count >= 0, "an order does not run backwards")
    let target = position + count
    // The position stays at the end of a pass rather than at the start of the next, as `next()` leaves it.
    let passes = target == 0 ? 0 : (target - 1) / sequences
    if passes > 0 {
      pass += UInt32(passes)
      try shuffle()
    }
    position = target - passes * sequences
  }

  private mutating func shuffle() throws(ComputeError) {
    var generator = try CounterGenerator(label: "order", seed: seed, part: part, round: round, pass: pass)
    permutation = Array(0..<UInt32(sequences))
    for index in stride(from: sequences - 1, to: 0, by: -1) {
      permutation.swapAt(index, Int(try generator.below(UInt32(index + 1))))
    }
    position = 0
  }
}
