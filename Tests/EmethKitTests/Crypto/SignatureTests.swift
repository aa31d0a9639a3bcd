@testable import EmethKit
import Testing

@Suite struct SignatureTests {
  private let half: UInt256 = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0

  @Test func signaturesRecoverTheirSigner() throws {
    var generator = SeededGenerator()
    for index in 0..<UInt32(scaled(40)) {
      let key = PrivateKey(seed: .zero, label: "signature", index: index)
      let digest = Bytes32(UInt256.adversarial(using: &generator))
      let signature = key.sign(digest)
      #expect(signature == key.sign(digest), "signing is deterministic")
      #expect(try signature.recoverAddress(from: digest) == key.address)
      #expect(UInt256(signature.s) <= half)
      #expect(try Signature(bytes: signature.bytes) == signature)
      let other = Bytes32(UInt256(digest) ^ 1)
      #expect((try? signature.recoverAddress(from: other)) != key.address)
    }
  }

  /// RFC 6979 with secp256k1: the values of Bitcoin's libraries for key 1 and "Satoshi Nakamoto".
  @Test func nonceFollowsTheRFC() throws {
    let key = try PrivateKey(hex: String(repeating: "0", count: 63) + "1")
    let signature = key.sign(SHA256.hash("Satoshi Nakamoto".utf8))
    #expect(signature.r.description == "0x934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d8")
    #expect(signature.s.description == "0x2442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5")
  }

  /// Each rule is broken alone, by one.
  @Test func everyOtherEncodingIsRefused() throws {
    let valid = PrivateKey(seed: .zero, label: "signature", index: 0).sign(.zero)
    let order = Secp256k1.order
    func make(r: UInt256? = nil, s: UInt256? = nil, v: UInt8? = nil) throws(CryptoError) -> Signature {
      try Signature(r: r.map { Bytes32($0) } ?? valid.r, s: s.map { Bytes32($0) } ?? valid.s, v: v ?? valid.v)
    }
    #expect(try make() == valid)
    for r in [0, order, order + 1, UInt256.max] {
      #expect(throws: CryptoError.signatureRange(part: "r")) { try make(r: r) }
    }
    for s in [0, order, order + 1, UInt256.max] {
      #expect(throws: CryptoError.signatureRange(part: "s")) { try make(s: s) }
    }
    for s in [half + 1, order - 1, order - UInt256(valid.s)] {
      #expect(throws: CryptoError.signatureHighS) { try make(s: s) }
    }
    #expect(throws: Never.self) { try make(r: 1, s: half) }
    #expect(throws: Never.self) { try make(r: order - 1, s: 1) }
    for v in UInt8.min...UInt8.max where v != 27 && v != 28 {
      #expect(throws: CryptoError.signatureRecoveryByte(found: v)) { try make(v: v) }
    }
    for count in [0, 64, 66] {
      let bytes = Array((valid.bytes + [0]).prefix(count))
      #expect(throws: CryptoError.signatureLength(found: count)) { try Signature(bytes: bytes) }
    }
  }

  /// One bit of the signature is changed: it is refused, or gives another signer.
  @Test func everyChangedBitLosesTheSigner() throws {
    let key = PrivateKey(seed: .zero, label: "signature", index: 1)
    let digest = Keccak256.hash("digest".utf8)
    let bytes = key.sign(digest).bytes
    for bit in 0..<520 {
      var changed = bytes
      changed[bit / 8] ^= 1 << UInt8(bit % 8)
      let signer = try? Signature(bytes: changed).recoverAddress(from: digest)
      #expect(signer != key.address, "bit \(bit)")
    }
  }

  @Test func aPointThatDoesNotExistIsUnrecoverable() throws {
    // No point of the curve has x = 5.
    let signature = try Signature(r: Bytes32(5 as UInt256), s: Bytes32(1 as UInt256), v: 27)
    #expect(throws: CryptoError.signatureUnrecoverable) { try signature.recoverAddress(from: .zero) }
  }

  @Test func jsonIsHexOf65Bytes() throws {
    let signature = PrivateKey(seed: .zero, label: "signature", index: 2).sign(.zero)
    let text = try jsonText([signature])
    #expect(text == "[\"\(Hex.encode(signature.bytes))\"]")
    #expect(try fromJSON([Signature].self, text) == [signature])
    #expect(throws: DecodingError.self) { try fromJSON([Signature].self, "[\"0x\"]") }
    #expect(throws: DecodingError.self) {
      try fromJSON([Signature].self, text.replacing("1b\"]", with: "00\"]").replacing("1c\"]", with: "01\"]"))
    }
  }

  /// Wycheproof's hostile signatures, in DER; of the 476 all are checked, none skipped.
  ///
  /// Valid ones are accepted but for two kinds, refused on purpose: those in their second form, with s in the
  /// upper half (EIP-2), and those whose r wrapped around the order, for which Ethereum has no v. Of the
  /// others none may verify: broken DER has no integers here, and what has them belongs to another key.
  @Test(.enabled(if: VectorFiles.isAvailable, VectorFiles.reason)) func wycheproof() throws {
    var (accepted, highS, wrappedR, malformed, foreign) = (0, 0, 0, 0, 0)
    let file = try VectorFiles.json("wycheproof/ecdsa_secp256k1_sha256_test.json.gz")
    for group in try file.required("testGroups").arrayElements() {
      let publicKey = try Hex.decode(group.required("publicKey").required("uncompressed").stringText())
      let address = try Address(publicKey: publicKey)
      for test in try group.required("tests").arrayElements() {
        let number = try test.required("tcId").unsigned(UInt32.self)
        let isValid = try test.required("result").stringText() == "valid"
        let digest = SHA256.hash(try Hex.decode(test.required("msg").stringText()))
        guard let (r, s) = Self.derIntegers(try Hex.decode(test.required("sig").stringText())) else {
          #expect(!isValid, "tcId \(number)")
          malformed += 1
          continue
        }
        let isAccepted = [UInt8(27), 28].contains { v in
          let signature = try? Signature(r: Bytes32(r), s: Bytes32(s), v: v)
          return (try? signature?.recoverAddress(from: digest)) == address
        }
        // What mathematics says, with all four recoveries and either s.
        let recovery = (0..<4).first {
          Secp256k1.recover(digest, r: Bytes32(r), s: Bytes32(s), recovery: $0, { Array($0) }) == publicKey
        }
        #expect((recovery != nil) == isValid, "tcId \(number)")
        #expect(isAccepted == (isValid && s <= half && recovery.map { $0 < 2 } == true), "tcId \(number)")
        switch recovery {
        case nil: foreign += 1
        case 2?, 3?: wrappedR += 1
        case _?: if s > half { highS += 1 } else { accepted += 1 }
        }
      }
    }
    #expect([accepted, highS, wrappedR, malformed, foreign] == [96, 70, 2, 234, 74])
  }

  /// The two integers of a strict DER signature of at most 256 bits each, or nil.
  private static func derIntegers(_ der: [UInt8]) -> (r: UInt256, s: UInt256)? {
    guard der.count > 2, der[0] == 0x30, der[1] < 0x80, Int(der[1]) == der.count - 2 else { return nil }
    var rest = der.dropFirst(2)
    func integer() -> UInt256? {
      guard rest.count > 2, rest.popFirst() == 2, let count = rest.popFirst(), count > 0, rest.count >= count
      else {
        return nil
      }
      let bytes = rest.prefix(Int(count))
      rest = rest.dropFirst(Int(count))
      guard let first = bytes.first, first < 0x80 else { return nil }
      if bytes.count > 1, first == 0, let second = bytes.dropFirst().first, second < 0x80 { return nil }
      return UInt256(bigEndianBytes: first == 0 ? bytes.dropFirst() : bytes)
    }
    guard let r = integer(), let s = integer(), rest.isEmpty else { return nil }
    return (r, s)
  }
}
