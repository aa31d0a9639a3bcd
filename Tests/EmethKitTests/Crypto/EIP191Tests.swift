import EmethKit
import Testing

@Suite struct EIP191Tests {
  @Test func knownDigests() throws {
    #expect(
      EIP191.digest(message: "Hello World".utf8).description
        == "0xa1de988600a42c4b4ab089b619297c17d53cffae5d5120d82d8a92d0bb3b78f2")
    // The length is that of the bytes, not of the characters.
    #expect(
      EIP191.digest(message: "é".utf8)
        == Keccak256.hash(Array("\u{19}Ethereum Signed Message:\n2".utf8) + [0xC3, 0xA9]))
    #expect(
      EIP191.digest(validator: .zero, data: [7])
        == Keccak256.hash([0x19, 0x00] + [UInt8](repeating: 0, count: 20) + [7]))
  }

  @Test func messagesRecoverTheirSigner() throws {
    var generator = SeededGenerator()
    let key = PrivateKey(seed: .zero, label: "message", index: 0)
    for count in [0, 1, 9, 10, 99, 100, 1_000] {
      var message = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
      let signature = key.sign(message: message)
      #expect(try signature.recoverAddress(fromMessage: message) == key.address)
      #expect(signature != key.sign(Keccak256.hash(message)), "a message is no digest")
      message.append(0)
      #expect((try? signature.recoverAddress(fromMessage: message)) != key.address)
    }
  }
}
