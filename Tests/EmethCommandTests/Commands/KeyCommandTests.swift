import EmethKit
import Foundation
import Testing

@Suite struct KeyCommandTests {
  private let scratch: ScratchFolder

  init() throws { scratch = try ScratchFolder() }

  private struct PublicKeys: Decodable {
    var address: Address
    var publicKey: String
    var sealingKey: Bytes32
  }

  private func emeth(_ arguments: String..., environment: [String: String] = [:]) throws -> ProgramResult {
    try Program.run(executable: Program.url, arguments, environment: environment, in: scratch.url)
  }

  @Test func newKeyIsPrivateNewAndShown() throws {
    let made = try emeth("new-key", "--out", "a.key")
    #expect(made.exitCode == 0)
    #expect(made.errors == "")
    let mode = try FileManager.default.attributesOfItem(atPath: scratch.path("a.key"))[.posixPermissions]
    #expect((mode as? NSNumber)?.intValue == 0o600)
    let text = try scratch.read("a.key")
    #expect(text.wholeMatch(of: /0x[0-9a-f]{64}\n/) != nil)
    let key = try PrivateKey(hex: String(text.dropLast()))
    #expect(made.output == "\(key.address)\n")

    let shown = try emeth("show-key", "--key-file", "a.key", "--json").json(PublicKeys.self)
    #expect(shown.address == key.address)
    #expect(shown.publicKey == Hex.encode(key.publicKey))
    #expect(shown.sealingKey == key.sealingKey())
    let bySetting = try emeth(
      "show-key", "--json", environment: ["EMETH_PRIVATE_KEY": String(text.dropLast())])
    #expect(try bySetting.json(PublicKeys.self).address == key.address)

    let another = try emeth("new-key", "--out", "b.key")
    #expect(another.output != made.output)
    #expect(try scratch.names() == ["a.key", "b.key"])
  }

  @Test func newKeyNeverWritesOverAFile() throws {
    try scratch.write("precious", to: "a.key")
    let result = try emeth("new-key", "--out", "a.key")
    #expect(result.exitCode == 4)
    #expect(result.output == "")
    #expect(result.errors.contains("exists already"))
    #expect(try scratch.read("a.key") == "precious")
    let nowhere = try emeth("new-key", "--out", "no/a.key", "--json")
    #expect(nowhere.exitCode == 4)
    #expect(nowhere.output == "")
    let error = try JSONDecoder().decode(ErrorObject.self, from: Data(nowhere.errors.utf8))
    #expect(error.code == "file.notFound")
  }

  @Test func keystoresNeedTheirPassword() throws {
    try scratch.write("correct horse\n", to: "password")
    try scratch.write("wrong\n", to: "other")
    let made = try emeth("new-key", "--out", "a.json", "--password-file", "password")
    #expect(made.exitCode == 0)
    #expect(try !scratch.read("a.json").contains("horse"))
    let shown = try emeth("show-key", "--key-file", "a.json", "--password-file", "password", "--json")
    #expect(try "\(shown.json(PublicKeys.self).address)\n" == made.output)
    let wrong = try emeth("show-key", "--key-file", "a.json", "--password-file", "other")
    #expect(wrong.exitCode == 3)
    #expect(wrong.output == "")
    let missing = try emeth("show-key", "--key-file", "a.json")
    #expect(missing.exitCode == 3)
    #expect(missing.errors.contains("--password-file"))
  }

  @Test(arguments: [0o644, 0o640, 0o604, 0o660])
  func keysThatOthersMayReadAreRefused(mode: Int) throws {
    try scratch.writeKey(TestKeys.signer, to: "a.key")
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: scratch.path("a.key"))
    let result = try emeth("show-key", "--key-file", "a.key")
    #expect(result.exitCode == 3)
    #expect(result.output == "")
    #expect(result.errors.contains("hint: chmod 600 a.key"))
  }

  @Test func whatIsNoKeyIsRefusedWithoutShowingIt() throws {
    try scratch.writeKey(TestKeys.signer, to: "a.key")
    let cases = [
      "", "0x12", String(repeating: "0", count: 64), String(repeating: "f", count: 64), "{}",
      "{\"version\":3}",
    ]
    for content in cases {
      try scratch.write(content, to: "a.key")
      try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: scratch.path("a.key"))
      let result = try emeth("show-key", "--key-file", "a.key")
      #expect(result.exitCode == 3, "\(content)")
      #expect(result.output == "")
      #expect(content.count < 8 || !result.errors.contains(content))
    }
    #expect(try emeth("show-key").exitCode == 2)
    #expect(try emeth("show-key", "--key-file", "none").exitCode == 4)
    #expect(try emeth("show-key", environment: ["EMETH_PRIVATE_KEY": "0x12"]).exitCode == 3)
  }
}
