import Foundation

/// The random numbers of a test: SplitMix64, started from EMETH_TEST_SEED or from a seed of its own, which
/// is printed so that a failure can be repeated.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(test: String = #function) {
    let given = ProcessInfo.processInfo.environment["EMETH_TEST_SEED"].flatMap { UInt64($0) }
    let seed = given ?? UInt64.random(in: 0...UInt64.max)
    print("\(test): EMETH_TEST_SEED=\(seed)")
    state = seed
  }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var word = state
    word = (word ^ word >> 30) &* 0xBF58_476D_1CE4_E5B9
    word = (word ^ word >> 27) &* 0x94D0_49BB_1331_11EB
    return word ^ word >> 31
  }
}

/// How often random tests repeat: the count times EMETH_TEST_SCALE, 1 by default.
func scaled(_ count: Int) -> Int {
  let scale = ProcessInfo.processInfo.environment["EMETH_TEST_SCALE"].flatMap { Int($0) } ?? 1
  return count * max(1, scale)
}
