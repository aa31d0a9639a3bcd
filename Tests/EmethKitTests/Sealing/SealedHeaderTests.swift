import EmethKit
import Testing

@Suite struct SealedHeaderTests {
  private let identities = (0..<4).map { SealingIdentity.test($0) }

  private func read(_ bytes: [UInt8], step: Int = .max) throws -> (header: SealedHeader?, used: Int) {
    var reader = SealedHeaderReader()
    var used = 0
    while used < bytes.count, reader.header == nil {
      let part = Array(bytes[used...].prefix(step))
      used += try part.withUnsafeBytes { try reader.read($0) }
    }
    if reader.header == nil { try reader.finish() }
    #expect(reader.byteCount == used)
    return (reader.header, used)
  }

  private func header(_ count: Int) throws -> (SealedHeader, FileKey) {
    var random = ChaCha20Generator(key: .zero)
    let fileKey = FileKey(using: &random)
    let header = try SealedHeader(of: fileKey, to: identities.prefix(count).map(\.recipient), using: &random)
    return (header, fileKey)
  }

  private func bytes(_ key: FileKey) -> [UInt8] { key.withSecretBytes { Array($0) } }

  @Test(arguments: 1...4) func everyRecipientGetsTheFileKey(count: Int) throws {
    let (header, fileKey) = try header(count)
    #expect(header.stanzas.count == count && header.stanzas.allSatisfy { $0.kind == "X25519" })
    for (number, identity) in identities.enumerated() {
      if number < count {
        #expect(try bytes(header.fileKey(for: [identity])) == bytes(fileKey))
        #expect(try bytes(header.fileKey(for: [.someone, identity])) == bytes(fileKey))
      } else {
        let kinds = [String](repeating: "X25519", count: count)
        #expect(throws: SealingError.noMatch(kinds: kinds)) { try header.fileKey(for: [identity]) }
      }
    }
    for step in [1, 7, 64, .max] {
      let (again, used) = try read(header.encoded + [1, 2, 3], step: step)
      #expect(again == header && used == header.byteCount)
    }
  }

  /// PROTOCOL 5: the header is written anew for another node, the payload stays as it is.
  @Test func aNewHeaderOpensTheSamePayload() throws {
    var random = ChaCha20Generator(key: .zero)
    let fileKey = FileKey(using: &random)
    let plain = testBytes(100_000)
    var payload: [UInt8] = []
    var stream = try SealingStream(header: nil, key: PayloadKey(fileKey: fileKey, using: &random))
    try stream.append(plain, to: &payload)
    try stream.finish(to: &payload)
    for identity in identities {
      let file = try SealedHeader(of: fileKey, to: [identity.recipient], using: &random).encoded + payload
      #expect(try OpeningStream.open(file, with: [identity]) == plain)
      for other in identities where other !== identity {
        #expect(throws: SealingError.noMatch(kinds: ["X25519"])) {
          try OpeningStream.open(file, with: [other])
        }
      }
    }
    // And from the file alone: who can open it can seal its header to somebody else.
    let first = try SealedHeader(of: fileKey, to: [identities[0].recipient], using: &random)
    let found = try first.fileKey(for: [identities[0]])
    let second = try SealedHeader(of: found, to: [identities[1].recipient], using: &random)
    #expect(try OpeningStream.open(second.encoded + payload, with: [identities[1]]) == plain)
  }

  @Test func nobodyAndEverybodyAreNoRecipients() throws {
    var random = ChaCha20Generator(key: .zero)
    let fileKey = FileKey(using: &random)
    #expect(throws: SealingError.noRecipients) { try SealedHeader(of: fileKey, to: [], using: &random) }
    let everybody = SealingRecipient(key: .zero)
    #expect(throws: SealingError.recipientLowOrder) {
      try SealedHeader(of: fileKey, to: [identities[0].recipient, everybody], using: &random)
    }
    let (header, _) = try header(1)
    #expect(throws: SealingError.noIdentities) { try header.fileKey(for: []) }
  }

  /// Every header that is accepted is the one encoding of its content: random changes are refused, or give
  /// back exactly the changed bytes.
  @Test func aHeaderHasOneEncoding() throws {
    var random = SeededGenerator()
    let encoded = try header(2).0.encoded + Array("-> other a b\n\n".utf8)
    var accepted = 0
    for _ in 0..<scaled(3000) {
      var bytes = encoded
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        let place = Int.random(in: 0..<bytes.count, using: &random)
        let other = bytes.randomElement(using: &random) ?? 0
        switch Int.random(in: 0..<4, using: &random) {
        case 0: bytes[place] = other
        case 1: bytes.insert(other, at: place)
        case 2: bytes.remove(at: place)
        default: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        }
      }
      do {
        let (header, used) = try read(bytes)
        #expect(header?.encoded == Array(bytes.prefix(used)))
        accepted += 1
      } catch {
        #expect(error is SealingError)
      }
    }
    #expect(accepted > 100, "changes inside shares and bodies are still headers")
  }

  @Test func stanzasOfOtherKindsArePassedOver() throws {
    let (header, _) = try header(1)
    let long = String(repeating: "A", count: 64) + "\n"
    for stanza in [
      "-> ssh-ed25519 a b\nAAAA\n", "-> x\n\n", "-> y\n\(long)\(long)\n", "-> z-grease\n\(long)AAAA\n",
    ] {
      let text = String(decoding: header.encoded, as: UTF8.self)
        .replacing("-> X25519", with: stanza + "-> X25519")
      let (found, used) = try read(Array(text.utf8))
      #expect(found?.stanzas.count == 2 && used == text.utf8.count)
      #expect(found?.encoded == Array(text.utf8))
      // The stanza was put in after the code was made.
      #expect(throws: SealingError.headerAltered) { try found?.fileKey(for: [identities[0]]) }
    }
    let script = "age-encryption.org/v1\n-> scrypt AAAAAAAAAAAAAAAAAAAAAA 18\n\(long)\n--- "
    let sealed = try read(Array((script + String(repeating: "A", count: 43) + "\n").utf8)).header
    #expect(throws: SealingError.passphraseUnsupported) { try sealed?.fileKey(for: identities) }
  }

  private static let strangers: [(text: String, error: SealingError)] = [
    ("", .headerCut(at: 0)), ("age", .headerCut(at: 3)), ("{\"a\":1}", .notSealed(at: 0)),
    ("\n", .notSealed(at: 0)), ("agE-encryption", .notSealed(at: 2)),
    ("age-encryption.org/v2\n", .versionUnsupported(found: "v2")),
    ("age-encryption.org/v1\r\n", .versionUnsupported(found: "v1\r")),
    ("age-encryption.org/v1 \n", .versionUnsupported(found: "v1 ")),
    ("age-encryption.org/v1\n-> X25519 a", .headerCut(at: 33)),
  ]

  @Test(arguments: strangers)
  func whatIsNoHeader(text: String, error: SealingError) {
    #expect(throws: error) { try read(Array(text.utf8)) }
  }

  private static let broken: [(text: String, place: UInt64)] = [
    ("->X25519 a\n\n", 22), ("-> \n\n", 22), ("-> a  b\n\n", 22), ("-> a \n\n", 22), ("-> a\u{1}\n", 26),
    ("-> é\n", 25), ("\n", 22), ("--- \n", 22), ("---\n", 22), ("-> a\nAA=\n", 27), ("-> a\nAB\n", 27),
    ("-> a\nA\n", 27), ("-> a\nAAAA\nAAAA\n", 32), ("-> a\n" + String(repeating: "A", count: 65), 91),
    ("--- " + String(repeating: "A", count: 43) + "\n", 22),
  ]

  @Test(arguments: broken) func brokenLinesAreNamed(text: String, place: UInt64) throws {
    do {
      _ = try read(Array("age-encryption.org/v1\n\(text)".utf8))
      Issue.record("accepted")
    } catch SealingError.headerMalformed(let at, let problem) {
      #expect(at == place && !problem.isEmpty)
    }
  }

  @Test func endlessHeadersEnd() throws {
    let limit = SealedHeaderReader.byteCountLimit
    let start = Array("age-encryption.org/v1\n-> a ".utf8)
    for filling in [Array("b".utf8), Array("b\n\n-> a ".utf8)] {
      var reader = SealedHeaderReader()
      _ = try start.withUnsafeBytes { try reader.read($0) }
      let part = [[UInt8]](repeating: filling, count: 1000).flatMap(\.self)
      #expect(throws: SealingError.headerTooLong(allowed: limit)) {
        for _ in 0..<limit { _ = try part.withUnsafeBytes { try reader.read($0) } }
      }
      #expect(reader.byteCount <= limit)
    }
    var reader = SealedHeaderReader()
    let line = Array("age-encryption.org/".utf8) + [UInt8](repeating: 0x39, count: 100)
    #expect(throws: SealingError.notSealed(at: 48)) { try line.withUnsafeBytes { try reader.read($0) } }
  }
}
