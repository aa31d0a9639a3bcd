/// What one unit of fuel costs, in holon (10^-18 EMETH). In JSON a decimal string.
public struct FuelPrice: Hashable, Sendable {
  /// The price of one fuel in holon.
  public let holonPerFuel: UInt256

  /// A price in holon.
  public init(holonPerFuel: UInt256) {
    self.holonPerFuel = holonPerFuel
  }

  /// A price in Gholon, 10^9 holon.
  public init(gholon: UInt64) {
    holonPerFuel = UInt256(high: 0, low: UInt128(gholon) * 1_000_000_000)
  }

  /// The fee of an amount of fuel: fuel x price, exactly.
  ///
  /// - Throws: ``NumberError/overflow(operation:)`` above 2^256 − 1 holon.
  public func fee(for fuel: Fuel) throws(NumberError) -> TokenAmount {
    let (fee, overflow) = holonPerFuel.multipliedReportingOverflow(by: UInt256(fuel.units))
    guard !overflow else { throw .overflow(operation: "the fee of \(fuel) at \(self)") }
    return TokenAmount(holon: fee)
  }
}

extension FuelPrice: Comparable, CustomStringConvertible, Codable {
  /// Whether the left price is lower.
  public static func < (left: FuelPrice, right: FuelPrice) -> Bool {
    left.holonPerFuel < right.holonPerFuel
  }

  /// The price in holon per fuel.
  public var description: String { "\(holonPerFuel) holon per fuel" }

  /// Reads a decimal string or a number of holon.
  public init(from decoder: any Decoder) throws {
    holonPerFuel = try UInt256(from: decoder)
  }

  /// Writes a decimal string of holon.
  public func encode(to encoder: any Encoder) throws {
    try holonPerFuel.encode(to: encoder)
  }
}
