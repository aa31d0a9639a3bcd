import EmethKit
import Foundation
import Testing

/// A Python with eth-account, whose key files are not this project's.
private let python = ProcessInfo.processInfo.environment["EMETH_PYTHON"]

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
    #expect(wrong.exitCode == 1)
    #expect(wrong.output == "")
    #expect(wrong.errors.hasPrefix("emeth: error: a.json: password does not open the keystore"))
    let object = try emeth("show-key", "--key-file", "a.json", "--password-file", "other", "--json")
    #expect(object.exitCode == 1 && object.output == "")
    let error = try JSONDecoder().decode(ErrorObject.self, from: Data(object.errors.utf8))
    #expect(error.code == "keystore.password")
    let missing = try emeth("show-key", "--key-file", "a.json")
    #expect(missing.exitCode == 3)
    #expect(missing.errors.contains("--password-file"))
  }

  @Test func aKeystoreSignsAsItsKeyDoes() throws {
    let file = try Keystore.encrypt(
      key: TestKeys.signer, password: Array("horse".utf8), salt: [1],
      iv: [UInt8](repeating: 2, count: 16), id: [UInt8](repeating: 3, count: 16), scryptLogN: 2)
    try scratch.writePrivate(file, to: "a.json")
    try scratch.writeKey(TestKeys.signer, to: "a.key")
    try scratch.write("horse\n", to: "password")
    let ticket = [
      "sign-ticket", "--account", "\(TestKeys.key(1).address)", "--epoch", "7", "--cumulative-payout",
      "1.5emeth",
    ]
    let raw = try Program.run(executable: Program.url, ticket + ["--key-file", "a.key"], in: scratch.url)
    let opened = try Program.run(
      executable: Program.url, ticket + ["--key-file", "a.json", "--password-file", "password"],
      in: scratch.url)
    #expect(
      opened.exitCode == 0 && opened.output == raw.output && opened.output.contains("1500000000000000000"))
    try scratch.write("Horse\n", to: "password")
    let wrong = try Program.run(
      executable: Program.url, ticket + ["--key-file", "a.json", "--password-file", "password"],
      in: scratch.url)
    #expect(wrong.exitCode == 1 && wrong.output == "")
  }

  /// Both ways between this program and eth-account, with what each writes by itself.
  @Test(.enabled(if: python != nil, "EMETH_PYTHON names no Python with eth-account"))
  func keystoresGoBothWaysWithEthAccount() throws {
    try scratch.write("correct horse\n", to: "password")
    let made = try emeth("new-key", "--out", "ours.json", "--password-file", "password")
    let mode = try FileManager.default.attributesOfItem(atPath: scratch.path("ours.json"))[.posixPermissions]
    #expect((mode as? NSNumber)?.intValue == 0o600)
    let script = """
      import json, os
      from eth_account import Account
      print(Account.from_key(Account.decrypt(open("ours.json").read(), "correct horse")).address)
      os.umask(0o077)
      for kdf in ("scrypt", "pbkdf2"):
          account = Account.create()
          json.dump(Account.encrypt(account.key, "correct horse", kdf=kdf), open(kdf + ".json", "w"))
          print(account.address)
      """
    let result = try Program.run(
      executable: URL(filePath: #require(python)), ["-c", script], in: scratch.url)
    let addresses = result.output.split(separator: "\n").map(String.init)
    try #require(addresses.count == 3, "\(result.errors)")
    #expect(made.output == "\(addresses[0])\n")
    for (name, address) in zip(["scrypt.json", "pbkdf2.json"], addresses.dropFirst()) {
      let shown = try emeth("show-key", "--key-file", name, "--password-file", "password", "--json")
      #expect(try "\(shown.json(PublicKeys.self).address)" == address, "\(shown.errors)")
    }
  }

  /// All of the password file is the password but one final newline.
  @Test func passwordsAreTakenAsTheyAre() throws {
    let files: [(String, String, String)] = [
      ("plain", "horse", "horse"), ("line", "horse\n", "horse"), ("lines", "horse\n\n", "horse\n"),
      ("windows", "horse\r\n", "horse\r"), ("spaces", " horse \n", " horse "), ("empty", "", ""),
      ("newline", "\n", ""), ("carriage", "\r", "\r"), ("nul", "a\0b\n", "a\0b"), ("utf8", "馬\n", "馬"),
    ]
    for (name, content, password) in files {
      try scratch.write(content, to: name)
      // Cheap parameters: what is asked for is which bytes reach the keystore.
      let file = try Keystore.encrypt(
        key: TestKeys.signer, password: Array(password.utf8), salt: [1],
        iv: [UInt8](repeating: 2, count: 16), id: [UInt8](repeating: 3, count: 16), scryptLogN: 2)
      try scratch.writePrivate(file, to: "\(name).json")
    }
    for (name, _, password) in files {
      for (other, _, otherPassword) in files {
        let result = try emeth("show-key", "--key-file", "\(name).json", "--password-file", other, "--json")
        let opens = password == otherPassword
        #expect(result.exitCode == (opens ? 0 : 1), "\(name) with \(other): \(result.errors)")
        if opens { #expect(try result.json(PublicKeys.self).address == TestKeys.signer.address) }
      }
    }
    let windows = try emeth("show-key", "--key-file", "plain.json", "--password-file", "windows")
    #expect(windows.errors.contains("hint: the password that was given ends with a carriage return"))
    let empty = try emeth("show-key", "--key-file", "plain.json", "--password-file", "empty")
    #expect(empty.errors.contains("hint: the password that was given is empty"))
  }

  @Test func anEmptyPasswordIsAllowedAndWarnedOf() throws {
    try scratch.write("\n", to: "password")
    let made = try emeth("new-key", "--out", "a.json", "--password-file", "password", "--json")
    #expect(made.exitCode == 0)
    #expect(made.errors == "emeth: warning: the password is empty: whoever has a.json has the key\n")
    let shown = try emeth("show-key", "--key-file", "a.json", "--password-file", "password", "--json")
    #expect(shown.exitCode == 0)
  }

  @Test func keysAndPasswordsComeFromStandardInputToo() throws {
    let file = try Keystore.encrypt(
      key: TestKeys.signer, password: Array("horse".utf8), salt: [1],
      iv: [UInt8](repeating: 2, count: 16), id: [UInt8](repeating: 3, count: 16), scryptLogN: 2)
    try scratch.writePrivate(file, to: "a.json")
    try scratch.write("horse\n", to: "password")
    let line =
      "cat a.json | $EMETH show-key --key-file - --password-file password && "
      + "echo horse | $EMETH show-key --key-file a.json --password-file - && "
      + "$EMETH show-key --key-file <(cat a.json) --password-file <(echo horse)"
    let result = try Program.shell(line, in: scratch.url)
    #expect(result.exitCode == 0, "\(result.errors)")
    #expect(result.output.components(separatedBy: "\(TestKeys.signer.address)").count == 4)
    let both = try emeth("show-key", "--key-file", "-", "--password-file", "-")
    #expect(both.exitCode == 2 && both.output == "")
    // More than a key file can be is refused without reading it all.
    let zeros = try Program.shell(
      "head -c 1000000000 /dev/zero | $EMETH show-key --key-file -", in: scratch.url)
    #expect(zeros.exitCode == 3)
    #expect(zeros.errors.contains("standard input is too large: allowed at most 65536 bytes"))
    let long = try Program.shell(
      "head -c 1000000000 /dev/zero | $EMETH show-key --key-file a.json --password-file -", in: scratch.url)
    #expect(long.exitCode == 3 && long.errors.contains("4096"))
  }

  /// Every command that takes a key takes a keystore, and says what exit code 1 means there.
  @Test func keystoresServeEveryCommandThatTakesAKey() throws {
    let help = try emeth("help", "--man").output
    let commands = try emeth("help").output.split(separator: "\n").compactMap { line in
      line.hasPrefix("  ") ? line.split(separator: " ").first.map(String.init) : nil
    }
    #expect(help.contains("key") && commands.contains("show-key"))
    var found = 0
    for command in commands {
      let text = try emeth("help", command).output
      guard text.contains("--key-file") else { continue }
      found += 1
      #expect(text.contains("--password-file"), "\(command)")
      #expect(text.contains(" 1 "), "\(command) does not say what exit code 1 means")
    }
    #expect(found >= 2)
  }

  /// No way of failing shows a key or a password.
  @Test func secretsAreNeverPrinted() throws {
    let digits = TestKeys.signer.withSecretBytes { Hex.encode($0, prefixed: false) }
    try scratch.write("a long secret password\n", to: "password")
    let file = try Keystore.encrypt(
      key: TestKeys.signer, password: Array("other".utf8), salt: [1], iv: [UInt8](repeating: 2, count: 16),
      id: [UInt8](repeating: 3, count: 16), scryptLogN: 2)
    let contents = [
      digits, "0x" + digits, digits.uppercased(), digits + "0", String(digits.dropLast()),
      digits + " " + digits,
      "\"" + digits + "\"", "{\"key\":\"" + digits + "\"}", "{" + digits, "0X" + digits, file,
    ]
    for content in contents {
      try scratch.writePrivate(content, to: "key")
      for extra in [
        [], ["--json"], ["--password-file", "password"], ["--password-file", "password", "--json"],
      ] {
        let result = try Program.run(
          executable: Program.url, ["show-key", "--key-file", "key"] + extra, in: scratch.url)
        let said = (result.output + result.errors).lowercased()
        #expect(!said.contains(digits.prefix(48).lowercased()), "\(said)")
        #expect(!said.contains("secret password"))
      }
      let set = try emeth("show-key", environment: ["EMETH_PRIVATE_KEY": content])
      #expect(!(set.output + set.errors).lowercased().contains(digits.prefix(48)))
    }
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
    let setting = try emeth("show-key", environment: ["EMETH_PRIVATE_KEY": "0x12"])
    #expect(setting.exitCode == 3)
    #expect(setting.errors.contains("EMETH_PRIVATE_KEY: private key is not"))
  }
}
