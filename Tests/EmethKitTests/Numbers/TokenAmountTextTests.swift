import EmethKit
import Testing

@Suite struct TokenAmountTextTests {
  @Test(arguments: [
    ("1.5emeth", "1500000000000000000"), ("120gholon", "120000000000"), ("7holon", "7"), ("7", "7"),
    ("0", "0"), ("0emeth", "0"), ("0.0144 EMETH", "14400000000000000"), ("120Gholon", "120000000000"),
    ("120 Gholon", "120000000000"), ("7 holon", "7"), ("7HOLON", "7"), ("0.5gholon", "500000000"),
    ("0.000000001gholon", "1"), ("0.000000000000000001emeth", "1"), ("007", "7"), ("7.0holon", "7"),
    ("7.000holon", "7"), ("1.500000000000000000000000emeth", "1500000000000000000"),
    (
      "115792089237316195423570985008687907853269984665640564039457584007913129639935",
      "115792089237316195423570985008687907853269984665640564039457584007913129639935"
    ),
    (
      "115792089237316195423570985008687907853269984665640564039457.584007913129639935emeth",
      "115792089237316195423570985008687907853269984665640564039457584007913129639935"
    ),
  ])
  func whatIsWrittenIsMeant(text: String, holon: String) throws {
    #expect(try TokenAmount(text).holon.description == holon)
    #expect(try FuelPrice(text).holonPerFuel.description == holon)
  }

  /// A number with a point and no unit could mean anything; signs, exponents and other words mean nothing.
  @Test(arguments: [
    "", " ", ".", "1.5", "1.0", "emeth", " emeth", ".5emeth", "5.emeth", "1..5emeth", "1.5.5emeth", "-1",
    "+1", "-1holon", "1e3", "1e3holon", "0x10", "1,5emeth", "1_000", "1 000", "1  emeth", " 1", "1 ",
    "1 emeth ",
    "1\temeth", "1\nemeth", "1eth", "1wei", "1emeths", "1 e meth", "1gholonholon", "1ｅmeth", "１emeth",
    "1\u{0}",
    "1kholon", "∞", "nan", "1\u{301}", "1holon\u{301}",
  ])
  func whatHasNoMeaningIsRefused(text: String) {
    #expect(throws: NumberError.malformed(found: text, allowed: TokenAmount.textForm)) {
      try TokenAmount(text)
    }
    #expect(throws: NumberError.self) { try FuelPrice(text) }
  }

  @Test(arguments: [
    ("0.5holon", 0), ("1.01holon", 0), ("0.0000000001gholon", 9), ("1.0000000015gholon", 9),
    ("0.0000000000000000001emeth", 18), ("1.0000000000000000015 EMETH", 18),
  ])
  func nothingIsRounded(text: String, decimals: Int) {
    #expect(throws: NumberError.tooPrecise(found: text, allowedDecimals: decimals)) { try TokenAmount(text) }
  }

  @Test func moreThan256BitsAreRefused() {
    let one = "115792089237316195423570985008687907853269984665640564039457584007913129639936"
    for text in [
      one, one + "holon", "115792089237316195423570985008687907853269984665640564039457.6emeth",
      String(repeating: "9", count: 10_000), "1" + String(repeating: "0", count: 60) + "emeth",
    ] {
      #expect { try TokenAmount(text) } throws: { ($0 as? NumberError)?.code == "number.overflow" }
    }
  }

  /// What the library prints it reads, in every unit.
  @Test func textRoundTrips() throws {
    var random = RandomMoney(SeededGenerator())
    for _ in 0..<scaled(2_000) {
      let amount = random.amount()
      #expect(try TokenAmount(amount.description) == amount)
      #expect(try TokenAmount(amount.emethText + "emeth") == amount)
      #expect(try TokenAmount("\(amount.holon)") == amount)
      #expect(try TokenAmount("\(amount.holon)holon") == amount)
      let (gholon, rest) = amount.holon.quotientAndRemainder(dividingBy: 1_000_000_000)
      let digits = "\(rest)"
      let fraction = String(repeating: "0", count: 9 - digits.count) + digits
      #expect(try TokenAmount("\(gholon).\(fraction)gholon") == amount)
    }
  }
}
