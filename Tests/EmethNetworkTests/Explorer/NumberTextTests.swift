import Testing

@testable import EmethNetwork

@Suite struct NumberTextTests {
  @Test func groups() {
    #expect(NumberText.grouped(0) == "0")
    #expect(NumberText.grouped(999) == "999")
    #expect(NumberText.grouped(1000) == "1,000")
    #expect(NumberText.grouped(-1_234_567) == "-1,234,567")
    #expect(NumberText.grouped(UInt64.max) == "18,446,744,073,709,551,615")
    #expect(NumberText.grouped(Int64.min) == "-9,223,372,036,854,775,808")
  }

  @Test func fixedDecimals() {
    #expect(NumberText.fixed(2.345, decimals: 2) == "2.35" || NumberText.fixed(2.345, decimals: 2) == "2.34")
    #expect(NumberText.fixed(1.995, decimals: 1) == "2.0")
    #expect(NumberText.fixed(0.05, decimals: 3) == "0.050")
    #expect(NumberText.fixed(-0.5, decimals: 1) == "-0.5")
    #expect(NumberText.fixed(7, decimals: 0) == "7")
    #expect(NumberText.fixed(.infinity, decimals: 1) == "infinite")
    #expect(NumberText.fixed(.nan, decimals: 1) == "NaN")
    #expect(NumberText.fixed(1e300, decimals: 2) == "1e+300")
  }

  @Test func sizesAndCounts() {
    #expect(NumberText.bytes(0) == "0 B")
    #expect(NumberText.bytes(999) == "999 B")
    #expect(NumberText.bytes(1000) == "1.0 kB")
    #expect(NumberText.bytes(999_960) == "1.0 MB")
    #expect(NumberText.bytes(1_300_000) == "1.3 MB")
    #expect(NumberText.bytes(UInt64.max) == "18446.7 PB")
    #expect(NumberText.count(950) == "950")
    #expect(NumberText.count(10_700_000) == "10.7 M")
  }

  @Test func durations() {
    #expect(NumberText.duration(.milliseconds(420)) == "0.4 s")
    #expect(NumberText.duration(.milliseconds(9949)) == "9.9 s")
    #expect(NumberText.duration(.seconds(52)) == "52 s")
    #expect(NumberText.duration(.milliseconds(59_600)) == "1 min 0 s")
    #expect(NumberText.duration(.seconds(200)) == "3 min 20 s")
    #expect(NumberText.duration(.seconds(7500)) == "2 h 5 min")
    #expect(NumberText.duration(.seconds(273_600)) == "3 d 4 h")
    #expect(NumberText.duration(.seconds(-5)) == "0.0 s")
  }
}
