import EmethCompute
import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// A whole job over HTTP: requester, nodes and verifiers have a server's URL, a key and a folder, and nothing else.
@Suite(.serialized) struct ServedJobTests {
  private func agents(_ server: RunningServer, in folder: TemporaryFolder) throws -> [Task<Void, Never>] {
    let nodes = try (0..<3).map { index in
      let key = ServiceScene.node(index)
      var settings = NodeAgent.Settings()
      settings.threads = 1
      settings.patience = 5
      return try NodeAgent(
        key: key, folder: folder.url.appending(path: "node-\(index)"),
        connection: HTTPConnection(server: "\(server.address)", key: key), settings: settings)
    }
    let verifiers = try (0..<2).map { index in
      let key = ServiceScene.verifier(index)
      var settings = VerifierAgent.Settings()
      settings.threads = 1
      settings.patience = 5
      return try VerifierAgent(
        key: key, folder: folder.url.appending(path: "verifier-\(index)"),
        connection: HTTPConnection(server: "\(server.address)", key: key), settings: settings)
    }
    return nodes.map { agent in Task { try? await agent.run() } }
      + verifiers.map { agent in Task { try? await agent.run() } }
  }

  @Test(arguments: TestDatabase.all, S3Server.python == nil ? [false] : [false, true])
  func aJobIsTrainedCheckedAndPaid(on kind: TestDatabase, inBucket: Bool) async throws {
    let keys = try TemporaryFolder()
    var storage: S3Address?
    if inBucket { storage = try await S3Server.one().address(keysIn: keys) }
    let place = storage
    let local = try await NetworkServiceTests.localRoot()
    let service = Box<NetworkService?>(nil)
    let server = try await RunningServer.start { folder in
      var settings = try ServiceScene.settings()
      settings.storage = place
      let made = try NetworkService(
        folder: folder.url, settings: settings, database: kind.location(in: folder))
      service.value = made
      return made
    }
    let folder = try TemporaryFolder()
    let agents = try agents(server, in: folder)
    let client = server.client(ServiceScene.requester) { $0.attempts = 6 }
    for index in 0..<2 {
      let account = ServiceScene.verifier(index).address
      for _ in 0..<200 {
        let standing: VerifierAccount = try await client.get("/api/v2/verifiers/\(account)")
        if standing.unused > 0 { break }
        try await Task.sleep(for: .milliseconds(50))
      }
    }
    try await Task.sleep(for: .seconds(1))
    let text = Data(TestNetwork.text().utf8)
    let file = folder.url.appending(path: "text")
    try text.write(to: file)
    let hash = text.withUnsafeBytes { SHA256.hash($0) }
    try await client.give(dataSet: file, hash: hash)
    let job = try await client.submit(
      JobSubmission(
        salt: TestNetwork.seed(9), manifest: TestNetwork.manifest(), dataSetName: "sentences", dataSet: hash,
        parallel: 3, fuelPrice: FuelPrice(gholon: 120), timeLimitSeconds: 3_600))
    // Followed as watch-job does, to its end.
    var states: [JobStatus] = []
    var tag: String?
    let end = ContinuousClock.now + .seconds(180)
    while states.last?.isFinal != true, ContinuousClock.now < end {
      guard let seen = try await client.job(job, otherThan: tag, waitingUpTo: 10) else { continue }
      tag = seen.tag
      states.append(seen.job.summary.status)
    }
    let report = try await client.report(on: job)
    #expect(
      report.status == "VERIFIED", "\(report.reason) \(report.subJobs.map { "\($0.status) \($0.reason)" })")
    #expect(report.stateRoot == local)
    #expect(try await client.records(of: job).subJobs.count == 6)
    try await theFolderVerifies(client, job, report, in: folder)
    try await theModelIsItsRequesters(client, server.client(ServiceScene.node(0)), job, service, in: folder)
    let work = try await client.work(of: ServiceScene.node(0).address)
    #expect(work.earned > .zero || work.work.isEmpty)
    // Every account's newest ticket is signed by the server's Signer.
    let facts: NetworkFacts = try await client.get("/api/v2/network")
    for index in 0..<3 {
      let account = ServiceScene.node(index).address
      let balances = try await client.balances(of: account)
      for _ in 0..<50 {
        if let ticket = try? await client.ticket(of: account),
          ticket.ticket.cumulativePayout == balances.payout
        {
          try ticket.check(signer: facts.signer, in: facts.domain)
          break
        }
        try await Task.sleep(for: .milliseconds(100))
      }
      #expect(try await client.ticket(of: account).ticket.cumulativePayout == balances.payout)
    }
    for agent in agents { agent.cancel() }
    for agent in agents { await agent.value }
    #expect(try #require(service.value).audit().holds)
    service.value = nil
    try await server.stop()
  }

  /// The model lies here sealed to its requester, who alone gets that.
  private func theModelIsItsRequesters(
    _ client: ServerClient, _ stranger: ServerClient, _ job: JobID, _ service: Box<NetworkService?>,
    in folder: TemporaryFolder
  ) async throws {
    let result = try await client.result(of: job)
    let sealed = try #require(result.sealed)
    let name = try #require(sealed.object(result.parameters))
    #expect(sealed.sealingKey == ServiceScene.requester.sealingKey() && sealed.objects.count > 1)
    let (file, place) = (folder.url.appending(path: "sealed"), folder.url.appending(path: "opened"))
    try await client.fetch(object: name, to: file)
    #expect(
      try Files.openSealed(file, to: place, with: ServiceScene.requester.sealingIdentity())
        == result.parameters)
    for body in [
      { _ = try await stranger.result(of: job) },
      { try await stranger.fetch(object: name, to: folder.url.appending(path: "stolen")) },
    ] as [() async throws -> Void] {
      let error = await #expect(throws: NetworkError.self) { try await body() }
      #expect(error?.code == "account.notAllowed")
    }
    // What it was sealed from is gone, from a bucket too.
    let store = try #require(service.value).store
    for _ in 0..<200 where try store.contains(result.parameters) {
      try await Task.sleep(for: .milliseconds(50))
    }
    #expect(try !store.contains(result.parameters))
    let opened = try WindowSearch([Data(contentsOf: place)]).files(in: store.folder)
    #expect(opened.isEmpty, "\(opened)")
  }

  /// What a node was rejected for is kept under seal, with the result, for the node, the requester and the verifiers: each of
  /// them has it judged from the file alone. What a verifier hands in that is no sealed file is refused.
  @Test func whatANodeWasRejectedForReachesThoseWhomItConcerns() async throws {
    let service = Box<NetworkService?>(nil)
    let server = try await RunningServer.start { folder in
      let made = try NetworkService(folder: folder.url, settings: ServiceScene.settings())
      service.value = made
      return made
    }
    let network = try #require(service.value)
    let folder = try TemporaryFolder()
    func connection(_ key: PrivateKey) throws -> HTTPConnection {
      try HTTPConnection(server: "\(server.address)", key: key)
    }
    var running: [Task<Void, Never>] = []
    func startNode(_ index: Int, _ fault: NodeFault?) throws {
      var settings = NodeAgent.Settings()
      (settings.threads, settings.patience) = (1, 1)
      let agent = try NodeAgent(
        key: ServiceScene.node(index), folder: folder.url.appending(path: "node-\(index)"),
        connection: connection(ServiceScene.node(index)), domain: .embedded, settings: settings, fault: fault,
        onEvent: { _ in })
      running.append(Task { try? await agent.run() })
    }
    for index in 0..<2 {
      var settings = VerifierAgent.Settings()
      (settings.threads, settings.patience) = (1, 1)
      let agent = try VerifierAgent(
        key: ServiceScene.verifier(index), folder: folder.url.appending(path: "verifier-\(index)"),
        connection: connection(ServiceScene.verifier(index)), settings: settings)
      running.append(Task { try? await agent.run() })
    }
    for _ in 0..<400 {
      let standing = try (0..<2).count { try network.verifier(ServiceScene.verifier($0).address).unused > 0 }
      if standing == 2 { break }
      try await Task.sleep(for: .milliseconds(50))
    }
    try await Task.sleep(for: .seconds(1))
    let client = server.client(ServiceScene.requester) { $0.attempts = 6 }
    var submission = JobSubmission(
      salt: TestNetwork.seed(9), manifest: try TestNetwork.manifest(rounds: 1, steps: 2),
      dataSetName: "sentences",
      dataSet: try network.give(Data(TestNetwork.text().utf8), by: ServiceScene.requester.address),
      parallel: 1, fuelPrice: FuelPrice(gholon: 120), timeLimitSeconds: 3_600,
      retry: RetryPolicy(attempts: 3, baseDelayMilliseconds: 100, factor: 2))
    // Another's key is not the requester's.
    let strangers = KeyBinding(of: ServiceScene.node(3), expiry: .max)
    submission.requesterKey = SignedKeyBinding(signing: strangers, in: .embedded, with: ServiceScene.node(3))
    let foreign = submission
    await #expect(throws: NetworkError.self) { _ = try await client.submit(foreign) }
    submission.requesterKey = nil
    let job = try await client.submit(submission)
    try startNode(0, .swappedFinal)
    try await NetworkServiceTests.aNodeTakesPart(in: job, of: network)
    try startNode(1, nil)
    let limit = ContinuousClock.now + .seconds(180)
    while try !network.job(job).summary.status.isFinal {
      try #require(ContinuousClock.now < limit)
      try await Task.sleep(for: .milliseconds(50))
    }
    let report = try await client.report(on: job)
    #expect(report.status == "VERIFIED", "\(report.reason)")
    let failed = try #require(try network.subJobs(of: job).first { $0.status == .failed })
    let objects = try await client.evidence(on: failed.id)
    #expect(objects.count == 2, "both verifiers have handed it in")
    func judged(_ file: URL) throws -> Finding? {
      try EvidenceFile(file).judge(on: Device.cpu(threads: 1)).mismatch
    }
    // The node has it.
    let own = folder.url.appending(path: "node-0/evidence/\(failed.id).evidence")
    for _ in 0..<400 where !FileManager.default.fileExists(atPath: own.path) {
      try await Task.sleep(for: .milliseconds(50))
    }
    #expect(try judged(own)?.kind == .result)
    // The requester has it, in a folder that verifies.
    let target = folder.url.appending(path: "model")
    try Files.makeFolder(target)
    try await JobDownload(client: client, job: job).write(report: report, to: target)
    for check in try JobFolder(target).check() {
      #expect(check.holds, "\(check.what): \(check.problem ?? "")")
    }
    let file = target.appending(path: "job/evidence/\(failed.id).evidence")
    #expect(try judged(file)?.kind == .result)
    let evidence = try EvidenceFile(file)
    #expect(evidence.trailer.verdicts.map(\.verdict.evidence) == [evidence.hash, evidence.hash])
    #expect(!FileManager.default.fileExists(atPath: target.appending(path: ".evidence").path))
    // So has each verifier that was drawn before it was handed in; a stranger has bytes.
    let store = try ContentStore(folder: folder.url.appending(path: "reader"))
    for object in objects { try store.put(try network.store.get(object)) }
    func open(_ object: Bytes32, as key: PrivateKey, on subJob: JobID) throws {
      try SealedEvidence.open(
        object, on: subJob, from: store, with: key.sealingIdentity(),
        to: folder.url.appending(path: "read.evidence"))
    }
    for index in 0..<2 { try open(objects[1], as: ServiceScene.verifier(index), on: failed.id) }
    let stranger = #expect(throws: NetworkError.self) {
      try open(objects[0], as: ServiceScene.node(1), on: failed.id)
    }
    #expect(stranger?.code == NetworkError.malformed(what: "", reason: "").code, "\(stranger as Any)")
    let other = #expect(throws: NetworkError.self) {
      try open(objects[0], as: ServiceScene.requester, on: job)
    }
    #expect(other?.message.contains("asked was for \(job)") == true, "\(other as Any)")
    // It is kept as the result is, and no longer.
    let names = objects.map { ObjectName.object($0) }
    try network.database.write { db in
      for name in names { #expect(try HoldStore.isHeld(name, by: job, .result, in: db)) }
      try HoldStore.expire(.result, before: .max, in: db)
      for name in names { #expect(try !HoldStore.isHeld(name, in: db)) }
    }
    for agent in running { agent.cancel() }
    for agent in running { await agent.value }
    #expect(try network.audit().holds)
    service.value = nil
    try await server.stop()
  }

  /// The whole job as a folder that a third party checks; a byte that was changed is found where it is.
  private func theFolderVerifies(
    _ client: ServerClient, _ job: JobID, _ report: JobReport, in folder: TemporaryFolder
  ) async throws {
    let target = folder.url.appending(path: "model")
    try Files.makeFolder(target)
    try await JobDownload(client: client, job: job).write(report: report, to: target)
    let checks = try JobFolder(target).check()
    #expect(checks.count == 10)
    for check in checks { #expect(check.holds, "\(check.what): \(check.problem ?? "")") }
    #expect(checks.first?.what == "every file is as the requester signed it")
    let names = try FolderContents(folder: target).paths()
    #expect(names.contains("job/leaves.bin") && names.contains("model.safetensors"))
    #expect(names.contains { $0.hasPrefix("job/sums/") }, "the sums are there: \(names)")
    for name in names {
      let file = target.appending(path: name)
      let whole = try Data(contentsOf: file)
      var changed = whole
      changed[whole.count / 2] ^= 1
      try changed.write(to: file)
      if let found = try? JobFolder(target).check() {
        let first = found.first { !$0.holds }
        #expect(first?.problem?.contains(name) == true, "\(name): \(first?.problem ?? "nothing")")
      } else {
        #expect(name == "job/records.json", "\(name) can't be read")
      }
      try whole.write(to: file)
    }
    // Somebody else's signature over the same files is nobody's word.
    let place = target.appending(path: FolderContents.manifestPath)
    let signed = try JSONDecoder().decode(SignedFolderManifest.self, from: Data(contentsOf: place))
    let forged = SignedFolderManifest(
      signing: signed.content, in: .embedded, with: ServiceScene.node(0))
    try WireFormat.readableEncoder.encode(forged).write(to: place)
    #expect(try JobFolder(target).check().first?.holds == false)
    let other = folder.url.appending(path: "other")
    try Files.makeFolder(other)
    let stranger = ServerClient(server: client.server, key: ServiceScene.node(0))
    let refused = await #expect(throws: NetworkError.self) {
      try await JobDownload(client: stranger, job: job).write(report: report, to: other)
    }
    #expect(refused?.code == "account.notAllowed")
  }
}

/// A value that a closure may set.
final class Box<Value>: @unchecked Sendable {
  var value: Value
  init(_ value: Value) { self.value = value }
}
