import Testing

@testable import EmethKit

/// Comparisons with powers of e: by tables, by series, and both against each other.
@Suite struct ExactExponentialTests {
  @Test func knownPowers() {
    // floor(10^15 e), floor(10^15 e^½), floor(10^9 e^20), floor(e^43): e = 2.718281828459045235…
    #expect(
      ExactExponential(numerator: 1, denominator: 1).flooredProduct(1_000_000_000_000_000)
        == 2_718_281_828_459_045)
    #expect(
      ExactExponential(numerator: 1, denominator: 2).flooredProduct(1_000_000_000_000_000)
        == 1_648_721_270_700_128)
    #expect(
      ExactExponential(numerator: 20, denominator: 1).flooredProduct(1_000_000_000)
        == 485_165_195_409_790_277)
    #expect(ExactExponential(numerator: 0, denominator: 3).flooredProduct(17) == 17)
    #expect(ExactExponential(numerator: 45, denominator: 1).flooredProduct(1) == nil)
  }

  @Test func theTableIsAsNearAsItsMarginSays() throws {
    var generator = SeededGenerator()
    // γ has 44 bits behind the point here, so nothing of it is dropped, for which the margin leaves 2^8.
    let margin = DecayTable.margin - 256
    for index in 0..<scaled(400) {
      let edges: [UInt64] = [0, 1, 255 << 28, (43 << 44) | 0xFFF_FFFF_FFFF]
      let numerator = index < 4 ? edges[index] : UInt64.random(in: 0..<(43 << 44), using: &generator)
      let g = numerator << 12
      let value = DecayTable.shared.value(g)
      // The number with which 2^64 e^−γ is compared is 2^64 on the other side: n e^γ against 2^64.
      let exact = ExactExponential(numerator: numerator, denominator: 1 << 44)
      if value > margin {
        #expect(exact.flooredProduct(value - margin) != nil, "\(g)")
      }
      let (above, overflow) = value.addingReportingOverflow(margin)
      if !overflow { #expect(exact.flooredProduct(above) == nil, "\(g)") }
    }
  }

  @Test func aTieIsDecidedByTheNextDigits() throws {
    // p = e^−1: its first two digits of 64 bits, from 2^64 / e and 2^128 / e.
    let inverse = ExactExponential(numerator: 1, denominator: 1)
    let first: UInt64 = 0x5E2D_58D8_B3BC_DF1A
    let second: UInt64 = 0xBADE_C782_9054_F90D
    func exceeds(_ digits: [UInt64]) throws -> (answer: Bool, asked: Int) {
      var asked = 0
      let answer = try inverse.exceeds(first: digits[0], weight: 1, scale: 1) { () throws(CryptoError) in
        asked += 1
        return digits[asked]
      }
      return (answer, asked)
    }
    #expect(try exceeds([first - 1]) == (true, 0))
    #expect(try exceeds([first + 1]) == (false, 0))
    #expect(try exceeds([first, 0]) == (true, 1))
    #expect(try exceeds([first, second - 1]) == (true, 1))
    #expect(try exceeds([first, second + 1]) == (false, 1))
    #expect(try exceeds([first, second, 0]) == (true, 2))
    #expect(try exceeds([first, second, .max]) == (false, 2))
  }

  @Test func divisionOfNaturalNumbers() {
    var generator = SeededGenerator()
    for _ in 0..<scaled(300) {
      let factors = (0..<4).map { _ in UInt64.random(in: 1...UInt64.max, using: &generator) }
      let rest = UInt64.random(in: 0..<factors[3], using: &generator)
      var product = BigNatural(factors[0])
      product.multiply(by: factors[1])
      product.multiply(by: factors[2])
      var dividend = product
      dividend.multiply(by: factors[3])
      dividend = dividend + BigNatural(rest)
      dividend.divide(by: factors[3])
      #expect(dividend == product)
      let two = BigNatural(factors[0]).shiftedLeft(byWords: 2) + BigNatural(factors[1])
      #expect(two.word(shiftedRightByWords: 2) == factors[0])
      #expect(two.word(shiftedRightByWords: 1) == nil)
      #expect(two.word(shiftedRightByWords: 3) == 0)
    }
  }
}
