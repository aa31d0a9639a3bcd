import CNativeNumbers
import EmethKit

/// How fast UInt256 is: against 256-bit arithmetic in C over native 128-bit integers, against Swift's own
/// UInt128, and what slower operations take.
@main struct NumberBenchmark {
  static let count = 256
  static let samples = 101

  static func main() {
    var generator = SystemRandomNumberGenerator()
    let left = Buffer(randomUsing: &generator), right = Buffer(randomUsing: &generator)
    let small = Buffer(randomUsing: &generator) { $0 >> 129 }
    let halved = Buffer(randomUsing: &generator) { UInt256(high: $0.high >> 1, low: $0.low >> 1) }
    let output = Buffer(randomUsing: &generator), wide = Buffer(randomUsing: &generator, copies: 2)

    print("ns for an operation, medians of \(samples) alternating samples")
    print("against C over unsigned __int128, four limbs")
    report(native(left, right, small, output, wide))
    print("against UInt128, half as wide")
    report(half(left, right, small, halved, output))
  }

  static func report(_ comparisons: [Comparison]) {
    for comparison in comparisons {
      let (ours, theirs) = comparison.measure(samples: samples)
      func text(_ value: Double) -> String {
        let hundredths = Int(value * 100 + 0.5)
        let fraction = "\(hundredths % 100)"
        return "\(hundredths / 100).\(fraction.count < 2 ? "0" : "")\(fraction)"
      }
      let name = comparison.name + String(repeating: " ", count: Swift.max(0, 28 - comparison.name.count))
      print("  \(name) \(text(ours)) / \(text(theirs)) = \(text(ours / theirs))")
    }
  }
}

/// Numbers at a fixed place, so that neither side pays for arrays.
struct Buffer {
  let numbers: UnsafeMutablePointer<UInt256>

  init(
    randomUsing generator: inout some RandomNumberGenerator, copies: Int = 1,
    _ shape: (UInt256) -> UInt256 = { $0 }
  ) {
    let count = copies * NumberBenchmark.count
    numbers = .allocate(capacity: count)
    for index in 0..<count {
      (numbers + index).initialize(to: shape(UInt256.random(in: 0...UInt256.max, using: &generator)))
    }
  }

  var limbs: UnsafeMutablePointer<UInt64> {
    UnsafeMutableRawPointer(numbers).assumingMemoryBound(to: UInt64.self)
  }
  var halves: UnsafeMutablePointer<UInt128> {
    UnsafeMutableRawPointer(numbers).assumingMemoryBound(to: UInt128.self)
  }
}
