import EmethKit
import Testing

@Suite struct KeyBindingTests {
  private let key: PrivateKey
  private let domain: EIP712Domain
  private let now: UInt64 = 1_700_000_000

  init() throws {
    key = try PrivateKey(hex: "4c0883a69102937d6231471b5dbb6204fe512961708279f2e3e8a5d4b8e3e1f0")
    domain = EIP712Domain(
      chainId: 1, verifyingContract: try Address("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"))
  }

  /// Made with eth-account 0.13.7, and with Python's cryptography for the sealing key.
  @Test func anotherImplementationAgrees() throws {
    let binding = KeyBinding(of: key, epoch: (1 << 63) + 3, expiry: 1_800_000_000)
    #expect(
      binding.sealingKey.description == "0x5502e3097801ef1b49218eeec9d483fb4baca982773acfe2689c408fbf3ee113")
    let signed = SignedKeyBinding(signing: binding, in: domain, with: key)
    #expect(
      signed.digest.description == "0x43d7145110fd79c9f8175d01c9e78db178dfd1ef40ccc242b1ee2a4654eed379")
    #expect(
      Hex.encode(signed.signature.bytes, prefixed: false)
        == "5c75017c9066e548355c30567034f2a39c7a3a4432eec1a43d7621d38a6ba54016e58327c398f701ae22906aced276bc"
        + "333e1a05508d42387c5f1485706a5b131c")
    try signed.check(at: now, account: key.address, in: domain)
    #expect(signed.binding.recipient == key.sealingRecipient(epoch: (1 << 63) + 3))
  }

  @Test func itCountsUntilItExpires() throws {
    let signed = SignedKeyBinding(signing: KeyBinding(of: key, expiry: now), in: .embedded, with: key)
    try signed.check(at: now - 1)
    for time in [now, now + 1, .max] {
      #expect(throws: SealingError.bindingExpired(at: now, now: time)) { try signed.check(at: time) }
    }
  }

  @Test func onlyTheAccountItselfSigns() throws {
    let other = PrivateKey(seed: .zero, label: "other", index: 0)
    let binding = KeyBinding(of: key, expiry: .max)
    let forged = SignedKeyBinding(signing: binding, in: domain, with: other)
    #expect(throws: SealingError.signed(.signerMismatch(found: other.address, expected: key.address))) {
      try forged.check(at: now)
    }
    let honest = SignedKeyBinding(signing: binding, in: domain, with: key)
    #expect(throws: SealingError.signed(.signerMismatch(found: key.address, expected: other.address))) {
      try honest.check(at: now, account: other.address)
    }
    #expect(throws: SealingError.signed(.wrongDomain(found: domain, expected: .embedded))) {
      try honest.check(at: now, in: .embedded)
    }
  }

  @Test func everyChangedFieldIsFound() throws {
    let signed = SignedKeyBinding(signing: KeyBinding(of: key, epoch: 5, expiry: now), in: domain, with: key)
    let text = try jsonText(signed)
    #expect(try fromJSON(SignedKeyBinding.self, text) == signed)
    #expect(text.contains(#""epoch":"5","expiry":1700000000,"#))
    let both = text.replacing(#""epoch":"5""#, with: #""epoch":5"#)
      .replacing(#""expiry":1700000000"#, with: #""expiry":"1700000000""#)
    #expect(try fromJSON(SignedKeyBinding.self, both) == signed)
    let other = PrivateKey(seed: .zero, label: "other", index: 0)
    let changes = [
      (#""epoch":"5""#, #""epoch":"6""#), ("1700000000", "1700000001"),
      (#""chainId":"1""#, #""chainId":"2""#),
      ("\(key.sealingKey(epoch: 5))", "\(other.sealingKey())"), ("\(key.address)", "\(other.address)"),
      ("\(signed.digest)", "\(Bytes32.zero)"),
    ]
    for (old, new) in changes {
      let altered = text.replacing(old, with: new)
      #expect(altered != text)
      let read = try fromJSON(SignedKeyBinding.self, altered)
      #expect(throws: SealingError.self, "\(new)") { try read.check(at: 0) }
    }
  }
}
