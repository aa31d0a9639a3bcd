import EmethKit
import Testing

@Suite struct HexTests {
  @Test func everyByteComesBack() throws {
    let all = (0...255).map { UInt8($0) }
    let text = Hex.encode(all)
    #expect(text.hasPrefix("0x000102") && text.hasSuffix("fdfeff") && text.utf8.count == 514)
    #expect(try Hex.decode(text) == all)
    #expect(try Hex.decode(Hex.encode(all, prefixed: false).uppercased()) == all)
    #expect(Hex.encode([]) == "0x")
    #expect(try Hex.decode("") == [] && Hex.decode("0x") == [])
  }

  @Test func brokenTextIsRefusedWithItsPlace() {
    #expect(throws: FormatError.hexOddLength(found: 3)) { try Hex.decode("0x123") }
    #expect(throws: FormatError.hexCharacter(found: "g", at: 3)) { try Hex.decode("0x1g") }
    #expect(throws: FormatError.hexCharacter(found: "X", at: 1)) { try Hex.decode("0X12") }
    #expect(throws: FormatError.hexCharacter(found: "é", at: 2)) { try Hex.decode("12é4") }
    #expect(throws: FormatError.hexCharacter(found: " ", at: 0)) { try Hex.decode(" 12") }
    #expect(throws: FormatError.hexCharacter(found: "x", at: 3)) { try Hex.decode("0x0x") }
  }
}
