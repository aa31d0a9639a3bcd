import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// Objects between clients and a bucket: the server only says where.
@Suite(.serialized, .enabled(if: S3Server.python != nil, S3Server.reason)) struct DirectTransferTests {
  private let key = TestKeys.requester

  private func scene(
    _ address: S3Address? = nil, in folder: TemporaryFolder,
    _ test: (RunningServer, FakeNetwork) async throws -> Void
  ) async throws {
    let bucket = try await S3Server.one()
    let address = try address ?? bucket.address(keysIn: folder)
    var made: FakeNetwork?
    let server = try await RunningServer.start { folder in
      let network = try FakeNetwork(folder, stores: NetworkStores(folder: folder.url, storage: address))
      network.state.withLock { _ = $0.uploaders.insert(key.address) }
      made = network
      return network
    }
    try await test(server, try #require(made))
    try await server.stop()
  }

  private func file(_ data: Data, in folder: TemporaryFolder) throws -> URL {
    let file = folder.url.appending(path: UUID().uuidString)
    try data.write(to: file)
    return file
  }

  @Test(arguments: [0, 1, 1_000_000, 40 << 20])
  func whatIsSentCanBeFetched(_ count: Int) async throws {
    let folder = try TemporaryFolder()
    let data = testBytes(count)
    let hash = sha256(data)
    try await scene(in: folder) { server, network in
      let client = server.client(key)
      try await client.give(object: file(data, in: folder), hash: hash)
      try await client.give(object: file(data, in: folder), hash: hash)
      let target = folder.url.appending(path: "target")
      try await server.client(TestKeys.other).fetch(object: hash, to: target)
      #expect(try Data(contentsOf: target) == data)
      // Once more, behind what is there.
      try data.prefix(count / 2).write(to: target)
      try await server.client(TestKeys.other).fetch(object: hash, to: target)
      #expect(try Data(contentsOf: target) == data)
      // Nothing of it came through the server, and nothing is left behind in the bucket.
      #expect(try FileManager.default.contentsOfDirectory(atPath: network.folder.path + "/uploads").isEmpty)
      #expect(try FileManager.default.contentsOfDirectory(atPath: network.folder.path + "/cache").isEmpty)
      let left = try await blocking {
        let bucket = try #require(network.store.remote).client
        return try bucket.list("\(bucket.address.prefix)incoming/").count
          + bucket.uploads(bucket.address.prefix).count
      }
      #expect(left == 0)
    }
  }

  @Test func dataSetsAndVectorsComeTheSameWay() async throws {
    let folder = try TemporaryFolder()
    let data = testBytes(100_000)
    try await scene(in: folder) { server, network in
      let client = server.client(key)
      try await client.give(dataSet: file(data, in: folder), hash: sha256(data))
      let isGiven = try await blocking { [key] in
        let givers = DataSetGivers(splitterStore: network.splitterStore)
        return try givers.contains(key.address, of: sha256(data))
          && !givers.contains(TestKeys.other.address, of: sha256(data))
          && network.splitterStore.get(sha256(data)) == data
      }
      #expect(isGiven)
      let target = folder.url.appending(path: "target")
      let error = await #expect(throws: NetworkError.self) {
        try await client.fetch(object: sha256(data), to: target)
      }
      #expect(error?.code == "storage.missing")
      let local = try ContentStore(folder: folder.url.appending(path: "local"))
      let vector = testBytes(40_000, seed: 5)
      let root = VectorWork(threads: 1).root(of: vector)
      try local.put(vector: vector, root: root)
      let connection = try HTTPConnection(server: "\(server.address)", key: key)
      try await connection.give(vector: root, from: local)
      let found = try await blocking { try network.store.vector(root, work: VectorWork(threads: 1)) }
      #expect(found == vector)
    }
  }

  @Test func whatIsNotWhatItIsCalledIsNotKept() async throws {
    let folder = try TemporaryFolder()
    try await scene(in: folder) { server, network in
      let name = sha256(testBytes(5))
      for count in [3, 5, 20 << 20] {
        let error = await #expect(throws: NetworkError.self) {
          try await server.client(key).give(object: file(testBytes(count, seed: 2), in: folder), hash: name)
        }
        #expect(error?.code == "upload.corrupt")
      }
      let isThere = try await blocking { try network.store.contains(name) }
      #expect(!isThere)
      let stranger = await #expect(throws: NetworkError.self) {
        try await server.client(TestKeys.other).give(object: file(testBytes(5), in: folder), hash: name)
      }
      #expect(stranger?.code == "upload.forbidden")
    }
  }

  /// Connections to the bucket break in both directions, and the server is killed between an upload's halves.
  @Test func aTransferThatBreaksGoesOnWhereItStopped() async throws {
    let bucket = try await S3Server.one()
    let relay = try BreakingRelay(breaks: 5, after: 10 << 20)
    defer { relay.stop() }
    relay.relay(to: bucket.port)
    let folder = try TemporaryFolder()
    _ = try bucket.address(keysIn: folder)
    let keys = folder.url.appending(path: "credentials").path
    let address = try bucket.address(port: relay.port, more: "&credentials=\(keys)")
    let data = testBytes(50 << 20)
    let source = try file(data, in: folder)
    // The first part only: then the server is gone.
    try await scene(address, in: folder) { server, network in
      let turn: DirectUploads.Turn = try await server.client(key).send(
        "POST", "/api/v2/objects/\(sha256(data))/upload", DirectUploads.Wish(size: UInt64(data.count)),
        repeatable: true)
      #expect(turn.parts.map(\.number) == [1, 2, 3, 4])
      let url = try #require(turn.parts.first?.url)
      let slash = try #require(url.range(of: "/emeth/"))
      let place = try ServerAddress(String(url[..<slash.lowerBound]))
      let status = try await blocking {
        let transfer = CurlTransfer(
          method: "PUT", path: String(url[slash.lowerBound...]), body: data.prefix(16 << 20),
          sink: .memory(limit: 1 << 20), timeoutSeconds: 60, isCancelled: { false })
        while transfer.status != 200 {
          do { try CurlHandle(server: place, settings: ClientSettings()).perform(transfer) } catch { break }
        }
        return transfer.status
      }
      try #require(status == 200 || relay.breaksLeft < 5)
    }
    try await scene(address, in: folder) { server, network in
      let client = server.client(key) { $0.attempts = 10 }
      try await client.give(object: source, hash: sha256(data))
      let target = folder.url.appending(path: "target")
      try await client.fetch(object: sha256(data), to: target)
      #expect(try Data(contentsOf: target) == data)
      #expect(relay.breaksLeft == 0)
    }
  }

  // MARK: - Strangers

  /// The uploads of one of several servers over a bucket.
  private func uploads(_ address: S3Address, in folder: TemporaryFolder) throws -> (DirectUploads, S3Place) {
    let place = folder.url.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
    let stores = try NetworkStores(folder: place, storage: address)
    let objects = try #require(stores.objects.remote)
    let uploads = try UploadStore(
      folder: place.appending(path: "uploads"), objects: stores.objects, dataSets: stores.splitter,
      objectLimit: 100 << 20)
    return (
      DirectUploads(
        objects: objects, dataSets: try #require(stores.splitter.remote), uploads: uploads,
        folder: stores.objects.folder), objects
    )
  }

  /// Sends bytes to a URL, as anybody can.
  private static func send(_ data: Data, to url: String) throws -> Int {
    let slash = try #require(url.range(of: "/emeth/"))
    let transfer = CurlTransfer(
      method: "PUT", path: String(url[slash.lowerBound...]), body: data, sink: .memory(limit: 1 << 20),
      timeoutSeconds: 60, isCancelled: { false })
    let server = try ServerAddress(String(url[..<slash.lowerBound]))
    try CurlHandle(server: server, settings: ClientSettings()).perform(transfer)
    return transfer.status
  }

  private func begin(
    _ uploads: DirectUploads, _ name: UploadStore.Name, _ size: Int
  ) throws -> [DirectUploads.Part] {
    let turn = try uploads.goOn(name, size: UInt64(size))
    #expect(!turn.isComplete && !turn.isChecking)
    return turn.parts
  }

  private func end(_ uploads: DirectUploads, _ name: UploadStore.Name, _ size: Int) throws {
    for _ in 0..<200 {
      if try uploads.goOn(name, size: UInt64(size)).isComplete { return }
      Thread.sleep(forTimeInterval: 0.02)
    }
    Issue.record("it was never complete")
  }

  /// A URL is for one part of one length; what is longer ends the upload, and nothing of it stays.
  @Test func aPartIsAsLongAsItWasSaid() async throws {
    let folder = try TemporaryFolder()
    let address = try await S3Server.one().address(keysIn: folder)
    let (uploads, objects) = try await blocking { [self] in try self.uploads(address, in: folder) }
    let data = testBytes(20 << 20)
    let name = UploadStore.Name(kind: .object, hash: sha256(data), account: key.address)
    try await blocking { [self] in
      let parts = try begin(uploads, name, data.count)
      #expect(parts.map(\.byteCount) == [16 << 20, 4 << 20])
      for part in parts {
        #expect(part.url.contains("X-Amz-SignedHeaders=content-length%3Bhost"))
        #expect(part.url.contains("/incoming/"))
      }
      // This store does not look at what is signed, as one that is badly set up.
      #expect(try Self.send(data.prefix(16 << 20) + Data([0]), to: parts[0].url) == 200)
      let error = #expect(throws: NetworkError.self) { try uploads.goOn(name, size: UInt64(data.count)) }
      #expect(error?.code == "upload.corrupt" && error?.message.contains("allowed are 16777216") == true)
      #expect(try objects.client.uploads(address.prefix).isEmpty)
      // Begun anew it has another place, which nobody could have guessed.
      let again = try begin(uploads, name, data.count)
      #expect(again[0].url.split(separator: "?")[0] != parts[0].url.split(separator: "?")[0])
      #expect(try Self.send(data.prefix(16 << 20), to: parts[0].url) != 200)
      #expect(try Self.send(data.prefix(16 << 20), to: again[0].url) == 200)
      #expect(try Self.send(data.suffix(4 << 20), to: again[1].url) == 200)
      try end(uploads, name, data.count)
      #expect(try objects.client.hash(objects.prefix + ContentStore.key(of: name.hash))?.hash == name.hash)
      // What was merged can't be reached any more.
      #expect(try Self.send(testBytes(16 << 20, seed: 3), to: again[0].url) != 200)
      #expect(try objects.client.list("\(address.prefix)incoming/").isEmpty)
    }
  }

  /// Two servers look at the same upload: the slower one finds what the other has done, and spoils nothing.
  @Test func twoServersMayLookAtTheSameUpload() async throws {
    let folder = try TemporaryFolder()
    let address = try await S3Server.one().address(keysIn: folder)
    let data = testBytes(1_000)
    let name = UploadStore.Name(kind: .object, hash: sha256(data), account: key.address)
    try await blocking { [self] in
      let (one, objects) = try uploads(address, in: folder)
      let (other, _) = try uploads(address, in: folder)
      let client = objects.client
      let part = try begin(one, name, data.count)[0]
      #expect(
        try begin(other, name, data.count)[0].url.split(separator: "?")[0]
          == part.url.split(separator: "?")[0])
      #expect(try Self.send(data, to: part.url) == 200)
      let upload = try #require(try client.uploads("\(address.prefix)incoming/").first)
      try client.complete(upload.id, upload.key, client.parts(of: upload.id, upload.key))
      try one.check(upload.key, name, size: UInt64(data.count))
      try other.check(upload.key, name, size: UInt64(data.count))
      #expect(try client.hash(objects.prefix + ContentStore.key(of: name.hash))?.hash == name.hash)
      // Another's upload that is not what it is called harms nothing but itself.
      let wrong = "\(address.prefix)incoming/wrong"
      try client.put(testBytes(1_000, seed: 4), as: wrong, hash: nil)
      let error = #expect(throws: NetworkError.self) { try other.check(wrong, name, size: 1_000) }
      #expect(error?.code == "upload.corrupt")
      #expect(try client.look(at: wrong) == nil)
      #expect(try client.hash(objects.prefix + ContentStore.key(of: name.hash))?.hash == name.hash)
    }
  }

  /// What was begun and left alone goes after a week, merged or not; what is new stays.
  @Test func uploadsThatAreLeftAloneAreSwept() async throws {
    let folder = try TemporaryFolder()
    let address = try await S3Server.one().address(keysIn: folder)
    try await blocking { [self] in
      let (uploads, objects) = try uploads(address, in: folder)
      let client = objects.client
      for seed: UInt64 in 0..<3 {
        let data = testBytes(100, seed: seed)
        let name = UploadStore.Name(kind: .object, hash: sha256(data), account: key.address)
        let part = try begin(uploads, name, data.count)[0]
        guard seed == 0 else { continue }
        // Merged by a server that was killed then.
        #expect(try Self.send(data, to: part.url) == 200)
        let upload = try #require(try client.uploads("\(address.prefix)incoming/").first)
        try client.complete(upload.id, upload.key, client.parts(of: upload.id, upload.key))
      }
      // A server's own, which this store says to be of 2010, and somebody else's in the same bucket.
      _ = try client.begin(objects.prefix + "aa/bb")
      let foreign = try client.begin("foreign-\(UUID().uuidString)")
      let now = DirectUploads.now()
      try uploads.sweep(at: now)
      #expect(try client.uploads("\(address.prefix)incoming/").count == 2)
      #expect(try client.list("\(address.prefix)incoming/").count == 1)
      #expect(try client.uploads(objects.prefix).isEmpty)
      try uploads.sweep(at: now + 8 * 86_400)
      #expect(try client.uploads(address.prefix).isEmpty && client.list(address.prefix).isEmpty)
      #expect(try client.uploads("foreign-").contains { $0.id == foreign })
    }
  }

  /// Requests that come at once do not begin more than an account may have begun.
  @Test func whatIsBegunAtOnceIsCounted() async throws {
    let folder = try TemporaryFolder()
    let address = try await S3Server.one().address(keysIn: folder)
    let (uploads, objects) = try await blocking { [self] in try self.uploads(address, in: folder) }
    let begun = try await withThrowingTaskGroup(of: Bool.self) { group in
      for seed: UInt64 in 0..<8 {
        group.addTask { [key] in
          try await blocking {
            let name = UploadStore.Name(
              kind: .object, hash: sha256(testBytes(9, seed: seed)), account: key.address)
            do throws(NetworkError) {
              return try !uploads.goOn(name, size: 40 << 20).parts.isEmpty
            } catch {
              #expect(error.code == "upload.tooMany")
              return false
            }
          }
        }
      }
      return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
    }
    #expect(begun == 2, "100 MiB are allowed")
    #expect(try await blocking { try objects.client.uploads(address.prefix).count } == 2)
  }

  @Test func aServerWithoutABucketTakesObjectsItself() async throws {
    try await RunningServer.scene { server, network in
      network.state.withLock { _ = $0.uploaders.insert(key.address) }
      let error = await #expect(throws: NetworkError.self) {
        let _: DirectUploads.Turn = try await server.client(key).send(
          "POST", "/api/v2/objects/\(sha256(Data()))/upload", DirectUploads.Wish(size: 1))
      }
      #expect(error?.code == "upload.notDirect")
    }
  }
}
