import EmethCompute
import EmethKit
import Foundation
import Synchronization
import Testing

@testable import EmethNetwork

/// What a job has led to is sealed to its requester when the job has ended, and lies nowhere in the clear any more.
@Suite(.serialized) struct SealedResultTests {
  private static let requester = ServiceScene.requester
  /// Text that nobody wrote elsewhere: the mean of these numbers has 15 digits.
  private static let numbers = (1...60).map { "\($0 * 7_919 % 10_007).\($0 * 104_729 % 900_001 + 99_999)\n" }
    .joined()

  private static func key(
    _ key: PrivateKey = requester, expiry: UInt64 = secondsNow() + 30 * 86_400,
    sealingKey: Bytes32? = nil, in domain: EIP712Domain = .embedded
  ) -> SignedKeyBinding {
    var binding = KeyBinding(of: key, expiry: expiry)
    if let sealingKey {
      binding = KeyBinding(account: key.address, sealingKey: sealingKey, epoch: 0, expiry: expiry)
    }
    return SignedKeyBinding(signing: binding, in: domain, with: key)
  }

  private static func mean(parallel: UInt32 = 3) throws -> JobSubmission {
    var submission = JobSubmission(
      salt: TestNetwork.seed(7),
      computed: ComputedRequest(
        manifest: try ComputedManifest(
          .meanOfNumbers, parameters: [:], recordCount: 60, agreement: 2),
        dataSetName: "data", dataSet: SHA256.hash(Array(numbers.utf8)), parallel: parallel,
        fuelPrice: FuelPrice(gholon: 120), timeLimitSeconds: 3_600,
        retry: RetryPolicy(attempts: 3, baseDelayMilliseconds: 100, factor: 2)))
    submission.requesterKey = key()
    return submission
  }

  private static func settings() throws -> ServiceSettings {
    var settings = try ServiceScene.settings()
    // What was given goes with its job. All else that nobody needs lies there for an hour, unless a job lets go of it.
    (settings.uploadSeconds, settings.collectionSeconds) = (0, 1)
    return settings
  }

  /// A job's result once it is sealed, and what it was sealed from is deleted.
  private static func result(of job: JobID, in scene: ServiceScene) async throws -> (JobResult, SealedResult)
  {
    let service = try scene.server.service()
    for _ in 0..<600 {
      if let result = try? service.result(of: job, for: requester.address), let sealed = result.sealed {
        let isThere = try sealed.objects.keys.contains { name in
          let hash = try Bytes32(hex: name)
          return try service.store.contains(hash)
            || service.store.place.contains(ContentStore.key(ofVector: hash))
        }
        let holds = try service.database.read { db in try HoldStore.objects(of: job, .sealing, in: db) }
        if !isThere, holds.isEmpty { return (result, sealed) }
      }
      try await Task.sleep(for: .milliseconds(50))
    }
    throw NetworkError.inconsistent(what: "the result of job \(job) is not sealed")
  }

  /// What is in an object, once opened by its requester.
  private static func open(_ object: Bytes32, in scene: ServiceScene) throws -> Data {
    var data = Data()
    try scene.server.service().store.forEachPiece(ofSealed: object, with: requester.sealingIdentity()) {
      data.append(contentsOf: $0)
    }
    return data
  }

  /// Files of the server in which bytes stand.
  private static func files(with bytes: Data, in scene: ServiceScene) throws -> [String] {
    let folder = scene.folder.url.appending(path: "server")
    let files = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)
    return (files?.allObjects as? [URL] ?? []).filter { file in
      (try? Data(contentsOf: file))?.range(of: bytes) != nil
    }.map(\.lastPathComponent)
  }

  @Test(arguments: TestDatabase.all)
  func aMeanIsSealedToItsRequester(on kind: TestDatabase) async throws {
    try await ServiceScene.with(Self.settings(), on: kind) { scene in
      let seen = Mutex((sealed: 0, clear: 0))
      for index in 0..<2 { try scene.startNode(index) }
      for index in 0..<2 {
        try scene.startVerifier(index) { service, body in
          guard let update = try? JSONDecoder().decode(JudgementReport.self, from: body).update else {
            return nil
          }
          let isSealed = try service.store.isSealed(update)
          seen.withLock { if isSealed { $0.sealed += 1 } else { $0.clear += 1 } }
          return nil
        }
      }
      try await scene.verifiersStand(2)
      _ = try scene.server.service().give(Data(Self.numbers.utf8), by: Self.requester.address)
      let job = try scene.submit(Self.mean())
      let early = #expect(throws: NetworkError.self) {
        try scene.server.service().result(of: job, for: Self.requester.address)
      }
      #expect(["job.noResult", "job.resultNotSealed"].contains(early?.code))
      let report = try await scene.end(of: job)
      #expect(report.status == "VERIFIED", "\(report.reason)")
      let (result, sealed) = try await Self.result(of: job, in: scene)
      let output = try #require(result.output)
      let object = try #require(sealed.object(output))
      #expect(sealed.objects.count == 1 && sealed.sealingKey == Self.requester.sealingKey())
      let mean = try MeanOfNumbers(part: Array(Self.numbers.utf8)).output
      #expect(try Self.open(object, in: scene) == Data(mean))
      // Outputs came sealed to the Aggregator, each under a key of its own.
      #expect(seen.withLock { $0.sealed >= 3 && $0.clear == 0 })
      #expect(try Self.files(with: Data(mean), in: scene) == [])
      let plant = scene.folder.url.appending(path: "server/objects/plant")
      try (Data("x".utf8) + Data(mean) + Data("y".utf8)).write(to: plant)
      #expect(try Self.files(with: Data(mean), in: scene) == ["plant"])
      try Files.remove(plant)
      let service = try scene.server.service()
      let stranger = #expect(throws: NetworkError.self) {
        try service.checkMayFetch(object, by: ServiceScene.node(0).address)
      }
      #expect(stranger?.code == "account.notAllowed")
      try service.checkMayFetch(object, by: Self.requester.address)
      try Self.ageOpens(object, Data(mean), in: scene)
      try await NetworkServiceTests.checkMoney(scene)
    }
  }

  /// The age tool opens it with the requester's identity alone.
  private static func ageOpens(_ object: Bytes32, _ content: Data, in scene: ServiceScene) throws {
    let age = URL(filePath: "/usr/bin/age")
    try #require(FileManager.default.isExecutableFile(atPath: age.path), "apt-get install age")
    let sealed = try scene.server.service().store.file(of: object).url
    for (key, opens) in [(requester, true), (ServiceScene.node(0), false)] {
      let identity = scene.folder.url.appending(path: "identity.txt")
      try Data("\(key.sealingIdentity().secretText())\n".utf8).write(to: identity)
      let process = Process()
      process.executableURL = age
      process.arguments = ["-d", "-i", identity.path, sealed.path]
      let output = Pipe()
      process.standardOutput = output
      process.standardError = FileHandle.nullDevice
      try process.run()
      let found = output.fileHandleForReading.readDataToEndOfFile()
      process.waitUntilExit()
      #expect((process.terminationStatus == 0) == opens && (found == content) == opens)
    }
  }

  /// Sums move a model that all know to the one that nobody should: they are sealed with it. What a server that was killed
  /// had not noted is sealed anew.
  @Test(arguments: TestDatabase.all)
  func aModelAndItsSumsAreSealedHoweverOftenTheServerIsKilled(on kind: TestDatabase) async throws {
    try await ServiceScene.with(Self.settings(), on: kind) { scene in
      for index in 0..<3 { try scene.startNode(index) }
      for index in 0..<2 { try scene.startVerifier(index) }
      try await scene.verifiersStand(2)
      var submission = try scene.submission(manifest: TestNetwork.manifest())
      submission.requesterKey = Self.key()
      let job = try scene.submit(submission)
      let report = try await scene.end(of: job)
      #expect(report.status == "VERIFIED", "\(report.reason)")
      let (result, sealed) = try await Self.result(of: job, in: scene)
      let sums = try #require(try scene.server.service().records(of: job).aggregation).cohorts
        .map(\.sum.content.sumRoot)
      #expect(Set(sealed.objects.keys) == Set(([result.parameters] + sums).map { "\($0)" }))
      let model = try Self.open(#require(sealed.object(result.parameters)), in: scene)
      #expect(model.withUnsafeBytes { SHA256.hash($0) } == result.parameters)
      let work = VectorWork(threads: 1)
      var sum = Data()
      for root in sums {
        sum = try Self.open(#require(sealed.object(root)), in: scene)
        #expect(work.root(of: sum) == root)
      }
      try Self.nothingLiesInTheClear(of: [model, sum], in: scene)
      try await Self.goesOnAfterAKill(job, sealed, result.parameters, model, in: scene)
    }
  }

  private static func nothingLiesInTheClear(of contents: [Data], in scene: ServiceScene) throws {
    let folder = scene.folder.url.appending(path: "server")
    let search = WindowSearch(contents)
    let found = try search.files(in: folder)
    #expect(found.isEmpty, "\(found)")
    // The same search finds a copy, at any place of a word.
    for content in contents {
      let plant = folder.appending(path: "objects/plant")
      try (Data(repeating: 0xA5, count: 3) + content).write(to: plant)
      #expect(try search.files(in: folder).map { URL(filePath: $0).lastPathComponent } == ["plant"])
      try Files.remove(plant)
    }
  }

  /// Takes back that a result was sealed.
  private static func forget(_ job: JobID, _ name: Bytes32, _ model: Data, in scene: ServiceScene) throws {
    let service = try scene.server.service()
    let orphan = try service.stores(for: job, .sealing).objects.put(Data("half of it was sealed".utf8))
    try service.stores(for: job, .result).objects.put(model)
    #expect(try service.store.contains(orphan))
    let released = try service.database.write { db in
      var record = try JobStore.job(job, in: db)
      record.progress.sealed = nil
      try JobStore.update(record, in: db)
      try db.execute(sql: "INSERT INTO sealing (job) VALUES (?)", arguments: ["\(job)"])
      return try HoldStore.release(.result, of: job, except: [.object(name)], in: db)
    }
    try service.discard(released.filter { $0 != .leaves(of: job) })
  }

  /// As when it was killed behind the job's end: before anything was sealed, and before that was noted.
  private static func goesOnAfterAKill(
    _ job: JobID, _ first: SealedResult, _ name: Bytes32, _ model: Data, in scene: ServiceScene
  ) async throws {
    try forget(job, name, model, in: scene)
    try await scene.server.restart()
    let (_, second) = try await result(of: job, in: scene)
    let object = try #require(second.object(name))
    #expect(first.object(name) != object, "a fresh file key")
    #expect(try open(object, in: scene) == model)
    let left = try scene.server.service()
    // Whatever the job has led to, and what was half done. Its parts are sealed, and what was opened to verifiers.
    let parts = try left.database.read { db in try JobStore.job(job, in: db).progress.parts }
    let partNames = Set(parts.map { ContentStore.key(of: $0) })
    func clear() throws -> Set<String> {
      var names: Set<String> = []
      try left.store.place.list { found throws(NetworkError) in
        for object in found where !partNames.contains(object.key) {
          let count = SealedObject.beginning.count
          let start = try? left.store.place.beginning(of: object.key, byteCount: count)
          if start != SealedObject.beginning { names.insert(object.key) }
        }
      }
      return names
    }
    for _ in 0..<300 where try !clear().isEmpty { try await Task.sleep(for: .milliseconds(50)) }
    #expect(try clear() == [])
    #expect(try left.store.contains(object))
    #expect(try first.objects.values.allSatisfy { try !left.store.contains($0) })
    try nothingLiesInTheClear(of: [model], in: scene)
  }

  /// A job of a client that names no key has its result as it is, as those that ended before results were sealed.
  @Test func withoutAKeyItStaysAsItIs() async throws {
    try await ServiceScene.with(Self.settings(), on: .sqlite) { scene in
      try scene.startNode(0)
      try scene.startVerifier(0)
      try await scene.verifiersStand(1)
      _ = try scene.server.service().give(Data(Self.numbers.utf8), by: Self.requester.address)
      var submission = try Self.mean(parallel: 1)
      submission.requesterKey = nil
      let job = try scene.submit(submission)
      #expect(try await scene.end(of: job).status == "VERIFIED")
      let service = try scene.server.service()
      let result = try service.result(of: job, for: Self.requester.address)
      #expect(result.sealed == nil)
      let mean = try MeanOfNumbers(part: Array(Self.numbers.utf8)).output
      #expect(try service.store.get(#require(result.output)) == Data(mean))
    }
  }

  @Test func aKeyThatCantBeUsedIsRefused() async throws {
    let settings = try Self.settings()
    try await ServiceScene.with(settings, on: .sqlite) { scene in
      _ = try scene.server.service().give(Data(Self.numbers.utf8), by: Self.requester.address)
      let other = EIP712Domain(chainId: 5, verifyingContract: ServiceScene.node(1).address)
      for (binding, code) in [
        (Self.key(ServiceScene.node(0)), "signerMismatch"),
        (Self.key(expiry: 1), "bindingExpired"),
        (Self.key(expiry: secondsNow() + 60), NetworkError.badSetting(name: "", found: "", allowed: "").code),
        (Self.key(sealingKey: .zero), "recipientLowOrder"),
        (Self.key(in: other), "omain"),
      ] {
        var submission = try Self.mean()
        submission.requesterKey = binding
        let error = #expect(throws: NetworkError.self) { try scene.submit(submission) }
        #expect(error?.code.contains(code) == true, "\(error?.code ?? ""): \(code)")
      }
      let service = try scene.server.service()
      #expect(try service.jobs(JobFilter()).jobs.isEmpty)
      // Nor does a verifier announce one: no node could open to it.
      let verifier = ServiceScene.verifier(0)
      let refused = #expect(throws: NetworkError.self) {
        try service.postBond(
          upTo: .zero, binding: Self.key(verifier, sealingKey: .zero), by: verifier.address)
      }
      #expect(refused?.code.contains("recipientLowOrder") == true, "\(refused?.code ?? "")")
      #expect(try service.verifier(verifier.address).bindingExpiry == nil)
    }
  }

  /// One reader of evidence that can't be sealed to keeps it from no other.
  @Test func whoCanBeSealedTo() throws {
    let verifier = ServiceScene.verifier(0)
    let readers = [
      Self.key(), Self.key(verifier, sealingKey: .zero), Self.key(expiry: 1), Self.key(verifier),
      Self.key(in: EIP712Domain(chainId: 5, verifyingContract: ServiceScene.node(1).address)),
    ]
    let recipients = readers.compactMap { $0.recipient(at: secondsNow(), in: .embedded) }
    #expect(recipients == [readers[0], readers[3]].map(\.binding.recipient))
    let folder = try TemporaryFolder()
    var random = ChaCha20Generator(key: TestNetwork.seed(3))
    let store = try ContentStore(folder: folder.url)
    #expect(throws: NetworkError.self) {
      try store.putSealed(Data("all".utf8), to: readers.map(\.binding.recipient), using: &random)
    }
    #expect(throws: Never.self) { try store.putSealed(Data("some".utf8), to: recipients, using: &random) }
  }

  /// Said before anything is fetched.
  @Test func anotherKeyOpensNothing() throws {
    let client = ServerClient(server: try ServerAddress("http://127.0.0.1:1"), key: Self.requester)
    let result = JobResult(
      jobId: JobID(requester: .zero, salt: .zero), status: .verified, rounds: 1, manifest: "",
      parameters: .zero, stateRoot: .zero,
      sealed: SealedResult(sealingKey: Self.requester.sealingKey(epoch: 3), epoch: 3, objects: [:]))
    #expect(throws: Never.self) { try ResultSource(client, result, Self.requester) }
    let error = #expect(throws: NetworkError.self) { try ResultSource(client, result, ServiceScene.node(0)) }
    #expect(error?.code == "result.otherKey")
  }
}
