@testable import EmethKit
import Testing

@Suite struct PrivateKeyTests {
  static let order = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"

  @Test func keyOneHasTheGeneratorAsItsPublicKey() throws {
    let key = try PrivateKey(hex: "0x" + String(repeating: "0", count: 63) + "1")
    #expect(key.address.description == "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf")
    #expect(
      Hex.encode(key.publicKey, prefixed: false)
        == "0479be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
        + "483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8")
    #expect(key.withSecretBytes { Array($0) } == [UInt8](repeating: 0, count: 31) + [1])
  }

  @Test(arguments: [
    "", "0x", "01", String(repeating: "0", count: 64), order, String(repeating: "f", count: 64),
    "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364142", String(repeating: "1", count: 62),
    String(repeating: "1", count: 66), String(repeating: "g", count: 64),
  ])
  func otherKeysAreRefused(hex: String) {
    #expect(throws: CryptoError.privateKeyInvalid) { try PrivateKey(hex: hex) }
  }

  @Test func theLargestKeyIsTheOrderMinusOne() throws {
    let key = try PrivateKey(hex: "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364140")
    // The negative of key 1: same x, the other y.
    #expect(
      key.publicKey[1...32]
        == (try PrivateKey(hex: String(repeating: "0", count: 63) + "1")).publicKey[1...32])
  }

  @Test func noDescriptionShowsTheSecret() throws {
    let secret = "7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d"
    let key = try PrivateKey(hex: secret)
    var dumped = ""
    dump(key, to: &dumped)
    for text in [
      "\(key)", String(reflecting: key), String(describing: key), dumped, "\([key])",
      "\(Optional(key) as Any)",
    ] {
      #expect(!text.lowercased().contains("7a28b5ba") && text.contains(key.address.description))
    }
  }

  /// Values made by an independent HKDF and X25519 in another language.
  @Test func derivedKeysAreFixed() throws {
    let seed = try #require(Bytes32((0..<32).map { UInt8($0) }))
    let key = PrivateKey(seed: seed, label: "node", index: 2)
    #expect(
      key.withSecretBytes { Hex.encode($0) }
        == "0x043767757b3b23e55ed4f40f29ca6925bc6e613adb1785f349fa26e9b9d07e53")
    let one = try PrivateKey(hex: String(repeating: "0", count: 63) + "1")
    #expect(
      one.sealingKey().description == "0xb29742573d117865159a8d70837a23237e00c9a3240e8b002a6b036fdfa14131")
    #expect(
      one.sealingKey(epoch: 1).description
        == "0x0af49dc5fd136fa84acef826fa90daaff4a7addea3665719e955cbaf06f19056")
    #expect(
      (1...32).map { UInt8($0) }.withUnsafeBytes { X25519.publicKey(of: $0) }.description
        == "0x07a37cbc142093c8b755dc1b10e86cb426374ad16aa853ed0bdfc0b2b86d1c7c")
    #expect(one.withSealingSecret(epoch: 1) { X25519.publicKey(of: $0) } == one.sealingKey(epoch: 1))
  }

  @Test func everyLabelAndIndexHasItsOwnKey() {
    var addresses: Set<Address> = []
    for label in ["", "node", "node\0", "verifier"] {
      for index in [0, 1, 256, UInt32.max] {
        addresses.insert(PrivateKey(seed: .zero, label: label, index: index).address)
      }
    }
    #expect(addresses.count == 16)
  }

  /// Their member icap is not looked at: addresses in the form of bank accounts are no longer in use.
  @Test(.enabled(if: VectorFiles.isAvailable, VectorFiles.reason)) func publicVectors() throws {
    let cases = try VectorFiles.json("accounts.json.gz").arrayElements()
    #expect(cases.count == 130)
    for test in cases {
      let address = try test.required("address").stringText()
      #expect(try PrivateKey(hex: test.required("privateKey").stringText()).address.description == address)
    }
  }
}
