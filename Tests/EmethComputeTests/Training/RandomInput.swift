import EmethCompute
import Foundation

/// Random test input from a printed seed: EMETH_TEST_SEED repeats a run, EMETH_TEST_SCALE makes it longer.
struct RandomInput {
  private var generator: CounterGenerator

  /// How many times the default number of cases to run.
  static let scale = ProcessInfo.processInfo.environment["EMETH_TEST_SCALE"].flatMap(Int.init) ?? 1

  init(_ name: String) throws {
    let seed =
      ProcessInfo.processInfo.environment["EMETH_TEST_SEED"].flatMap(UInt32.init)
      ?? UInt32.random(in: 0...UInt32.max)
    print("\(name): EMETH_TEST_SEED=\(seed)")
    generator = try CounterGenerator(
      label: name, seed: [UInt8](repeating: 0, count: 32), part: seed, round: 0, pass: 0)
  }

  mutating func word() throws -> UInt32 { try generator.nextWord() }

  mutating func below(_ bound: Int) throws -> Int { Int(try generator.below(UInt32(bound))) }

  /// A finite number of any size and sign.
  mutating func float() throws -> Float {
    while true {
      let value = Float(bitPattern: try word())
      if value.isFinite { return value }
    }
  }
}
