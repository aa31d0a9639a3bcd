import Testing

@testable import EmethKit

@Suite struct X25519AgreementTests {
  private func agreed(_ secret: String, _ publicKey: String) throws -> [UInt8]? {
    let key = try Bytes32(hex: publicKey)
    return try SecretBytes(Hex.decode(secret)).withUnsafeBytes { secret in
      try X25519.sharedSecret(of: secret, with: key)?.withUnsafeBytes { Array($0) }
    }
  }

  /// RFC 7748, 6.1.
  @Test func aliceAndBobAgree() throws {
    let alice = "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"
    let bob = "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"
    let ofAlice = "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"
    let ofBob = "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"
    let shared = try Hex.decode("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742")
    #expect(try agreed(alice, ofBob) == shared)
    #expect(try agreed(bob, ofAlice) == shared)
    let derived = try SecretBytes(Hex.decode(alice)).withUnsafeBytes { X25519.publicKey(of: $0) }
    #expect(derived.description == "0x\(ofAlice)")
  }

  /// Points of order 1, 2, 4 and 8 give the same to everybody: zero, which is no secret.
  @Test(arguments: [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  ]) func pointsOfLowOrderGiveNothing(point: String) throws {
    #expect(try agreed(String(repeating: "42", count: 32), point) == nil)
  }
}
