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

  /// The whole job as a folder that a third party checks; a byte that was changed is found where it is.
  private func theFolderVerifies(
    _ client: ServerClient, _ job: JobID, _ report: JobReport, in folder: TemporaryFolder
  ) async throws {
    let target = folder.url.appending(path: "model")
    try Files.makeFolder(target)
    try await JobDownload(client: client, job: job).write(report: report, to: target)
    let checks = try JobFolder(target).check()
    #expect(checks.count == 9)
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
