import EmethKit
import Testing

/// What `FixedWidthInteger` promises to generic code, which the operators alone don't show.
@Suite struct UInt256ProtocolTests {
  /// The product modulo the prime 2^61 − 1, limb by limb in native arithmetic, holds for far more cases than
  /// the slow model can look at.
  @Test func productsAgreeModuloAPrime() {
    let prime: UInt128 = (1 << 61) - 1
    func residue(_ numbers: UInt256...) -> UInt128 {
      numbers.flatMap { $0.words.reversed() }.reduce(0) { (($0 << 64) + UInt128($1)) % prime }
    }
    var generator = SeededGenerator()
    for _ in 0..<scaled(10_000) {
      let (a, b) = (UInt256.adversarial(using: &generator), UInt256.adversarial(using: &generator))
      let full = a.multipliedFullWidth(by: b)
      #expect(residue(full.high, full.low) == residue(a) * residue(b) % prime, "\(a) * \(b)")
      #expect(a &* b == full.low)
      let (partial, overflow) = a.multipliedReportingOverflow(by: b)
      #expect(partial == full.low && overflow == (full.high != 0), "\(a) * \(b)")
      #expect(a &+ b == a.addingReportingOverflow(b).partialValue)
      #expect(a &- b == a.subtractingReportingOverflow(b).partialValue)
    }
  }

  /// Generic code must give for numbers that a native type holds what it gives for that type.
  @Test func genericCodeGivesWhatItGivesForNativeIntegers() {
    func results<Number: FixedWidthInteger & UnsignedInteger>(_ a: Number, _ b: Number) -> [String] {
      let (quotient, remainder) = a.quotientAndRemainder(dividingBy: b)
      return [
        "\(quotient) \(remainder) \(a / b) \(a % b) \(a.isMultiple(of: b)) \(a.signum())",
        "\(a & b) \(a | b) \(a ^ b) \((a << 3) >> 5) \(a >> 7) \((a | 1 << 60).trailingZeroBitCount) \(a.nonzeroBitCount)",
        "\(a < b) \(a <= b) \(a == b) \(a != b) \(Swift.min(a, b)) \(a.magnitude)",
        "\(String(a, radix: 16)) \(String(b, radix: 36, uppercase: true)) \(Double(a)) \(Float(b))",
        "\(Int8(truncatingIfNeeded: a)) \(UInt16(clamping: a)) \(String(describing: Int32(exactly: b)))",
        "\(String(describing: Number(exactly: Double(b)))) \(String(describing: Number("\(a)", radix: 10)))",
      ]
    }
    var generator = SeededGenerator()
    for _ in 0..<scaled(200) {
      // Shifts by three stay within both types.
      let (left, right) = (
        Int.random(in: 0...60, using: &generator), Int.random(in: 0...60, using: &generator)
      )
      let a = UInt64.random(in: 0...UInt64.max >> 3, using: &generator) >> left
      let b = UInt64.random(in: 0...UInt64.max >> 3, using: &generator) >> right | 1
      #expect(results(UInt256(a), UInt256(b)) == results(a, b))
    }
  }

  @Test func floatingPointValuesAreConvertedAsByTheStandardLibrary() {
    #expect(UInt256(1e18) == 1_000_000_000_000_000_000 && UInt256(exactly: 0.5) == nil)
    #expect(UInt256(exactly: 0x1p255) == 1 << 255 && UInt256(exactly: 0x1p256) == nil)
    #expect(UInt256(exactly: -1.0) == nil && UInt256(3.99) == 3)
    #expect(Double(UInt256.max) == 0x1p256 && Double((1 as UInt256) << 200) == 0x1p200)
    #expect(Double(exactly: UInt256.max) == nil)
  }

  @Test func byteOrdersAreEachOthersReverse() {
    var generator = SeededGenerator()
    for _ in 0..<scaled(100) {
      let number = UInt256.adversarial(using: &generator)
      #expect(number.bigEndian.byteSwapped == number.littleEndian && number.byteSwapped.byteSwapped == number)
      #expect(UInt256(bigEndian: number.bigEndian) == number)
      #expect(UInt256(littleEndian: number.littleEndian) == number)
    }
  }

  @Test func wordsAreACollection() {
    let number = UInt256(high: UInt128(4) << 64 | 3, low: UInt128(2) << 64 | 1)
    #expect(Array(number.words) == [1, 2, 3, 4] && Array(number.words.reversed()) == [4, 3, 2, 1])
    #expect(number.words.startIndex == 0 && number.words.endIndex == 4 && number.words[2] == 3)
    #expect(UInt256(truncatingIfNeeded: number) == number)
  }

  @Test func randomNumbersStayInTheirRange() {
    var generator = SeededGenerator()
    for _ in 0..<scaled(300) {
      let bounds = [UInt256.adversarial(using: &generator), UInt256.adversarial(using: &generator)].sorted()
      #expect((bounds[0]...bounds[1]).contains(.random(in: bounds[0]...bounds[1], using: &generator)))
      if bounds[0] < bounds[1] {
        #expect((bounds[0]..<bounds[1]).contains(.random(in: bounds[0]..<bounds[1], using: &generator)))
      }
    }
    #expect(UInt256.random(in: 7...7, using: &generator) == 7)
    // Every bit of the whole range is now one, now zero.
    let all = (0..<200).map { _ in UInt256.random(in: 0...UInt256.max, using: &generator) }
    #expect(all.reduce(0, |) == .max && all.reduce(.max, &) == 0)
    // Six values across the border of the halves: each about as often as the others (7 sigma).
    let low = UInt256(high: 0, low: .max) - 2
    var counts = [Int](repeating: 0, count: 6)
    for _ in 0..<6_000 { counts[Int(UInt256.random(in: low...low + 5, using: &generator) - low)] += 1 }
    #expect(counts.allSatisfy { (800...1_200).contains($0) }, "\(counts)")
  }

  @Test func equalNumbersHashTheSame() {
    let number: UInt256 = 0x1_0000_0000_0000_0000_0000_0000_0000_0001
    #expect(Set([number, UInt256(high: 1, low: 1), 1]).count == 2)
    #expect(number.hashValue == UInt256(high: 1, low: 1).hashValue)
  }

  @Test func rangesAndStridesWork() {
    let start = UInt256(high: 0, low: .max)
    #expect(Array(start...start + 2).map(\.high) == [0, 1, 1])
    #expect(Array(stride(from: start, to: start + 7, by: 3)) == [start, start + 3, start + 6])
    #expect((start..<start + 5).count == 5 && UInt256.min == 0 && UInt256.zero == 0)
  }
}
