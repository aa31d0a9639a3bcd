import EmethCompute
import EmethKit
import Foundation
import Synchronization
import Testing

@testable import EmethNetwork

/// Jobs whose parts no server can open: their requester's own process divides, seals, and writes the headers.
@Suite(.serialized) struct HeldKeysTests {
  private static let requester = ServiceScene.requester

  /// What is to stay secret: the text, and its tokens as nodes get them.
  private static func plain() throws -> (text: Data, dataSet: DataSet) {
    let text = Data(TestNetwork.text().utf8)
    let context = Int(try TestNetwork.manifest().model.context)
    return (text, try DataSet(name: "sentences", bytes: text, tokenizer: ByteTokenizer(), context: context))
  }

  /// Divides and seals as the requester does, gives that to the server, and says what to submit.
  private static func held(
    _ scene: ServiceScene, salt: UInt64 = 0, attempts: UInt32 = 3, timeLimit: UInt64 = 3_600,
    tamper: (inout [Data]) -> Void = { _ in }
  ) throws -> JobSubmission {
    let service = try scene.server.service()
    let salt = SHA256.hash(Array("held \(salt)".utf8))
    let held = try HeldDataSet(
      plain().dataSet, job: JobID(requester: requester.address, salt: salt), parts: 3, key: requester)
    var payloads = held.payloads
    tamper(&payloads)
    var division = held.division
    division.parts = try payloads.map { try service.store.put($0) }
    return JobSubmission(
      salt: salt, manifest: try TestNetwork.manifest(), dataSetName: "sentences",
      dataSet: try service.give(held.leaves, by: requester.address), division: division, parallel: 3,
      fuelPrice: FuelPrice(gholon: 120), timeLimitSeconds: timeLimit,
      retry: RetryPolicy(attempts: attempts, baseDelayMilliseconds: 100, factor: 2))
  }

  /// Who got which header, in turn.
  private final class Written: Sendable {
    let all = Mutex<[(place: SubJobPosition, node: Address)]>([])
    let failures = Mutex<[String]>([])

    func note(_ event: KeyHolder.Event) {
      switch event {
      case .wrote(let place, let node): all.withLock { $0.append((place, node)) }
      case .refused(let place, let node): failures.withLock { $0.append("refused \(place) \(node)") }
      case .failed(let what, let error): failures.withLock { $0.append("\(what): \(error.message)") }
      }
    }
  }

  /// The requester's process.
  private static func hold(
    _ job: JobID, in scene: ServiceScene, for nodes: Set<Address> = [], _ written: Written
  ) -> Task<Void, Never> {
    let holder = KeyHolder(
      job: job, key: requester,
      connection: DirectConnection(account: requester.address, server: scene.server), nodes: nodes,
      patience: 1
    ) { written.note($0) }
    return Task { await holder.run() }
  }

  private static func wait(_ what: String, for condition: () throws -> Bool) async throws {
    let end = ContinuousClock.now + .seconds(300)
    while try !condition() {
      try #require(ContinuousClock.now < end, "\(what) has not come")
      try await Task.sleep(for: .milliseconds(50))
    }
  }

  private static func search() throws -> WindowSearch {
    let (text, dataSet) = try plain()
    return WindowSearch([text, dataSet.training.bytes, dataSet.validation.bytes])
  }

  @Test(arguments: TestDatabase.all)
  func noServerCanReadWhatItCarries(on kind: TestDatabase) async throws {
    let local = try await NetworkServiceTests.localRoot()
    try await ServiceScene.with(ServiceScene.settings(), on: kind) { scene in
      for index in 0..<3 { try scene.startNode(index) }
      for index in 0..<2 { try scene.startVerifier(index) }
      try await scene.verifiersStand(2)
      let job = try scene.submit(Self.held(scene))
      let written = Written()
      let holder = Self.hold(job, in: scene, written)
      defer { holder.cancel() }
      let (search, server) = (try Self.search(), scene.server.folder)
      try await Self.wait("a submission") {
        try scene.server.service().subJobs(of: job).contains { $0.status == .submitted || $0.status.isFinal }
      }
      #expect(try search.files(in: server) == [])
      let report = try await scene.end(of: job, within: 300)
      #expect(report.status == "VERIFIED", "\(report.reason) \(written.failures.withLock { $0 })")
      // The same division and the same work as where the network's Splitter divides.
      #expect(report.stateRoot == local)
      #expect(report.rounds.count == 2 && report.rounds.allSatisfy { $0.validationLoss == nil })
      #expect(written.all.withLock { $0.count } == 6)
      #expect(try search.files(in: server) == [])
      let plant = server.appending(path: "objects/plant")
      try (Data("x".utf8) + Self.plain().dataSet.training.bytes.dropFirst(64).prefix(200)).write(to: plant)
      #expect(try search.files(in: server).map { URL(filePath: $0).lastPathComponent } == ["plant"])
      try Files.remove(plant)
      try await NetworkServiceTests.checkMoney(scene)
    }
  }

  @Test func anotherNodeTakesOverWithAHeaderOfItsOwnAndTheRequesterComesBack() async throws {
    try await ServiceScene.with(ServiceScene.settings(), on: .sqlite) { scene in
      let dead = ServiceScene.node(0).address
      try scene.startNode(0, fault: .stall)
      for index in 0..<2 { try scene.startVerifier(index) }
      try await scene.verifiersStand(2)
      let submission = try Self.held(scene)
      let job = try scene.submit(submission)
      let written = Written()
      let first = Self.hold(job, in: scene, written)
      try await Self.wait("a SubJob that the dead node has taken") {
        try scene.server.service().subJobs(of: job).contains { $0.node == dead }
      }
      // The requester's process is killed; nothing of it is left.
      first.cancel()
      await first.value
      for index in 1..<4 { try scene.startNode(index) }
      let second = Self.hold(job, in: scene, written)
      defer { second.cancel() }
      let report = try await scene.end(of: job, within: 300)
      #expect(report.status == "VERIFIED", "\(report.reason) \(written.failures.withLock { $0 })")
      #expect(report.subJobs.contains { $0.status == "TIMEOUT" })
      let lost = try #require(written.all.withLock { $0.first { $0.node == dead } })
      let next = written.all.withLock { all in
        all.first {
          $0.place.part == lost.place.part && $0.place.attempt > lost.place.attempt && $0.node != dead
        }
      }
      #expect(next != nil, "another node got a header for the part that was lost")
      let record = try scene.server.service().database.read { db in try JobStore.job(job, in: db) }
      #expect(record.progress.parts == submission.division?.parts, "no payload was sealed again")
      try await NetworkServiceTests.checkMoney(scene)
    }
  }

  @Test func anAbsentRequesterCostsNobodyADeposit() async throws {
    var settings = try ServiceScene.settings()
    settings.periods.claimSeconds = 2
    try await ServiceScene.with(settings, on: .sqlite) { scene in
      let job = try scene.submit(Self.held(scene, attempts: 1, timeLimit: 30))
      let service = try scene.server.service()
      try await Self.wait("the first SubJob") { try !service.subJobs(of: job).isEmpty }
      let subJob = try #require(try service.subJobs(of: job).first).id
      let node = ServiceScene.node(0)
      let before = try service.balances(of: node.address)
      func binding(_ key: PrivateKey) -> SignedKeyBinding {
        SignedKeyBinding(
          signing: KeyBinding(of: key, epoch: 7, expiry: secondsNow() + 3_600), in: .embedded, with: key)
      }
      func refusal(_ body: () throws(NetworkError) -> Void) -> String? {
        do throws(NetworkError) { try body() } catch { return error.code }
        return nil
      }
      // Nobody is asked to wait for somebody who is not there.
      #expect(try service.openSubJobs(SubJobFilter(), for: node.address).isEmpty)
      #expect(
        refusal { () throws(NetworkError) in
          _ = try service.claim(subJob, by: node.address, binding: binding(node))
        } == "subJob.requesterAway")
      // One that is there and says nothing: the claim lapses.
      #expect(try service.errands(of: Self.requester.address, kinds: [.header]).isEmpty)
      #expect(try service.openSubJobs(SubJobFilter(), for: node.address).count == 3)
      #expect(
        refusal { () throws(NetworkError) in
          _ = try service.process(subJob, by: node.address, binding: binding(node))
        } == "subJob.notClaimed")
      let claim = try service.claim(subJob, by: node.address, binding: binding(node))
      #expect(!claim.headerExists)
      #expect(
        refusal { () throws(NetworkError) in
          _ = try service.process(subJob, by: node.address, binding: binding(node))
        } == "subJob.headerAwaited")
      #expect(
        refusal { () throws(NetworkError) in
          let other = ServiceScene.node(1)
          _ = try service.claim(subJob, by: other.address, binding: binding(other))
        } == "job.claimed")
      #expect(
        refusal { () throws(NetworkError) in
          _ = try service.claim(subJob, by: node.address, binding: binding(ServiceScene.node(1)))
        } != nil, "a binding of another account")
      let errand = try #require(
        try service.errands(of: Self.requester.address, kinds: [.header]).first)
      #expect(
        refusal { () throws(NetworkError) in
          try service.answer(errand.id, by: ServiceScene.node(1).address, Data(#"{"header":null}"#.utf8))
        } == "account.notAllowed")
      #expect(
        refusal { () throws(NetworkError) in
          try service.answer(errand.id, by: Self.requester.address, Data(#"{"header":"0x1234"}"#.utf8))
        } == NetworkError.malformed(what: "", reason: "").code)
      try await Self.wait("the claim's end") { secondsNow() >= claim.expiresAt }
      #expect(
        refusal { () throws(NetworkError) in
          _ = try service.process(subJob, by: node.address, binding: binding(node))
        } == "subJob.notClaimed")
      #expect(
        refusal { () throws(NetworkError) in
          _ = try service.claim(subJob, by: node.address, binding: binding(node))
        } == "subJob.claimLapsed")
      let report = try await scene.end(of: job, within: 120)
      #expect(report.status == "FAILED" || report.status == "TIMEOUT", "\(report.status)")
      #expect(try service.balances(of: node.address).unspent == before.unspent)
      try await NetworkServiceTests.checkMoney(scene)
    }
  }

  @Test func aDamagedPartCostsItsNodeNothing() async throws {
    try await ServiceScene.with(ServiceScene.settings(), on: .sqlite) { scene in
      for index in 0..<3 { try scene.startNode(index) }
      for index in 0..<2 { try scene.startVerifier(index) }
      try await scene.verifiersStand(2)
      // A payload with a byte changed: what no server can see.
      let job = try scene.submit(Self.held(scene, attempts: 1) { $0[1][40] ^= 1 })
      let written = Written()
      let holder = Self.hold(job, in: scene, written)
      defer { holder.cancel() }
      let report = try await scene.end(of: job, within: 300)
      #expect(report.status == "FAILED", "\(report.reason)")
      let states = try scene.server.service().subJobs(of: job)
      #expect(states.contains { $0.endReason == .declinedWithEvidence }, "\(states.map(\.reason))")
      for index in 0..<3 {
        let account = try scene.server.service().work(
          of: ServiceScene.node(index).address, newest: 10, before: nil)
        #expect(account.lost == .zero)
      }
      try await NetworkServiceTests.checkMoney(scene)
    }
  }

  @Test func aNodeThatShowsNothingPays() async throws {
    try await ServiceScene.with(ServiceScene.settings(), on: .sqlite) { scene in
      let job = try scene.submit(Self.held(scene))
      let service = try scene.server.service()
      let written = Written()
      let holder = Self.hold(job, in: scene, written)
      defer { holder.cancel() }
      try await Self.wait("an offer") {
        try !service.openSubJobs(SubJobFilter(), for: ServiceScene.node(0).address).isEmpty
      }
      let liar = ServiceScene.node(0)
      let node = TrainingNode(
        key: liar, folder: scene.folder.url.appending(path: "liar"),
        store: try ContentStore(folder: scene.folder.url.appending(path: "liar-objects")), domain: .embedded,
        fault: nil)
      let subJob = try #require(try service.subJobs(of: job).first).id
      let expiry = secondsNow() + 3_600
      _ = try service.claim(subJob, by: liar.address, binding: node.partBinding(for: subJob, expiry: expiry))
      try await Self.wait("the header") {
        try service.claim(
          subJob, by: liar.address, binding: node.partBinding(for: subJob, expiry: expiry)
        ).headerExists
      }
      let assignment = try service.process(subJob, by: liar.address, binding: node.binding(expiry: expiry))
      #expect(assignment.partSecret == nil)
      try node.store.put(try service.store.get(assignment.data))
      let (secret, records) = try node.part(of: assignment)
      #expect(secret != .zero && !records.isEmpty)
      #expect(node.secretShowingDamage(of: assignment) == nil)
      try service.decline(
        subJob, by: liar.address, reason: "damaged",
        identity: node.partIdentity(for: subJob).secretText())
      let state = try service.state(of: subJob)
      #expect(state.status == .declined && state.endReason == .declined)
      #expect(try service.work(of: liar.address, newest: 1, before: nil).lost > .zero)
    }
  }

  @Test func aRequesterWritesNoHeaderThatItWasNotAskedForRightly() async throws {
    try await ServiceScene.with(ServiceScene.settings(), on: .sqlite) { scene in
      let job = try scene.submit(Self.held(scene))
      let service = try scene.server.service()
      try await Self.wait("the first SubJob") { try !service.subJobs(of: job).isEmpty }
      let state = try #require(try service.subJobs(of: job).first)
      let node = ServiceScene.node(0)
      let written = Written()
      func holder(_ nodes: Set<Address>) -> KeyHolder {
        KeyHolder(
          job: job, key: Self.requester,
          connection: DirectConnection(account: Self.requester.address, server: scene.server), nodes: nodes
        ) { written.note($0) }
      }
      func request(
        _ position: SubJobPosition, _ key: PrivateKey = node, expiry: UInt64 = secondsNow() + 60
      ) -> HeaderRequest {
        HeaderRequest(
          subJob: state.id, position: position,
          binding: SignedKeyBinding(
            signing: KeyBinding(of: node, epoch: 1, expiry: expiry), in: .embedded, with: key))
      }
      func code(_ request: HeaderRequest) async -> String? {
        do throws(NetworkError) {
          _ = try await holder([]).header(for: request, due: secondsNow() + 60)
          return nil
        } catch {
          return error.code
        }
      }
      var other = SubJobPosition(parent: job, round: 0, part: (state.position.part + 1) % 3, attempt: 0)
      #expect(await code(request(other)) == "subJob.otherPart")
      other = SubJobPosition(
        parent: JobID(requester: Self.requester.address, salt: .zero), round: 0, part: state.position.part,
        attempt: 0)
      #expect(await code(request(other)) == "subJob.otherJob")
      #expect(await code(request(state.position, ServiceScene.node(1))) != nil, "a foreign signature")
      #expect(await code(request(state.position, expiry: 1)) != nil, "a binding that has expired")
      let distrusted = try await holder([ServiceScene.node(2).address])
        .header(for: request(state.position), due: secondsNow() + 60)
      #expect(distrusted == nil)
      let one = holder([])
      let header = try await one.header(for: request(state.position), due: secondsNow() + 60)
      #expect(header != nil)
      // While one has it, another one gets none.
      let second = HeaderRequest(
        subJob: state.id, position: state.position,
        binding: SignedKeyBinding(
          signing: KeyBinding(of: ServiceScene.node(1), epoch: 1, expiry: secondsNow() + 60), in: .embedded,
          with: ServiceScene.node(1)))
      let error = await #expect(throws: NetworkError.self) {
        _ = try await one.header(for: second, due: secondsNow() + 60)
      }
      #expect(error?.code == "subJob.claimed")
    }
  }

  @Test func aDivisionThatDoesNotFitIsRefusedBeforeAnythingIsPaid() async throws {
    try await ServiceScene.with(ServiceScene.settings(), on: .sqlite) { scene in
      let service = try scene.server.service()
      let before = try service.balances(of: Self.requester.address)
      func refused(_ change: (inout JobSubmission) throws -> Void) throws {
        var submission = try Self.held(scene)
        try change(&submission)
        let changed = submission
        let error = #expect(throws: NetworkError.self) { try scene.submit(changed) }
        #expect(error?.code == NetworkError.badSetting(name: "", found: "", allowed: "").code)
      }
      try refused { $0.division?.parts[1] = try service.store.put(Data("short".utf8)) }
      try refused { $0.division?.parts.removeLast() }
      try refused { submission in
        let first = try #require(submission.division?.parts[0])
        submission.division?.parts[1] = first
      }
      try refused { $0.parallel = 2 }
      try refused { $0.dataSet = try service.give(Data("no leaves".utf8), by: Self.requester.address) }
      #expect(try service.balances(of: Self.requester.address) == before)
      // Leaves that are others than the plan's are found when the job is prepared: it goes back.
      var submission = try Self.held(scene)
      let count = Int(try #require(submission.division?.plan.recordCount))
      submission.dataSet = try service.give(
        Data(repeating: 1, count: 32 * count), by: Self.requester.address)
      let job = try scene.submit(submission)
      try await Self.wait("the refusal") { try service.job(job).summary.status.isFinal }
      #expect(try service.job(job).summary.status == .canceled)
      #expect(try service.balances(of: Self.requester.address) == before)
    }
  }
}
