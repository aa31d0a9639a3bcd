import CNativeNumbers
import EmethKit

extension NumberBenchmark {
  static func native(
    _ left: Buffer, _ right: Buffer, _ small: Buffer, _ output: Buffer, _ wide: Buffer
  ) -> [Comparison] {
    [
      Comparison(
        name: "&+", operations: count,
        ours: { each { output.numbers[$0] = left.numbers[$0] &+ right.numbers[$0] } },
        theirs: { native_add(output.limbs, left.limbs, right.limbs, count) }),
      Comparison(
        name: "+ (checked)", operations: count,
        ours: { each { output.numbers[$0] = small.numbers[$0] + small.numbers[$0] } },
        theirs: { precondition(native_add_checked(output.limbs, small.limbs, small.limbs, count) == 0) }),
      Comparison(
        name: "&*", operations: count,
        ours: { each { output.numbers[$0] = left.numbers[$0] &* right.numbers[$0] } },
        theirs: { native_multiply(output.limbs, left.limbs, right.limbs, count) }),
      Comparison(
        name: "* (checked)", operations: count,
        ours: { each { output.numbers[$0] = small.numbers[$0] * small.numbers[$0] } },
        theirs: { native_multiply(output.limbs, small.limbs, small.limbs, count) }),
      Comparison(
        name: "multipliedFullWidth", operations: count,
        ours: {
          each {
            let product = left.numbers[$0].multipliedFullWidth(by: right.numbers[$0])
            wide.numbers[2 * $0] = product.low
            wide.numbers[2 * $0 + 1] = product.high
          }
        },
        theirs: { native_multiply_full(wide.limbs, left.limbs, right.limbs, count) }),
      Comparison(
        name: "x = x &* a &+ b, in a chain", operations: count,
        ours: {
          var value = output.numbers[0]
          let (factor, addend) = (left.numbers[0], right.numbers[0])
          for _ in 0..<count { value = value &* factor &+ addend }
          output.numbers[0] = value
        },
        theirs: { native_chain(output.limbs, left.limbs, right.limbs, count) }),
    ]
  }

  static func half(
    _ left: Buffer, _ right: Buffer, _ small: Buffer, _ halved: Buffer, _ output: Buffer
  ) -> [Comparison] {
    [
      Comparison(
        name: "&+", operations: count,
        ours: { each { output.numbers[$0] = left.numbers[$0] &+ right.numbers[$0] } },
        theirs: { each { output.halves[$0] = left.halves[$0] &+ right.halves[$0] } }),
      Comparison(
        name: "+ (checked)", operations: count,
        ours: { each { output.numbers[$0] = halved.numbers[$0] + halved.numbers[$0] } },
        theirs: { each { output.halves[$0] = halved.halves[$0] + halved.halves[$0] } }),
      Comparison(
        name: "&*", operations: count,
        ours: { each { output.numbers[$0] = left.numbers[$0] &* right.numbers[$0] } },
        theirs: { each { output.halves[$0] = left.halves[$0] &* right.halves[$0] } }),
      Comparison(
        name: "x = x &* a &+ b, in a chain", operations: count,
        ours: {
          var value = output.numbers[0]
          let (factor, addend) = (left.numbers[0], right.numbers[0])
          for _ in 0..<count { value = value &* factor &+ addend }
          output.numbers[0] = value
        },
        theirs: {
          var value = output.halves[0]
          let (factor, addend) = (left.halves[0], right.halves[0])
          for _ in 0..<count { value = value &* factor &+ addend }
          output.halves[0] = value
        }),
      Comparison(
        name: "<", operations: count,
        ours: {
          var smaller = 0
          each { smaller += left.numbers[$0] < right.numbers[$0] ? 1 : 0 }
          output.limbs[0] = UInt64(smaller)
        },
        theirs: {
          var smaller = 0
          each { smaller += left.halves[$0] < right.halves[$0] ? 1 : 0 }
          output.limbs[0] = UInt64(smaller)
        }),
      Comparison(
        name: "/ of the same width", operations: count,
        ours: { each { output.numbers[$0] = left.numbers[$0] / (right.numbers[$0] | 1) } },
        theirs: { each { output.halves[$0] = left.halves[$0] / (right.halves[$0] | 1) } }),
      Comparison(
        name: "/ by half the width", operations: count,
        ours: { each { output.numbers[$0] = left.numbers[$0] / (small.numbers[$0] | 1) } },
        theirs: { each { output.halves[$0] = left.halves[$0] / (left.halves[$0] >> 65 | 1) } }),
      Comparison(
        name: "&+ 1 (a literal)", operations: count,
        ours: { each { output.numbers[$0] = left.numbers[$0] &+ 1 } },
        theirs: { each { output.halves[$0] = left.halves[$0] &+ 1 } }),
      Comparison(
        name: "<< by an Int", operations: count,
        ours: { each { output.numbers[$0] = left.numbers[$0] << $0 } },
        theirs: { each { output.halves[$0] = left.halves[$0] << $0 } }),
      Comparison(
        name: "UInt256(UInt128), generic", operations: count,
        ours: { each { output.numbers[$0] = UInt256(left.halves[$0]) } },
        theirs: { each { output.halves[$0] = UInt128(left.limbs[$0]) } }),
      Comparison(
        name: "random(in:)", operations: count,
        ours: {
          var generator = Counter()
          each { output.numbers[$0] = UInt256.random(in: 0...right.numbers[$0], using: &generator) }
        },
        theirs: {
          var generator = Counter()
          each { output.halves[$0] = UInt128.random(in: 0...right.halves[$0], using: &generator) }
        }),
      Comparison(
        name: "of decimal text", operations: count,
        ours: { each { _ in output.numbers[0] = UInt256("\(UInt256.max)") ?? 0 } },
        theirs: { each { _ in output.halves[0] = UInt128("\(UInt128.max)") ?? 0 } }),
      Comparison(
        name: "description", operations: count,
        ours: { each { output.limbs[$0] = UInt64(left.numbers[$0].description.utf8.count) } },
        theirs: { each { output.limbs[$0] = UInt64(left.halves[$0].description.utf8.count) } }),
    ]
  }

  @inline(__always) static func each(_ body: (Int) -> Void) {
    for index in 0..<count { body(index) }
  }
}

/// Numbers that cost nothing, so that the time is that of the range.
struct Counter: RandomNumberGenerator {
  private var state: UInt64 = 0

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    return state
  }
}
