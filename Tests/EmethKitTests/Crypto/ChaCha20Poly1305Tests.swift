import Testing

@testable import EmethKit

@Suite struct ChaCha20Poly1305Tests {
  private func seal(_ plain: [UInt8], key: [UInt8], nonce: [UInt8], additional: [UInt8] = []) throws
    -> [UInt8]
  {
    var cipher = try ChaCha20Poly1305(.sealing, key: SecretBytes(key))
    var sealed = [UInt8](repeating: 0xEE, count: plain.count + ChaCha20Poly1305.tagByteCount)
    let nonce = try #require(ChaCha20Poly1305.Nonce(nonce))
    try plain.withUnsafeBytes { plain in
      try additional.withUnsafeBytes { additional in
        try sealed.withUnsafeMutableBytes {
          try cipher.seal(plain, nonce: nonce, additional: additional, into: $0)
        }
      }
    }
    return sealed
  }

  /// The plaintext, or nil when the answer is no; then the buffer must hold zeros.
  private func open(
    _ sealed: [UInt8], key: [UInt8], nonce: [UInt8], additional: [UInt8] = []
  ) throws -> [UInt8]? {
    var cipher = try ChaCha20Poly1305(.opening, key: SecretBytes(key))
    var plain = [UInt8](repeating: 0xEE, count: sealed.count - ChaCha20Poly1305.tagByteCount)
    let nonce = try #require(ChaCha20Poly1305.Nonce(nonce))
    let isGenuine = try sealed.withUnsafeBytes { sealed in
      try additional.withUnsafeBytes { additional in
        try plain.withUnsafeMutableBytes {
          try cipher.open(sealed, nonce: nonce, additional: additional, into: $0)
        }
      }
    }
    if !isGenuine { #expect(plain.allSatisfy { $0 == 0 }) }
    return isGenuine ? plain : nil
  }

  /// RFC 8439, 2.8.2.
  @Test func exampleOfTheRFC() throws {
    let plain = Array(
      ("Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, "
        + "sunscreen would be it.").utf8)
    let key = (0x80...0x9F).map { UInt8($0) }
    let nonce = try Hex.decode("070000004041424344454647")
    let additional = try Hex.decode("50515253c0c1c2c3c4c5c6c7")
    let sealed = try seal(plain, key: key, nonce: nonce, additional: additional)
    #expect(
      Hex.encode(sealed, prefixed: false)
        == "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b"
        + "1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
        + "3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691")
    #expect(try open(sealed, key: key, nonce: nonce, additional: additional) == plain)
    #expect(try open(sealed, key: key, nonce: nonce) == nil)
  }

  @Test func theNonceOfAStreamIsACounterAndAFlag() throws {
    let key = [UInt8](repeating: 7, count: 32)
    for counter in [0, 1, 255, 256, 0xFFFF, 0x1_0000_0000, 0x0102_0304_0506_0708, UInt64.max] {
      for last: UInt8 in [0, 1] {
        let bytes = [0, 0, 0] + counter.bigEndianBytes + [last]
        var cipher = try ChaCha20Poly1305(.sealing, key: SecretBytes(key))
        let tag = try SecretBytes(count: 16) { (tag) throws(CryptoError) in
          try cipher.seal(
            UnsafeRawBufferPointer(start: nil, count: 0),
            nonce: ChaCha20Poly1305.Nonce(counter: counter, last: last), into: tag)
        }
        #expect(try tag.withUnsafeBytes { Array($0) } == seal([], key: key, nonce: bytes))
      }
    }
  }

  @Test func oneContextServesManyMessagesAndCopiesGoTheirOwnWay() throws {
    let key = [UInt8](repeating: 9, count: 32)
    var cipher = try ChaCha20Poly1305(.sealing, key: SecretBytes(key))
    var copy = cipher
    for number in 0..<20 {
      let plain = [UInt8](repeating: UInt8(number), count: number * 100)
      let nonce = ChaCha20Poly1305.Nonce(counter: UInt64(number), last: 0)
      let expected = try seal(plain, key: key, nonce: [0, 0, 0] + UInt64(number).bigEndianBytes + [0])
      for isCopy in [false, true] {
        var sealed = [UInt8](repeating: 0, count: plain.count + 16)
        try plain.withUnsafeBytes { plain in
          try sealed.withUnsafeMutableBytes {
            if isCopy {
              try copy.seal(plain, nonce: nonce, into: $0)
            } else {
              try cipher.seal(plain, nonce: nonce, into: $0)
            }
          }
        }
        #expect(sealed == expected)
      }
    }
  }

  @Test func inPlace() throws {
    let key = [UInt8](repeating: 3, count: 32)
    let plain = (0..<1000).map { UInt8(truncatingIfNeeded: $0) }
    var buffer = plain + [UInt8](repeating: 0, count: 16)
    var sealer = try ChaCha20Poly1305(.sealing, key: SecretBytes(key))
    var opener = try ChaCha20Poly1305(.opening, key: SecretBytes(key))
    try buffer.withUnsafeMutableBytes { buffer in
      let content = UnsafeMutableRawBufferPointer(rebasing: buffer[..<1000])
      try sealer.seal(UnsafeRawBufferPointer(content), nonce: .zero, into: buffer)
      #expect(!content.elementsEqual(plain))
      #expect(try opener.open(UnsafeRawBufferPointer(buffer), nonce: .zero, into: content))
      #expect(content.elementsEqual(plain))
    }
  }

  /// Wycheproof's other AEAD vectors, AES-GCM, have no counterpart here: nothing in EMETH uses AES-GCM.
  @Test(.enabled(if: VectorFiles.isAvailable, VectorFiles.reason)) func wycheproof() throws {
    var (valid, invalid) = (0, 0)
    for group in try VectorFiles.json("wycheproof/chacha20_poly1305_test.json.gz").required("testGroups")
      .arrayElements()
    {
      for test in try group.required("tests").arrayElements() {
        func bytes(_ name: String) throws -> [UInt8] { try Hex.decode(test.required(name).stringText()) }
        let (key, nonce, plain) = (try bytes("key"), try bytes("iv"), try bytes("msg"))
        let sealed = try bytes("ct") + bytes("tag")
        let isValid = try test.required("result").stringText() == "valid"
        guard nonce.count == ChaCha20Poly1305.nonceByteCount else {
          // A nonce of another length can't even be made.
          #expect(!isValid && ChaCha20Poly1305.Nonce(nonce) == nil)
          invalid += 1
          continue
        }
        let opened = try open(sealed, key: key, nonce: nonce, additional: bytes("aad"))
        #expect(opened == (isValid ? plain : nil))
        if isValid { #expect(try seal(plain, key: key, nonce: nonce, additional: bytes("aad")) == sealed) }
        if isValid { valid += 1 } else { invalid += 1 }
      }
    }
    #expect(valid == 256 && invalid == 69)
  }
}
