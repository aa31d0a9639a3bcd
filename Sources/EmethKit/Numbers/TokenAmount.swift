/// An amount of EMETH tokens, counted in holon: 1 EMETH is 10^18 holon.
///
/// Amounts are added and subtracted only with each other; shares of them come from ``Rate/of(_:)`` and
/// ``split(into:)``. Operators trap on overflow and below zero, the throwing twins are for untrusted input.
///
/// ```swift
/// let fee = try TokenAmount(emeth: "0.0144")
/// print(fee.holon, fee)                       // 14400000000000000 0.0144 EMETH
/// ```
/// In JSON a decimal string of holon.
public struct TokenAmount: Hashable, Sendable {
  /// The amount in holon.
  public let holon: UInt256

  /// The number of digits after the point of an amount in EMETH.
  public static let decimals = 18

  /// An amount in holon.
  public init(holon: UInt256) {
    self.holon = holon
  }

  /// Nothing.
  public static let zero = TokenAmount(holon: 0)

  /// An amount written in EMETH, such as `25`, `0.0144` or `0.000000000000000001`: digits and one point, no
  /// sign, no separators, no exponent.
  ///
  /// - Throws: ``NumberError/malformed(found:allowed:)``,
  ///   ``NumberError/tooPrecise(found:allowedDecimals:)`` for more than 18 digits after the point,
  ///   ``NumberError/overflow(operation:)``.
  public init(emeth text: String) throws(NumberError) {
    let form = NumberError.malformed(found: text, allowed: "an amount of EMETH such as 25 or 0.0144")
    let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard parts.count <= 2, let whole = parts.first, !whole.isEmpty, parts.last?.isEmpty == false else {
      throw form
    }
    let fraction = parts.count == 2 ? parts[1] : ""[...].utf8
    let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
    guard whole.allSatisfy(digits.contains), fraction.allSatisfy(digits.contains) else { throw form }
    guard fraction.count <= Self.decimals else {
      throw .tooPrecise(found: text, allowedDecimals: Self.decimals)
    }
    let padding = [UInt8](repeating: UInt8(ascii: "0"), count: Self.decimals - fraction.count)
    let allDigits = String(decoding: Array(whole) + Array(fraction) + padding, as: UTF8.self)
    guard let holon = UInt256(allDigits, radix: 10) else {
      throw .overflow(operation: "\(quoted(text)) EMETH in holon")
    }
    self.holon = holon
  }

  /// The amount in EMETH, exactly, without zeros at the end: `0.0144`.
  public var emethText: String {
    decimalText(of: holon, decimals: Self.decimals)
  }

  /// `count` shares that add up to the whole; the first ones take the remainder, a holon each.
  ///
  /// Traps when `count` is not positive.
  public func split(into count: Int) -> [TokenAmount] {
    precondition(count > 0, "an amount is split into at least one share")
    let (share, extra) = holon.quotientAndRemainder(dividingBy: UInt256(count))
    return (0..<count).map { TokenAmount(holon: UInt256($0) < extra ? share + 1 : share) }
  }
}

extension TokenAmount {
  /// The sum; traps above 2^256 − 1 holon.
  public static func + (left: TokenAmount, right: TokenAmount) -> TokenAmount {
    TokenAmount(holon: left.holon + right.holon)
  }

  /// The difference; traps below zero.
  public static func - (left: TokenAmount, right: TokenAmount) -> TokenAmount {
    TokenAmount(holon: left.holon - right.holon)
  }

  /// Adds in place; traps above 2^256 − 1 holon.
  public static func += (left: inout TokenAmount, right: TokenAmount) {
    left = left + right
  }

  /// Subtracts in place; traps below zero.
  public static func -= (left: inout TokenAmount, right: TokenAmount) {
    left = left - right
  }

  /// The sum.
  /// - Throws: ``NumberError/overflow(operation:)`` above 2^256 − 1 holon.
  public func adding(_ other: TokenAmount) throws(NumberError) -> TokenAmount {
    TokenAmount(holon: try holon.adding(other.holon))
  }

  /// The difference.
  /// - Throws: ``NumberError/underflow(operation:)`` below zero.
  public func subtracting(_ other: TokenAmount) throws(NumberError) -> TokenAmount {
    TokenAmount(holon: try holon.subtracting(other.holon))
  }
}

extension TokenAmount: Comparable, CustomStringConvertible, Codable {
  /// Whether the left amount is smaller.
  public static func < (left: TokenAmount, right: TokenAmount) -> Bool {
    left.holon < right.holon
  }

  /// The amount in EMETH with its unit: `0.0144 EMETH`.
  public var description: String { "\(emethText) EMETH" }

  /// Reads a decimal string or a number of holon.
  public init(from decoder: any Decoder) throws {
    holon = try UInt256(from: decoder)
  }

  /// Writes a decimal string of holon.
  public func encode(to encoder: any Encoder) throws {
    try holon.encode(to: encoder)
  }
}

/// The number / 10^`decimals` as plain decimal text without zeros at the end.
func decimalText(of number: UInt256, decimals: Int) -> String {
  let digits = Array(number.description.utf8)
  let padded = [UInt8](repeating: UInt8(ascii: "0"), count: max(0, decimals + 1 - digits.count)) + digits
  var fraction = padded.suffix(decimals)
  while fraction.last == UInt8(ascii: "0") {
    fraction.removeLast()
  }
  let whole = String(decoding: padded.dropLast(decimals), as: UTF8.self)
  return fraction.isEmpty ? whole : "\(whole).\(String(decoding: fraction, as: UTF8.self))"
}
