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
