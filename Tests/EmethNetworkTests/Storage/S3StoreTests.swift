import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// Objects in a real S3 server: as in a folder, and what only happens over a wire.
@Suite(.serialized, .enabled(if: S3Server.python != nil, S3Server.reason)) struct S3StoreTests {
  @Test(arguments: [0, 1, 100_000, S3Parts.singleByteLimit + 1])
  func bytesComeBackByTheirHash(_ count: Int) async throws {
    let server = try await S3Server.one()
    let folder = try TemporaryFolder()
    let data = testBytes(count)
    try await blocking {
      let client = try server.client()
      let store = try server.store(folder, client)
      let hash = try store.put(data)
      #expect(hash == sha256(data))
      #expect(
        try store.contains(hash) && store.get(hash) == data && store.byteCount(of: hash) == UInt64(count))
      // Another machine has no copy.
      let other = try server.store(folder, client)
      #expect(try other.get(hash) == data)
      #expect(try other.beginning(of: hash, byteCount: 10).bytes == data.prefix(10))
      #expect(try client.list(client.address.prefix).map(\.byteCount) == [UInt64(count)])
      try store.remove(hash)
      #expect(try !store.contains(hash) && !other.contains(hash))
      #expect(throws: NetworkError.missingObject(hash: hash)) { try store.get(hash) }
      try store.remove(hash)
      let strange = sha256(Data("nobody stored this".utf8))
      #expect(throws: NetworkError.missingObject(hash: strange)) {
        try store.beginning(of: strange, byteCount: 3)
      }
    }
  }

  @Test func vectorsAndSealedFilesAreObjectsToo() async throws {
    let server = try await S3Server.one()
    let folder = try TemporaryFolder()
    try await blocking {
      let client = try server.client()
      let (store, other) = (try server.store(folder, client), try server.store(folder, client))
      let work = VectorWork(threads: 1)
      let vector = testBytes(4_000)
      let root = work.root(of: vector)
      try store.put(vector: vector, root: root)
      #expect(try other.vector(root, work: work) == vector)
      try other.removeVector(root)
      var random = ChaCha20Generator(key: TestNetwork.seed(3))
      let identity = SealingIdentity(using: &random)
      let sealed = try store.putSealed(vector, to: identity.recipient, using: &random)
      #expect(
        try other.beginning(of: sealed, byteCount: SealedObject.beginning.count).bytes
          == SealedObject.beginning)
      let plain = try ContentStore(folder: folder.url.appending(path: "plain"))
      #expect(try plain.get(plain.open(sealed, from: other, with: identity)) == vector)
    }
  }

  @Test func whatIsNotWhatItIsCalledIsRefused() async throws {
    let server = try await S3Server.one()
    let folder = try TemporaryFolder()
    try await blocking {
      let client = try server.client()
      let store = try server.store(folder, client)
      let data = testBytes(1_000)
      let hash = try store.put(data)
      let place = try #require(store.remote)
      // A copy that the disk has damaged is fetched anew.
      let copy = try #require(try place.file(of: ContentStore.key(of: hash)))
      try testBytes(1_000, seed: 2).write(to: copy)
      #expect(try store.get(hash) == data)
      // In the bucket itself nothing can be done about it.
      let other = testBytes(1_000, seed: 2)
      try client.put(other, as: place.prefix + ContentStore.key(of: hash), hash: nil)
      let far = try server.store(folder, client)
      #expect(throws: NetworkError.corruptObject(hash: hash, found: sha256(other))) { try far.get(hash) }
      try store.put(data)
      #expect(try far.get(hash) == data)
    }
  }

  /// Sealing and opening fetch a copy anew that the disk has damaged, as reading does.
  @Test func damagedCopiesAreSealedAndOpenedFromTheBucket() async throws {
    let server = try await S3Server.one()
    let folder = try TemporaryFolder()
    try await blocking {
      let client = try server.client()
      let (store, target) = (try server.store(folder, client), try server.store(folder, client))
      var random = ChaCha20Generator(key: TestNetwork.seed(3))
      let identity = SealingIdentity(using: &random)
      let data = testBytes(3_000)
      func damage(_ hash: Bytes32, at offset: Int) throws {
        let copy = try #require(try store.place.file(of: ContentStore.key(of: hash)))
        var bytes = try Data(contentsOf: copy)
        bytes[offset] ^= 1
        try bytes.write(to: copy)
      }
      let hash = try store.put(data)
      try damage(hash, at: 100)
      let sealed = try store.putSealed(hash, into: target, to: identity.recipient, using: &random)
      let plain = try ContentStore(folder: folder.url.appending(path: "plain"))
      #expect(try plain.open(sealed, from: target, with: identity) == hash)
      // Its header, a chunk of it.
      for offset in [30, 1_500] {
        _ = try store.file(of: sealed)
        try damage(sealed, at: offset)
        #expect(try plain.open(sealed, from: store, with: identity) == hash, "\(offset)")
        try damage(sealed, at: offset)
        // What was handed on can't be taken back: the next one reads a fresh one.
        #expect(throws: NetworkError.self) {
          try store.forEachPiece(ofSealed: sealed, with: identity) { _ in }
        }
        var read = Data()
        try store.forEachPiece(ofSealed: sealed, with: identity) { read.append(contentsOf: $0) }
        #expect(read == data)
      }
      // In the bucket itself nothing can be done about it.
      let place = try #require(store.remote)
      try client.put(testBytes(3_000, seed: 2), as: place.prefix + ContentStore.key(of: hash), hash: nil)
      let far = try server.store(folder, client)
      let error = #expect(throws: NetworkError.self) {
        try far.putSealed(hash, into: target, to: identity.recipient, using: &random)
      }
      #expect(error == .corruptObject(hash: hash, found: sha256(testBytes(3_000, seed: 2))))
    }
  }

  @Test func copiesMakeRoomForOthers() async throws {
    let server = try await S3Server.one()
    let folder = try TemporaryFolder()
    try await blocking {
      let store = try server.store(folder, cacheByteLimit: 2_500)
      let hashes = try (0..<6).map { try store.put(testBytes(1_000, seed: UInt64($0))) }
      #expect(try FileManager.default.contentsOfDirectory(atPath: store.folder.path).count == 2)
      for (index, hash) in hashes.enumerated() {
        #expect(try store.get(hash) == testBytes(1_000, seed: UInt64(index)))
      }
      // One that is larger than all the room there is comes nevertheless.
      let large = testBytes(10_000)
      #expect(try store.get(store.put(large)) == large)
    }
  }

  /// Sizes of the issue at the large scale.
  private static let largeByteCount =
    (Int(ProcessInfo.processInfo.environment["EMETH_TEST_SCALE"] ?? "") ?? 1) >= 100 ? 3 << 30 : 64 << 20

  @Test func aLongObjectGoesInParts() async throws {
    let server = try await S3Server.one()
    let folder = try TemporaryFolder()
    try await blocking {
      let file = folder.url.appending(path: "long")
      let piece = testBytes(16 << 20)
      for index in 0..<Self.largeByteCount >> 24 { try Files.write(piece, to: file, at: UInt64(index) << 24) }
      let hash = try Files.hash(of: file)
      let client = try server.client()
      let store = try server.store(folder, client, cacheByteLimit: 1)
      let before = Self.peakByteCount()
      try store.adopt(file, as: hash)
      let target = folder.url.appending(path: "target")
      #expect(try client.fetch("\(client.address.prefix)objects/\(ContentStore.key(of: hash))", to: target))
      #expect(try Files.hash(of: target) == hash)
      let copied = client.address.prefix + "copy"
      let source = "\(client.address.prefix)objects/\(ContentStore.key(of: hash))"
      try client.copy(source, to: copied, byteCount: UInt64(Self.largeByteCount))
      let found = try #require(try client.hash(copied))
      #expect(found.hash == hash && found.byteCount == UInt64(Self.largeByteCount))
      #expect(try client.uploads(client.address.prefix).isEmpty)
      // Pages of the mapped file count as well; they are not this process's to free.
      #expect(Self.peakByteCount() - before < Self.largeByteCount + 256 << 20)
      try store.remove(hash)
      try client.remove(copied)
    }
  }

  private static func peakByteCount() -> Int {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return usage.ru_maxrss << 10
  }

  @Test func partsFollowFromTheLength() {
    #expect(S3Parts(of: 0).count == 1 && S3Parts(of: 0).range(of: 1) == 0..<0)
    #expect(S3Parts(of: 16 << 20).count == 1 && S3Parts(of: 16 << 20 + 1).count == 2)
    let large = S3Parts(of: 3 << 40)
    #expect(large.count <= 10_000 && large.partByteCount >= 16 << 20)
    for size: UInt64 in [1, 16 << 20, 100 << 20 + 7, 3 << 40] {
      let parts = S3Parts(of: size)
      #expect(parts.range(of: parts.count).upperBound == size)
      #expect(
        (1..<parts.count).prefix(3).allSatisfy {
          parts.range(of: $0).upperBound == parts.range(of: $0 + 1).lowerBound
        })
    }
  }

  @Test func connectionsThatBreakAreGoneOnWith() async throws {
    let server = try await S3Server.one()
    let relay = try BreakingRelay(breaks: 6, after: 12 << 20)
    defer { relay.stop() }
    relay.relay(to: server.port)
    let folder = try TemporaryFolder()
    try await blocking {
      let client = try server.client(server.address(port: relay.port))
      let store = try server.store(folder, client)
      let data = testBytes(70 << 20)
      let hash = try store.put(data)
      let left = relay.breaksLeft
      #expect(left < 6)
      let far = try server.store(folder, client)
      #expect(try far.get(hash) == data)
      #expect(relay.breaksLeft < 6 && relay.connections > 6 - left)
      #expect(try client.hash(try #require(far.remote).prefix + ContentStore.key(of: hash))?.hash == hash)
      #expect(relay.breaksLeft == 0, "\(left) were left before the download")
    }
  }

  @Test func anUploadGoesOnWithThePartsThatAreThere() async throws {
    let server = try await S3Server.one()
    try await blocking {
      let client = try server.client()
      let data = testBytes(40 << 20)
      let key = client.address.prefix + "resumed"
      // Part 1 is another than the object's: that it is in the result shows that it was not sent again.
      let id = try client.begin(key)
      let first = testBytes(16 << 20, seed: 9)
      try client.send(
        S3Client.Call(
          method: "PUT", key: key, query: S3Client.query(part: 1, of: id), body: first, what: "store"))
      #expect(try client.parts(of: id, key).keys.sorted() == [1])
      try client.putInParts(data, as: key)
      #expect(try client.hash(key)?.hash == sha256(first + data.dropFirst(16 << 20)))
      #expect(try client.uploads(key).isEmpty)
      // A part of another length is of no use.
      let again = try client.begin(key)
      try client.send(
        S3Client.Call(
          method: "PUT", key: key, query: S3Client.query(part: 2, of: again), body: testBytes(5 << 20),
          what: "store"))
      try client.putInParts(data, as: key)
      #expect(try client.hash(key)?.hash == sha256(data))
    }
  }

  @Test func refusalsSayWhatIsWrong() async throws {
    let server = try await S3Server.one()
    let strict = try await S3Server.one(isStrict: true)
    let folder = try TemporaryFolder()
    try await blocking {
      let data = testBytes(10)
      let missing = try server.store(folder, server.client(server.address(bucket: "nowhere"), attempts: 1))
      for body in [{ _ = try missing.put(data) }, { _ = try missing.get(sha256(data)) }] {
        let error = #expect(throws: NetworkError.self) { try body() }
        #expect(error?.code == "storage.noBucket")
      }
      let good = try strict.store(folder, strict.client(attempts: 1))
      #expect(try good.get(good.put(data)) == data)
      for (access, secret) in [(strict.credentials.accessKey, "wrong"), ("AKIAWRONG", "wrong")] {
        let client = S3Client(
          address: try strict.address(), credentials: AWSCredentials(accessKey: access, secretKey: secret))
        let error = #expect(throws: NetworkError.self) { try strict.store(folder, client).put(data) }
        #expect(error?.code == "storage.denied")
        #expect(error?.message.contains("wrong") == false)
      }
      let away = S3Client(
        address: try S3Address("s3://emeth/x?endpoint=http://127.0.0.1:1"), credentials: server.credentials,
        settings: {
          var settings = ClientSettings()
          settings.attempts = 2
          settings.longestPauseSeconds = 0.1
          return settings
        }())
      let error = #expect(throws: NetworkError.self) { try server.store(folder, away).put(data) }
      #expect(error?.code == "server.unreachable")
    }
  }

  /// What a store says is told from what it means; a busy one is asked again.
  @Test func answersAreReadForWhatTheyMean() throws {
    let address = try S3Address("s3://emeth/x?endpoint=http://127.0.0.1:1")
    for (text, code) in [
      ("RequestTimeTooSkewed", "storage.clockSkew"), ("QuotaExceeded", "storage.full"),
      ("NoSuchBucket", "storage.noBucket"), ("ExpiredToken", "storage.denied"),
      ("Whatever", "storage.failed"),
    ] {
      let body = Data(
        "<?xml version=\"1.0\"?>\n<Error><Code>\(text)</Code><Message>a &amp; b</Message></Error>".utf8)
      let answer = S3Answer(status: 403, headers: [:], body: body)
      #expect(NetworkError(answer, of: address, doing: "read x").code == code)
      #expect(answer.text("Message") == "a & b")
    }
  }

  @Test func credentialsComeFromTheEnvironmentOrAFile() throws {
    let folder = try TemporaryFolder()
    let file = folder.url.appending(path: "keys")
    try Data(
      "[default]\naws_access_key_id = A\naws_secret_access_key=S=/+\n[two]\naws_access_key_id=B\naws_secret_access_key=T\naws_session_token = K\n"
        .utf8
    ).write(to: file)
    let first = try AWSCredentials.find(file: file, environment: [:])
    #expect(first.accessKey == "A" && first.secretKey == "S=/+" && first.sessionToken == nil)
    let second = try AWSCredentials.find(
      file: nil, environment: ["AWS_SHARED_CREDENTIALS_FILE": file.path, "AWS_PROFILE": "two"])
    #expect(second.accessKey == "B" && second.sessionToken == "K")
    let third = try AWSCredentials.find(
      file: nil, environment: ["AWS_ACCESS_KEY_ID": "C", "AWS_SECRET_ACCESS_KEY": "U"])
    #expect(third.accessKey == "C")
    #expect(throws: NetworkError.self) { try AWSCredentials.find(file: nil, environment: [:]) }
    #expect(throws: NetworkError.self) {
      try AWSCredentials.find(file: file, environment: ["AWS_PROFILE": "three"])
    }
  }
}
