#if os(Linux)
  import EmethKit
  import Testing

  /// Private keys leave no copy behind: the whole heap of the process is searched for them.
  @Suite struct SecretMemoryTests {
    /// A search for a new random key, whose bytes have never been in the heap.
    private func newSecret() throws -> HeapSearch {
      try HeapSearch(byteCount: 32) { bytes in
        var generator = SystemRandomNumberGenerator()
        for index in bytes.indices { bytes[index] = UInt8.random(in: 1...127, using: &generator) }
      }
    }

    /// Uses a key for everything that it is there for.
    private func use(_ key: PrivateKey) throws {
      for number in 0..<4 {
        _ = key.sign(Keccak256.hash("\(number)".utf8))
        _ = key.sealingKey(epoch: UInt64(number))
      }
      var text = ""
      dump(key, to: &text)
      #expect(text.contains("\(key.address)") && "\(key)" == String(reflecting: key))
      let password = Array("correct horse".utf8)
      let file = try Keystore.encrypt(
        key: key, password: password, salt: [1], iv: [UInt8](repeating: 2, count: 16),
        id: [UInt8](repeating: 3, count: 16), scryptLogN: 4)
      #expect(try Keystore.decrypt(json: file, password: password).address == key.address)
      #expect(throws: CryptoError.keystorePassword) { try Keystore.decrypt(json: file, password: [1]) }
    }

    @Test func aReleasedKeyIsNowhere() throws {
      let secret = try newSecret()
      #expect(try secret.countAnew() == 0)
      do {
        let key = try PrivateKey(bytes: secret.bytes)
        // While it is used it lies in one place: that also shows that the search finds what is there.
        let found = try secret.countAnew()
        #expect(found == 1)
        try use(key)
        #expect(try secret.countAnew() == 1)
        withExtendedLifetime(key) {}
      }
      let left = secret.count()
      #expect(left == 0)
      #expect(try secret.countAnew() == 0)
    }

    /// Keeps an array in the heap, where an optimizer might have put it on the stack.
    private final class Holder {
      var bytes: [UInt8]

      @inline(never) init(_ bytes: UnsafeRawBufferPointer) { self.bytes = Array(bytes) }
      @inline(never) func release() { bytes = [] }
      @inline(never) func cleanse() { bytes.cleanse() }
    }

    /// A copy that is only released, not overwritten, is found: what the other tests would see.
    @Test func aCopyThatIsNotOverwrittenIsFound() throws {
      let secret = try newSecret()
      let (first, second) = (Holder(secret.bytes), Holder(secret.bytes))
      let both = try secret.countAnew()
      second.cleanse()
      let one = secret.count()
      first.release()
      let rest = secret.count()
      #expect(both == 2 && one == 1 && rest == 1)
      #expect(first.bytes.isEmpty && second.bytes.isEmpty)
    }

    @Test func keysOfHexadecimalDigitsAndKeystoresAreNowhere() throws {
      let secret = try newSecret()
      let written = try HeapSearch(byteCount: 64) { digits in
        for (index, byte) in secret.bytes.enumerated() {
          for (place, value) in [byte >> 4, byte & 15].enumerated() {
            digits[2 * index + place] = value < 10 ? value + 0x30 : value + 0x57
          }
        }
      }
      let password = Array("battery staple".utf8)
      let file: String
      do {
        let key = try PrivateKey(hexDigits: written.bytes)
        #expect(key.withSecretBytes { $0.elementsEqual(secret.bytes) })
        file = try Keystore.encrypt(
          key: key, password: password, salt: [1], iv: [UInt8](repeating: 2, count: 16),
          id: [UInt8](repeating: 3, count: 16), scryptLogN: 4)
      }
      #expect(try secret.countAnew() == 0)
      do {
        let key = try Keystore.decrypt(json: file, password: password)
        let found = try secret.countAnew()
        #expect(found == 1 && key.withSecretBytes { $0.elementsEqual(secret.bytes) })
      }
      let left = secret.count()
      #expect(left == 0)
      #expect(try secret.countAnew() == 0)
      #expect(try written.countAnew() == 0)
    }

    @Test func derivedSecretsAreNowhere() throws {
      let key = PrivateKey(seed: SHA256.hash("memory".utf8), label: "memory", index: 0)
      let seeded = try HeapSearch(byteCount: 32) { bytes in key.withSecretBytes { bytes.copyMemory(from: $0) }
      }
      let sealing = try HeapSearch(byteCount: 32) { bytes in
        key.withSealingSecret(epoch: 5) { bytes.copyMemory(from: $0) }
      }
      #expect(try sealing.countAnew() == 0)
      let found = try key.withSealingSecret(epoch: 5) { _ in try sealing.countAnew() }
      let left = sealing.count()
      #expect(found == 1 && left == 0)
      _ = key.sealingKey(epoch: 5)
      let after = sealing.count()
      #expect(after == 0)
      #expect(try seeded.countAnew() == 1)
      withExtendedLifetime(key) {}
    }
  }
#endif
