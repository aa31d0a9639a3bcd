/// An amount of computing, the quantity that jobs are priced by.
///
/// For programs 1 and 2 one fuel is 10^9 floating-point operations by formula (PROTOCOL 3); for others the
/// program says. In JSON a decimal string.
///
/// ```swift
/// let fee = try FuelPrice(gholon: 120).fee(for: Fuel(units: 120_000))   // 0.0144 EMETH
/// ```
public struct Fuel: Hashable, Sendable {
  /// The number of units.
  public let units: UInt64

  /// An amount of fuel.
  public init(units: UInt64) {
    self.units = units
  }

  /// No fuel.
  public static let zero = Fuel(units: 0)

  /// The sum; traps above 2^64 − 1.
  public static func + (left: Fuel, right: Fuel) -> Fuel {
    Fuel(units: left.units + right.units)
  }

  /// The difference; traps below zero.
  public static func - (left: Fuel, right: Fuel) -> Fuel {
    Fuel(units: left.units - right.units)
  }

  /// Adds in place; traps above 2^64 − 1.
  public static func += (left: inout Fuel, right: Fuel) {
    left = left + right
  }

  /// Subtracts in place; traps below zero.
  public static func -= (left: inout Fuel, right: Fuel) {
    left = left - right
  }

  /// The sum.
  /// - Throws: ``NumberError/overflow(operation:)`` above 2^64 − 1.
  public func adding(_ other: Fuel) throws(NumberError) -> Fuel {
    let (sum, overflow) = units.addingReportingOverflow(other.units)
    guard !overflow else { throw .overflow(operation: "fuel \(units) + \(other.units)") }
    return Fuel(units: sum)
  }

  /// The difference.
  /// - Throws: ``NumberError/underflow(operation:)`` below zero.
  public func subtracting(_ other: Fuel) throws(NumberError) -> Fuel {
    guard units >= other.units else { throw .underflow(operation: "fuel \(units) - \(other.units)") }
    return Fuel(units: units - other.units)
  }

  /// `count` shares that add up to the whole; the first ones take the remainder, a unit each.
  ///
  /// Traps when `count` is not positive.
  public func split(into count: Int) -> [Fuel] {
    precondition(count > 0, "fuel is split into at least one share")
    let (share, extra) = units.quotientAndRemainder(dividingBy: UInt64(count))
    return (0..<count).map { Fuel(units: share + (UInt64($0) < extra ? 1 : 0)) }
  }
}

extension Fuel: Comparable, CustomStringConvertible, Codable {
  /// Whether the left amount is smaller.
  public static func < (left: Fuel, right: Fuel) -> Bool {
    left.units < right.units
  }

  /// The number of units, followed by the word fuel.
  public var description: String { "\(units) fuel" }

  /// Reads a decimal string or a number.
  public init(from decoder: any Decoder) throws {
    units = try decoder.decodeDecimal(UInt64.self)
  }

  /// Writes a decimal string.
  public func encode(to encoder: any Encoder) throws {
    try encoder.encodeText(String(units))
  }
}
