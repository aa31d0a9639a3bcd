import EmethKit
import Testing

@Suite struct RecordHasherTests {
  private func leaf(_ hasher: RecordHasher, _ record: [UInt8], at index: UInt64) -> Bytes32 {
    record.withUnsafeBytes { hasher.leafHash(of: $0, at: index) }
  }

  /// Made with another implementation (Python's hmac and hashlib).
  @Test func secretsSaltsAndLeavesAreThoseOfTheProtocol() throws {
    let secret = SplitSecret(try #require(Bytes32(Array(0..<32))))
    let partSecret = secret.partSecret(3)
    #expect(partSecret.description == "0xf4b3fa0f5e2c85ab1d382dbd8bea46a2505cfc02b0faf5aa6dd89460f15c3f2c")
    let hasher = RecordHasher(partSecret: partSecret)
    let index: UInt64 = (1 << 40) + 5
    #expect(Hex.encode(hasher.salt(of: index)) == "0xafc004e4f87d6d7a17372492e2541557")
    let leaves: [(Int, String)] = [
      (0, "0x779fdf67806aeb230a5d0b4e77f9d3295344770a5e17151f7b440ab45ddfc663"),
      (5, "0xa84d1578bd7523f3fe56bc6d18730216b60d5fd9c34847e25428e646afe962bb"),
      (38, "0x4d55582f48c3a0e01db21d001ef8665afcb8984ecdfbba0e44db28edd83157ae"),
      (39, "0x6f5208868831696c8805758b1cf09eb73ca7e3965e7b8d66e52c8b722e91158a"),
      (102, "0x5ecbc0bd4cf1d73352cc7bfc69706834493a28f5f0de7b6b6059042f95df426a"),
      (103, "0x1b085fb526368fe42ab40bb4dce0aac7a3d29070ee239233f6d0d8beb5887095"),
      (1000, "0xc82c703e5d4b61ede0356685084f39a0494576c1da2ffc7db208de5330f718f5"),
    ]
    for (count, expected) in leaves {
      let record = [UInt8](repeating: UInt8(ascii: "x"), count: count)
      #expect(leaf(hasher, record, at: index).description == expected, "\(count) bytes")
    }
  }

  /// Every length around the blocks of SHA-256 gives what the plan's own functions give.
  @Test func everyLengthAgreesWithThePlan() {
    var random = SeededGenerator()
    let secret = SHA256.hash("secret".utf8)
    let hasher = RecordHasher(partSecret: secret)
    for count in Array(0...300) + [1000, 4096, 65_537] {
      let record = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
      let index = UInt64.random(in: 0...UInt64.max, using: &random)
      let salt = SplitPlan.recordSalt(partSecret: secret, index: index)
      #expect(hasher.salt(of: index) == salt)
      #expect(leaf(hasher, record, at: index) == SplitPlan.recordLeafHash(salt: salt, record: record))
    }
  }

  @Test func secretsAreNeverShown() throws {
    let secret = SplitSecret(SHA256.hash("do not print".utf8))
    var dumped = ""
    dump(secret, to: &dumped)
    for text in ["\(secret)", String(reflecting: secret), dumped] {
      #expect(!text.contains(secret.bytes.description.dropFirst(2).prefix(8)))
    }
  }
}
