extension UInt256 {
  /// The sum modulo 2^256, and whether it was larger.
  public func addingReportingOverflow(_ other: UInt256) -> (partialValue: UInt256, overflow: Bool) {
    let (lowSum, carry) = low.addingReportingOverflow(other.low)
    let (highSum, overflow) = high.addingReportingOverflow(other.high)
    let (highWithCarry, carryOverflow) = highSum.addingReportingOverflow(carry ? 1 : 0)
    return (UInt256(high: highWithCarry, low: lowSum), overflow || carryOverflow)
  }

  /// The difference modulo 2^256, and whether it was below zero.
  public func subtractingReportingOverflow(_ other: UInt256) -> (partialValue: UInt256, overflow: Bool) {
    let (lowDifference, borrow) = low.subtractingReportingOverflow(other.low)
    let (highDifference, overflow) = high.subtractingReportingOverflow(other.high)
    let (highWithBorrow, borrowOverflow) = highDifference.subtractingReportingOverflow(borrow ? 1 : 0)
    return (UInt256(high: highWithBorrow, low: lowDifference), overflow || borrowOverflow)
  }

  /// The product modulo 2^256, and whether it was larger.
  public func multipliedReportingOverflow(by other: UInt256) -> (partialValue: UInt256, overflow: Bool) {
    // Three of the four partial products reach below bit 256; that of both upper halves never does.
    let lowProduct = low.multipliedFullWidth(by: other.low)
    let (crossLeft, overflowLeft) = high.multipliedReportingOverflow(by: other.low)
    let (crossRight, overflowRight) = low.multipliedReportingOverflow(by: other.high)
    let (cross, overflowCross) = crossLeft.addingReportingOverflow(crossRight)
    let (upper, overflowUpper) = lowProduct.high.addingReportingOverflow(cross)
    let overflow =
      overflowLeft || overflowRight || overflowCross || overflowUpper || (high != 0 && other.high != 0)
    return (UInt256(high: upper, low: lowProduct.low), overflow)
  }

  /// The whole product of 512 bits, in two halves.
  public func multipliedFullWidth(by other: UInt256) -> (high: UInt256, low: UInt256) {
    let lowLow = low.multipliedFullWidth(by: other.low)
    let lowHigh = low.multipliedFullWidth(by: other.high)
    let highLow = high.multipliedFullWidth(by: other.low)
    let highHigh = high.multipliedFullWidth(by: other.high)

    // Column of 2^128: three terms, at most two carries into the column of 2^256.
    let (firstSum, firstCarry) = lowLow.high.addingReportingOverflow(lowHigh.low)
    let (middle, secondCarry) = firstSum.addingReportingOverflow(highLow.low)
    let carry = UInt256(high: 0, low: (firstCarry ? 1 : 0) + (secondCarry ? 1 : 0))

    let upper =
      UInt256(high: highHigh.high, low: highHigh.low)
      &+ UInt256(high: 0, low: lowHigh.high) &+ UInt256(high: 0, low: highLow.high) &+ carry
    return (upper, UInt256(high: middle, low: lowLow.low))
  }

  /// The sum; traps when it is above 2^256 − 1.
  public static func += (left: inout UInt256, right: UInt256) {
    left = left + right
  }

  /// The sum; traps when it is above 2^256 − 1.
  public static func + (left: UInt256, right: UInt256) -> UInt256 {
    let (sum, overflow) = left.addingReportingOverflow(right)
    precondition(!overflow, "UInt256 addition overflows")
    return sum
  }

  /// The difference; traps when it is below zero.
  public static func -= (left: inout UInt256, right: UInt256) {
    left = left - right
  }

  /// The difference; traps when it is below zero.
  public static func - (left: UInt256, right: UInt256) -> UInt256 {
    let (difference, overflow) = left.subtractingReportingOverflow(right)
    precondition(!overflow, "UInt256 subtraction is below zero")
    return difference
  }

  /// The product; traps when it is above 2^256 − 1.
  public static func *= (left: inout UInt256, right: UInt256) {
    left = left * right
  }

  /// The product; traps when it is above 2^256 − 1.
  public static func * (left: UInt256, right: UInt256) -> UInt256 {
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
    guard divisor != 0 else { throw .divisionByZero(operation: "\(self) * \(multiplier) / 0") }
    let product = multipliedFullWidth(by: multiplier)
    guard product.high < divisor else {
      throw .overflow(operation: "\(self) * \(multiplier) / \(divisor)")
    }
    return divisor.dividingFullWidth(product).quotient
  }
}
