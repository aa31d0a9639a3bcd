import EmethKit
import Foundation
import Synchronization
import Testing

@testable import EmethNetwork

/// The Signer's role in other hands: from which epoch, whose tickets count, what is refused.
@Suite(.serialized) struct SignerRotationTests {
  private let keys = (0..<3).map { TestNetwork.key("next signer", UInt32($0)) }
  private let requester = ServiceScene.requester.address

  /// A network that is served, at the end of epoch 1.
  private struct Scene {
    let folder: TemporaryFolder
    let location: DatabaseLocation?
    let service: NetworkService
    let rotation: SignerRotation

    init(_ kind: TestDatabase) throws {
      folder = try TemporaryFolder()
      location = try kind == .sqlite ? nil : kind.location(in: folder)
      service = try Self.open(folder, location)
      rotation = SignerRotation(folder: folder.url, database: location)
      try service.closeEpochIfNeeded()
    }

    static func open(_ folder: TemporaryFolder, _ location: DatabaseLocation?) throws -> NetworkService {
      try NetworkService(folder: folder.url, settings: ServiceScene.settings(), database: location)
    }

    /// Moves money and closes the open epoch.
    func closeEpoch(_ account: Address) throws -> (batch: SignedBatch, ticket: SignedTicket) {
      _ = try service.withdraw(TokenAmount(holon: 5), by: account)
      try service.closeEpochIfNeeded()
      return (try #require(try service.latestBatch()), try #require(try service.ticket(of: account)))
    }

    func schedule() throws -> SignerSchedule {
      try service.database.read { db in try service.signer.schedule(in: db) }
    }

    var keyFiles: [String] {
      ((try? FileManager.default.contentsOfDirectory(atPath: folder.url.path + "/signers")) ?? []).sorted()
    }
  }

  @Test(arguments: TestDatabase.all)
  func theNextEpochButOneIsTheNewKeys(on kind: TestDatabase) throws {
    let scene = try Scene(kind)
    let first = scene.service.signerAddress
    #expect(try scene.service.facts().signerChanges == nil)
    let change = try scene.rotation.handOver(to: keys[0])
    #expect(change.content == SignerChange(epoch: 3, previous: first, next: keys[0].address))
    #expect(change.allSigners == [first, keys[0].address].sorted())
    #expect(try scene.service.facts().signer == first)
    #expect(try scene.service.facts().signerChanges == [change])

    // The service that is running goes by it.
    let (second, ticket2) = try scene.closeEpoch(requester)
    #expect(second.batch.epoch == 2 && second.signer == first && ticket2.signer == first)
    #expect(try scene.service.facts().signer == keys[0].address)
    let (third, ticket3) = try scene.closeEpoch(requester)
    #expect(third.batch.epoch == 3 && third.signer == keys[0].address && ticket3.signer == keys[0].address)
    try third.check(after: second)

    // Each counts by the key of its epoch.
    let schedule = try scene.schedule()
    for signed in [ticket2, ticket3] {
      try signed.check(signer: schedule.signer(of: signed.ticket.epoch), in: .embedded)
    }
    let late = SignedTicket(signing: ticket3.ticket, in: .embedded, with: scene.service.operatorKeys.signer)
    #expect(throws: TicketError.signed(.signerMismatch(found: first, expected: keys[0].address))) {
      try late.check(signer: schedule.signer(of: 3), in: .embedded)
    }

    // And once more; accounts that did not change keep tickets of the first key.
    let again = try scene.rotation.handOver(to: keys[1])
    #expect(again.content == SignerChange(epoch: 5, previous: keys[0].address, next: keys[1].address))
    #expect(try scene.closeEpoch(requester).batch.signer == keys[0].address)
    #expect(try scene.closeEpoch(requester).batch.signer == keys[1].address)
    let batch = try #require(try scene.service.latestBatch())
    let tickets = try scene.service.tickets()
    try batch.batch.check(leaves: tickets.map(\.ticket))
    #expect(Set(tickets.map(\.signer)) == [first, keys[1].address])
    #expect(try scene.service.audit().holds)
  }

  @Test(arguments: TestDatabase.all)
  func whatIsRefusedLeavesNothingBehind(on kind: TestDatabase) throws {
    let scene = try Scene(kind)
    let operators = scene.service.operatorKeys
    func refusal(_ key: PrivateKey) -> String? {
      do {
        _ = try scene.rotation.handOver(to: key)
        return nil
      } catch {
        return error.code
      }
    }
    for key in [operators.splitter, operators.aggregator, ServiceScene.requester, ServiceScene.node(0)] {
      #expect(refusal(key) == "signer.otherRole")
    }
    #expect(refusal(operators.signer) == "signer.returns")
    #expect(scene.keyFiles.isEmpty)
    #expect(refusal(keys[0]) == nil)
    // Not twice in one epoch, nor while the change has not come about.
    #expect(refusal(keys[1]) == "signer.pending")
    _ = try scene.closeEpoch(requester)
    #expect(refusal(keys[1]) == nil)
    #expect(refusal(keys[2]) == "signer.pending")
    _ = try scene.closeEpoch(requester)
    #expect(refusal(keys[0]) == "signer.returns")
    #expect(refusal(operators.signer) == "signer.returns")
    #expect(try scene.schedule().accounts == [operators.signer.address, keys[0].address, keys[1].address])
    #expect(scene.keyFiles == keys.prefix(2).map { "\($0.address)" }.sorted())
    let file = scene.folder.url.appending(path: "signers/\(keys[0].address)").path
    #expect(try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int == 0o600)
    // Where no network is.
    let nowhere = SignerRotation(
      folder: scene.folder.url.appending(path: "nowhere"), database: scene.location)
    #expect(throws: NetworkError.self) { try nowhere.handOver(to: keys[2]) }
  }

  @Test(arguments: TestDatabase.all)
  func aServerWithoutTheKeyDoesNotBegin(on kind: TestDatabase) throws {
    let folder = try TemporaryFolder()
    var location: DatabaseLocation?
    do {
      let scene = try Scene(kind)
      location = scene.location
      _ = try scene.rotation.handOver(to: keys[0])
      for name in ["seed", "network.sqlite", "splitter"]
      where FileManager.default.fileExists(atPath: scene.folder.url.appending(path: name).path) {
        try FileManager.default.copyItem(
          at: scene.folder.url.appending(path: name), to: folder.url.appending(path: name))
      }
      if kind == .sqlite {
        // What is not in the file yet.
        let log = "network.sqlite-wal"
        try FileManager.default.copyItem(
          at: scene.folder.url.appending(path: log), to: folder.url.appending(path: log))
      }
    }
    let error = #expect(throws: NetworkError.self) { _ = try Scene.open(folder, location) }
    #expect(error?.code == "network.otherRun")
    #expect(error?.message.contains("\(keys[0].address)") == true, "\(error?.message ?? "")")
    try SignerKeys(first: keys[1], network: folder.url).keep(keys[0])
    let service = try Scene.open(folder, location)
    #expect(try service.facts().signerChanges?.count == 1)
  }

  @Test func aBackupHasTheKeys() throws {
    let scene = try Scene(.sqlite)
    _ = try scene.rotation.handOver(to: keys[0])
    let scratch = try TemporaryFolder()
    let file = scratch.url.appending(path: "net.tar")
    let contents = try NetworkBackup(folder: scene.folder.url).write(to: file)
    #expect(contents.objects == 0)
    let target = scratch.url.appending(path: "target")
    #expect(try NetworkBackup.restore(file, to: target) == contents)
    let restored = try NetworkService(folder: target, settings: ServiceScene.settings())
    for epoch in 2...3 {
      _ = try restored.withdraw(TokenAmount(holon: 5), by: requester)
      try restored.closeEpochIfNeeded()
      #expect(
        try restored.latestBatch()?.signer == (epoch == 2 ? restored.signerAddress : keys[0].address))
    }
  }

  /// The explorer checks batches and tickets by the key of their epoch.
  @Test func pagesCheckByTheKeyOfTheEpoch() async throws {
    let made = Mutex<NetworkService?>(nil)
    let server = try await RunningServer.start { folder in
      let service = try NetworkService(folder: folder.url, settings: ServiceScene.settings())
      made.withLock { $0 = service }
      return service
    }
    let service = try #require(made.withLock { $0 })
    func latest() throws -> UInt64 { try service.latestBatch()?.batch.epoch ?? 0 }
    /// Moves money until an epoch is closed.
    func close(_ epoch: UInt64) async throws {
      let end = ContinuousClock.now + .seconds(60)
      while try latest() < epoch {
        try #require(ContinuousClock.now < end, "epoch \(epoch) is not closed")
        _ = try service.withdraw(TokenAmount(holon: 5), by: requester)
        try await Task.sleep(for: .milliseconds(50))
      }
    }
    try await close(1)
    let change = try SignerRotation(folder: service.folder).handOver(to: keys[0]).content
    try await close(change.epoch + 1)
    for epoch in [change.epoch - 1, change.epoch] {
      let signer = epoch < change.epoch ? service.signerAddress : keys[0].address
      #expect(try service.batch(epoch: epoch)?.signer == signer)
      for path in ["/batches/\(epoch)", "/accounts/\(requester)/tickets/\(epoch)"] {
        let answer = try await Asked.send(
          to: server, "GET", "\(path)?verify=1&lang=en", body: nil, headers: [("Accept", "text/html")])
        let html = String(decoding: answer.received, as: UTF8.self)
        #expect(answer.status == 200)
        #expect(html.contains("data-signer=\"\(signer)\""), "\(path)")
        #expect(html.contains(Markup(Phrase.allHoldServer.texts.english).html), "\(path)")
      }
    }
    try await server.stop()
  }

  /// A finished job's folder: batches and tickets by the key of their epoch, and by no other.
  @Test func aFinishedJobsFolderChecks() async throws {
    let scratch = try TemporaryFolder()
    let network = try LocalNetwork(
      folder: scratch.url.appending(path: "network"), seed: TestNetwork.seed(),
      settings: NetworkSettings(nodes: 3))
    let old = network.operatorKeys.signer
    let change = try SignedSignerChange(
      signing: SignerChange(epoch: 3, previous: old.address, next: keys[0].address), in: network.domain,
      with: old
    ).cosigned(with: keys[0])
    try network.signer.keys.keep(keys[0])
    try network.database.write { db in try Setting.signerChanges.set([change].wireText(), in: db) }
    let job = try network.submit(TestNetwork.request(network, manifest: TestNetwork.manifest()))
    let report = try await network.work(on: job, threads: 2)
    #expect(report.signerChanges == [change])
    let model = scratch.url.appending(path: "model")
    try Files.makeFolder(model)
    try network.exportModel(of: job, to: model)
    try network.exportRecords(of: job, report: report, to: model)
    try network.signFolder(of: job, at: model)

    for check in try JobFolder(model).check() {
      #expect(check.holds, "\(check.what): \(check.problem ?? "")")
    }
    let records = try RecordDocument(in: model).records()
    #expect(records.signer == old.address && records.signerChanges == [change])
    for batch in records.batches {
      #expect(batch.signer == (batch.batch.epoch < 3 ? old.address : keys[0].address))
    }
    #expect(Set(records.batches.map(\.signer)).count == 2)

    func failures(_ body: (inout RecordDocument) throws -> Void) throws -> [RecordTampering.Check] {
      let honest = try RecordDocument(in: model)
      var document = honest
      try body(&document)
      try document.write(to: model)
      let failed = try JobFolder(model).check().filter { !$0.holds }.map { RecordTampering.Check(of: $0) }
      try honest.write(to: model)
      return failed.filter { $0 != .files }
    }
    #expect(try failures { _ in } == [])
    #expect(try failures { try $0.set(["signerChanges"], nil) } == [.batches, .tickets])
    let last = records.batches.count - 1
    #expect(
      try failures {
        try $0.set(
          ["batches", .element(last)],
          encoding: SignedBatch(signing: records.batches[last].batch, in: records.domain, with: old))
      } == [.batches])
    let place = try #require(records.tickets.firstIndex { $0.ticket.epoch >= 3 })
    #expect(
      try failures {
        try $0.set(
          ["tickets", .element(place)],
          encoding: SignedTicket(signing: records.tickets[place].ticket, in: records.domain, with: old))
      } == [.tickets])
  }
}
