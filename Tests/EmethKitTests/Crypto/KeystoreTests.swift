import EmethKit
import Testing

@Suite struct KeystoreTests {
  private let password = Array("correct horse 電池".utf8)

  private func file(logN: Int = 2) throws -> String {
    try Keystore.encrypt(
      key: PrivateKey(seed: .zero, label: "keystore", index: 0), password: password,
      salt: [UInt8](repeating: 5, count: 32), iv: [UInt8](repeating: 6, count: 16),
      id: [UInt8](repeating: 0xFF, count: 16), scryptLogN: logN)
  }

  @Test func whatIsEncryptedOpens() throws {
    let key = PrivateKey(seed: .zero, label: "keystore", index: 0)
    let opened = try Keystore.decrypt(json: file(), password: password)
    #expect(opened.withSecretBytes { Array($0) } == key.withSecretBytes { Array($0) })
    let json = try JSONValue(parsing: file())
    #expect(try json.required("id").stringText() == "ffffffff-ffff-4fff-bfff-ffffffffffff")
    #expect(try json.required("address").stringText() == Hex.encode(key.address.bytes, prefixed: false))
    #expect(json["version"] == .number("3") && json["crypto"]?["kdfparams"]?["n"] == .number("4"))
    #expect(!(try file()).contains(key.withSecretBytes { Hex.encode($0, prefixed: false) }))
  }

  @Test func aWrongPasswordIsRefused() throws {
    let text = try file()
    for wrong in [[], Array("correct horse".utf8), password + [1], password.reversed()] {
      #expect(throws: CryptoError.keystorePassword) { try Keystore.decrypt(json: text, password: wrong) }
    }
  }

  @Test func theEmptyPasswordWorks() throws {
    let key = PrivateKey(seed: .zero, label: "keystore", index: 1)
    let text = try Keystore.encrypt(
      key: key, password: [], salt: [], iv: [UInt8](repeating: 0, count: 16),
      id: [UInt8](repeating: 0, count: 16),
      scryptLogN: 1)
    #expect(try Keystore.decrypt(json: text, password: []).address == key.address)
  }

  /// Every digit of ciphertext and check is changed in turn.
  @Test func alteredFilesAreRefused() throws {
    let text = try file()
    for member in ["ciphertext", "mac"] {
      let digits = try #require(JSONValue(parsing: text)["crypto"]?[member]).stringText()
      for index in stride(from: 0, to: digits.count, by: 7) {
        var changed = Array(digits)
        changed[index] = changed[index] == "0" ? "1" : "0"
        let altered = text.replacing(digits, with: String(changed))
        #expect(throws: CryptoError.keystorePassword) {
          try Keystore.decrypt(json: altered, password: password)
        }
      }
    }
  }

  /// Each line breaks one member of a good file.
  @Test(arguments: [
    (#""version":3"#, #""version":4"#, "version"), (#""version":3"#, #""version":"03""#, "version"),
    (#""version":3"#, #""version":[3]"#, "version"),
    (#""version":3"#, #""version":3.0"#, "version"), (#","version":3"#, "", "version"),
    (#""cipher":"aes-128-ctr""#, #""cipher":"aes-128-cbc""#, "cipher"),
    (#""kdf":"scrypt""#, #""kdf":"argon2""#, "kdf"),
    (#""kdf":"scrypt""#, #""kdf":1"#, "kdf"), (#""dklen":32"#, #""dklen":16"#, "dklen"),
    (#""dklen":32"#, #""dklen":31"#, "dklen"),
    (#""dklen":32"#, #""dklen":99999999999999999999"#, "dklen"), (#""n":4"#, #""n":3"#, "n"),
    (#""n":4"#, #""n":1"#, "n"),
    (#""n":4"#, #""n":0"#, "n"), (#""r":8"#, #""r":0"#, "r"), (#""p":1"#, #""p":0"#, "p"),
    (#""p":1,"#, "", "p"),
    (#""iv":"06"#, #""iv":"0606"#, "iv"),
    (#""iv":"06060606060606060606060606060606""#, #""iv":"""#, "iv"), (#""salt":"05"#, #""salt":"5"#, "salt"),
    (#""mac":""#, #""mac":"00"#, "mac"),
    (#""ciphertext":""#, #""ciphertext":"00"#, "ciphertext"), (#""crypto":"#, #""cryptic":"#, "crypto"),
    (#""address":""#, #""address":7,"x":""#, "address"), (#""address":""#, #""address":"0x0x"#, "address"),
    (#""address":""#, #""address":"00"#, "address"), ("{", "{{", "file"),
    (#""id":"#, #""version":3,"id":"#, "file"),
  ])
  func brokenFilesAreRefused(from: String, to: String, place: String) throws {
    let text = try file()
    let range = try #require(text.firstRange(of: from))
    let broken = text.replacingCharacters(in: range, with: to)
    #expect {
      try Keystore.decrypt(json: broken, password: password)
    } throws: { error in
      guard case CryptoError.keystoreFormat(let at, _)? = error as? CryptoError else { return false }
      return at == place
    }
  }

  /// A file from a stranger can't make this machine work or remember without limit.
  @Test(arguments: [
    (#""n":4"#, #""n":1048576"#), (#""n":4"#, #""n":9223372036854775808"#),
    (#""r":8"#, #""r":18446744073709551615"#),
    (#""p":1"#, #""p":18446744073709551615"#), (#""p":1"#, #""p":2097152"#), (#""r":8"#, #""r":4194304"#),
    (#""kdf":"scrypt""#, #""kdf":"pbkdf2""#),
  ])
  func costlyFilesAreRefusedAtOnce(from: String, to: String) throws {
    let text = try file().replacing(from, with: to)
      .replacing(#""dklen":32"#, with: #""c":10000001,"dklen":32,"prf":"hmac-sha256""#)
    let duration = ContinuousClock().measure {
      #expect { try Keystore.decrypt(json: text, password: password) } throws: {
        ($0 as? CryptoError)?.code == "keystore.cost"
      }
    }
    #expect(duration < .seconds(5))
  }

  /// Whatever is cut off, it is refused, and nothing traps.
  @Test func truncatedFilesAreRefused() throws {
    let text = Array(try file().utf8)
    for count in 0..<text.count {
      #expect {
        try Keystore.decrypt(json: String(decoding: text[..<count], as: UTF8.self), password: password)
      } throws: {
        ($0 as? CryptoError)?.code == "keystore.format"
      }
    }
  }

  /// One byte changed anywhere: the same key, or an error of this domain.
  @Test func changedFilesGiveTypedErrors() throws {
    var generator = SeededGenerator()
    let address = PrivateKey(seed: .zero, label: "keystore", index: 0).address
    let text = Array(try file().utf8)
    var refused = 0
    for _ in 0..<scaled(2_000) {
      var changed = text
      let index = changed.indices.randomElement(using: &generator) ?? 0
      changed[index] =
        Bool.random(using: &generator)
        ? UInt8.random(in: 0x20..<0x7F, using: &generator) : .random(in: 0...255, using: &generator)
      do throws(CryptoError) {
        let key = try Keystore.decrypt(json: String(decoding: changed, as: UTF8.self), password: password)
        #expect(key.address == address)
      } catch {
        #expect(error.code.hasPrefix("keystore."), "\(error)")
        refused += 1
      }
    }
    #expect(refused > scaled(1_000))
  }

  /// Larger, deeper or stranger than a key file can be: refused before any work.
  @Test(arguments: [
    String(repeating: " ", count: Keystore.byteLimit + 1), String(repeating: "[", count: 60_000),
    String(repeating: "\0", count: 60_000), String(repeating: #"{"crypto":"#, count: 6_000), "null", "[]",
    "3",
    #""crypto""#, #"{"version":3,"crypto":[]}"#, #"{"version":3,"crypto":{"cipher":{}}}"#, "\u{FEFF}{}",
    #"{"version":3,"version":3}"#, #"{"version":3,"crypto":{"kdf":"scrypt","kdf":"scrypt"}}"#,
  ])
  func whatIsNoKeyFileIsRefused(text: String) {
    #expect { try Keystore.decrypt(json: text, password: password) } throws: {
      ($0 as? CryptoError)?.code == "keystore.format"
    }
  }

  @Test func theAddressMustFit() throws {
    let key = PrivateKey(seed: .zero, label: "keystore", index: 0)
    let text = try file()
    let digits = Hex.encode(key.address.bytes, prefixed: false)
    let zero = String(repeating: "0", count: 40)
    #expect(
      throws: CryptoError.keystoreAddress(found: Address.zero.description, expected: key.address.description)
    ) {
      try Keystore.decrypt(json: text.replacing(digits, with: zero), password: password)
    }
    #expect(throws: CryptoError.self) {
      try Keystore.decrypt(json: text.replacing(digits, with: "0x12"), password: password)
    }
    for allowed in ["", key.address.description] {
      #expect(throws: Never.self) {
        try Keystore.decrypt(json: text.replacing(digits, with: allowed), password: password)
      }
    }
  }

  @Test func argumentsAreChecked() {
    let key = PrivateKey(seed: .zero, label: "keystore", index: 0)
    func code(iv: Int = 16, id: Int = 16, logN: Int = 1) -> String? {
      do throws(CryptoError) {
        _ = try Keystore.encrypt(
          key: key, password: [1], salt: [1], iv: [UInt8](repeating: 0, count: iv),
          id: [UInt8](repeating: 0, count: id),
          scryptLogN: logN)
        return nil
      } catch {
        return error.code
      }
    }
    #expect(code() == nil)
    #expect(code(iv: 15) == "keystore.format" && code(id: 17) == "keystore.format")
    #expect(
      code(logN: 0) == "keystore.format" && code(logN: 63) == "keystore.format"
        && code(logN: -1) == "keystore.format")
    #expect(code(logN: 20) == "keystore.cost" && code(logN: 62) == "keystore.cost")
  }

  @Test(.enabled(if: VectorFiles.isAvailable, VectorFiles.reason)) func publicVectors() throws {
    let cases = try VectorFiles.json("keystore/basic_tests.json").objectMembers()
    #expect(cases.count == 5)
    for test in cases {
      // Real numbers have no canonical text, and these files have none.
      let text = try test.value.required("json").canonical
      let key = try Keystore.decrypt(
        json: text, password: Array(test.value.required("password").stringText().utf8))
      #expect(
        try key.withSecretBytes { Hex.encode($0, prefixed: false) }
          == test.value.required("priv").stringText())
    }
  }
}
