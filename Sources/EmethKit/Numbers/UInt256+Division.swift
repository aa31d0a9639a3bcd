// Schoolbook division (Knuth, The Art of Computer Programming 2, 4.3.1, algorithm D), twice over: a quotient
// limb of 128 bits is estimated from the divisor's upper half and corrected at most twice, and the division of
// 256 by 128 bits in that estimate goes the same way with limbs of 64 bits.
extension UInt256 {
  /// The quotient and the remainder; traps when the divisor is zero.
  public func quotientAndRemainder(dividingBy divisor: UInt256) -> (quotient: UInt256, remainder: UInt256) {
    precondition(divisor != .zero, "UInt256 division by zero")
    if divisor.high == 0 {
      if high == 0 {
        let (quotient, remainder) = low.quotientAndRemainder(dividingBy: divisor.low)
        return (UInt256(high: 0, low: quotient), UInt256(high: 0, low: remainder))
      }
      if let word = UInt64(exactly: divisor.low) {
        var quotient = self
        let remainder = quotient.divide(by: word)
        return (quotient, UInt256(remainder))
      }
      let (upper, rest) = high.quotientAndRemainder(dividingBy: divisor.low)
      let (lower, remainder) = divisor.low.dividing((high: rest, low: low))
      return (UInt256(high: upper, low: lower), UInt256(high: 0, low: remainder))
    }
    guard self >= divisor else { return (.zero, self) }
    // The quotient is one limb.
    let shift = divisor.high.leadingZeroBitCount
    let normalised = divisor.shiftedLeft(by: shift)
    let overhang = high.topBits(shift)
    let shifted = shiftedLeft(by: shift)
    let (quotient, remainder) = normalised.dividing(overhang, shifted.high, shifted.low)
    return (UInt256(high: 0, low: quotient), remainder.shiftedRight(by: shift))
  }

  /// Divides this number in place and gives the remainder.
  mutating func divide(by divisor: UInt64) -> UInt64 {
    var quotient = limbs
    var rest: UInt64 = 0
    (quotient.3, rest) = divisor.dividingFullWidth((rest, quotient.3))
    (quotient.2, rest) = divisor.dividingFullWidth((rest, quotient.2))
    (quotient.1, rest) = divisor.dividingFullWidth((rest, quotient.1))
    (quotient.0, rest) = divisor.dividingFullWidth((rest, quotient.0))
    self = UInt256(limbs: quotient)
    return rest
  }

  /// The quotient and the remainder of a number of 512 bits divided by this one.
  ///
  /// Traps when this number is zero or the quotient is above 2^256 − 1, which is when `dividend.high` is
  /// not below this number.
  public func dividingFullWidth(
    _ dividend: (high: UInt256, low: UInt256)
  ) -> (quotient: UInt256, remainder: UInt256) {
    precondition(self != .zero, "UInt256 division by zero")
    precondition(dividend.high < self, "UInt256 quotient overflows")
    if high == 0 {
      let (upper, rest) = low.dividing((high: dividend.high.low, low: dividend.low.high))
      let (lower, remainder) = low.dividing((high: rest, low: dividend.low.low))
      return (UInt256(high: upper, low: lower), UInt256(high: 0, low: remainder))
    }
    let shift = high.leadingZeroBitCount
    let divisor = shiftedLeft(by: shift)
    var upperHalf = dividend.high.shiftedLeft(by: shift)
    upperHalf.low |= dividend.low.high.topBits(shift)
    let lowerHalf = dividend.low.shiftedLeft(by: shift)
    let (upper, rest) = divisor.dividing(upperHalf.high, upperHalf.low, lowerHalf.high)
    let (lower, remainder) = divisor.dividing(rest.high, rest.low, lowerHalf.low)
    return (UInt256(high: upper, low: lower), remainder.shiftedRight(by: shift))
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
      (estimate, rest) = high.dividingNormalised((high: upper, low: middle))
    }
    let full = estimate.fullProduct(low)
    var product = UInt256(high: full.high, low: full.low)
    while !restOverflows && product > UInt256(high: rest, low: lower) {
      estimate &-= 1
      product = product &- UInt256(high: 0, low: low)
      (rest, restOverflows) = rest.addingReportingOverflow(high)
    }
    // With the carry that `rest` may have lost the difference is not negative, so that wrapping is exact.
    return (estimate, UInt256(high: rest, low: lower) &- product)
  }

  /// Shifted by 0 to 127 bits.
  private func shiftedLeft(by count: Int) -> UInt256 {
    UInt256(high: high &<< UInt128(count) | low.topBits(count), low: low &<< UInt128(count))
  }

  /// Shifted by 0 to 127 bits.
  private func shiftedRight(by count: Int) -> UInt256 {
    let carried = (high &<< 1) &<< UInt128(127 - count)
    return UInt256(high: high &>> UInt128(count), low: low &>> UInt128(count) | carried)
  }
}

extension UInt128 {
  /// The quotient and the remainder of a number of 256 bits, whose upper half is below this number, divided by
  /// this number, which is not zero.
  fileprivate func dividing(
    _ dividend: (high: UInt128, low: UInt128)
  ) -> (quotient: UInt128, remainder: UInt128) {
    let shift = leadingZeroBitCount
    let upper = dividend.high &<< UInt128(shift) | dividend.low.topBits(shift)
    let (quotient, remainder) = (self &<< UInt128(shift)).dividingNormalised(
      (high: upper, low: dividend.low &<< UInt128(shift)))
    return (quotient, remainder &>> UInt128(shift))
  }

  /// The highest 0 to 127 bits as a number: what a shift to the left loses.
  fileprivate func topBits(_ count: Int) -> UInt128 {
    (self &>> 1) &>> UInt128(127 - count)
  }

  /// The same for a number whose highest bit is set: two steps of a limb each.
  fileprivate func dividingNormalised(
    _ dividend: (high: UInt128, low: UInt128)
  ) -> (quotient: UInt128, remainder: UInt128) {
    let (upper, rest) = dividing(dividend.high, UInt64(truncatingIfNeeded: dividend.low &>> 64))
    let (lower, remainder) = dividing(rest, UInt64(truncatingIfNeeded: dividend.low))
    return (UInt128(upper) &<< 64 | UInt128(lower), remainder)
  }

  /// One step: the upper two limbs and a third divided by this number.
  private func dividing(_ upper: UInt128, _ lower: UInt64) -> (quotient: UInt64, remainder: UInt128) {
    let (high, low) = (UInt64(truncatingIfNeeded: self &>> 64), UInt128(UInt64(truncatingIfNeeded: self)))
    let (first, second) = (UInt64(truncatingIfNeeded: upper &>> 64), UInt64(truncatingIfNeeded: upper))
    var estimate: UInt64
    var rest: UInt64
    var restOverflows = false
    if first == high {
      estimate = .max
      (rest, restOverflows) = second.addingReportingOverflow(high)
    } else {
      (estimate, rest) = high.dividingFullWidth((high: first, low: second))
    }
    var product = UInt128(estimate) &* low
    while !restOverflows && product > UInt128(rest) &<< 64 | UInt128(lower) {
      estimate &-= 1
      product &-= low
      (rest, restOverflows) = rest.addingReportingOverflow(high)
    }
    return (estimate, (UInt128(rest) &<< 64 | UInt128(lower)) &- product)
  }
}

extension UInt256 {
  /// The quotient, and whether the divisor was zero (then the number itself is given).
  public func dividedReportingOverflow(by divisor: UInt256) -> (partialValue: UInt256, overflow: Bool) {
    divisor == .zero ? (self, true) : (quotientAndRemainder(dividingBy: divisor).quotient, false)
  }

  /// The remainder, and whether the divisor was zero (then the number itself is given).
  public func remainderReportingOverflow(
    dividingBy divisor: UInt256
  ) -> (partialValue: UInt256, overflow: Bool) {
    divisor == .zero ? (self, true) : (quotientAndRemainder(dividingBy: divisor).remainder, false)
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
