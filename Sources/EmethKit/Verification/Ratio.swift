/// An exact fraction in lowest terms, such as a probability.
///
/// ```swift
/// let mostly = try Ratio(99, over: 100)
/// ```
public struct Ratio: Hashable, Sendable {
  /// The upper number.
  public let numerator: UInt256
  /// The lower number, at least 1.
  public let denominator: UInt256

  /// A fraction, brought to lowest terms.
  ///
  /// - Throws: ``VerificationError/zeroDenominator``.
  public init(_ numerator: UInt256, over denominator: UInt256) throws(VerificationError) {
    guard denominator > 0 else { throw .zeroDenominator }
    self.init(numerator, nonZero: denominator)
  }

  /// The fraction of a rate, such as 5 % = 1/20.
  public init(_ rate: Rate) {
    self.init(UInt256(rate.per100000), nonZero: UInt256(Rate.denominator))
  }

  init(_ numerator: UInt256, nonZero denominator: UInt256) {
    let divisor = greatestCommonDivisor(numerator, denominator)
    self.numerator = numerator / divisor
    self.denominator = denominator / divisor
  }
}

extension Ratio: Comparable, CustomStringConvertible {
  /// Whether the left fraction is smaller, exactly.
  public static func < (left: Ratio, right: Ratio) -> Bool {
    let (a, b) = (
      left.numerator.multipliedFullWidth(by: right.denominator),
      right.numerator.multipliedFullWidth(by: left.denominator)
    )
    return a.high != b.high ? a.high < b.high : a.low < b.low
  }

  /// The fraction with a slash, such as `1/20`.
  public var description: String { "\(numerator)/\(denominator)" }
}

extension Ratio: Codable {
  private enum CodingKeys: String, CodingKey {
    case numerator, denominator
  }

  /// Reads `{"numerator", "denominator"}`.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    let numerator = try container.decode(UInt256.self, forKey: .numerator)
    let denominator = try container.decode(UInt256.self, forKey: .denominator)
    self = try decoder.validating { () throws(VerificationError) in try Ratio(numerator, over: denominator) }
  }
}

/// The largest number that divides both; the other one when one of them is zero.
func greatestCommonDivisor(_ first: UInt256, _ second: UInt256) -> UInt256 {
  var (a, b) = (first, second)
  while b > 0 {
    (a, b) = (b, a % b)
  }
  return a
}
