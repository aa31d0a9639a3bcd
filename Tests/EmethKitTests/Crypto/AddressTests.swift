import EmethKit
import Testing

@Suite struct AddressTests {
  /// The examples of EIP-55.
  private static let checksummed = [
    "0x52908400098527886E0F7030069857D2E4169EE7", "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
    "0xde709f2102306220921060314715629080e2fb77", "0x27b1fdb04752bbc536007a920d24acb045561c26",
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB", "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
  ]

  @Test(arguments: checksummed) func textComesBackWithItsChecksum(text: String) throws {
    let address = try Address(text)
    #expect(address.description == text)
    #expect(try Address(text.lowercased()) == address)
    #expect(try Address("0x" + text.dropFirst(2).uppercased()) == address)
    #expect(Address(bytes: address.bytes) == address)
  }

  /// Each letter in turn gets the other case: every such address is refused.
  @Test func oneLetterOfTheWrongCaseIsNoticed() throws {
    let text = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
    var changed = 0
    for (index, character) in text.enumerated().dropFirst(2) where character.isLetter {
      var characters = Array(text)
      characters[index] =
        character.isUppercase ? Character(character.lowercased()) : Character(character.uppercased())
      let wrong = String(characters)
      #expect(throws: CryptoError.addressChecksum(found: wrong, expected: text)) { try Address(wrong) }
      changed += 1
    }
    #expect(changed > 10)
  }

  @Test(arguments: [
    "", "0x", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAe", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed0",
    "5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0X5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeg", " 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAe é", "0x0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAe",
    "vitalik.eth",
  ])
  func otherTextIsRefused(text: String) {
    #expect(throws: CryptoError.addressMalformed(found: text)) { try Address(text) }
  }

  @Test func orderIsThatOfTheBytes() throws {
    let base = [UInt8](repeating: 0x80, count: 20)
    let address = try #require(Address(bytes: base))
    for index in 0..<20 {
      var larger = base
      larger[index] = 0x81
      if index < 19 { larger[index + 1] = 0 }
      let other = try #require(Address(bytes: larger))
      #expect(address < other && !(other < address) && Set([address, other, address]).count == 2)
    }
    #expect(Address(bytes: base.dropLast()) == nil && Address(bytes: base + [0]) == nil)
    #expect(Address.zero.bytes == [UInt8](repeating: 0, count: 20))
  }

  @Test func publicKeysOfBothFormsGiveTheAddress() throws {
    let key = try PrivateKey(hex: String(repeating: "0", count: 63) + "1")
    let compressed = [UInt8(2 + key.publicKey[64] % 2)] + key.publicKey[1...32]
    #expect(
      try Address(publicKey: compressed) == key.address && Address(publicKey: key.publicKey) == key.address)
    var offCurve = key.publicKey
    offCurve[64] ^= 1
    for wrong in [offCurve, [], [4], Array(key.publicKey.dropLast()), [UInt8](repeating: 0, count: 65)] {
      #expect(throws: CryptoError.publicKeyInvalid(byteCount: wrong.count)) { try Address(publicKey: wrong) }
    }
  }

  @Test func jsonIsTheChecksummedText() throws {
    let address = try Address(Self.checksummed[4])
    #expect(try jsonText([address]) == "[\"\(Self.checksummed[4])\"]")
    #expect(try fromJSON([Address].self, "[\"\(Self.checksummed[4].lowercased())\"]") == [address])
    #expect(throws: DecodingError.self) {
      try fromJSON([Address].self, "[\"0x5aaeb6053F3E94C9b9A09f33669435E7Ef1BeAed\"]")
    }
  }
}
