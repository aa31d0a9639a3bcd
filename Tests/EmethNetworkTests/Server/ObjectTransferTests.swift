import EmethKit
import Foundation
import NIOCore
import Testing

@testable import EmethNetwork

/// Objects between client and server: in parts, checked by their hashes, gone on with where a connection broke.
@Suite struct ObjectTransferTests {
  private let key = TestKeys.requester

  private func bytes(_ count: Int, seed: UInt64 = 1) -> Data {
    var generator = ChaCha20Generator(key: TestNetwork.seed(seed))
    var data = Data(capacity: count + 4)
    while data.count < count { withUnsafeBytes(of: generator.nextWord()) { data.append(contentsOf: $0) } }
    return data.prefix(count)
  }

  private func file(_ data: Data, in folder: TemporaryFolder) throws -> URL {
    let file = folder.url.appending(path: UUID().uuidString)
    try data.write(to: file)
    return file
  }

  private func hash(_ data: Data) -> Bytes32 { data.withUnsafeBytes { SHA256.hash($0) } }

  @Test(arguments: [0, 1, 1_000_000, ServerClient.partByteCount, 2 * ServerClient.partByteCount + 12_345])
  func whatIsSentCanBeFetched(_ count: Int) async throws {
    try await RunningServer.scene { server, network in
      network.state.withLock { _ = $0.uploaders.insert(key.address) }
      let folder = try TemporaryFolder()
      let data = bytes(count)
      let client = server.client(key)
      try await client.give(object: file(data, in: folder), hash: hash(data))
      #expect(try network.store.get(hash(data)) == data)
      // Sent again, nothing is sent.
      try await client.give(object: file(data, in: folder), hash: hash(data))
      let target = folder.url.appending(path: "target")
      try await server.client(TestKeys.other).fetch(object: hash(data), to: target)
      #expect(try Data(contentsOf: target) == data)
      // What is one account's, another does not get by its hash.
      network.state.withLock { _ = $0.secrets.insert(hash(data)) }
      let stranger = folder.url.appending(path: "stranger")
      let error = await #expect(throws: NetworkError.self) {
        try await server.client(TestKeys.other).fetch(object: hash(data), to: stranger)
      }
      #expect(error?.code == "account.notAllowed")
      #expect(Files.byteCount(of: stranger) ?? 0 == 0)
      try await server.client(key).fetch(object: hash(data), to: stranger)
      // No parts are left behind.
      #expect(try FileManager.default.contentsOfDirectory(atPath: network.folder.path + "/uploads").isEmpty)
    }
  }

  @Test func aTransferThatBreaksGoesOnWhereItStopped() async throws {
    // Both ways: four connections break, each after about twelve megabytes.
    let relay = try BreakingRelay(breaks: 4, after: 12 << 20)
    defer { relay.stop() }
    var settings = ServerSettings()
    settings.audiences = ["127.0.0.1:\(relay.port)"]
    try await RunningServer.scene(settings) { server, network in
      relay.relay(to: server.port)
      network.state.withLock { _ = $0.uploaders.insert(key.address) }
      let folder = try TemporaryFolder()
      let data = bytes(40 << 20)
      let client = ServerClient(server: try ServerAddress("http://127.0.0.1:\(relay.port)"), key: key)
      try await client.give(object: file(data, in: folder), hash: hash(data))
      #expect(try network.store.get(hash(data)) == data)
      let left = relay.breaksLeft
      #expect(left < 4)
      let target = folder.url.appending(path: "target")
      try await client.fetch(object: hash(data), to: target)
      #expect(try Data(contentsOf: target) == data)
      #expect(relay.breaksLeft == 0, "\(left) were left before the download")
      #expect(relay.connections >= 5)
    }
  }

  @Test func whatIsNotWhatItIsCalledIsNotKept() async throws {
    try await RunningServer.scene { server, network in
      network.state.withLock { _ = $0.uploaders.insert(key.address) }
      let folder = try TemporaryFolder()
      let name = hash(bytes(5))
      let file = try file(bytes(100_000, seed: 2), in: folder)
      let error = await #expect(throws: NetworkError.self) {
        try await server.client(key).give(object: file, hash: name)
      }
      #expect(error?.code == "upload.corrupt")
      #expect(try !network.store.contains(name))
      #expect(try FileManager.default.contentsOfDirectory(atPath: network.folder.path + "/uploads").isEmpty)
    }
  }

  @Test func onlyWhoHasMoneyOrWorkMaySend() async throws {
    try await RunningServer.scene { server, network in
      let folder = try TemporaryFolder()
      let data = bytes(10)
      let file = try file(data, in: folder)
      let error = await #expect(throws: NetworkError.self) {
        try await server.client(key).give(object: file, hash: hash(data))
      }
      #expect(error?.code == "upload.forbidden")
      let unsigned = await #expect(throws: NetworkError.self) {
        try await server.client().give(object: file, hash: hash(data))
      }
      #expect(unsigned?.code == "request.unsigned")
      #expect(try !network.store.contains(hash(data)))
    }
  }

  /// Parts without a signature: with the ticket of this upload, and with nothing else.
  @Test func aTicketSparesTheSignaturesOfOneUpload() async throws {
    try await RunningServer.scene { server, network in
      network.state.withLock { _ = $0.uploaders.insert(key.address) }
      let data = bytes(1_000)
      let path = "/api/v2/objects/\(hash(data))"
      func progress(_ key: PrivateKey) async throws -> UploadStore.Progress {
        try await server.client(key).get("\(path)/upload", signed: true)
      }
      func put(
        _ range: Range<Int>, _ ticket: String?, to path: String? = nil, size: Int = 1_000
      ) async throws -> String {
        let place = path ?? "/api/v2/objects/\(hash(data))"
        let answer = try await Asked.send(
          to: server, "PUT", "\(place)?offset=\(range.lowerBound)&size=\(size)", body: Data(data[range]),
          headers: ticket.map { [(UploadTickets.headerName, $0)] } ?? [])
        let refusal = try? JSONDecoder().decode(ServerRefusal.Body.self, from: answer.received)
        return "\(answer.status) \(refusal?.code ?? "taken")"
      }
      let ticket = try #require(try await progress(key).ticket)
      #expect(try await put(0..<600, nil) == "401 request.unsigned")
      // It is for parts: whatever else is asked has to be signed.
      for path in [path, "\(path)/upload"] {
        let answer = try await Asked.send(
          to: server, "GET", path, body: nil, headers: [(UploadTickets.headerName, ticket)])
        #expect(answer.status == 401, "\(path)")
      }
      for wrong in ["x", ticket + "0", String(ticket.dropLast()), "-\(ticket)"] {
        #expect(try await put(0..<600, wrong) == "401 upload.ticket", "\(wrong)")
      }
      #expect(try await put(0..<600, ticket, to: "/api/v2/objects/\(hash(bytes(5)))") == "401 upload.ticket")
      #expect(try await put(0..<600, ticket, to: "/api/v2/data-sets/\(hash(data))") == "401 upload.ticket")
      // It says who comes, not that this one may.
      let other = try #require(try await progress(TestKeys.other).ticket)
      #expect(try await put(0..<600, other) == "403 upload.forbidden")
      for account in [key, TestKeys.other] { #expect(try await progress(account).offset == 0) }
      #expect(try await put(0..<600, ticket) == "200 taken")
      #expect(try await put(0..<600, ticket) == "409 upload.offset")
      // Of another size it is another upload.
      #expect(try await put(600..<1_000, ticket, size: 900) == "409 upload.offset")
      #expect(try await progress(key).offset == 600)
      #expect(try await put(600..<1_000, ticket) == "200 taken")
      #expect(try network.store.get(hash(data)) == data)
      let done = try await progress(key)
      #expect(done.isComplete && done.ticket == nil)
      #expect(try FileManager.default.contentsOfDirectory(atPath: network.folder.path + "/uploads").isEmpty)
    }
  }

  /// A part with a ticket is a request of its account as a signed one is; what has no ticket is nobody's.
  @Test func partsWithATicketAreCountedAsTheirAccountsRequests() async throws {
    var settings = ServerSettings()
    (settings.requestRate, settings.requestBurst) = (0.000_1, 100)
    try await RunningServer.scene(settings) { server, network in
      network.state.withLock { $0.uploaders = [key.address, TestKeys.other.address] }
      let data = bytes(1_000)
      let path = "/api/v2/objects/\(hash(data))"
      func ticket(of key: PrivateKey) async throws -> String {
        let progress: UploadStore.Progress = try await server.client(key).get("\(path)/upload", signed: true)
        return try #require(progress.ticket)
      }
      func put(_ ticket: String, at offset: Int = 0) async throws -> Int {
        try await Asked.send(
          to: server, "PUT", "\(path)?offset=\(offset)&size=1000", body: Data(data[offset..<offset + 100]),
          headers: [(UploadTickets.headerName, ticket)]
        ).status
      }
      let (mine, others) = (try await ticket(of: key), try await ticket(of: TestKeys.other))
      for _ in 0..<3 { #expect(try await put(mine + "0") == 401) }
      #expect(try await put(mine) == 200)
      var left = 0
      while server.server.accountLimiter.take(from: "\(key.address)") == nil { left += 1 }
      #expect(left == 98, "of 100 but the question and a part")
      #expect(try await put(mine, at: 100) == 429)
      #expect(try await put(others) == 200)
    }
  }

  /// The second of two servers over one folder knows nothing of the first one's tickets: what is left is signed.
  @Test func aTicketOfAnotherServerIsNoEndOfAnUpload() async throws {
    let relay = try BreakingRelay(breaks: 1, after: 12 << 20)
    defer { relay.stop() }
    var settings = ServerSettings()
    settings.audiences = ["127.0.0.1:\(relay.port)"]
    let folder = try TemporaryFolder()
    let networks = try (0..<2).map { _ in try FakeNetwork(folder) }
    for network in networks { network.state.withLock { _ = $0.uploaders.insert(key.address) } }
    let first = try await RunningServer.start(settings) { _ in networks[0] }
    let second = try await RunningServer.start(settings) { _ in networks[1] }
    relay.relay(to: first.port, afterBreak: second.port)
    // Signed parts use up nonces, those with a ticket none.
    func nonces() throws -> Int? {
      try networks[0].database.read { db in try Int.fetchOne(db, sql: "SELECT count(*) FROM requestNonce") }
    }
    let data = bytes(3 * ServerClient.partByteCount)
    let client = ServerClient(server: try ServerAddress("http://127.0.0.1:\(relay.port)"), key: key)
    #expect(try nonces() == 0)
    try await client.give(object: file(data, in: folder), hash: hash(data))
    #expect(try networks[1].store.get(hash(data)) == data)
    #expect(relay.breaksLeft == 0 && relay.connections >= 2)
    // Half of the second part and the third one were left, at least.
    #expect(try #require(try nonces()) >= 2)
    try await first.stop()
    try await second.stop()
  }

  @Test func aTicketCountsForAnHourAndWhereItWasMade() {
    let tickets = UploadTickets()
    let name = UploadStore.Name(kind: .vector, hash: TestNetwork.seed(1), account: key.address)
    let ticket = tickets.ticket(for: name, at: 1_000)
    func account(_ tickets: UploadTickets, _ ticket: String, at now: UInt64) -> Address? {
      tickets.account(of: ticket, for: .vector, TestNetwork.seed(1), at: now)
    }
    #expect(account(tickets, ticket, at: 1_000) == key.address)
    #expect(account(tickets, ticket, at: 4_599) == key.address)
    #expect(account(tickets, ticket, at: 4_600) == nil)
    #expect(account(UploadTickets(), ticket, at: 1_000) == nil)
    let longer = ticket.replacing("-4600-", with: "-9600-")
    #expect(longer != ticket && account(tickets, longer, at: 1_000) == nil)
    let another = ticket.replacing("\(key.address)", with: "\(TestKeys.other.address)")
    #expect(another != ticket && account(tickets, another, at: 1_000) == nil)
    #expect(tickets.account(of: ticket, for: .object, name.hash, at: 1_000) == nil)
  }

  /// Data sets are the Splitter's: they are taken in, and given to nobody.
  @Test func aDataSetIsNotGivenOut() async throws {
    try await RunningServer.scene { server, network in
      network.state.withLock { _ = $0.uploaders.insert(key.address) }
      let folder = try TemporaryFolder()
      let data = bytes(1_000)
      try await server.client(key).give(dataSet: file(data, in: folder), hash: hash(data))
      #expect(try network.splitterStore.get(hash(data)) == data)
      let target = folder.url.appending(path: "target")
      let error = await #expect(throws: NetworkError.self) {
        try await server.client(key).fetch(object: hash(data), to: target)
      }
      #expect(error?.code == "storage.missing")
    }
  }

  @Test func partsComeInOrder() throws {
    let folder = try TemporaryFolder()
    let objects = try ContentStore(folder: folder.url.appending(path: "objects"))
    let uploads = try UploadStore(
      folder: folder.url.appending(path: "uploads"), objects: objects, dataSets: objects, objectLimit: 1_000)
    let data = bytes(300)
    let name = UploadStore.Name(kind: .object, hash: hash(data), account: key.address)
    #expect(try uploads.progress(of: name) == .init(offset: 0, isComplete: false))
    #expect(
      try uploads.append(data[0..<100], at: 0, of: 300, to: name) == .init(offset: 100, isComplete: false))
    for offset in [UInt64(0), 99, 101, 300] {
      let error = #expect(throws: NetworkError.self) {
        _ = try uploads.append(data[100..<200], at: offset, of: 300, to: name)
      }
      #expect(error?.code == "upload.offset")
    }
    #expect(throws: NetworkError.self) { _ = try uploads.append(data[100..<300], at: 100, of: 250, to: name) }
    #expect(throws: NetworkError.self) {
      _ = try uploads.append(
        data[0..<1], at: 0, of: 1_001, to: .init(kind: .object, hash: .zero, account: key.address))
    }
    #expect(try uploads.progress(of: name).offset == 100)
    // Another account's parts are its own.
    let other = UploadStore.Name(kind: .object, hash: hash(data), account: TestKeys.other.address)
    #expect(try uploads.progress(of: other).offset == 0)
    #expect(try uploads.append(data[100..<300], at: 100, of: 300, to: name).isComplete)
    #expect(try uploads.progress(of: other) == .init(offset: 300, isComplete: true))
    #expect(try objects.get(hash(data)) == data)
  }

  /// Two servers over one folder: what one has checked the other does not write to.
  @Test func aPartOfTheSameUploadElsewhereWaits() throws {
    let folder = try TemporaryFolder()
    let objects = try ContentStore(folder: folder.url.appending(path: "objects"))
    func open() throws -> UploadStore {
      try UploadStore(
        folder: folder.url.appending(path: "uploads"), objects: objects, dataSets: objects, objectLimit: 1_000
      )
    }
    let (one, other) = (try open(), try open())
    let data = bytes(300)
    let name = UploadStore.Name(kind: .object, hash: hash(data), account: key.address)
    _ = try one.append(data[0..<100], at: 0, of: 300, to: name)
    let uploads = try FileManager.default.contentsOfDirectory(atPath: folder.url.path + "/uploads")
    let place = folder.url.appending(path: "uploads/\(try #require(uploads.first))")
    do {
      let held = try #require(try UploadFile(place))
      #expect(held.byteCount == 100)
      #expect(try UploadFile(place) == nil)
      let error = #expect(throws: NetworkError.self) {
        _ = try other.append(data[100..<300], at: 100, of: 300, to: name)
      }
      #expect(error?.code == "upload.busy")
      withExtendedLifetime(held) {}
    }
    #expect(try other.append(data[100..<300], at: 100, of: 300, to: name).isComplete)
    #expect(try objects.get(hash(data)) == data && one.progress(of: name).isComplete)
    #expect(!FileManager.default.fileExists(atPath: place.path))
  }

  /// What was written part by part need not be read again, unless somebody else was at the file in between.
  @Test func aHashGoesOnWithTheNextPart() throws {
    let folder = try TemporaryFolder()
    let hashes = RunningHashes()
    let place = folder.url.appending(path: "upload")
    let data = bytes(300_000)
    func part(_ range: Range<Int>, _ hashes: RunningHashes?) throws -> Bytes32? {
      let file = try #require(try UploadFile(place, hashes: hashes))
      #expect(file.byteCount == UInt64(range.lowerBound))
      try file.append([ByteBuffer(bytes: data[range]), ByteBuffer()])
      return range.upperBound == data.count ? file.takeDigest() : nil
    }
    _ = try part(0..<100_000, hashes)
    _ = try part(100_000..<100_001, hashes)
    #expect(try part(100_001..<300_000, hashes) == hash(data))
    // It was taken, and counts once.
    #expect(try #require(try UploadFile(place, hashes: hashes)).takeDigest() == nil)

    // Another process has written a part, or other bytes to the same place.
    for tamper in [true, false] {
      try FileManager.default.removeItem(at: place)
      _ = try part(0..<100_000, hashes)
      if tamper {
        let handle = try FileHandle(forUpdating: place)
        try handle.write(contentsOf: Data([1, 2, 3]))
        try handle.close()
        #expect(try part(100_000..<300_000, hashes) == nil)
      } else {
        _ = try part(100_000..<200_000, nil)
        #expect(try part(200_000..<300_000, hashes) == nil)
      }
    }
  }

  /// An account's uploads count as long as it said, not as far as they are.
  @Test func whatIsBegunIsCountedAsItWillBe() throws {
    let folder = try TemporaryFolder()
    let objects = try ContentStore(folder: folder.url.appending(path: "objects"))
    let uploads = try UploadStore(
      folder: folder.url.appending(path: "uploads"), objects: objects, dataSets: objects, objectLimit: 1_000)
    func begin(_ seed: UInt64, _ account: Address, size: UInt64) throws {
      let name = UploadStore.Name(kind: .object, hash: hash(bytes(9, seed: seed)), account: account)
      _ = try uploads.append(bytes(1), at: 0, of: size, to: name)
    }
    try begin(1, key.address, size: 600)
    let error = #expect(throws: NetworkError.self) { try begin(2, key.address, size: 600) }
    #expect(error?.code == "upload.tooMany")
    try begin(2, key.address, size: 400)
    try begin(1, TestKeys.other.address, size: 1_000)
    #expect(throws: NetworkError.self) { try begin(3, key.address, size: 1) }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path + "/uploads").count == 3)
  }

  /// What comes is held for who gave it, and only so much of it may lie here.
  @Test func whatNoJobHasNamedIsLimited() async throws {
    var settings = ServerSettings()
    settings.unusedByteLimit = 1_000
    try await RunningServer.scene(settings) { server, network in
      network.state.withLock {
        $0.uploaders.insert(key.address)
        $0.uploaders.insert(TestKeys.other.address)
      }
      let folder = try TemporaryFolder()
      let client = server.client(key)
      func give(_ seed: UInt64, _ count: Int) async throws {
        let data = bytes(count, seed: seed)
        try await client.give(object: file(data, in: folder), hash: hash(data))
      }
      func unused(_ account: Address) throws -> UInt64 {
        try network.database.read { db in try HoldStore.unusedByteCount(of: account, in: db) }
      }
      try await give(1, 600)
      try await give(1, 600)
      #expect(try unused(key.address) == 600)
      let error = await #expect(throws: NetworkError.self) { try await give(2, 401) }
      #expect(error?.code == "upload.quota" && error?.message.contains("1000") == true)
      #expect(try FileManager.default.contentsOfDirectory(atPath: network.folder.path + "/uploads").isEmpty)
      try await give(2, 400)
      // What a job names does not count.
      try network.database.write { db in
        try HoldStore.takeOver(
          [.object(hash(bytes(600, seed: 1)))], from: key.address, for: network.jobID, .job, at: 1, in: db)
      }
      #expect(try unused(key.address) == 400)
      try await give(3, 600)
      // Who asks for what another one gave has it lie here too, and no more of it than their own.
      let foreign = try file(bytes(500, seed: 4), in: folder)
      try await server.client(TestKeys.other).give(object: foreign, hash: hash(bytes(500, seed: 4)))
      func ask(_ seed: UInt64, _ count: Int) async throws -> UploadStore.Progress {
        try await server.client(key).get(
          "/api/v2/objects/\(hash(bytes(count, seed: seed)))/upload", signed: true)
      }
      let tooMuch = await #expect(throws: NetworkError.self) { _ = try await ask(4, 500) }
      #expect(tooMuch?.code == "upload.quota")
      #expect(try unused(key.address) == 1_000)
      let mine = ObjectName.object(hash(bytes(600, seed: 3)))
      func heldSince() throws -> UInt64? {
        try network.database.read { db in
          try UInt64.fetchOne(
            db, sql: "SELECT at FROM hold WHERE object = ? AND holder = ?",
            arguments: ["\(mine)", "\(key.address)"])
        }
      }
      func set(since: UInt64, except byteCount: UInt64) throws {
        try network.database.write { db in
          try HoldStore.take([mine], for: key.address, .upload, byteCount: 600, at: since, in: db)
          try HoldStore.take(
            [.object(.zero)], for: key.address, .upload, byteCount: byteCount, at: 1, in: db)
        }
      }
      try set(since: 5, except: 0)
      #expect(try await ask(3, 600).isComplete)
      let renewed = try #require(try heldSince())
      #expect(renewed > 5, "it was asked for again")
      try set(since: 5, except: 1)
      #expect(try await ask(3, 600).isComplete)
      #expect(try heldSince() == 5, "it is there, and not for longer")
      // Who may not send keeps nothing alive by asking.
      network.state.withLock { _ = $0.uploaders.remove(TestKeys.other.address) }
      let asked: UploadStore.Progress = try await server.client(TestKeys.other).get(
        "/api/v2/objects/\(hash(bytes(600, seed: 3)))/upload", signed: true)
      #expect(try asked.isComplete && unused(TestKeys.other.address) == 500)
    }
  }

  @Test func rangesAreReadStrictly() {
    let cases: [(String, Range<UInt64>?)] = [
      ("bytes=0-", 0..<100), ("bytes=10-19", 10..<20), ("bytes=99-", 99..<100), ("bytes=50-1000", 50..<100),
      ("bytes=-1", 99..<100), ("bytes=-200", 0..<100), ("bytes=100-", nil), ("bytes=-0", nil),
      ("bytes=5-4", nil),
      ("bytes=", nil), ("bytes=-", nil), ("bytes=0-1,3-4", nil), ("bits=0-1", nil), ("bytes=a-b", nil),
      ("bytes=0-x", nil), ("bytes=99999999999999999999-", nil), ("bytes=+1-2", nil),
    ]
    for (text, range) in cases { #expect(FileAnswer.part(text, of: 100) == range, "\(text)") }
    #expect(FileAnswer.part("bytes=0-", of: 0) == nil)
  }

  /// A part is hashed as it comes, however it is cut, and nothing of it lies in the folder.
  @Test func aPartThatArrivesHasNoName() throws {
    let folder = try TemporaryFolder()
    let data = bytes(3_000_000)
    let part = try ArrivingPart(in: folder.url)
    #expect(part.digest == Keccak256.hash([]))
    for cut in [0..<1, 1..<1, 1..<65_537, 65_537..<3_000_000] {
      try part.add([ByteBuffer(bytes: data[cut]), ByteBuffer()])
    }
    #expect(part.byteCount == 3_000_000 && part.digest == data.withUnsafeBytes { Keccak256.hash($0) })
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path).isEmpty)
    let target = try file(Data("begin".utf8), in: folder)
    do {
      let upload = try #require(try UploadFile(target))
      try upload.append(part)
    }
    #expect(try Data(contentsOf: target) == Data("begin".utf8) + data)
    #expect(throws: NetworkError.self) { _ = try ArrivingPart(in: folder.url.appending(path: "none")) }
  }
}

extension UploadStore {
  /// A part that is in memory.
  fileprivate func append(_ bytes: Data, at offset: UInt64, of size: UInt64, to name: Name) throws
    -> Progress
  {
    let part = try makePart()
    try part.add([ByteBuffer(bytes: bytes)])
    return try append(part, at: offset, of: size, to: name)
  }
}
