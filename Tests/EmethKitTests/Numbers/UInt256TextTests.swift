import EmethKit
import Testing

@Suite struct UInt256TextTests {
  static let largest = "115792089237316195423570985008687907853269984665640564039457584007913129639935"

  @Test func decimalTextAgreesWithTheModel() {
    var generator = SeededGenerator()
    for _ in 0..<scaled(25) {
      let number = UInt256.adversarial(using: &generator)
      #expect(number.description == NaiveInteger(number).decimal)
      #expect(UInt256(number.description) == number)
    }
    #expect(UInt256.max.description == Self.largest)
    #expect((0 as UInt256).description == "0")
  }

  /// Chunks of 19 digits must keep their zeros.
  @Test func powersOfTenKeepTheirZeros() {
    var power: UInt256 = 1
    for zeros in 0...77 {
      let text = "1" + String(repeating: "0", count: zeros)
      #expect(power.description == text)
      #expect((power - 1).description == (zeros == 0 ? "0" : String(repeating: "9", count: zeros)))
      #expect(UInt256(text) == power)
      if zeros < 77 { power *= 10 }
    }
  }

  @Test(arguments: 2...36) func everyRadixReadsWhatTheStandardLibraryWrites(radix: Int) {
    var generator = SeededGenerator()
    for _ in 0..<scaled(5) {
      let number = UInt256.adversarial(using: &generator)
      #expect(UInt256(String(number, radix: radix), radix: radix) == number)
      #expect(UInt256(String(number, radix: radix, uppercase: true), radix: radix) == number)
    }
  }

  @Test(arguments: [
    "", "-1", "+1", " 1", "1 ", "1_000", "0x1", "1.0", "1e3", "１", "a", "é",
    "115792089237316195423570985008687907853269984665640564039457584007913129639936",
    "999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999",
  ])
  func refusesWhatIsNoNumber(text: String) {
    #expect(UInt256(text) == nil)
  }

  @Test func refusesADigitOfAHigherRadix() {
    #expect(UInt256("2", radix: 2) == nil)
    #expect(UInt256("g", radix: 16) == nil)
    #expect(UInt256("00ff", radix: 16) == 255)
    #expect(UInt256("1" + String(repeating: "0", count: 64), radix: 16) == nil)
    #expect(UInt256(String(repeating: "f", count: 64), radix: 16) == .max)
  }

  @Test func bytesAreBigEndian() {
    let number: UInt256 = 0x0102
    #expect(number.bigEndianBytes == [UInt8](repeating: 0, count: 30) + [1, 2])
    #expect(UInt256(bigEndianBytes: [1, 2]) == number)
    #expect(UInt256(bigEndianBytes: []) == 0)
    #expect(UInt256(bigEndianBytes: [UInt8](repeating: 255, count: 32)) == .max)
    #expect(UInt256(bigEndianBytes: [UInt8](repeating: 0, count: 33)) == nil)
    #expect(UInt256(Bytes32(UInt256.max - 7)) == UInt256.max - 7)
  }

  /// Generic code sees the bytes in the order of the native integers, in memory too.
  @Test func bytesAreThoseOfAnyFixedWidthInteger() {
    func bytes(_ number: some FixedWidthInteger) -> [UInt8] { number.bigEndianBytes }
    var generator = SeededGenerator()
    for _ in 0..<scaled(100) {
      let number = UInt256.adversarial(using: &generator)
      #expect(bytes(number) == number.bigEndianBytes)
      #expect(withUnsafeBytes(of: number.littleEndian) { Array($0) } == number.bigEndianBytes.reversed())
    }
  }

  @Test func jsonIsADecimalString() throws {
    #expect(try jsonText([UInt256.max]) == "[\"\(Self.largest)\"]")
    #expect(
      try fromJSON([UInt256].self, "[\"\(Self.largest)\", 7, \"7\", 18446744073709551615]") == [
        .max, 7, 7, UInt256(UInt64.max),
      ])
  }

  @Test(arguments: [
    "-1", "\"-1\"", "\"\"", "\"0x10\"", "\"07\"", "1.5", "true", "null", "\" 1\"", "\"+1\"", "[]",
    "\"115792089237316195423570985008687907853269984665640564039457584007913129639936\"",
  ])
  func jsonRefusesOtherForms(text: String) {
    #expect(throws: DecodingError.self) { try fromJSON([UInt256].self, "[\(text)]") }
  }
}
