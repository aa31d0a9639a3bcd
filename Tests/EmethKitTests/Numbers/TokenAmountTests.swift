import EmethKit
import Testing

@Suite struct TokenAmountTests {
  @Test(arguments: [
    ("0", "0", "0"), ("1", "1000000000000000000", "1"), ("0.0144", "14400000000000000", "0.0144"),
    ("0.000000000000000001", "1", "0.000000000000000001"), ("25.50", "25500000000000000000", "25.5"),
    ("00001.0", "1000000000000000000", "1"), ("100", "100000000000000000000", "100"),
    ("123456789.987654321", "123456789987654321000000000", "123456789.987654321"),
  ])
  func textAndHolonAgree(text: String, holon: String, canonical: String) throws {
    let amount = try TokenAmount(emeth: text)
    #expect(amount.holon.description == holon)
    #expect(amount.emethText == canonical)
    #expect(amount.description == canonical + " EMETH")
    #expect(try TokenAmount(emeth: amount.emethText) == amount)
  }

  @Test(arguments: ["", ".", "1.", ".5", "-1", "+1", "1e3", "1,5", "1.2.3", " 1", "1 ", "０", "0x1", "1_0"])
  func malformedTextIsRefused(text: String) {
    #expect { try TokenAmount(emeth: text) } throws: { ($0 as? NumberError)?.code == "number.malformed" }
  }

  @Test func amountsBeyondTheUnitAreRefused() {
    #expect(throws: NumberError.tooPrecise(found: "0.0000000000000000001", allowedDecimals: 18)) {
      try TokenAmount(emeth: "0.0000000000000000001")
    }
    #expect { try TokenAmount(emeth: "1" + String(repeating: "0", count: 60)) } throws: {
      ($0 as? NumberError)?.code == "number.overflow"
    }
  }

  @Test func arithmeticThrowsAtItsLimits() throws {
    let largest = TokenAmount(holon: .max)
    let one = TokenAmount(holon: 1)
    #expect(throws: NumberError.self) { try largest.adding(one) }
    #expect(throws: NumberError.self) { try TokenAmount.zero.subtracting(one) }
    #expect(try largest.subtracting(one).adding(one) == largest)
    var amount = TokenAmount(holon: 5)
    amount += one
    amount -= TokenAmount(holon: 2)
    #expect(amount == TokenAmount(holon: 4) && one < amount && amount - one + one == amount)
  }

  /// Every amount below 60 into every number of shares below 20: they add up, differ by at most one holon,
  /// and the first ones are the larger.
  @Test func everySmallSplitAddsUp() {
    for holon in 0..<60 {
      let amount = TokenAmount(holon: UInt256(holon))
      for count in 1..<20 {
        let shares = amount.split(into: count)
        #expect(shares.count == count)
        #expect(shares.reduce(.zero, +) == amount)
        #expect(shares == shares.sorted(by: >))
        #expect((shares.first ?? .zero) - (shares.last ?? .zero) <= TokenAmount(holon: 1))
        #expect(
          Fuel(units: UInt64(holon)).split(into: count).map { UInt256($0.units) } == shares.map(\.holon))
      }
    }
  }

  @Test func largeSplitsAddUp() {
    let shares = TokenAmount(holon: .max).split(into: 7)
    #expect(shares.reduce(.zero, +) == TokenAmount(holon: .max))
  }

  @Test func jsonIsHolonAsAString() throws {
    let amount = try TokenAmount(emeth: "0.0144")
    #expect(try jsonText([amount]) == #"["14400000000000000"]"#)
    #expect(
      try fromJSON([TokenAmount].self, #"["14400000000000000", 14400000000000000]"#) == [amount, amount])
    #expect(throws: DecodingError.self) { try fromJSON([TokenAmount].self, #"["0.0144"]"#) }
  }
}
