// Schoolbook division with limbs of 128 bits (Knuth, The Art of Computer Programming 2, 4.3.1, algorithm
// D): a quotient limb is estimated from the divisor's upper limb and corrected at most twice.
extension UInt256 {
  /// The quotient and the remainder; traps when the divisor is zero.
  public func quotientAndRemainder(dividingBy divisor: UInt256) -> (quotient: UInt256, remainder: UInt256) {
    precondition(divisor != 0, "UInt256 division by zero")
    guard divisor.high == 0 else { return dividedByWide(divisor) }
    if high == 0 {
      let (quotient, remainder) = low.quotientAndRemainder(dividingBy: divisor.low)
      return (UInt256(high: 0, low: quotient), UInt256(high: 0, low: remainder))
    }
    let (upper, rest) = high.quotientAndRemainder(dividingBy: divisor.low)
    let (lower, remainder) = divisor.low.dividingFullWidth((high: rest, low: low))
    return (UInt256(high: upper, low: lower), UInt256(high: 0, low: remainder))
  }

  /// The division by a divisor of more than 128 bits: the quotient is one limb.
  private func dividedByWide(_ divisor: UInt256) -> (quotient: UInt256, remainder: UInt256) {
    guard self >= divisor else { return (0, self) }
    let shift = divisor.leadingZeroBitCount
    let normalised = divisor << shift
    let overhang = shift == 0 ? 0 : high >> (128 - shift)
    let shifted = self << shift
    let (quotient, remainder) = normalised.dividing(overhang, shifted.high, shifted.low)
    return (UInt256(high: 0, low: quotient), remainder >> shift)
  }

  /// One step: three limbs divided by this number of two limbs, whose highest bit is set and which is
  /// larger than the upper two.
  private func dividing(
    _ upper: UInt128, _ middle: UInt128, _ lower: UInt128
  ) -> (quotient: UInt128, remainder: UInt256) {
    var estimate: UInt128
    var rest: UInt128
    var restOverflows = false
    if upper == high {
      estimate = .max
      (rest, restOverflows) = middle.addingReportingOverflow(high)
    } else {
      (estimate, rest) = high.dividingFullWidth((high: upper, low: middle))
    }
    var product = UInt256(estimate.multipliedFullWidth(by: low))
    while !restOverflows && product > UInt256(high: rest, low: lower) {
      estimate -= 1
      product -= UInt256(high: 0, low: low)
      (rest, restOverflows) = rest.addingReportingOverflow(high)
    }
    // With the carry that `rest` may have lost the difference is not negative, so that wrapping is exact.
    return (estimate, UInt256(high: rest, low: lower) &- product)
  }

  private init(_ parts: (high: UInt128, low: UInt128.Magnitude)) {
    self.init(high: parts.high, low: parts.low)
  }

  /// The quotient and the remainder of a number of 512 bits divided by this one.
  ///
  /// Traps when this number is zero or the quotient is above 2^256 − 1, which is when `dividend.high` is
  /// not below this number.
  public func dividingFullWidth(
    _ dividend: (high: UInt256, low: UInt256)
  ) -> (quotient: UInt256, remainder: UInt256) {
    precondition(self != 0, "UInt256 division by zero")
    precondition(dividend.high < self, "UInt256 quotient overflows")
    if high == 0 {
      let (upper, rest) = low.dividingFullWidth((high: dividend.high.low, low: dividend.low.high))
      let (lower, remainder) = low.dividingFullWidth((high: rest, low: dividend.low.low))
      return (UInt256(high: upper, low: lower), UInt256(high: 0, low: remainder))
    }
    let shift = leadingZeroBitCount
    let divisor = self << shift
    let upperHalf = shift == 0 ? dividend.high : dividend.high << shift | dividend.low >> (256 - shift)
    let lowerHalf = dividend.low << shift
    let (upper, rest) = divisor.dividing(upperHalf.high, upperHalf.low, lowerHalf.high)
    let (lower, remainder) = divisor.dividing(rest.high, rest.low, lowerHalf.low)
    return (UInt256(high: upper, low: lower), remainder >> shift)
  }

  /// The quotient, and whether the divisor was zero (then the number itself is given).
  public func dividedReportingOverflow(by divisor: UInt256) -> (partialValue: UInt256, overflow: Bool) {
    divisor == 0 ? (self, true) : (quotientAndRemainder(dividingBy: divisor).quotient, false)
  }

  /// The remainder, and whether the divisor was zero (then the number itself is given).
  public func remainderReportingOverflow(
    dividingBy divisor: UInt256
  ) -> (partialValue: UInt256, overflow: Bool) {
    divisor == 0 ? (self, true) : (quotientAndRemainder(dividingBy: divisor).remainder, false)
  }

  /// The quotient, rounded down; traps when the divisor is zero.
  public static func / (left: UInt256, right: UInt256) -> UInt256 {
    left.quotientAndRemainder(dividingBy: right).quotient
  }

  /// The quotient, rounded down; traps when the divisor is zero.
  public static func /= (left: inout UInt256, right: UInt256) {
    left = left / right
  }

  /// The remainder; traps when the divisor is zero.
  public static func % (left: UInt256, right: UInt256) -> UInt256 {
    left.quotientAndRemainder(dividingBy: right).remainder
  }

  /// The remainder; traps when the divisor is zero.
  public static func %= (left: inout UInt256, right: UInt256) {
    left = left % right
  }
}
