/// A rate as an integer over 100,000: 5 % is 5,000. It may exceed the whole. In JSON a number.
///
/// ```swift
/// let verifierFee = try Rate(percent: 5).of(feeLimit)   // rounded down to a whole holon
/// ```
public struct Rate: Hashable, Sendable {
  /// The rate's numerator; its denominator is 100,000.
  public let per100000: UInt32

  /// The denominator of every rate.
  public static let denominator: UInt32 = 100_000

  /// A rate of `per100000` / 100,000.
  public init(per100000: UInt32) {
    self.per100000 = per100000
  }

  /// A rate in percent; traps above 4,294,967 %.
  public init(percent: UInt32) {
    per100000 = percent * 1_000
  }

  /// Nothing.
  public static let zero = Rate(per100000: 0)
  /// The whole, 100 %.
  public static let whole = Rate(per100000: denominator)

  /// This share of an amount, rounded down to a whole holon.
  ///
  /// The product has 512 bits, so that only a result above 2^256 − 1 holon fails.
  ///
  /// - Throws: ``NumberError/overflow(operation:)``.
  public func of(_ amount: TokenAmount) throws(NumberError) -> TokenAmount {
    let share = try amount.holon.multipliedFloorDividing(
      by: UInt256(UInt64(per100000)),
      dividingBy: UInt256(UInt64(Rate.denominator)))
    return TokenAmount(holon: share)
  }
}

extension Rate: Comparable, CustomStringConvertible, Codable {
  /// Whether the left rate is lower.
  public static func < (left: Rate, right: Rate) -> Bool {
    left.per100000 < right.per100000
  }

  /// The rate in percent, such as `5 %` or `0.125 %`.
  public var description: String {
    "\(decimalText(of: UInt256(UInt64(per100000)), decimals: 3)) %"
  }

  /// Reads a number (or a decimal string).
  public init(from decoder: any Decoder) throws {
    per100000 = try decoder.decodeDecimal(UInt32.self)
  }

  /// Writes a number.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(per100000)
  }
}
