@testable import EmethKit
import Testing

@Suite struct X25519Tests {
  private func shared(_ secret: [UInt8], _ publicKey: Bytes32) throws -> [UInt8]? {
    try secret.withUnsafeBytes { try X25519.sharedSecret(of: $0, with: publicKey) }?
      .withUnsafeBytes { Array($0) }
  }

  @Test func bothSidesHaveTheSame() throws {
    var generator = SeededGenerator()
    for _ in 0..<scaled(20) {
      let secrets = (0..<2).map { _ in (0..<32).map { _ in UInt8.random(in: 0...255, using: &generator) } }
      let keys = secrets.map { secret in secret.withUnsafeBytes { X25519.publicKey(of: $0) } }
      let common = try #require(try shared(secrets[0], keys[1]))
      #expect(try shared(secrets[1], keys[0]) == common && common.contains { $0 != 0 })
      #expect(try shared(secrets[0], keys[0]) != common)
    }
  }

  /// Wycheproof's 518 keys. All that it calls acceptable is accepted (points of the twist, and keys in other
  /// forms than the canonical one, as RFC 7748 tells to), but for the 31 whose secret would be all zero.
  @Test(.enabled(if: VectorFiles.isAvailable, VectorFiles.reason)) func wycheproof() throws {
    var (agreed, zero) = (0, 0)
    let file = try VectorFiles.json("wycheproof/x25519_test.json.gz")
    for group in try file.required("testGroups").arrayElements() {
      for test in try group.required("tests").arrayElements() {
        let number = try test.required("tcId").unsigned(UInt32.self)
        let expected = try Hex.decode(test.required("shared").stringText())
        let found = try shared(
          Hex.decode(test.required("private").stringText()),
          Bytes32(hex: test.required("public").stringText()))
        let isZero = expected.allSatisfy { $0 == 0 }
        #expect(found == (isZero ? nil : expected), "tcId \(number)")
        if isZero { zero += 1 } else { agreed += 1 }
      }
    }
    #expect(agreed == 487 && zero == 31)
  }
}
