import EmethKit
import Foundation
import Testing

@Suite struct SealingKeyTests {
  private let recipient = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"

  private func fixture(_ name: String) throws -> [UInt8] {
    let url = try #require(
      Bundle.module.url(forResource: name, withExtension: nil, subdirectory: "Fixtures/age"))
    return Array(try Data(contentsOf: url))
  }

  private func identities(_ name: String) throws -> [SealingIdentity] {
    try SealingIdentity.list(String(decoding: fixture(name), as: UTF8.self))
  }

  /// Files, keys and armor that the age tool 1.1.1 of Debian wrote.
  @Test func filesOfTheAgeToolOpen() throws {
    let text = Array("Sealed by the age tool.\n".utf8)
    let (one, two) = (try identities("one.key"), try identities("two.key"))
    #expect(try OpeningStream.open(fixture("hello.age"), with: one) == text)
    #expect(throws: SealingError.noMatch(kinds: ["X25519"])) {
      try OpeningStream.open(fixture("hello.age"), with: two)
    }
    #expect(try OpeningStream.open(fixture("hello.age"), with: two + one) == text)
    #expect(try OpeningStream.open(fixture("empty.age"), with: one) == [])
    var file: [UInt8] = []
    var reader = ArmorReader()
    try reader.append(fixture("both.txt"), to: &file)
    try reader.finish()
    #expect(try OpeningStream.open(file, with: one) == text)
    #expect(try OpeningStream.open(file, with: two) == text)
    let named = String(decoding: try fixture("one.key"), as: UTF8.self).firstMatch(of: /age1\S+/).map {
      String($0.0)
    }
    #expect(one.map(\.recipient.description) == [named])
  }

  @Test func recipientsAreReadAndWritten() throws {
    let read = try SealingRecipient(recipient)
    #expect(read.description == recipient && SealingRecipient(key: read.key) == read)
    #expect(try fromJSON([SealingRecipient].self, jsonText([read])) == [read])
    let secret = "AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2P2LM0"
    #expect(try SealingIdentity(secret).secretText() == secret)
  }

  @Test func keysShowNoSecrets() throws {
    let identity = SealingIdentity.test(3)
    var random = SystemRandomNumberGenerator()
    let fileKey = FileKey(using: &random)
    let key = PayloadKey(fileKey: fileKey, using: &random)
    #expect("\(identity)" == "SealingIdentity(\(identity.recipient))")
    let shown = String(reflecting: identity) + "\(fileKey)\(key)"
    for secret in [identity.secretText(), fileKey.withSecretBytes { Hex.encode($0, prefixed: false) }] {
      #expect(!shown.contains(secret))
    }
    #expect(Mirror(reflecting: fileKey).children.isEmpty && Mirror(reflecting: key).children.isEmpty)
    #expect(FileKey([1, 2]) == nil && PayloadKey(fileKey: fileKey, nonce: [1]) == nil)
  }

  @Test func filesOfKeysHaveCommentsAndManyKeys() throws {
    let (one, two) = (SealingIdentity.test(1), SealingIdentity.test(2))
    let text = "# created: today\r\n\n#\n\(one.secretText())\r\n\n\(two.secretText())"
    #expect(try SealingIdentity.list(text).map(\.recipient) == [one.recipient, two.recipient])
    #expect(try SealingRecipient.list("\n# friends\n\(recipient)\n").map(\.description) == [recipient])
    #expect(throws: SealingError.noIdentities) { try SealingIdentity.list("# nothing\n\n") }
    #expect(throws: SealingError.noRecipients) { try SealingRecipient.list("") }
    do {
      _ = try SealingIdentity.list("#\n\(one.secretText().dropLast())\n")
      Issue.record("accepted")
    } catch {
      guard case .line(2, .identityMalformed) = error else { throw error }
      #expect(!error.message.contains("SECRET") && error.message.hasPrefix("line 2: "))
    }
  }

  @Test(arguments: [
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBlr7QGGcZwAz2cVEYs6GwGB7bF1ZL", "age1pq1qqqqqq",
    "age1yubikey1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t",
  ]) func recipientsOfOtherKindsAreSaidToBe(text: String) {
    do throws(SealingError) {
      _ = try SealingRecipient(text)
      Issue.record("accepted")
    } catch {
      let isNamed = if case .recipientUnsupported = error { true } else { false }
      #expect(isNamed, "\(error)")
    }
  }

  @Test(arguments: [
    "AGE-PLUGIN-YUBIKEY-1QQPQQQQQQZ", "AGE-SECRET-KEY-PQ-1QQ", "-----BEGIN OPENSSH PRIVATE KEY-----",
    "age-encryption.org/v1", "-----BEGIN AGE ENCRYPTED FILE-----",
  ]) func identitiesOfOtherKindsAreSaidToBe(text: String) {
    do throws(SealingError) {
      _ = try SealingIdentity.list("\(text)\nmore")
      Issue.record("accepted")
    } catch {
      let isNamed = if case .line(1, .identityUnsupported) = error { true } else { false }
      #expect(isNamed, "\(error)")
    }
  }

  @Test func whatIsNoKeyIsRefused() throws {
    let short = "age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq"
    for text in [
      "", "age1", recipient.uppercased(), String(recipient.dropLast()), short, " \(recipient)",
      "\(recipient) ",
    ] {
      #expect(throws: SealingError.self, "\(text)") { try SealingRecipient(text) }
    }
    for text in ["", SealingIdentity.test(1).secretText().lowercased(), recipient, "AGE-SECRET-KEY-1"] {
      #expect(throws: SealingError.self, "\(text)") { try SealingIdentity(text) }
    }
  }

  /// One key file restores identity and sealing key (PROTOCOL 5).
  @Test func accountsSealAndOpen() throws {
    let key = PrivateKey(seed: .zero, label: "sealing", index: 0)
    var random = ChaCha20Generator(key: .zero)
    for epoch: UInt64 in [0, 1, .max] {
      let recipient = key.sealingRecipient(epoch: epoch)
      #expect(recipient.key == key.sealingKey(epoch: epoch))
      let file = try SealingStream.seal([1, 2, 3], to: [recipient], using: &random)
      #expect(try OpeningStream.open(file, with: [key.sealingIdentity(epoch: epoch)]) == [1, 2, 3])
      #expect(throws: SealingError.noMatch(kinds: ["X25519"])) {
        try OpeningStream.open(file, with: [key.sealingIdentity(epoch: epoch ^ 2)])
      }
    }
  }
}
