import EmethKit
import Testing

@Suite struct HexQuantityTests {
  /// The examples of Ethereum's JSON-RPC page, the wrong ones too.
  @Test func examplesOfTheSpecification() throws {
    #expect(Hex.encodeQuantity(65 as UInt64) == "0x41" && Hex.encodeQuantity(1024 as UInt64) == "0x400")
    #expect(Hex.encodeQuantity(0 as UInt256) == "0x0")
    for wrong in ["0x", "0x0400", "ff", "", "0", "0X41", "0x-1", "0x4 ", " 0x4", "0xg", "0x00", "0x４", "41"] {
      #expect(throws: FormatError.hexQuantity(found: wrong, bitWidth: 64)) {
        try Hex.decodeQuantity(wrong, as: UInt64.self)
      }
    }
    #expect(try Hex.decodeQuantity("0xAb", as: UInt8.self) == 0xAB)
  }

  @Test func numbersGoBothWaysWithinTheirWidth() throws {
    var generator = SeededGenerator()
    for _ in 0..<scaled(200) {
      let number = UInt256.adversarial(using: &generator)
      let text = Hex.encodeQuantity(number)
      #expect(text == "0x" + String(number, radix: 16))
      #expect(try Hex.decodeQuantity(text, as: UInt256.self) == number)
      #expect((try? Hex.decodeQuantity(text, as: UInt64.self)) == UInt64(exactly: number))
      #expect((try? Hex.decodeQuantity(text, as: UInt8.self)) == UInt8(exactly: number))
    }
    #expect(throws: FormatError.self) {
      try Hex.decodeQuantity("0x1" + String(repeating: "0", count: 64), as: UInt256.self)
    }
  }
}
