import EmethKit
import Testing

/// Keccak-256, SHA-256, HMAC and HKDF against published values.
@Suite struct HashTests {
  @Test func keccakOfWellKnownTexts() {
    #expect(
      Keccak256.hash([]).description == "0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470")
    #expect(
      Keccak256.hash("hello".utf8).description
        == "0x1c8aff950685c2ed4bc3174f3472287b56d9517b9c948127319a09a7a36deac8")
    // The event that every ERC-20 token emits: its first topic is on every block explorer.
    #expect(
      Keccak256.hash("Transfer(address,address,uint256)".utf8).description
        == "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef")
  }

  /// Lengths around one and two blocks of 136 bytes, against a sponge written as the specification says it.
  @Test func keccakOfEveryLengthAroundItsBlocks() {
    for count in Array(0...8) + Array(128...145) + Array(264...281) + [1_000] {
      let message = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ count) }
      #expect(Keccak256.hash(message).bytes == NaiveKeccak.hash256(message), "\(count) bytes")
      #expect(Keccak256.hash(message.lazy.map { $0 }).bytes == NaiveKeccak.hash256(message))
    }
  }

  @Test func keccakInPiecesIsKeccakInOne() {
    let message = (0..<420).map { UInt8(truncatingIfNeeded: $0 * 11) }
    var hash = Keccak256()
    for cut in 0...message.count {
      hash.update(message[..<cut])
      hash.update([])
      let copy = hash
      hash.update(message[cut...].lazy.map { $0 })
      #expect(hash.finalize() == Keccak256.hash(message), "cut at \(cut)")
      // Three pieces, from a copy that goes its own way.
      hash = copy
      let second = cut + (message.count - cut) / 3
      hash.update(message[cut..<second])
      hash.update(message[second...])
      #expect(hash.finalize() == Keccak256.hash(message), "cut at \(cut) and \(second)")
    }
    #expect(hash.finalize() == Keccak256.hash([]), "a finished hash starts again")
  }

  @Test func sha256InPiecesIsSha256InOne() {
    #expect(
      SHA256.hash("abc".utf8).description
        == "0xba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    let message = (0..<300).map { UInt8(truncatingIfNeeded: $0) }
    var hash = SHA256()
    for cut in 0...message.count {
      hash.update(message[..<cut])
      hash.update(message[cut...].lazy.map { $0 })
      #expect(hash.finalize() == SHA256.hash(message), "cut at \(cut)")
    }
    #expect(hash.finalize() == SHA256.hash([]), "a finished hash starts again")
  }

  @Test func aCopyOfAHashGoesItsOwnWay() {
    var first = SHA256()
    first.update("same ".utf8)
    var second = first
    first.update("left".utf8)
    second.update("right".utf8)
    #expect(first.finalize() == SHA256.hash("same left".utf8))
    #expect(second.finalize() == SHA256.hash("same right".utf8))
  }

  /// RFC 4231, cases 1, 2 and 6 (a key longer than a block).
  @Test func hmacOfTheRFC() {
    #expect(
      HMACSHA256.authenticate("Hi There".utf8, key: [UInt8](repeating: 0x0b, count: 20)).description
        == "0xb0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7")
    #expect(
      HMACSHA256.authenticate("what do ya want for nothing?".utf8, key: "Jefe".utf8).description
        == "0x5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
    #expect(
      HMACSHA256.authenticate(
        "Test Using Larger Than Block-Size Key - Hash Key First".utf8,
        key: [UInt8](repeating: 0xaa, count: 131)
      ).description == "0x60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54")
  }

  /// RFC 5869, A.1 and A.3 (no salt, no info).
  @Test func hkdfOfTheRFC() throws {
    let key = [UInt8](repeating: 0x0b, count: 22)
    let first = HKDFSHA256.derive(
      key: key, salt: (0...12).map { $0 }, info: (0xf0...0xf9).map { $0 }, count: 42)
    #expect(
      Hex.encode(first)
        == "0x3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865")
    let third = HKDFSHA256.derive(key: key, salt: [], info: [], count: 42)
    #expect(
      Hex.encode(third)
        == "0x8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8")
    #expect(HKDFSHA256.derive(key: key, salt: [], info: [], count: 0) == [])
    let most = HKDFSHA256.derive(key: key, salt: [], info: [], count: HKDFSHA256.maximumByteCount)
    #expect(most.count == 8_160 && Array(most.prefix(42)) == third)
  }

  /// Their members sha512 and ripemd160 are not looked at: the library has no such hashes.
  @Test(.enabled(if: VectorFiles.isAvailable, VectorFiles.reason)) func publicVectors() throws {
    let cases = try VectorFiles.json("hashes.json.gz").arrayElements()
    #expect(cases.count == 129)
    for test in cases {
      let data = try Hex.decode(test.required("data").stringText())
      #expect(try Keccak256.hash(data).description == test.required("keccak256").stringText())
      #expect(try SHA256.hash(data).description == test.required("sha256").stringText())
    }
  }

  @Test(.enabled(if: VectorFiles.isAvailable, VectorFiles.reason)) func wycheproofHKDF() throws {
    var (checked, tooLong) = (0, 0)
    for group in try VectorFiles.json("wycheproof/hkdf_sha256_test.json.gz").required("testGroups")
      .arrayElements()
    {
      for test in try group.required("tests").arrayElements() {
        let count = try Int(test.required("size").unsigned(UInt32.self))
        let isValid = try test.required("result").stringText() == "valid"
        #expect(isValid == (count <= HKDFSHA256.maximumByteCount), "only the size can be wrong")
        guard isValid else {
          // Asking for more traps, as any caller's bug: the size never comes from outside.
          tooLong += 1
          continue
        }
        let derived = HKDFSHA256.derive(
          key: try Hex.decode(test.required("ikm").stringText()),
          salt: try Hex.decode(test.required("salt").stringText()),
          info: try Hex.decode(test.required("info").stringText()), count: count)
        #expect(try Hex.encode(derived, prefixed: false) == test.required("okm").stringText())
        checked += 1
      }
    }
    #expect(checked == 83 && tooLong == 3)
  }
}
