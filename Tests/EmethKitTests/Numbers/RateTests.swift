import EmethKit
import Testing

@Suite struct RateTests {
  /// Every rate step near the edges with every small amount, against plain integer division.
  @Test func everySmallShareIsTheFloor() throws {
    let rates: [UInt32] = [
      0, 1, 2, 4_999, 5_000, 5_001, 25_000, 33_333, 99_999, 100_000, 100_001, 250_000, .max,
    ]
    for rate in rates {
      for holon in UInt64(0)..<400 {
        let share = try Rate(per100000: rate).of(TokenAmount(holon: UInt256(holon)))
        #expect(share.holon == UInt256(UInt64(rate) * holon / 100_000))
      }
    }
  }

  @Test func theProductMayBeWiderThanTheResult() throws {
    let largest = TokenAmount(holon: .max)
    #expect(try Rate.whole.of(largest) == largest)
    #expect(try Rate(percent: 25).of(largest).holon == UInt256.max / 4)
    #expect(throws: NumberError.self) { try Rate(per100000: 100_001).of(largest) }
  }

  @Test func describesItselfInPercent() {
    #expect(Rate(percent: 5) == Rate(per100000: 5_000))
    #expect(Rate(percent: 5).description == "5 %")
    #expect(Rate(per100000: 125).description == "0.125 %")
    #expect(Rate(per100000: 250_000).description == "250 %")
    #expect(Rate.zero < Rate.whole)
  }

  @Test func jsonIsANumber() throws {
    #expect(try jsonText([Rate(percent: 5)]) == "[5000]")
    #expect(try fromJSON([Rate].self, #"[5000, "5000"]"#) == [Rate(percent: 5), Rate(percent: 5)])
    #expect(throws: DecodingError.self) { try fromJSON([Rate].self, "[4294967296]") }
  }
}
