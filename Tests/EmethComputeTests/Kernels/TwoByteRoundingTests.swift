import CEmethCompute
import Testing

@testable import EmethCompute

/// Rounding to the two-byte types, at every one of their numbers and between all neighbours.
@Suite struct TwoByteRoundingTests {
  @Test("binary16 as the compiler's own rounding has it")
  func binary16() {
    var different = 0
    for bits in 0...UInt16.max {
      let half = Float(Float16(bitPattern: bits))
      var values = [half]
      if half.isFinite {
        // Half-way to the next number away from 0, which is 65520 behind the largest, and both its neighbours.
        let next = Float16(bitPattern: bits + 1)
        let middle =
          next.isFinite ? (half + Float(next)) / 2 : Float(sign: half.sign, exponent: 0, significand: 65_520)
        values += [middle, middle.nextUp, middle.nextDown, half.nextUp, half.nextDown]
      }
      for value in values {
        let found = emeth_binary16_of(value)
        let isEqual = value.isNaN ? Float16(bitPattern: found).isNaN : found == Float16(value).bitPattern
        if !isEqual { different += 1 }
      }
    }
    #expect(different == 0)
    let special: [Float] = [
      .infinity, -Float.infinity, 3e38, -3e38, .leastNonzeroMagnitude, -1e-37, 65_519.996, 65_520,
    ]
    for value in special {
      #expect(emeth_binary16_of(value) == Float16(value).bitPattern, "\(value)")
    }
  }

  @Test("bfloat16 goes to the nearer neighbour, half-way to the even one")
  func bfloat16() {
    var different = 0
    for upper in 0..<UInt32(0x7F80) {
      for sign in [UInt32(0), 1 << 31] {
        for (lower, isUp) in [
          (0, false), (1, false), (0x7FFF, false), (0x8000, upper & 1 == 1), (0x8001, true), (0xFFFF, true),
        ] as [(UInt32, Bool)] {
          let found = emeth_bfloat16_of(Float(bitPattern: sign | upper << 16 | lower))
          if found != UInt16((sign >> 16) | (upper + (isUp ? 1 : 0))) { different += 1 }
        }
      }
    }
    #expect(different == 0)
    #expect(emeth_bfloat16_of(.infinity) == 0x7F80 && emeth_bfloat16_of(-.infinity) == 0xFF80)
    for bits in [0x7F80_0001, 0xFF80_0001, 0x7FFF_FFFF, 0x7FC0_0000] as [UInt32] {
      let value = Float(bitPattern: bits)
      #expect(Float(bitPattern: UInt32(emeth_bfloat16_of(value)) << 16).isNaN)
    }
  }
}
