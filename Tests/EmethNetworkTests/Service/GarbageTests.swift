import EmethCompute
import EmethKit
import Foundation
import Synchronization
import Testing

@testable import EmethNetwork

/// What nobody needs goes, and nothing else does.
@Suite(.serialized) struct GarbageTests {
  private static let day: UInt64 = 86_400

  /// A service that nobody drives, and what puts its clock ahead, in seconds.
  private func service(
    _ folder: TemporaryFolder, _ kind: TestDatabase = .sqlite, storage: S3Address? = nil
  ) throws -> (NetworkService, @Sendable (UInt64) -> Void) {
    var settings = try ServiceScene.settings()
    settings.storage = storage
    let ahead = Ahead()
    let service = try NetworkService(
      folder: folder.url.appending(path: "server"), settings: settings,
      database: kind == .sqlite ? nil : kind.location(in: folder),
      time: NetworkClock.Source(
        wall: { NetworkClock.Source.system.wall() + ahead.seconds.withLock { $0 } * 1_000 },
        steady: NetworkClock.Source.system.steady))
    return (service, { seconds in ahead.seconds.withLock { $0 += seconds } })
  }

  private final class Ahead: Sendable { let seconds = Mutex<UInt64>(0) }

  private static func names(_ service: NetworkService) throws -> Set<String> {
    var names: Set<String> = []
    for (store, place) in [(service.store, "objects/"), (service.splitterStore, "splitter/")] {
      try store.place.list { found throws(NetworkError) in
        names.formUnion(found.map { place + $0.key })
      }
    }
    return names
  }

  private static var now: UInt64 { UInt64(Date().timeIntervalSince1970) }

  @Test(arguments: TestDatabase.all)
  func whatNobodyHoldsGoesWhenItIsOld(on kind: TestDatabase) throws {
    let folder = try TemporaryFolder()
    let (service, putAhead) = try service(folder, kind)
    let account = ServiceScene.requester.address
    let free = try service.store.put(Data("nobody's".utf8))
    let given = try service.give(Data("a data set".utf8), by: account)
    let root = VectorWork(threads: 1).root(of: testBytes(4_000))
    try service.store.put(vector: testBytes(4_000), root: root)
    // What is none of ours stays, whatever it is.
    let foreign = ["objects/readme", "objects/ab/short", "splitter/note-x", "objects/vectors/note"]
    for name in foreign {
      let file = service.folder.appending(path: name)
      try FileManager.default.createDirectory(
        at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data().write(to: file)
    }
    #expect(try service.collect() == NetworkService.Collection(), "all of it is new")
    let collected = try service.collect(wall: Self.now + 3_601)
    #expect(collected.objects == 2 && collected.bytes == 4_008)
    #expect(try !service.store.contains(free))
    #expect(try service.splitterStore.contains(given))
    // Nobody has named it for a day.
    putAhead(Self.day + 1)
    #expect(try service.collect(wall: Self.now + 3_601).objects == 1)
    #expect(try !service.splitterStore.contains(given))
    let left = try Self.names(service).filter { !$0.hasPrefix("splitter/network-") }
    #expect(left.isSuperset(of: foreign) && left.count == foreign.count + 1, "and the giver's mark: \(left)")
    // It is missing where it is named now, and can be given again.
    let submission = JobSubmission(
      salt: .zero, manifest: try TestNetwork.manifest(), dataSetName: "gone", dataSet: given, parallel: 1,
      fuelPrice: FuelPrice(gholon: 120), timeLimitSeconds: 60)
    #expect(throws: NetworkError.missingObject(hash: given)) {
      try service.submit(submission, by: account)
    }
    #expect(try service.database.read { db in try !HoldStore.isHeld(.splitter(given), in: db) })
    #expect(try service.give(Data("a data set".utf8), by: account) == given)
    _ = try service.submit(submission, by: account)
  }

  /// A service that was killed while it deleted: the next one goes on, and meanwhile nobody relies on what is half gone.
  @Test(arguments: [true, false])
  func aDeletionThatWasKilledIsEnded(isDeleted: Bool) throws {
    let folder = try TemporaryFolder()
    let hash: Bytes32
    do {
      let (service, _) = try service(folder)
      hash = try service.store.put(Data("old".utf8))
      #expect(
        try service.database.write { db in
          try HoldStore.claimRemoval(of: [.object(hash)], at: 1, in: db)
        }.count == 1)
      if isDeleted { try service.store.remove(hash) }
    }
    let (service, _) = try service(folder)
    let error = #expect(throws: NetworkError.self) {
      try service.database.write { db in
        try HoldStore.take([.object(hash)], for: "somebody", .job, at: 1, in: db)
      }
    }
    #expect(error?.code == "upload.busy")
    try service.collect()
    #expect(try !service.store.contains(hash))
    #expect(try service.database.read { db in try HoldStore.removals(limit: 1, in: db) }.isEmpty)
    let held = service.stores(for: JobID(requester: .zero, salt: .zero), .round(0)).objects
    #expect(try held.put(Data("old".utf8)) == hash)
    #expect(try service.database.read { db in try HoldStore.isHeld(.object(hash), in: db) })
    try service.collect(wall: Self.now + Self.day)
    #expect(try service.store.contains(hash))
  }

  /// Of several servers another one goes on, once nothing of the first can still be on its way to the store.
  @Test func aDeletionOfAnotherServerIsWaitedFor() throws {
    let folder = try TemporaryFolder()
    let (service, putAhead) = try service(folder, .postgres)
    let hash = try service.store.put(Data("old".utf8))
    try service.database.write { db in
      _ = try HoldStore.claimRemoval(of: [.object(hash)], at: service.seconds(in: db), in: db)
    }
    #expect(try service.collect(wall: Self.now + Self.day) == NetworkService.Collection())
    #expect(try service.store.contains(hash))
    #expect(try service.database.read { db in try HoldStore.removals(limit: 2, in: db) } == [.object(hash)])
    putAhead(301)
    try service.collect()
    #expect(try !service.store.contains(hash))
    #expect(try service.database.read { db in try HoldStore.removals(limit: 2, in: db) }.isEmpty)
  }

  /// One server deletes: who finds that it is another one leaves what it has noted to that one.
  @Test func oneServerDeletes() throws {
    let folder = try TemporaryFolder()
    let location = try TestDatabase.postgres.location(in: folder)
    let (one, other) = try (
      NetworkService(
        folder: folder.url.appending(path: "server"), settings: ServiceScene.settings(), database: location),
      NetworkService(
        folder: folder.url.appending(path: "server"), settings: ServiceScene.settings(), database: location)
    )
    let hash = try one.store.put(Data("old".utf8))
    #expect(one.database.leases?.take(["collector"]) == ["collector"])
    #expect(try other.collect(wall: Self.now + Self.day) == NetworkService.Collection())
    #expect(try one.store.contains(hash))
    one.database.leases?.giveBack("collector")
    #expect(try other.collect(wall: Self.now + Self.day).objects == 1)
    #expect(try !one.store.contains(hash))
  }

  /// What any server lets go of is deleted by the one that deletes, at once however new it is, and only if nobody holds it.
  @Test func whatIsLetGoOfIsDeletedByWhoeverDeletes() throws {
    let folder = try TemporaryFolder()
    let location = try TestDatabase.postgres.location(in: folder)
    let (one, other) = try (
      NetworkService(
        folder: folder.url.appending(path: "server"), settings: ServiceScene.settings(), database: location),
      NetworkService(
        folder: folder.url.appending(path: "server"), settings: ServiceScene.settings(), database: location)
    )
    #expect(one.database.leases?.take(["collector"]) == ["collector"])
    let (free, held) = (try one.store.put(Data("free".utf8)), try one.store.put(Data("held".utf8)))
    try other.database.write { db in
      try HoldStore.take([.object(held)], for: "somebody", .job, at: 1, in: db)
    }
    try other.discard([.object(free), .object(held)])
    #expect(try other.collect() == NetworkService.Collection() && one.store.contains(free))
    try one.collect()
    #expect(try !one.store.contains(free) && one.store.contains(held))
    #expect(try one.database.read { db in try HoldStore.removals(limit: 2, in: db) }.isEmpty)
  }

  /// What was let go of and could not be deleted, so far as is known, is waited for like all else: it may have come again when
  /// what was asked of the store is done.
  @Test func whatIsLetGoOfIsWaitedForOnceItsDeletionWasAsked() async throws {
    let folder = try TemporaryFolder()
    let fails = Ahead()
    fails.seconds.withLock { $0 = 1 }
    let store = try StubStore { request in
      switch request.method {
      case "DELETE": StubStore.Reply(status: fails.seconds.withLock { $0 } == 1 ? 501 : 204)
      case "GET" where request.target.contains("list-type"):
        .document("<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>")
      // The mark by which servers that share a database know their store.
      case "GET", "HEAD": StubStore.Reply(status: request.target.contains("network-") ? 200 : 404)
      default: StubStore.Reply()
      }
    }
    defer { store.stop() }
    let keys = folder.url.appending(path: "credentials")
    try Data("[default]\naws_access_key_id = A\naws_secret_access_key = S\n".utf8).write(to: keys)
    let address = try S3Address(
      "s3://emeth/x?endpoint=http://127.0.0.1:\(store.port)&credentials=\(keys.path)")
    try await blocking { [self] in
      let (service, putAhead) = try service(folder, .postgres, storage: address)
      let object = ObjectName.object(sha256(Data("it comes again".utf8)))
      try service.discard([object])
      func deletions() -> Int { store.requests.count { $0.method == "DELETE" } }
      #expect(try service.collect().failure?.code == "storage.failed")
      #expect(deletions() == 1)
      #expect(try service.collect().failure == nil && deletions() == 1, "it may be on its way")
      #expect(try service.database.read { db in try HoldStore.removals(limit: 2, in: db) } == [object])
      fails.seconds.withLock { $0 = 0 }
      putAhead(301)
      #expect(try service.collect().failure == nil && deletions() == 2)
      #expect(try service.database.read { db in try HoldStore.removals(limit: 2, in: db) }.isEmpty)
    }
  }

  /// What is stored for a job is held before it is there: a deletion in between finds that.
  @Test func whatIsStoredIsHeldBefore() throws {
    let folder = try TemporaryFolder()
    let (service, _) = try service(folder)
    let job = JobID(requester: .zero, salt: .zero)
    let seen = Mutex<[String]>([])
    let store = service.store.keeping { key throws(NetworkError) in
      let isThere = try service.store.place.contains(key)
      seen.withLock { $0.append("\(key) \(isThere)") }
    }
    let data = testBytes(1_000)
    let hash = try store.put(data)
    let file = folder.url.appending(path: "file")
    try testBytes(50).write(to: file)
    try store.adopt(file, as: sha256(testBytes(50)))
    try store.put(vector: data, root: .zero)
    var random = ChaCha20Generator(key: TestNetwork.seed(3))
    let sealed = try store.putSealed(data, to: SealingIdentity(using: &random).recipient, using: &random)
    let keys = [
      ContentStore.key(of: hash), ContentStore.key(of: sha256(testBytes(50))),
      ContentStore.key(ofVector: .zero), ContentStore.key(of: sealed),
    ]
    #expect(seen.withLock { $0 } == keys.map { "\($0) false" })
    // The services' own stores are such.
    let stores = service.stores(for: job, .job)
    try stores.objects.put(data)
    try stores.splitter.put(data)
    try service.keep(leaves: Data(count: 32), of: job)
    let held = try service.database.read { db in try HoldStore.objects(of: job, .job, in: db) }
    #expect(held == [.object(hash), .leaves(of: job), .splitter(hash)].sorted())
  }

  @Test(.enabled(if: S3Server.python != nil, S3Server.reason))
  func itIsTheSameInABucket() async throws {
    let folder = try TemporaryFolder()
    let address = try await S3Server.one().address(keysIn: folder)
    try await blocking { [self] in
      let (service, _) = try service(folder, storage: address)
      let free = try service.store.put(testBytes(1_000))
      let held = try service.stores(for: JobID(requester: .zero, salt: .zero), .job).objects.put(
        testBytes(900))
      let given = try service.give(testBytes(800), by: ServiceScene.requester.address)
      let foreign = try #require(service.store.remote).prefix + "foreign"
      try #require(service.store.remote).client.put(Data(), as: foreign, hash: nil)
      #expect(try service.collect() == NetworkService.Collection())
      #expect(try service.collect(wall: Self.now + 3_700) == .init(objects: 1, bytes: 1_000))
      #expect(try !service.store.contains(free) && service.store.contains(held))
      #expect(try service.splitterStore.contains(given))
      #expect(try service.store.remote?.client.look(at: foreign) != nil)
    }
  }

  /// Whether a verifier may still need what was opened to it.
  private static func isOpen(_ errand: String, in db: SQLSession) throws -> Bool {
    guard let record = try ErrandStore.record(errand, in: db),
      case .open(let challenge, _) = record.errand.question
    else { return false }
    let judge = ErrandStore.id(
      .judge, of: challenge.verifier, subJob: challenge.subJob, key: challenge.seed.bytes)
    return try ErrandStore.record(judge, in: db)?.answer == nil
  }

  /// Everything that nobody holds goes at once while a job runs; the job does not notice. Afterwards its result is there,
  /// for as long as results are kept, and nothing else.
  @Test(arguments: TestDatabase.all, [UInt32(3), 2])
  func aJobEndsAsWithoutAndLeavesItsResult(on kind: TestDatabase, parallel: UInt32) async throws {
    let local = try await NetworkServiceTests.localRoot(parallel: parallel)
    var settings = try ServiceScene.settings()
    settings.graceSeconds = 0
    settings.collectionSeconds = 1
    settings.uploadSeconds = 600
    settings.resultSeconds = 30 * Self.day
    settings.check = .all
    try await ServiceScene.with(settings, on: kind) { scene in
      for index in 0..<3 { try scene.startNode(index) }
      for index in 0..<2 { try scene.startVerifier(index) }
      try await scene.verifiersStand(2)
      let job = try scene.submit(scene.submission(manifest: TestNetwork.manifest(), parallel: parallel))
      // All that its records name is held, at every moment.
      var (looks, openings) = (0, 0)
      while try !scene.server.service().job(job).summary.status.isFinal {
        let service = try scene.server.service()
        let missing = try service.database.read { db in
          let needs = try service.needs(of: job, in: db).filter { purpose, _ in
            // What was opened is held until its verifier has spoken.
            guard case .opening(let errand) = purpose else { return true }
            let isOpen = try Self.isOpen(errand, in: db)
            if isOpen { openings += 1 }
            return isOpen
          }
          return try needs.values.joined().filter { try !HoldStore.isHeld($0, in: db) }
        }
        let isFinal = try service.job(job).summary.status.isFinal
        #expect(missing.isEmpty || isFinal, "\(missing)")
        looks += 1
        try await Task.sleep(for: .milliseconds(20))
      }
      #expect(looks > 3 && openings > 0, "\(looks) looks, \(openings) openings")
      let report = try await scene.end(of: job)
      #expect(report.status == "VERIFIED", "\(report.reason)")
      #expect(report.stateRoot == local)
      let service = try scene.server.service()
      let result = try service.result(of: job, for: ServiceScene.requester.address)
      let cohorts = try service.records(of: job).aggregation?.cohorts ?? []
      #expect(cohorts.isEmpty == (parallel < 3))
      let wanted = Set(
        ([.object(result.parameters), .leaves(of: job)]
          + cohorts.map { .vector($0.sum.content.sumRoot) } as [ObjectName]).map(\.description))
      var left: Set<String> = []
      // What was given for it could have been named by another job until now.
      scene.server.ahead.withLock { $0 = 700 * 1_000 }
      for _ in 0..<100 {
        left = try Self.names(service).filter {
          !$0.hasPrefix("splitter/givers/") && !$0.hasPrefix("splitter/network-")
        }
        if left == wanted { break }
        try await Task.sleep(for: .milliseconds(100))
      }
      #expect(left == wanted, "too much: \(left.subtracting(wanted)), missing: \(wanted.subtracting(left))")
      #expect(try service.leaves(of: job).byteCount > 0)
      // A month later.
      scene.server.ahead.withLock { $0 = (30 * Self.day + 60) * 1_000 }
      for _ in 0..<300 {
        left = try Self.names(service).filter { wanted.contains($0) }
        if left.isEmpty { break }
        try await Task.sleep(for: .milliseconds(100))
      }
      #expect(left.isEmpty)
      for body in [
        { _ = try service.result(of: job, for: ServiceScene.requester.address) },
        { _ = try service.leaves(of: job) },
      ] as [() throws -> Void] {
        let error = #expect(throws: NetworkError.self) { try body() }
        #expect(error?.code == "job.resultGone" && error?.message.contains("30 days") == true)
      }
      #expect(try service.records(of: job).status == .verified, "what was signed stays")
      let errors = scene.server.errors.withLock { $0 }
      #expect(errors.isEmpty, "\(errors)")
    }
  }

  /// A job that was taken back needs nothing any more, and nobody drives it. What was given for it may be named by the
  /// next one for a while.
  @Test func aJobThatWasTakenBackHoldsNothing() throws {
    let folder = try TemporaryFolder()
    let (service, putAhead) = try service(folder)
    let account = ServiceScene.requester.address
    let dataSet = try service.give(Data(TestNetwork.text().utf8), by: account)
    for salt in 1...2 as ClosedRange<UInt64> {
      let job = try service.submit(
        JobSubmission(
          salt: TestNetwork.seed(salt), manifest: try TestNetwork.manifest(), dataSetName: "text",
          dataSet: dataSet, parallel: 1, fuelPrice: FuelPrice(gholon: 120), timeLimitSeconds: 600),
        by: account)
      #expect(try service.database.read { db in try HoldStore.unusedByteCount(of: account, in: db) } == 0)
      try service.collect(wall: Self.now + Self.day)
      #expect(try service.splitterStore.contains(dataSet))
      try service.cancel(job, by: account)
      try service.collect(wall: Self.now + Self.day)
      #expect(try service.splitterStore.contains(dataSet), "its giver may name it again")
    }
    putAhead(Self.day + 1)
    try service.collect(wall: Self.now + Self.day)
    #expect(try !service.splitterStore.contains(dataSet))
    #expect(
      try service.database.read { db in try Int.fetchOne(db, sql: "SELECT count(*) FROM hold") } == 0)
  }

  /// Who was asked something in a job that runs may yet have said what is false, and who lost its bond has none.
  @Test(arguments: TestDatabase.all)
  func aVerifierThatLeavesGetsItsBondBack(on kind: TestDatabase) throws {
    let folder = try TemporaryFolder()
    let (service, putAhead) = try service(folder, kind)
    func bind(_ index: Int) throws -> Address {
      let key = ServiceScene.verifier(index)
      let verifier = Verifier(key: key, store: service.store, domain: .embedded)
      try service.postBond(
        upTo: TokenAmount(emeth: "10"), binding: verifier.binding(expiry: Self.now + 30 * Self.day),
        by: key.address)
      return key.address
    }
    let (leaver, liar, stayer) = (try bind(0), try bind(1), try bind(2))
    let nobody = #expect(throws: NetworkError.self) { try service.leave(ServiceScene.node(0).address) }
    #expect(nobody?.code == "verifier.noBond")
    try service.leave(leaver)
    try service.leave(liar)
    #expect(try service.releaseBonds().isEmpty, "who is drawn now has this long for a verdict")
    putAhead(service.settings.verdictSeconds(service.settings.periods) + 2)
    let job = JobID(requester: leaver, salt: .zero)
    try service.database.write { db in
      try BondPool.forfeit(
        liar, bond: TokenAmount(emeth: "10"), over: job, job: job, at: service.seconds(in: db), in: db)
      try db.execute(
        sql: """
          INSERT INTO errand (id, account, job, subJob, kind, question, postedAt, due)
          VALUES ('x', ?, 'y', 'z', 'judge', '{}', 0, 0)
          """, arguments: ["\(leaver)"])
    }
    #expect(try service.releaseBonds().isEmpty)
    try service.database.write { db in try db.execute(sql: "DELETE FROM errand") }
    #expect(try service.releaseBonds() == [leaver])
    #expect(try service.releaseBonds().isEmpty)
    #expect(try service.balances(of: leaver).unspent == TokenAmount(emeth: "100"))
    #expect(try service.balances(of: leaver).locked == .zero)
    #expect(try service.verifier(leaver).bond == .zero && !service.verifier(leaver).isStruck)
    #expect(try service.balances(of: liar).unspent == TokenAmount(emeth: "90"), "its bond is lost")
    #expect(try service.balances(of: stayer).locked == TokenAmount(emeth: "10"))
    #expect(try service.audit().holds)
    // It may come back, and one whose key has simply run out has left as well.
    _ = try bind(0)
    putAhead(31 * Self.day)
    #expect(try service.releaseBonds() == [leaver, stayer].sorted { "\($0)" < "\($1)" })
  }

  /// Writes a tokenizer's files to a folder and to a store.
  private func layTokenizer(at source: URL, into store: ContentStore) throws -> [String: Bytes32] {
    try FileManager.default.createDirectory(at: source, withIntermediateDirectories: true)
    try ByteTokenizer().write(to: source)
    var files: [String: Bytes32] = [:]
    for name in try FileManager.default.contentsOfDirectory(atPath: source.path) {
      files[name] = try store.put(Data(contentsOf: source.appending(path: name)))
    }
    return files
  }

  /// A tokenizer goes with the last job that needs it, and with it what is left of one that was being made.
  @Test func aTokenizerGoesWithItsJobs() throws {
    let folder = try TemporaryFolder()
    let (service, _) = try service(folder)
    let account = ServiceScene.requester.address
    let source = folder.url.appending(path: "source")
    let files = try layTokenizer(at: source, into: service.store)
    let dataSet = try service.give(Data(TestNetwork.text().utf8), by: account)
    func submit(_ salt: UInt64) throws -> JobID {
      var submission = JobSubmission(
        salt: TestNetwork.seed(salt), manifest: try TestNetwork.manifest(), dataSetName: "text",
        dataSet: dataSet, parallel: 1, fuelPrice: FuelPrice(gholon: 120), timeLimitSeconds: 600)
      submission.tokenizer = files
      return try service.submit(submission, by: account)
    }
    let place = service.folder.appending(path: "tokenizers")
    func kept() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: place.path) }
    let jobs = try [submit(1), submit(2)]
    #expect(try kept().count == 1, "both have the same")
    // One of an earlier version holds no tokenizer until the service is opened again.
    try service.database.write { db in
      try db.execute(sql: "DELETE FROM hold WHERE object LIKE 'tokenizers/%'")
      try Setting.holds.set("1", in: db)
    }
    try service.adoptHolds()
    try FileManager.default.createDirectory(
      at: place.appending(path: ".begun"), withIntermediateDirectories: true)
    try service.collect()
    #expect(try kept().count == 2, "that is being made")
    for (index, job) in jobs.enumerated() {
      try service.collect(wall: Self.now + Self.day)
      #expect(try kept().count == 1, "job \(index) needs it")
      try service.cancel(job, by: account)
    }
    try service.collect(wall: Self.now + Self.day)
    #expect(try kept() == [])
    // The next job makes it anew, while the files are there.
    for object in files.values {
      try service.database.write { db in
        try HoldStore.take([.object(object)], for: account, .upload, at: service.seconds(in: db), in: db)
      }
    }
    for name in files.keys { _ = try service.store.put(Data(contentsOf: source.appending(path: name))) }
    let next = try submit(3)
    #expect(try kept().count == 1)
    #expect(
      try service.database.read { db in try HoldStore.objects(of: next, .job, in: db).count } == 2,
      "its data set and its tokenizer")
  }

  /// Its files are looked at before they are read, those that it does not need are not kept, and a refused request leaves
  /// none of them.
  @Test func whatIsRefusedLeavesNoTokenizer() throws {
    let folder = try TemporaryFolder()
    let (service, _) = try service(folder)
    let account = ServiceScene.requester.address
    let files = try layTokenizer(at: folder.url.appending(path: "source"), into: service.store)
    let dataSet = try service.give(Data(TestNetwork.text().utf8), by: account)
    func submission(_ files: [String: Bytes32]) throws -> JobSubmission {
      JobSubmission(
        salt: TestNetwork.seed(1), manifest: try TestNetwork.manifest(rounds: 1), dataSetName: "text",
        dataSet: dataSet, tokenizer: files, parallel: 1, fuelPrice: FuelPrice(gholon: 120),
        timeLimitSeconds: 600)
    }
    let place = service.folder.appending(path: "tokenizers")
    func kept() -> [String] { (try? FileManager.default.contentsOfDirectory(atPath: place.path)) ?? [] }
    // It is not what its name says: who reads it finds that out, and nobody does.
    let long = SHA256.hash([1])
    let object = service.folder.appending(path: "objects/\(ContentStore.key(of: long))")
    try FileManager.default.createDirectory(
      at: object.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data().write(to: object)
    let file = try FileHandle(forWritingTo: object)
    try file.truncate(atOffset: 65 << 20)
    try file.close()
    let tooLong = #expect(throws: NetworkError.self) {
      try service.submit(submission(["tokenizer.json": long]), by: account)
    }
    #expect(tooLong?.message.contains("more than 67108864 bytes") == true, "\(tooLong?.message ?? "")")
    let none = #expect(throws: NetworkError.self) {
      try service.submit(submission(["vocab.json": long]), by: account)
    }
    #expect(none?.message.contains("merges.txt") == true, "\(none?.message ?? "")")
    // A verifier's bond that is too small is found out last.
    let key = ServiceScene.verifier(6)
    let verifier = Verifier(key: key, store: service.store, domain: .embedded)
    try service.postBond(
      upTo: TokenAmount(emeth: "10"), binding: verifier.binding(expiry: Self.now + 30 * Self.day),
      by: key.address)
    try service.postCommitments([verifier.commitment(0)], from: 0, by: key.address)
    var dear = try submission(files)
    dear.fuelPrice = FuelPrice(holonPerFuel: 1_000_000_000_000_000)
    dear.fuelLimit = Fuel(units: 21_000)
    let refusal = #expect(throws: NetworkError.self) { try service.submit(dear, by: account) }
    #expect(refusal?.code == "job.bondsTooSmall", "\(refusal?.message ?? "")")
    try service.collect()
    #expect(kept() == [])
    // What lies beside it is not looked at.
    _ = try service.submit(
      submission(files.merging(["notes.txt": long, "../x": long]) { own, _ in own }), by: account)
    let made = try #require(kept().first)
    let names = try FileManager.default.contentsOfDirectory(atPath: place.appending(path: made).path)
    #expect(kept().count == 1 && Set(names).isSubset(of: files.keys) && !names.isEmpty, "\(names)")
  }

  /// One that can't be deleted is no obstacle for the others, and not blocked itself.
  @Test func whatCanNotBeDeletedIsNoObstacle() throws {
    let folder = try TemporaryFolder()
    let (service, _) = try service(folder)
    let stubborn = ObjectName("objects/" + String(repeating: "../", count: 30) + "proc/version")
    let noted = try service.store.put(Data("noted".utf8))
    let old = try service.store.put(Data("old".utf8))
    let claimed = try service.database.write { db in
      try HoldStore.claimRemoval(of: [stubborn, .object(noted)], at: 1, in: db)
    }
    #expect(claimed.count == 2)
    let collected = try service.collect(wall: Self.now + Self.day)
    #expect(collected.objects == 1 && collected.failure?.code == "file.failed")
    #expect(try !service.store.contains(noted) && !service.store.contains(old))
    #expect(try service.database.read { db in try HoldStore.removals(limit: 2, in: db) }.isEmpty)
    // What may yet be deleted keeps its note.
    for (error, isRefusal) in [
      (NetworkError.unreachable(server: "s3", reason: "timeout"), false),
      (.storageFailed(code: "storage.failed", place: "s3", reason: "status 503"), false),
      (.storageFailed(code: "storage.denied", place: "s3", reason: "AccessDenied"), true),
    ] {
      #expect(NetworkService.isRefusal(error) == isRefusal, "\(error)")
    }
  }

  /// A job of one process holds nothing: while the folder is served it is refused, before anything is changed.
  @Test func aServedFolderIsTheServers() throws {
    let folder = try TemporaryFolder()
    let text = Data("a local data set".utf8)
    func holds(_ database: NetworkDatabase) throws -> String? {
      try database.read { db in try Setting.holds.text(in: db) }
    }
    do {
      let (service, _) = try service(folder)
      let local = try LocalNetwork(folder: service.folder)
      #expect(try local.jobs().isEmpty)
      #expect(try holds(local.database) == "2", "who reads changes nothing")
      for body in [
        { _ = try local.keep(dataSet: text) },
        { _ = try local.submit(TestNetwork.request(local, manifest: TestNetwork.manifest())) },
        { try local.cancel(JobID(requester: .zero, salt: .zero)) },
      ] as [() throws -> Void] {
        let error = #expect(throws: NetworkError.self) { try body() }
        #expect(error?.code == "network.inUse" && error?.message.hasSuffix("which serves it") == true)
        #expect(error?.hint?.contains("--server") == true)
      }
      #expect(try local.jobs().isEmpty)
      #expect(try !service.splitterStore.contains(sha256(text)))
      withExtendedLifetime(service) {}
    }
    let local = try LocalNetwork(folder: folder.url.appending(path: "server"))
    #expect(try holds(local.database) == "2")
    let lock = try FolderLock(folder: local.folder)
    #expect(throws: NetworkError.self) { _ = try local.keep(dataSet: text) }
    // Another process that works on a job here is no obstacle.
    try local.database.write { db in try local.forgetHolds(in: db) }
    _ = try local.keep(dataSet: text)
    withExtendedLifetime(lock) {}
  }

  /// What a service was about to delete when it was killed, and a job of one process needs now, stays; and the next
  /// service holds it.
  @Test func whatALocalJobNeedsStays() throws {
    let folder = try TemporaryFolder()
    let dataSet: Bytes32
    do {
      let (service, _) = try service(folder)
      dataSet = try service.splitterStore.put(Data(TestNetwork.text().utf8))
      let claimed = try service.database.write { db in
        try HoldStore.claimRemoval(of: [.splitter(dataSet)], at: 1, in: db)
      }
      #expect(claimed.count == 1)
    }
    let job: JobID
    do {
      let local = try LocalNetwork(folder: folder.url.appending(path: "server"))
      job = try local.submit(TestNetwork.request(local, manifest: TestNetwork.manifest()))
    }
    let (service, _) = try service(folder)
    let held = try service.database.read { db in try HoldStore.objects(of: job, .job, in: db) }
    #expect(held == [.splitter(dataSet)])
    try service.collect(wall: Self.now + Self.day)
    #expect(try service.splitterStore.contains(dataSet))
  }

  /// A network of an earlier layout has jobs that hold nothing: a service finds out what they need before it deletes.
  @Test func jobsOfEarlierLayoutsKeepWhatTheyNeed() async throws {
    let local = try await NetworkServiceTests.localRoot()
    try await ServiceScene.with(ServiceScene.settings(), on: .sqlite) { scene in
      for index in 0..<2 { try scene.startVerifier(index) }
      try await scene.verifiersStand(2)
      let job = try scene.submit(scene.submission(manifest: TestNetwork.manifest()))
      while try scene.server.service().subJobs(of: job).isEmpty {
        try await Task.sleep(for: .milliseconds(20))
      }
      try scene.server.service().database.write { db in
        try db.execute(sql: "DELETE FROM hold")
        try db.execute(sql: "DELETE FROM setting WHERE name = 'holds'")
      }
      try await scene.server.restart()
      let service = try scene.server.service()
      let held = try service.database.read { db in
        try (HoldStore.objects(of: job, .job, in: db), HoldStore.objects(of: job, .round(0), in: db))
      }
      #expect(held.0.count == 3 + 3 && held.1.count == 1, "\(held)")
      try service.collect(wall: Self.now + Self.day)
      for index in 0..<3 { try scene.startNode(index) }
      #expect(try await scene.end(of: job).stateRoot == local)
    }
  }
}
