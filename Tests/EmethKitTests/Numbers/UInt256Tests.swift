import EmethKit
import Testing

/// Every operation against ``NaiveInteger`` and against laws that hold for all integers.
@Suite struct UInt256Tests {
  @Test func additionAndSubtractionAgreeWithTheModel() throws {
    var generator = SeededGenerator()
    for _ in 0..<scaled(2_000) {
      let (a, b) = (UInt256.adversarial(using: &generator), UInt256.adversarial(using: &generator))
      let sum = NaiveInteger(a) + NaiveInteger(b)
      let (partial, overflow) = a.addingReportingOverflow(b)
      #expect(partial == sum.lowWord && overflow == (sum.highWord != 0), "\(a) + \(b)")
      #expect((try? a.adding(b)) == (overflow ? nil : partial))

      let (difference, underflow) = a.subtractingReportingOverflow(b)
      #expect(underflow == (NaiveInteger(a) < NaiveInteger(b)) && underflow == (a < b), "\(a) - \(b)")
      #expect(difference &+ b == a)
      if !underflow {
        #expect(difference == (NaiveInteger(a) - NaiveInteger(b)).lowWord)
      }
      #expect((try? a.subtracting(b)) == (underflow ? nil : difference))
    }
  }

  @Test func multiplicationAgreesWithTheModel() throws {
    var generator = SeededGenerator()
    for _ in 0..<scaled(400) {
      let (a, b) = (UInt256.adversarial(using: &generator), UInt256.adversarial(using: &generator))
      let product = NaiveInteger(a) * NaiveInteger(b)
      let full = a.multipliedFullWidth(by: b)
      #expect(full.high == product.highWord && full.low == product.lowWord, "\(a) * \(b)")
      let (partial, overflow) = a.multipliedReportingOverflow(by: b)
      #expect(partial == product.lowWord && overflow == (product.highWord != 0), "\(a) * \(b)")
      #expect((try? a.multiplying(by: b)) == (overflow ? nil : partial))
      if !overflow { #expect(a * b == partial) }
    }
  }

  @Test func divisionAgreesWithTheModel() {
    var generator = SeededGenerator()
    for _ in 0..<scaled(100) {
      let (a, b) = (UInt256.adversarial(using: &generator), UInt256.adversarial(using: &generator))
      guard b != 0 else { continue }
      let (quotient, remainder) = NaiveInteger(a).quotientAndRemainder(dividingBy: NaiveInteger(b))
      #expect(a / b == quotient.lowWord && a % b == remainder.lowWord, "\(a) / \(b)")
      #expect(a.dividedReportingOverflow(by: b) == (quotient.lowWord, false))
      #expect(a.remainderReportingOverflow(dividingBy: b) == (remainder.lowWord, false))
    }
  }

  @Test func fullWidthDivisionAgreesWithTheModel() {
    var generator = SeededGenerator()
    var checked = 0
    while checked < scaled(60) {
      let divisor = UInt256.adversarial(using: &generator)
      let (high, low) = (UInt256.adversarial(using: &generator), UInt256.adversarial(using: &generator))
      guard high < divisor else { continue }
      checked += 1
      let (quotient, remainder) = divisor.dividingFullWidth((high, low))
      let model = NaiveInteger(high, low).quotientAndRemainder(dividingBy: NaiveInteger(divisor))
      #expect(quotient == model.0.lowWord && remainder == model.1.lowWord, "(\(high), \(low)) / \(divisor)")
    }
  }

  /// The law q x d + r = n, r < d alone checks far more cases than the slow model can.
  @Test func divisionGivesBackTheDividend() {
    var generator = SeededGenerator()
    for _ in 0..<scaled(20_000) {
      let (a, b) = (UInt256.adversarial(using: &generator), UInt256.adversarial(using: &generator))
      let high = UInt256.adversarial(using: &generator)
      guard b != 0 else { continue }
      let (quotient, remainder) = a.quotientAndRemainder(dividingBy: b)
      #expect(remainder < b && quotient * b + remainder == a, "\(a) / \(b)")
      guard high < b else { continue }
      let wide = b.dividingFullWidth((high, a))
      let back = wide.quotient.multipliedFullWidth(by: b)
      let (low, carry) = back.low.addingReportingOverflow(wide.remainder)
      #expect(wide.remainder < b && low == a && back.high + (carry ? 1 : 0) == high, "(\(high), \(a)) / \(b)")
    }
  }

  /// Upper limbs of dividend and divisor are equal, and the first estimate is too large by one and by two:
  /// the branches of algorithm D that random numbers reach once in 2^127 tries.
  @Test func divisionTakesItsRareBranches() {
    let top: UInt128 = 1 << 127
    let cases: [(high: UInt256, low: UInt256, divisor: UInt256)] = [
      (UInt256(high: top, low: 0), UInt256(high: 0, low: 0), UInt256(high: top, low: 1)),
      (UInt256(high: top, low: 0), .max, UInt256(high: top, low: 1)),
      (UInt256(high: top, low: .max - 1), .max, UInt256(high: top, low: .max)),
      (UInt256(high: top - 1, low: .max), .max, UInt256(high: top, low: .max)),
      (UInt256(high: .max, low: .max - 1), .max, .max),
      (UInt256(high: 0, low: .max), .max, UInt256(high: 1, low: 0)),
    ]
    for (high, low, divisor) in cases {
      let (quotient, remainder) = divisor.dividingFullWidth((high, low))
      let model = NaiveInteger(high, low).quotientAndRemainder(dividingBy: NaiveInteger(divisor))
      #expect(quotient == model.0.lowWord && remainder == model.1.lowWord, "(\(high), \(low)) / \(divisor)")
    }
  }

  @Test func divisionByZeroIsReported() {
    #expect((7 as UInt256).dividedReportingOverflow(by: 0) == (7, true))
    #expect((7 as UInt256).remainderReportingOverflow(dividingBy: 0) == (7, true))
    #expect(throws: NumberError.divisionByZero(operation: "7 * 3 / 0")) {
      try (7 as UInt256).multipliedFloorDividing(by: 3, dividingBy: 0)
    }
  }

  @Test func multiplyDivideKeepsAllBitsInBetween() throws {
    let large = UInt256.max - 1
    #expect(try large.multipliedFloorDividing(by: large, dividingBy: large) == large)
    #expect(try UInt256.max.multipliedFloorDividing(by: 5, dividingBy: 10) == UInt256.max / 2)
    #expect(try (10 as UInt256).multipliedFloorDividing(by: 2, dividingBy: 3) == 6)
    #expect(throws: NumberError.self) { try UInt256.max.multipliedFloorDividing(by: 2, dividingBy: 1) }
    #expect(throws: NumberError.self) {
      try UInt256.max.multipliedFloorDividing(by: .max, dividingBy: .max - 1)
    }
  }

  @Test func shiftsAgreeWithDoublingAndHalving() {
    var generator = SeededGenerator()
    for _ in 0..<scaled(50) {
      let number = UInt256.adversarial(using: &generator)
      var (left, right) = (number, number)
      for count in 0...300 {
        #expect(number << count == left, "\(number) << \(count)")
        #expect(number >> count == right, "\(number) >> \(count)")
        #expect(number << -count == right && number >> -count == left)
        if count < 256 {
          #expect(number &<< UInt256(count) == left && number &>> UInt256(count) == right)
          #expect(number &<< UInt256(count + 256) == left, "masking shifts use the count modulo 256")
        }
        left = left &+ left
        right = right / 2
      }
    }
  }

  @Test func bitsAgreeWithWords() {
    var generator = SeededGenerator()
    for _ in 0..<scaled(500) {
      let (a, b) = (UInt256.adversarial(using: &generator), UInt256.adversarial(using: &generator))
      let pairs = zip(a.words, b.words)
      #expect((a & b).words.elementsEqual(pairs.map { $0 & $1 }))
      #expect((a | b).words.elementsEqual(pairs.map { $0 | $1 }))
      #expect((a ^ b).words.elementsEqual(pairs.map { $0 ^ $1 }))
      #expect((~a).words.elementsEqual(a.words.map { ~$0 }))
      #expect(a.nonzeroBitCount == a.words.reduce(0) { $0 + $1.nonzeroBitCount })
      #expect(a == 0 ? a.leadingZeroBitCount == 256 : (a << a.leadingZeroBitCount) >> 255 == 1)
      #expect(a == 0 ? a.trailingZeroBitCount == 256 : (a >> a.trailingZeroBitCount) & 1 == 1)
      #expect(a == 0 || a >> (256 - a.leadingZeroBitCount) == 0)
      #expect(a.byteSwapped.bigEndianBytes == a.bigEndianBytes.reversed())
    }
  }

  @Test func convertsFromAndToOtherIntegers() {
    #expect(UInt256(exactly: -1) == nil)
    #expect(UInt256(clamping: -5) == 0)
    #expect(UInt256(truncatingIfNeeded: -1) == .max)
    #expect(UInt256(truncatingIfNeeded: Int128.min) == UInt256.max << 127)
    #expect(
      UInt256(UInt64.max) == UInt256(high: 0, low: 0xffff_ffff_ffff_ffff) && UInt256(Int.max) == (1 << 63) - 1
    )
    #expect(UInt256(UInt128.max) == UInt256(high: 0, low: .max))
    #expect(UInt64(exactly: UInt256(UInt64.max)) == .max)
    #expect(UInt64(exactly: UInt256(UInt64.max) + 1) == nil)
    #expect(UInt8(truncatingIfNeeded: 0x1_23 as UInt256) == 0x23)
    #expect(Int(exactly: UInt256.max) == nil)
    #expect(UInt256(UInt256.max) == .max)
    #expect(UInt256.max.words.count == 4 && UInt256.bitWidth == 256)
    let literal: UInt256 = 0x0123456789abcdef_0011223344556677_8899aabbccddeeff_fedcba9876543210
    #expect(
      literal.high == 0x0123456789abcdef_0011223344556677
        && literal.low == 0x8899aabbccddeeff_fedcba9876543210)
    #expect((3 as UInt256).distance(to: 10) == 7 && (10 as UInt256).advanced(by: -3) == 7)
  }

  @Test func orderIsThatOfTheNumbers() {
    let ascending: [UInt256] = [0, 1, UInt256(high: 0, low: .max), UInt256(high: 1, low: 0), .max - 1, .max]
    for (i, a) in ascending.enumerated() {
      for (j, b) in ascending.enumerated() {
        #expect((a < b) == (i < j) && (a == b) == (i == j))
      }
    }
  }
}
