import EmethKit
import Testing

/// Key files of other wallets: their forms recorded in a fixture, and eth-account itself both ways.
@Suite struct KeystoreFileTests {
  private struct Example: Decodable {
    var name: String
    var file: String
    var password: String
    var key: String
  }

  private struct Question: Encodable {
    var kind: String
    var file: String?
    var key: String?
    var password: String
    var kdf: String?
    var iterations: Int?
  }

  private struct Answer: Decodable {
    var file: String?
    var key: String?
    var refused: String?
  }

  private func digits(_ key: PrivateKey) -> String {
    key.withSecretBytes { Hex.encode($0, prefixed: false) }
  }

  /// Every way of writing a version-3 file that wallets are known for (Fixtures/keystore_model.py).
  @Test func filesOfAllWalletsOpen() throws {
    let examples = try PythonModel.recorded("keystores.jsonl", as: Example.self)
    #expect(examples.count == 29)
    for example in examples {
      let password = try Hex.decode(example.password)
      let key = try Keystore.decrypt(json: example.file, password: password)
      #expect(digits(key) == example.key, "\(example.name)")
      // Without its last byte, or with one more; zero bytes at the end are no difference to HMAC.
      for wrong in [password.isEmpty ? [1] : password.dropLast(), password + [1]] {
        #expect(throws: CryptoError.keystorePassword, "\(example.name)") {
          try Keystore.decrypt(json: example.file, password: Array(wrong))
        }
      }
    }
  }

  @Test(.enabled(if: PythonModel.isAvailable, PythonModel.reason)) func ethAccountOpensOurs() throws {
    var generator = SeededGenerator()
    func random(_ count: Int) -> [UInt8] { (0..<count).map { _ in .random(in: 0...255, using: &generator) } }
    var questions: [Question] = []
    var expected: [String?] = []
    // The last one with the parameters that are the default.
    for (index, logN) in [1, 2, 10, 13, 18].enumerated() {
      let key = PrivateKey(seed: .zero, label: "oracle", index: UInt32(index))
      let password = index == 0 ? [] : random(index * 7)
      let file = try Keystore.encrypt(
        key: key, password: password, salt: random(32), iv: random(16), id: random(16), scryptLogN: logN)
      questions.append(Question(kind: "decrypt", file: file, password: Hex.encode(password, prefixed: false)))
      expected.append(digits(key))
    }
    questions.append(
      Question(kind: "decrypt", file: questions[1].file, password: Hex.encode([1], prefixed: false)))
    expected.append(nil)
    let answers = try PythonModel.answers(of: "keystore_model.py", to: questions, as: Answer.self)
    #expect(answers.map(\.key) == expected)
    #expect(answers.last?.refused != nil)
  }

  @Test(.enabled(if: PythonModel.isAvailable, PythonModel.reason)) func weOpenThoseOfEthAccount() throws {
    var generator = SeededGenerator()
    var questions: [Question] = []
    // Its own defaults once each, small parameters otherwise.
    let parameters =
      [("scrypt", 262_144), ("pbkdf2", 1_000_000)]
      + (0..<scaled(4)).flatMap { number in
        [("scrypt", 2 << (number % 12)), ("pbkdf2", 1 + number * 37)]
      }
    for (index, (function, iterations)) in parameters.enumerated() {
      let password = (0..<index % 9).map { _ in UInt8.random(in: 1...255, using: &generator) }
      questions.append(
        Question(
          kind: "encrypt", key: digits(PrivateKey(seed: .zero, label: "oracle", index: UInt32(index))),
          password: Hex.encode(password, prefixed: false), kdf: function, iterations: iterations))
    }
    let answers = try PythonModel.answers(of: "keystore_model.py", to: questions, as: Answer.self)
    for (question, answer) in zip(questions, answers) {
      let key = try Keystore.decrypt(
        json: #require(answer.file), password: try Hex.decode(question.password))
      #expect(digits(key) == question.key)
    }
  }
}
