import EmethKit
import Testing

@Suite struct DecimalNumberTests {
  @Test(arguments: [
    ("0", "0"), ("-0", "0"), ("0.0", "0"), ("0e5", "0"), ("-0.00e-9", "0"), ("1", "1"), ("1.0", "1"),
    ("-1.50", "-1.5"),
    ("0.0006", "0.0006"), ("6e-4", "0.0006"), ("6.0E-4", "0.0006"), ("60e-5", "0.0006"),
    ("1e-8", "0.00000001"),
    ("1.5e3", "1500"), ("15e+2", "1500"), ("100", "100"), ("1e0", "1"), ("12.34e1", "123.4"), ("0.1e1", "1"),
    ("123456789.987654321", "123456789.987654321"), ("1e63", "1" + String(repeating: "0", count: 63)),
    ("0.00012e2", "0.012"), ("1200e-2", "12"), ("1205e-3", "1.205"),
  ])
  func textIsBroughtIntoItsShortestForm(text: String, plain: String) throws {
    let number = try DecimalNumber(text)
    #expect(number.text == plain && number.description == plain)
    #expect(try DecimalNumber(number.text) == number)
  }

  @Test(arguments: [
    "", "-", ".", ".5", "5.", "+1", "--1", "1e", "1e+", "1e-", "1e1.5", "e5", "00", "01.5", "1,5", "1 ", " 1",
    "1_0",
    "0x1", "nan", "inf", "１", "1e64", "1e-64", "1e9999", "1e--1", "1e+-1", "1.2.3", "1e5e5",
    "1" + String(repeating: "0", count: 64), String(repeating: "1", count: 65),
    String(repeating: "0", count: 500),
  ])
  func otherTextIsRefused(text: String) {
    #expect(throws: FormatError.decimal(found: text)) { try DecimalNumber(text) }
  }

  @Test func orderIsThatOfTheNumbers() throws {
    let ascending = try [
      "-10", "-9.5", "-9.25", "-0.1", "0", "0.0009", "0.001", "0.01", "0.9", "1", "1.01", "9", "10", "10.5",
    ]
    .map { text throws(FormatError) in try DecimalNumber(text) }
    for (i, a) in ascending.enumerated() {
      for (j, b) in ascending.enumerated() {
        #expect((a < b) == (i < j) && (a == b) == (i == j), "\(a) \(b)")
      }
    }
    #expect(ascending.map(\.isNegative) == [true, true, true, true] + [Bool](repeating: false, count: 10))
  }

  @Test func jsonIsAString() throws {
    #expect(try jsonText([DecimalNumber("6e-4")]) == #"["0.0006"]"#)
    #expect(try fromJSON([DecimalNumber].self, #"["0.00060"]"#) == [DecimalNumber("0.0006")])
    #expect(throws: DecodingError.self) { try fromJSON([DecimalNumber].self, "[0.0006]") }
    #expect(throws: DecodingError.self) { try fromJSON([DecimalNumber].self, #"["x"]"#) }
  }
}
