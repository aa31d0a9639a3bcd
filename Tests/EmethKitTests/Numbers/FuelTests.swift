import EmethKit
import Testing

@Suite struct FuelTests {
  /// The example of PROTOCOL 1, which the white paper gets wrong by a factor of 100.
  @Test func feeIsFuelTimesPrice() throws {
    let fee = try FuelPrice(gholon: 120).fee(for: Fuel(units: 120_000))
    #expect(fee.emethText == "0.0144")
    #expect(try FuelPrice(holonPerFuel: 0).fee(for: Fuel(units: .max)) == .zero)
    #expect(
      try FuelPrice(gholon: .max).fee(for: Fuel(units: .max)).holon == UInt256(UInt64.max)
        * UInt256(UInt64.max) * 1_000_000_000)
    #expect(throws: NumberError.self) { try FuelPrice(holonPerFuel: .max).fee(for: Fuel(units: 2)) }
  }

  @Test func arithmeticThrowsAtItsLimits() throws {
    let (largest, one) = (Fuel(units: .max), Fuel(units: 1))
    #expect(throws: NumberError.overflow(operation: "fuel 18446744073709551615 + 1")) {
      try largest.adding(one)
    }
    #expect(throws: NumberError.underflow(operation: "fuel 0 - 1")) { try Fuel.zero.subtracting(one) }
    #expect(try largest.subtracting(one).adding(one) == largest)
    var fuel = one + one
    fuel += one
    fuel -= Fuel(units: 2)
    #expect(fuel == one && fuel < largest && largest - largest == .zero)
  }

  @Test func jsonIsADecimalString() throws {
    #expect(try jsonText([Fuel(units: .max)]) == #"["18446744073709551615"]"#)
    #expect(
      try fromJSON([Fuel].self, #"["18446744073709551615", 3]"#) == [Fuel(units: .max), Fuel(units: 3)])
    #expect(throws: DecodingError.self) { try fromJSON([Fuel].self, #"["18446744073709551616"]"#) }
    #expect(throws: DecodingError.self) { try fromJSON([Fuel].self, "[-1]") }
    #expect(try jsonText([FuelPrice(gholon: 120)]) == #"["120000000000"]"#)
    #expect(try fromJSON([FuelPrice].self, "[120000000000]") == [FuelPrice(gholon: 120)])
  }
}
