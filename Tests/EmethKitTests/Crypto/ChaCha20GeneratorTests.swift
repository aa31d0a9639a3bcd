import EmethKit
import Testing

@Suite struct ChaCha20GeneratorTests {
  private func stream(key: Bytes32, count: Int) -> [UInt8] {
    var generator = ChaCha20Generator(key: key)
    return (0..<count / 4).flatMap { _ in
      let word = generator.nextWord()
      return (0..<4).map { UInt8(truncatingIfNeeded: word >> UInt32(8 * $0)) }
    }
  }

  /// RFC 8439, A.1: cases 1 and 2 are blocks 0 and 1 of the zero key; 3 and 4 are block 1 and 2 of two
  /// other keys.
  @Test func blocksOfTheRFC() throws {
    #expect(
      Hex.encode(stream(key: .zero, count: 128), prefixed: false)
        == "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7"
        + "da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586"
        + "9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed"
        + "29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f")
    let last = try #require(Bytes32([UInt8](repeating: 0, count: 31) + [1]))
    #expect(
      Hex.encode(stream(key: last, count: 128).suffix(64), prefixed: false)
        == "3aeb5224ecf849929b9d828db1ced4dd832025e8018b8160b82284f3c949aa5a"
        + "8eca00bbb4a73bdad192b5c42f73f2fd4e273644c8b36125a64addeb006c13a0")
    let second = try #require(Bytes32([0, 0xff] + [UInt8](repeating: 0, count: 30)))
    #expect(
      Hex.encode(stream(key: second, count: 192).suffix(64), prefixed: false)
        == "72d54dfbf12ec44b362692df94137f328fea8da73990265ec1bbbea1ae9af0ca"
        + "13b25aa26cb4a648cb9b9d1be65b2c0924a66c54d545ec1b7374f4872e99f096")
  }

  @Test func sixtyFourBitsAreTwoWordsTheLowerFirst() {
    var (words, numbers) = (ChaCha20Generator(key: .zero), ChaCha20Generator(key: .zero))
    for _ in 0..<100 {
      let (low, high) = (words.nextWord(), words.nextWord())
      #expect(numbers.next() == UInt64(high) << 32 | UInt64(low))
    }
  }

  /// Against the rule of PROTOCOL 6 in its own words, with n so large that half of the words are refused.
  @Test(arguments: [1, 2, 3, 10, 256, 65_537, 0x8000_0000, 0x8000_0001, UInt32.max] as [UInt32])
  func belowRejectsAsTheRuleSays(n: UInt32) {
    var (words, numbers) = (ChaCha20Generator(key: .zero), ChaCha20Generator(key: .zero))
    var refused = 0
    for _ in 0..<500 {
      let number = numbers.below(n)
      var word = words.nextWord()
      while UInt64(word) >= (1 << 32) / UInt64(n) * UInt64(n) {
        refused += 1
        word = words.nextWord()
      }
      #expect(number == word % n)
    }
    if n == 0x8000_0001 { #expect(refused > 100, "half of the words are refused for this n") }
  }

  @Test func aCopyRepeatsTheStream() {
    var first = ChaCha20Generator(key: .zero)
    _ = first.nextWord()
    var second = first
    #expect((0..<40).map { _ in first.nextWord() } == (0..<40).map { _ in second.nextWord() })
  }
}
