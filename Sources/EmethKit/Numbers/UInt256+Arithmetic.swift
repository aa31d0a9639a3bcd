extension UInt256 {
  /// The sum modulo 2^256, and whether it was larger.
  @inlinable
  public func addingReportingOverflow(_ other: UInt256) -> (partialValue: UInt256, overflow: Bool) {
    let (lowSum, carry) = low.addingReportingOverflow(other.low)
    let (highSum, overflow) = high.addingReportingOverflow(other.high)
    let (highWithCarry, carryOverflow) = highSum.addingReportingOverflow(carry ? 1 : 0)
    return (UInt256(high: highWithCarry, low: lowSum), overflow || carryOverflow)
  }

  /// The difference modulo 2^256, and whether it was below zero.
  @inlinable
  public func subtractingReportingOverflow(_ other: UInt256) -> (partialValue: UInt256, overflow: Bool) {
    let (lowDifference, borrow) = low.subtractingReportingOverflow(other.low)
    let (highDifference, overflow) = high.subtractingReportingOverflow(other.high)
    let (highWithBorrow, borrowOverflow) = highDifference.subtractingReportingOverflow(borrow ? 1 : 0)
    return (UInt256(high: highWithBorrow, low: lowDifference), overflow || borrowOverflow)
  }

  /// The product modulo 2^256, and whether it was larger.
  @inlinable
  public func multipliedReportingOverflow(by other: UInt256) -> (partialValue: UInt256, overflow: Bool) {
    // If both upper halves are set the product is too large; if one is, the cross product is its own with
    // the other's lower half.
    let (upper, lower) = high == 0 ? (other.high, low) : (high, other.low)
    let (cross, overflowCross) = upper.multipliedReportingOverflow(by: lower)
    let lowProduct = low.fullProduct(other.low)
    let (_, overflowUpper) = lowProduct.high.addingReportingOverflow(cross)
    let overflow = (high != 0 && other.high != 0) || overflowCross || overflowUpper
    return (self &* other, overflow)
  }

  /// The whole product of 512 bits, in two halves.
  @inlinable public func multipliedFullWidth(by other: UInt256) -> (high: UInt256, low: UInt256) {
    let lowLow = low.fullProduct(other.low)
    let lowHigh = low.fullProduct(other.high)
    let highLow = high.fullProduct(other.low)
    let highHigh = high.fullProduct(other.high)

    // Column of 2^128: three terms, at most two carries into the column of 2^256.
    let (firstSum, firstCarry) = lowLow.high.addingReportingOverflow(lowHigh.low)
    let (middle, secondCarry) = firstSum.addingReportingOverflow(highLow.low)
    let carry = UInt256(high: 0, low: (firstCarry ? 1 : 0) + (secondCarry ? 1 : 0))

    let upper =
      UInt256(high: highHigh.high, low: highHigh.low)
      &+ UInt256(high: 0, low: lowHigh.high) &+ UInt256(high: 0, low: highLow.high) &+ carry
    return (upper, UInt256(high: middle, low: lowLow.low))
  }

  /// The sum modulo 2^256.
  @inlinable public static func &+ (left: UInt256, right: UInt256) -> UInt256 {
    left.addingReportingOverflow(right).partialValue
  }

  /// The difference modulo 2^256.
  @inlinable public static func &- (left: UInt256, right: UInt256) -> UInt256 {
    left.subtractingReportingOverflow(right).partialValue
  }

  /// The product modulo 2^256.
  @inlinable public static func &* (left: UInt256, right: UInt256) -> UInt256 {
    let product = left.low.fullProduct(right.low)
    return UInt256(
      high: product.high &+ left.high &* right.low &+ left.low &* right.high, low: product.low)
  }

  /// The sum; traps when it is above 2^256 − 1.
  @inlinable public static func += (left: inout UInt256, right: UInt256) {
    left = left + right
  }

  /// The sum; traps when it is above 2^256 − 1.
  @inlinable public static func + (left: UInt256, right: UInt256) -> UInt256 {
    let (sum, overflow) = left.addingReportingOverflow(right)
    precondition(!overflow, "UInt256 addition overflows")
    return sum
  }

  /// The difference; traps when it is below zero.
  @inlinable public static func -= (left: inout UInt256, right: UInt256) {
    left = left - right
  }

  /// The difference; traps when it is below zero.
  @inlinable public static func - (left: UInt256, right: UInt256) -> UInt256 {
    let (difference, overflow) = left.subtractingReportingOverflow(right)
    precondition(!overflow, "UInt256 subtraction is below zero")
    return difference
  }

  /// The product; traps when it is above 2^256 − 1.
  @inlinable public static func *= (left: inout UInt256, right: UInt256) {
    left = left * right
  }

  /// The product; traps when it is above 2^256 − 1.
  @inlinable public static func * (left: UInt256, right: UInt256) -> UInt256 {
    let (product, overflow) = left.multipliedReportingOverflow(by: right)
    precondition(!overflow, "UInt256 multiplication overflows")
    return product
  }
}

extension UInt256 {
  /// The sum.
  /// - Throws: ``NumberError/overflow(operation:)`` when it is above 2^256 − 1.
  public func adding(_ other: UInt256) throws(NumberError) -> UInt256 {
    let (sum, overflow) = addingReportingOverflow(other)
    guard !overflow else { throw .overflow(operation: "\(self) + \(other)") }
    return sum
  }

  /// The difference.
  /// - Throws: ``NumberError/underflow(operation:)`` when it is below zero.
  public func subtracting(_ other: UInt256) throws(NumberError) -> UInt256 {
    let (difference, overflow) = subtractingReportingOverflow(other)
    guard !overflow else { throw .underflow(operation: "\(self) - \(other)") }
    return difference
  }

  /// The product.
  /// - Throws: ``NumberError/overflow(operation:)`` when it is above 2^256 − 1.
  public func multiplying(by other: UInt256) throws(NumberError) -> UInt256 {
    let (product, overflow) = multipliedReportingOverflow(by: other)
    guard !overflow else { throw .overflow(operation: "\(self) * \(other)") }
    return product
  }

  /// The floor of this number x `multiplier` / `divisor`, with a product of 512 bits in between.
  ///
  /// - Throws: ``NumberError/divisionByZero(operation:)``, or ``NumberError/overflow(operation:)`` when the
  ///   quotient is above 2^256 − 1.
  public func multipliedFloorDividing(
    by multiplier: UInt256, dividingBy divisor: UInt256
  ) throws(NumberError) -> UInt256 {
    guard divisor != .zero else { throw .divisionByZero(operation: "\(self) * \(multiplier) / 0") }
    let product = multipliedFullWidth(by: multiplier)
    guard product.high < divisor else {
      throw .overflow(operation: "\(self) * \(multiplier) / \(divisor)")
    }
    return divisor.dividingFullWidth(product).quotient
  }
}

extension UInt128 {
  /// The whole product of 256 bits. Four multiplications of 64 bits; that of the standard library takes
  /// several times as long (Swift 6.3).
  @inlinable func fullProduct(_ other: UInt128) -> (high: UInt128, low: UInt128) {
    let mask = UInt128(UInt64.max)
    let (a0, a1, b0, b1) = (self & mask, self &>> 64, other & mask, other &>> 64)
    let lowest = a0 &* b0
    // Neither sum overflows: (2^64 - 1)^2 + 2 x (2^64 - 1) = 2^128 - 1.
    let first = a1 &* b0 &+ lowest &>> 64
    let second = a0 &* b1 &+ first & mask
    return (
      a1 &* b1 &+ first &>> 64 &+ second &>> 64,
      second &<< 64 | lowest & mask
    )
  }
}
