import EmethKit
import Foundation
import Synchronization
import Testing

@testable import EmethNetwork

/// Jobs that are no training in a served network: nodes and verifiers with keys, folders and modules of their own.
@Suite(.serialized) struct ServedProgramTests {
  private static let numbers = (1...600).map { "\($0 * 7 % 1_009).25\n" }.joined()
  private static var mean: String {
    get throws { String(decoding: try MeanOfNumbers(part: Array(numbers.utf8)).output, as: UTF8.self) }
  }
  /// A proof of work of 8 bits.
  private static let challenge = String(repeating: "5a", count: 65) + "00" + String(repeating: "f", count: 62)

  private static func request(
    _ program: ComputedProgram, _ text: String, parallel: UInt32, agreement: UInt32 = 2,
    parameters: [String: String] = [:], attempts: UInt32 = 3
  ) throws -> ComputedRequest {
    ComputedRequest(
      manifest: try ComputedManifest(
        program, parameters: parameters,
        recordCount: UInt64(program.records.records(in: Array(text.utf8)).count), agreement: agreement),
      dataSetName: "data", dataSet: SHA256.hash(Array(text.utf8)), parallel: parallel,
      fuelPrice: FuelPrice(gholon: 120), timeLimitSeconds: 3_600,
      retry: RetryPolicy(attempts: attempts, baseDelayMilliseconds: 100, factor: 2))
  }

  private static func settings() throws -> ServiceSettings {
    var settings = try ServiceScene.settings()
    // What was given goes with its job.
    settings.uploadSeconds = 0
    return settings
  }

  private static func submit(
    _ request: ComputedRequest, _ text: String, in scene: ServiceScene, salt: Bytes32 = .zero
  ) throws -> JobID {
    _ = try scene.server.service().give(Data(text.utf8), by: ServiceScene.requester.address)
    return try scene.submit(JobSubmission(salt: salt, computed: request))
  }

  private static func result(of job: JobID, in scene: ServiceScene) throws -> String {
    let service = try scene.server.service()
    let result = try service.result(of: job, for: ServiceScene.requester.address)
    return String(decoding: try service.store.get(try #require(result.output)), as: UTF8.self)
  }

  private static func earned(_ key: PrivateKey, in scene: ServiceScene) throws -> NodeAccount {
    try scene.server.service().work(of: key.address, newest: 100)
  }

  private static func payout(_ key: PrivateKey, in scene: ServiceScene) throws -> TokenAmount {
    try scene.server.service().balances(of: key.address).payout
  }

  private static func names(_ service: NetworkService) throws -> Set<String> {
    var names: Set<String> = []
    try service.store.place.list { found throws(NetworkError) in names.formUnion(found.map(\.key)) }
    return names
  }

  /// Looks at what a job has left when it has ended; nothing here outlives the service. Object: the result.
  private static func whatIsLeft(
    of job: JobID, _ request: ComputedRequest, in scene: ServiceScene
  ) throws -> Bytes32 {
    let service = try scene.server.service()
    let records = try service.records(of: job)
    #expect(records.subJobs.count >= 3 && records.result != nil)
    #expect(throws: NetworkError.self) { try service.result(of: job, for: ServiceScene.node(0).address) }
    #expect(try service.jobDetail(job, round: nil).parameters == nil)
    // The result alone is left of all objects, for as long as results are kept.
    func held() throws -> Bool {
      try service.database.read { db in try !HoldStore.objects(of: job, .job, in: db).isEmpty }
    }
    for _ in 0..<100 where try held() { Thread.sleep(forTimeInterval: 0.05) }
    Thread.sleep(forTimeInterval: 1.1)
    try service.collect(wall: UInt64(Date().timeIntervalSince1970) + 86_400)
    let output = try #require(records.result)
    #expect(try Self.names(service) == [ContentStore.key(of: output)])
    #expect(try service.splitterStore.contains(request.dataSet) == false)
    // All know its hash, and its requester gets it.
    let error = #expect(throws: NetworkError.self) {
      try service.checkMayFetch(output, by: ServiceScene.node(0).address)
    }
    #expect(error?.code == "account.notAllowed")
    try service.checkMayFetch(output, by: try service.job(job).requester)
    return output
  }

  @Test(arguments: TestDatabase.all)
  func aMeanIsComputedCheckedPaidAndKept(on kind: TestDatabase) async throws {
    try await ServiceScene.with(Self.settings(), on: kind) { scene in
      for index in 0..<2 { try scene.startNode(index) }
      for index in 0..<2 { try scene.startVerifier(index) }
      try await scene.verifiersStand(2)
      let request = try Self.request(.meanOfNumbers, Self.numbers, parallel: 3)
      let job = try Self.submit(request, Self.numbers, in: scene)
      #expect(try scene.submit(JobSubmission(salt: .zero, computed: request)) == job, "sent twice, one job")
      let report = try await scene.end(of: job)
      #expect(report.status == "VERIFIED" && report.program == .meanOfNumbers, "\(report.reason)")
      // On a busy machine a part may need another attempt.
      #expect(report.subJobs.filter { $0.status == "VERIFIED" }.count == 3)
      #expect(try Self.result(of: job, in: scene) == (try Self.mean))
      let cost = try JobCost(.computed(request))
      let earned = try (0..<2).reduce(TokenAmount.zero) {
        try $0.adding(Self.earned(ServiceScene.node($1), in: scene).earned)
      }
      #expect(earned == cost.terms.feeLimit && earned > .zero)
      try await NetworkServiceTests.checkMoney(scene)
      let output = try Self.whatIsLeft(of: job, request, in: scene)
      scene.server.ahead.withLock { $0 += 31 * 86_400_000 }
      try await scene.server.restart()
      let later = try scene.server.service()
      // The service before it may still have the lease of who deletes, for a moment.
      for _ in 0..<400 where try later.store.contains(output) {
        try later.collect(wall: UInt64(Date().timeIntervalSince1970) + 86_400)
        try await Task.sleep(for: .milliseconds(50))
      }
      let error = #expect(throws: NetworkError.self) {
        try later.result(of: job, for: ServiceScene.requester.address)
      }
      #expect(error?.code == "job.resultGone")
    }
  }

  /// A module goes to those who have it, to the byte: others under its number neither compute nor check.
  @Test(arguments: TestDatabase.all)
  func aModuleIsComputedByThoseWhoHaveIt(on kind: TestDatabase) async throws {
    let wanted = try ModuleScene("tr a-z A-Z < /input > /output", extra: #""mode": "direct""#)
    let other = try ModuleScene("rev < /input > /output", extra: #""mode": "direct""#)
    let text = (1...40).map { "line \($0) of words\n" }.joined()
    try await ServiceScene.with(Self.settings(), on: kind) { scene in
      let module = try wanted.module
      for index in 0..<2 { try scene.startNode(index, modules: [module]) }
      try scene.startNode(2)
      try scene.startNode(3, modules: [try other.module])
      for index in 0..<2 { try scene.startVerifier(index, modules: [module]) }
      try scene.startVerifier(2)
      try scene.startVerifier(3, modules: [try other.module])
      try await scene.verifiersStand(4)
      let request = try Self.request(.module(module), text, parallel: 6, agreement: 3)
      let job = try Self.submit(request, text, in: scene)
      let report = try await scene.end(of: job)
      #expect(report.status == "VERIFIED", "\(report.reason) \(report.subJobs.map(\.reason))")
      #expect(try Self.result(of: job, in: scene) == text.uppercased())
      for index in 2...3 {
        #expect(try Self.earned(ServiceScene.node(index), in: scene).work.isEmpty, "node \(index)")
      }
      let announced = try scene.server.service().verifier(ServiceScene.verifier(0).address).modules
      #expect(announced == [module.manifest.hash])
      // Both have computed every part: the node and two verifiers.
      for subJob in try scene.server.service().records(of: job).subJobs {
        let verdicts = subJob.verdicts + (subJob.furtherVerdicts ?? [])
        #expect(
          Set(verdicts.filter(\.verdict.accepted).map(\.verdict.verifier))
            == Set((0..<2).map { ServiceScene.verifier($0).address }))
      }
      // Who asks for two of them pays for two.
      let (one, two) = (
        try JobCost(.computed(Self.request(.module(module), text, parallel: 6))).terms,
        try JobCost(.computed(request)).terms
      )
      #expect(two.verifierFee == one.verifierFee + one.verifierFee)
      let paid = try (0..<2).map { try Self.payout(ServiceScene.verifier($0), in: scene) }
      #expect(paid[0] == paid[1] && paid[0] + paid[1] == two.verifierFee, "\(paid)")
      try await NetworkServiceTests.checkMoney(scene)
    }
  }

  @Test func withoutAVerifierThatHasTheModuleNothingIsGivenOut() async throws {
    let wanted = try ModuleScene("cat < /input > /output", extra: #""mode": "direct""#)
    try await ServiceScene.with(Self.settings(), on: .sqlite) { scene in
      let module = try wanted.module
      try scene.startNode(0, modules: [module])
      try scene.startVerifier(0)
      try await scene.verifiersStand(1)
      let job = try Self.submit(Self.request(.module(module), "a\nb\n", parallel: 2), "a\nb\n", in: scene)
      try await Task.sleep(for: .seconds(2))
      let service = try scene.server.service()
      #expect(try service.subJobs(of: job).isEmpty)
      #expect(try service.job(job).summary.waitsFor == .verifiers)
      // The requester's own verifier is never drawn.
      try scene.bindSilentVerifier(ServiceScene.requester, modules: [module])
      try await Task.sleep(for: .seconds(2.5))
      #expect(try service.subJobs(of: job).isEmpty)
      #expect(try service.report(on: job).waitsFor == .verifiers)
      try scene.startVerifier(1, modules: [module])
      let report = try await scene.end(of: job)
      #expect(report.status == "VERIFIED" && report.waitsFor == nil, "\(report.reason)")
      #expect(try Self.result(of: job, in: scene) == "a\nb\n")
    }
  }

  @Test(arguments: TestDatabase.all)
  func aNodeThatLiesIsRejected(on kind: TestDatabase) async throws {
    try await ServiceScene.with(Self.settings(), on: kind) { scene in
      try scene.startNode(0, fault: .swappedFinal)
      for index in 0..<2 { try scene.startVerifier(index) }
      try await scene.verifiersStand(2)
      let request = try Self.request(.meanOfNumbers, Self.numbers, parallel: 2)
      let job = try Self.submit(request, Self.numbers, in: scene)
      // It is alone until it has handed something in.
      let service = try scene.server.service()
      for _ in 0..<400 where try !service.subJobs(of: job).contains(where: { $0.status == .submitted }) {
        try await Task.sleep(for: .milliseconds(25))
      }
      try scene.startNode(1)
      let report = try await scene.end(of: job)
      #expect(report.status == "VERIFIED", "\(report.reason)")
      #expect(try Self.result(of: job, in: scene) == (try Self.mean))
      let failed = try service.subJobs(of: job).filter { $0.status == .failed }
      #expect(!failed.isEmpty && failed.allSatisfy { $0.node == ServiceScene.node(0).address })
      #expect(failed.allSatisfy { $0.reason.contains("computed again, the output has root") })
      #expect(try Self.earned(ServiceScene.node(0), in: scene).lost > .zero)
      try await NetworkServiceTests.checkMoney(scene)
    }
  }

  /// An accepting verdict counts only with the output that it is about.
  @Test func aVerifierThatAcceptsWithoutComputingIsNotHeard() async throws {
    var settings = try Self.settings()
    settings.periods.verificationSeconds = 15
    try await ServiceScene.with(settings, on: .sqlite) { scene in
      try scene.startNode(0)
      try scene.startVerifier(0, fault: .stampingVerifier)
      try scene.startVerifier(1) { service, body in
        guard var report = try? JSONDecoder().decode(JudgementReport.self, from: body), report.update != nil
        else { return nil }
        report.update = try service.seal(output: Data("1,1\r\n".utf8))
        return try WireFormat.encoder.encode(report)
      }
      try await scene.verifiersStand(2)
      let request = try Self.request(.meanOfNumbers, Self.numbers, parallel: 2)
      let job = try Self.submit(request, Self.numbers, in: scene)
      let report = try await scene.end(of: job, within: 240)
      #expect(report.status == "VERIFIED", "\(report.reason)")
      #expect(try Self.result(of: job, in: scene) == (try Self.mean))
      let records = try scene.server.service().records(of: job)
      let judged = Set(records.subJobs.flatMap(\.verdicts).map(\.verdict.verifier))
      #expect(judged == [ServiceScene.verifier(1).address])
      let refused = scene.events.withLock { $0.filter { $0.hasPrefix("refused: ") } }
      #expect(!refused.isEmpty && refused.allSatisfy { $0.contains("resultRoot") }, "\(refused)")
    }
  }

  /// Server and node are killed while a module runs, and started again.
  @Test(arguments: TestDatabase.all)
  func killedInTheMiddleItGoesOn(on kind: TestDatabase) async throws {
    let slow = try ModuleScene("sleep 1; cat < /input > /output", extra: #""mode": "direct""#)
    let text = (1...4).map { "\($0)\n" }.joined()
    try await ServiceScene.with(Self.settings(), on: kind) { scene in
      let module = try slow.module
      let node = try scene.startNode(0, modules: [module])
      for index in 0..<2 { try scene.startVerifier(index, modules: [module]) }
      try await scene.verifiersStand(2)
      let job = try Self.submit(Self.request(.module(module), text, parallel: 4), text, in: scene)
      for _ in 0..<400
      where try !scene.server.service().subJobs(of: job).contains(where: { $0.status == .processing }) {
        try await Task.sleep(for: .milliseconds(25))
      }
      node.cancel()
      await scene.server.stop()
      await node.value
      try await scene.server.restart()
      for time in 0..<3 {
        if time == 1 { try scene.startNode(0, modules: [module]) }
        try await Task.sleep(for: .seconds(1))
        try await scene.server.restart()
      }
      let report = try await scene.end(of: job)
      #expect(report.status == "VERIFIED", "\(report.reason)")
      #expect(try Self.result(of: job, in: scene) == text)
      try await NetworkServiceTests.checkMoney(scene)
    }
  }

  /// Requester, node and verifier have a server's URL, a key, the module and a folder, and nothing else.
  @Test func overHTTPTheFolderVerifies() async throws {
    let scene = try ModuleScene(
      #"[ "$1" = --mark ] || exit 9; sed "s/^/$2 /" < /input > /output"#, extra: #""mode": "direct""#)
    let module = try scene.module
    let server = try await RunningServer.start { folder in
      try NetworkService(folder: folder.url, settings: Self.settings())
    }
    let folder = try TemporaryFolder()
    var settings = NodeAgent.Settings()
    (settings.threads, settings.patience, settings.modules) = (1, 2, [module])
    let node = try NodeAgent(
      key: ServiceScene.node(0), folder: folder.url.appending(path: "node"),
      connection: HTTPConnection(server: "\(server.address)", key: ServiceScene.node(0)), settings: settings)
    var checking = VerifierAgent.Settings()
    (checking.threads, checking.patience, checking.modules) = (1, 2, [module])
    let verifier = try VerifierAgent(
      key: ServiceScene.verifier(0), folder: folder.url.appending(path: "verifier"),
      connection: HTTPConnection(server: "\(server.address)", key: ServiceScene.verifier(0)),
      settings: checking)
    let agents = [Task { try? await node.run() }, Task { try? await verifier.run() }]
    let client = server.client(ServiceScene.requester) { $0.attempts = 6 }
    let text = "one\ntwo\nthree\n"
    let file = folder.url.appending(path: "text")
    try Data(text.utf8).write(to: file)
    let request = try Self.request(.module(module), text, parallel: 3, parameters: ["mark": ">"])
    try await client.give(dataSet: file, hash: request.dataSet)
    let job = try await client.submit(JobSubmission(salt: TestNetwork.seed(3), computed: request))
    let end = ContinuousClock.now + .seconds(120)
    while try await client.job(job)?.job.summary.status.isFinal == false, ContinuousClock.now < end {
      try await Task.sleep(for: .milliseconds(200))
    }
    let report = try await client.report(on: job)
    #expect(report.status == "VERIFIED", "\(report.reason) \(report.subJobs.map(\.reason))")
    let target = folder.url.appending(path: "result")
    try Files.makeFolder(target)
    try await JobDownload(client: client, job: job).write(report: report, to: target)
    let result = target.appending(path: "result.dat")
    #expect(try String(decoding: Files.read(result), as: UTF8.self) == "> one\n> two\n> three\n")
    let checks = try JobFolder(target).check()
    #expect(checks.count > 5 && checks.allSatisfy { $0.holds }, "\(checks.filter { !$0.holds })")
    try Data("> one\n".utf8).write(to: result)
    #expect(try JobFolder(target).check().count { !$0.holds } == 2, "the signed files, and the records")
    for agent in agents { agent.cancel() }
    for agent in agents { await agent.value }
    try await server.stop()
  }

  @Test(arguments: TestDatabase.all)
  func aProofOfWorkNeedsNoVerifier(on kind: TestDatabase) async throws {
    try await ServiceScene.with(Self.settings(), on: kind) { scene in
      let request = try Self.request(.proofOfWork, Self.challenge, parallel: 1)
      let job = try Self.submit(request, Self.challenge, in: scene)
      // A node that hands in something else is refused, and may hand in what is right.
      let service = try scene.server.service()
      let liar = ServiceScene.node(5)
      var taken: JobID?
      for _ in 0..<200 where taken == nil {
        taken = try service.openSubJobs(SubJobFilter(), for: liar.address).first?.id
        try await Task.sleep(for: .milliseconds(25))
      }
      let folder = try TemporaryFolder()
      let node = TrainingNode(
        key: liar, folder: folder.url, store: service.store, domain: .embedded, fault: .swappedFinal)
      let assignment = try service.process(
        try #require(taken), by: liar.address, binding: node.binding(expiry: secondsNow() + 3_600))
      #expect(assignment.program == .proofOfWork)
      var result = try #require(
        try node.computePart(assignment, program: .proofOfWork, sandbox: nil, stop: StopFlag()))
      for (output, what) in [(nil, "missing"), (Data("no".utf8), "resultRoot")] as [(Data?, String)] {
        result.output = try output.map { try service.store.put($0) }
        let error = #expect(throws: NetworkError.self) { try service.submit(result, by: liar.address) }
        #expect(error?.message.contains(what) == true, "\(error?.message ?? "")")
      }
      result.output = try service.store.put(try node.output(of: assignment.subJob))
      let error = #expect(throws: NetworkError.self) { try service.submit(result, by: liar.address) }
      #expect(error?.message.contains("proves nothing") == true, "\(error?.message ?? "")")
      try service.decline(assignment.subJob, by: liar.address, reason: "no luck")
      try scene.startNode(0)
      let report = try await scene.end(of: job)
      #expect(report.status == "VERIFIED", "\(report.reason)")
      let solution = try Self.result(of: job, in: scene).trimmingCharacters(in: .newlines)
      #expect(try ProofOfWork(record: Self.challenge).accepts(result: solution))
      #expect(
        try Self.earned(ServiceScene.node(0), in: scene).earned
          == (try JobCost(.computed(request)).terms.feeLimit))
      // Its notes name the output, which is the result: it stays.
      try service.collect(wall: UInt64(Date().timeIntervalSince1970) + 86_400)
      #expect(try !Self.result(of: job, in: scene).isEmpty)
    }
  }

  private static let partCount: UInt32 =
    (Int(ProcessInfo.processInfo.environment["EMETH_TEST_SCALE"] ?? "") ?? 1) >= 100 ? 200 : 40

  /// Many more parts than verifiers have commitments: a part that is checked whole needs none of them.
  @Test func manyPartsBesideFewVerifiersEnd() async throws {
    try await ServiceScene.with(Self.settings(), on: .sqlite) { scene in
      for index in 0..<2 { try scene.startNode(index) }
      for index in 0..<2 { try scene.startVerifier(index, stock: 8) }
      try await scene.verifiersStand(2)
      let request = try Self.request(.meanOfNumbers, Self.numbers, parallel: Self.partCount)
      let job = try Self.submit(request, Self.numbers, in: scene)
      let report = try await scene.end(of: job, within: 6 * Double(Self.partCount))
      #expect(report.status == "VERIFIED", "\(report.reason)")
      #expect(try Self.result(of: job, in: scene) == (try Self.mean))
      for index in 0..<2 {
        let account = try scene.server.service().verifier(ServiceScene.verifier(index).address)
        #expect(account.posted == 8 && account.unused == 8)
      }
      // Each part was offered by what is known of it alone.
      #expect(try scene.server.service().offeredRounds.size == 0)
      #expect(try scene.server.service().offeredJobs.size == 1)
      try await NetworkServiceTests.checkMoney(scene)
    }
  }

  /// Nobody's money waits for ever for a verifier that does not come.
  @Test(arguments: TestDatabase.all)
  func whatNobodyCanCheckEnds(on kind: TestDatabase) async throws {
    var settings = try Self.settings()
    settings.periods.verificationSeconds = 3
    try await ServiceScene.with(settings, on: kind) { scene in
      try scene.startNode(0)
      // It is drawn, stays silent, and there is no other.
      try scene.bindSilentVerifier(ServiceScene.verifier(6))
      try await Task.sleep(for: .seconds(1))
      let request = try Self.request(.meanOfNumbers, "1\n2\n", parallel: 1, attempts: 1)
      let job = try Self.submit(request, "1\n2\n", in: scene)
      let report = try await scene.end(of: job)
      #expect(
        report.status == "FAILED" && report.reason.contains("nobody was there to check"), "\(report.reason)")
      #expect(report.subJobs.map(\.status) == ["CANCELED"])
      let node = try Self.earned(ServiceScene.node(0), in: scene)
      #expect(node.lost == .zero && node.earned == .zero && node.balances.locked == .zero)
      let money = try scene.server.service().balances(of: ServiceScene.requester.address)
      #expect(try money.locked == .zero && money.unspent == TokenAmount(emeth: "100"))
      try await NetworkServiceTests.checkMoney(scene)
    }
  }

  /// That the module says no is an answer: computed again by two verifiers, paid, and the end of the job.
  @Test(arguments: TestDatabase.all)
  func aModulesNoIsCheckedAndPaid(on kind: TestDatabase) async throws {
    let failing = try ModuleScene("echo 'no such word' >&2; exit 3")
    try await ServiceScene.with(Self.settings(), on: kind) { scene in
      let module = try failing.module
      try scene.startNode(0, modules: [module])
      for index in 0..<2 { try scene.startVerifier(index, modules: [module]) }
      try await scene.verifiersStand(2)
      let request = try Self.request(.module(module), "a\n", parallel: 1)
      let job = try Self.submit(request, "a\n", in: scene)
      let report = try await scene.end(of: job)
      #expect(
        report.status == "FAILED"
          && report.reason == "program 10000: part 1: it ended with exit status 3: no such word",
        "\(report.reason)")
      #expect(report.subJobs.map(\.status) == ["VERIFIED"])
      let verdicts = try #require(try scene.server.service().records(of: job).subJobs.first)
      #expect((verdicts.verdicts + (verdicts.furtherVerdicts ?? [])).count { $0.verdict.accepted } == 2)
      let node = try Self.earned(ServiceScene.node(0), in: scene)
      #expect(try node.earned == JobCost(.computed(request)).terms.feeLimit && node.lost == .zero)
      let paid = try (0..<2).map { try Self.payout(ServiceScene.verifier($0), in: scene) }
      #expect(try paid[0] + paid[1] == JobCost(.computed(request)).terms.verifierFee, "\(paid)")
      #expect(paid.allSatisfy { $0 > .zero })
      let error = #expect(throws: NetworkError.self) { try Self.result(of: job, in: scene) }
      #expect(error?.code == "job.noResult")
      try await NetworkServiceTests.checkMoney(scene)
    }
  }

  /// A node that says so of a part that the module takes loses its deposit.
  @Test func aNoThatIsNoneIsRejected() async throws {
    let module = try ModuleScene("cat < /input > /output", extra: #""mode": "direct""#)
    var settings = try Self.settings()
    settings.periods.leaseSeconds = 60
    try await ServiceScene.with(settings, on: .sqlite) { scene in
      let taking = try module.module
      for index in 0..<2 { try scene.startVerifier(index, modules: [taking]) }
      try await scene.verifiersStand(2)
      let job = try Self.submit(
        Self.request(.module(taking), "a\n", parallel: 1, attempts: 1), "a\n", in: scene)
      let service = try scene.server.service()
      let key = ServiceScene.node(0)
      var taken: JobID?
      for _ in 0..<200 where taken == nil {
        taken = try service.openSubJobs(SubJobFilter(), for: key.address).first?.id
        try await Task.sleep(for: .milliseconds(25))
      }
      let subJob = try #require(taken)
      // As the node's own process leaves it, which answers for it afterwards.
      let folder = scene.folder.url.appending(path: "node-0")
      let store = try ContentStore(folder: folder.appending(path: "objects"))
      let node = TrainingNode(
        key: key, folder: folder.appending(path: "work"), store: store, domain: .embedded, fault: nil)
      let assignment = try service.process(
        subJob, by: key.address, binding: node.binding(expiry: secondsNow() + 3_600))
      try store.put(service.store.get(assignment.data), durable: false)
      let honest = try #require(
        try node.computePart(
          assignment, program: .module(taking), sandbox: ModuleSandbox(for: [taking]), stop: StopFlag()))
      let root = OutputCommitment(partSecret: assignment.partSecret, subJob: subJob).refusalRoot
      let said = honest.submission.submission
      let lie = NodeResult(
        submission: SignedSubmission(
          signing: Submission(
            jobID: said.jobID, round: said.round, node: said.node, programHash: said.programHash,
            dataRoot: said.dataRoot, initRoot: .zero, traceRoot: .zero, finalRoot: .zero, resultRoot: root,
            segments: 1, fuelUsed: said.fuelUsed), in: .embedded, with: key),
        trainLoss: 0, clipped: 0, refusal: "no")
      // Words and resultRoot have to say the same.
      for (result, words) in [(honest, Optional("no")), (lie, nil)] {
        var result = result
        result.refusal = words
        let error = #expect(throws: NetworkError.self) { try service.submit(result, by: key.address) }
        #expect(error?.code == "wire.malformed", "\(error?.message ?? "")")
      }
      try service.submit(lie, by: key.address)
      try NodeVault(node: node.folder, subJob: subJob).keep(
        NodeVault.Record(result: lie, assignment: assignment, stateRoots: []))
      try NodeJournal(folder: folder.appending(path: "journal")).begin(subJob)
      try scene.startNode(0)
      let report = try await scene.end(of: job)
      #expect(report.status == "FAILED" && report.reason.contains("computed again, the output has root"))
      #expect(report.subJobs.map(\.status) == ["FAILED"], "\(report.subJobs.map(\.reason))")
      #expect(try Self.earned(key, in: scene).lost > .zero)
      try await NetworkServiceTests.checkMoney(scene)
    }
  }

  /// A node that a module has cost a deposit takes no other part of the job.
  @Test func aNodeGivesAJobUpOnce() async throws {
    let killed = try ModuleScene("kill -ILL $$")
    try await ServiceScene.with(Self.settings(), on: .sqlite) { scene in
      let module = try killed.module
      let nodes = try (0..<2).map { try scene.startNode($0, modules: [module]) }
      try scene.startVerifier(0, modules: [module])
      try await scene.verifiersStand(1)
      let job = try Self.submit(
        Self.request(.module(module), "a\nb\nc\nd\n", parallel: 4), "a\nb\nc\nd\n", in: scene)
      func work() throws -> [NodeWork] {
        try (0..<2).flatMap { try Self.earned(ServiceScene.node($0), in: scene).work }
      }
      for _ in 0..<400 where try work().count < 2 { try await Task.sleep(for: .milliseconds(50)) }
      try await Task.sleep(for: .seconds(4))
      #expect(try work().count == 2, "each node one part")
      #expect(try work().allSatisfy { $0.subJob.status == .declined })
      #expect(try work().allSatisfy { $0.subJob.reason.contains("ended by signal 4") })
      let service = try scene.server.service()
      #expect(try !service.job(job).summary.status.isFinal)
      // Nor of another job of that module and requester, started anew; another requester's it takes.
      for node in nodes { node.cancel() }
      for node in nodes { await node.value }
      _ = try Self.submit(
        Self.request(.module(module), "e\nf\n", parallel: 2), "e\nf\n", in: scene, salt: TestNetwork.seed(2))
      for index in 0..<2 { try scene.startNode(index, modules: [module]) }
      try await Task.sleep(for: .seconds(4))
      #expect(try work().count == 2, "what has cost a deposit once is not tried again")
      let other = ServiceScene.node(5).address
      _ = try service.give(Data("g\n".utf8), by: other)
      _ = try service.submit(
        JobSubmission(
          salt: TestNetwork.seed(3), computed: Self.request(.module(module), "g\n", parallel: 1)), by: other)
      for _ in 0..<400 where try work().count < 3 { try await Task.sleep(for: .milliseconds(50)) }
      #expect(try work().count >= 3)
    }
  }

  /// Data that keep a module busy beyond its own time cost the requester that part, and nobody a deposit.
  @Test func aModuleThatUsesUpItsTimeSaysNo() async throws {
    let endless = try ModuleScene("sleep 60", extra: #""limits": {"seconds": 1}"#)
    try await ServiceScene.with(Self.settings(), on: .sqlite) { scene in
      let module = try endless.module
      try scene.startNode(0, modules: [module])
      for index in 0..<2 { try scene.startVerifier(index, modules: [module]) }
      try await scene.verifiersStand(2)
      let request = try Self.request(.module(module), "a\n", parallel: 1)
      let job = try Self.submit(request, "a\n", in: scene)
      let report = try await scene.end(of: job)
      #expect(
        report.status == "FAILED" && report.reason.contains("it ran longer than 1 s"), "\(report.reason)")
      #expect(report.subJobs.map(\.status) == ["VERIFIED"], "\(report.subJobs.map(\.reason))")
      let cost = try JobCost(.computed(request))
      let node = try Self.earned(ServiceScene.node(0), in: scene)
      #expect(node.earned == cost.terms.feeLimit && node.lost == .zero)
      let money = try scene.server.service().balances(of: ServiceScene.requester.address)
      #expect(try money.unspent.adding(cost.terms.escrow) == TokenAmount(emeth: "100"))
      #expect(money.locked == .zero)
      try await NetworkServiceTests.checkMoney(scene)
    }
  }

  /// Who says so of a part that others compute in time loses its deposit, and takes nothing more of the two.
  @Test func aModuleThatEndsElsewhereSaysNoNo() async throws {
    let text = "a\n"
    // Slow where the first of all runs is made, as on a machine of its own.
    let folder = try TemporaryFolder()
    let slow = try ModuleScene("sleep 60", extra: #""limits": {"seconds": 1}"#)
    let part = Data(text.utf8)
    let module = try slow.module
    let program = ComputedProgram.module(module)
    let sandbox = try ModuleSandbox(for: [module])
    func outcome(limitsCount: Bool) throws -> PartOutcome {
      try program.outcome(
        of: part, subJob: ModuleScene.job, parameters: [:], sandbox: sandbox, limitsCount: limitsCount,
        stop: StopFlag())
    }
    // Against an output of another's it says nothing.
    let error = #expect(throws: NetworkError.self) { try outcome(limitsCount: false) }
    #expect(error?.code == "module.cutShort")
    #expect(try outcome(limitsCount: true).refusal == "it ran longer than 1 s")
    // A machine's own faults never count.
    let killed = ComputedProgram.module(try ModuleScene("kill -ILL $$").module)
    #expect(throws: NetworkError.self) {
      try killed.outcome(
        of: part, subJob: ModuleScene.job, parameters: [:], sandbox: sandbox, limitsCount: true,
        stop: StopFlag())
    }
    // What was lost is known after a restart.
    let file = folder.url.appending(path: "losses.json")
    let loss = NodeLosses.Loss(
      module: try slow.module.manifest.hash, requester: ServiceScene.requester.address)
    #expect(try NodeLosses(file: file).all().isEmpty)
    try NodeLosses(file: file).keep([loss])
    #expect(try NodeLosses(file: file).all() == [loss])
  }

  /// What can't be read is not forgotten: the node does not start, and says which file it is.
  @Test func lossesThatCantBeReadAreToldOf() async throws {
    let folder = try TemporaryFolder()
    let file = folder.url.appending(path: "losses.json")
    let server = try RestartableService(
      folder: folder.url.appending(path: "server"), settings: ServiceScene.settings())
    let key = ServiceScene.node(0)
    for text in ["", "{", #"{"losses":[{"module":"0x12"}]}"#, "[]", #"{"lost":[]}"#] {
      try Data(text.utf8).write(to: file)
      let error = #expect(throws: NetworkError.self) {
        try NodeAgent(
          key: key, folder: folder.url,
          connection: DirectConnection(account: key.address, server: server))
      }
      #expect(error?.message.contains(file.path) == true, "\(text): \(error?.message ?? "no error")")
      #expect(try Data(contentsOf: file) == Data(text.utf8))
    }
    await server.stop()
  }

  /// Accounts are free: who breaks a module from many of them costs a node so many deposits a day, and no more.
  @Test func lossesOverAModuleAreLimited() {
    let module = SHA256.hash([1])
    func account(_ number: UInt32) -> Address { TestNetwork.key("requester", number).address }
    var losses: Set<NodeLosses.Loss> = []
    for number in 0..<UInt32(NodeLosses.requestersPerDay) {
      #expect(!losses.forbid(module, for: account(number), at: 100_000))
      losses.insert(NodeLosses.Loss(module: module, requester: account(number), at: 100_000 + UInt64(number)))
      #expect(losses.forbid(module, for: account(number), at: 100_000))
    }
    #expect(losses.forbid(module, for: account(9), at: 100_002))
    #expect(!losses.forbid(SHA256.hash([2]), for: account(9), at: 100_002), "another module")
    #expect(losses.forbid(module, for: account(9), at: 100_000 + NodeLosses.daySeconds - 1))
    #expect(!losses.forbid(module, for: account(9), at: 100_000 + NodeLosses.daySeconds))
    #expect(losses.forbid(module, for: account(0), at: .max), "the pair for ever")
    // One requester's several losses are one's.
    let own = Set((0..<5).map { NodeLosses.Loss(module: module, requester: account(0), at: 100_000 + $0) })
    #expect(!own.forbid(module, for: account(1), at: 100_000))
  }

  /// Who is drawn can't say no: a job that pays its verifiers nothing is refused, a training too.
  @Test func nobodyChecksForNothing() async throws {
    var settings = try Self.settings()
    let asked = try Self.request(.meanOfNumbers, Self.numbers, parallel: 2, agreement: 3)
    let ofTwo = try JobCost(.computed(asked)).subJobTerms.verifierFee
    settings.minimumVerifierFee = TokenAmount(holon: ofTwo.holon / 2)
    try await ServiceScene.with(settings, on: .sqlite) { scene in
      let service = try scene.server.service()
      _ = try service.give(Data(Self.numbers.utf8), by: ServiceScene.requester.address)
      func refused(_ submission: JobSubmission) {
        let error = #expect(throws: NetworkError.self) { try scene.submit(submission) }
        #expect(error?.code == "job.verifierFeeTooLow", "\(error?.message ?? "")")
      }
      var computed = try JobSubmission(
        salt: .zero, computed: Self.request(.meanOfNumbers, Self.numbers, parallel: 2))
      var training = try scene.submission(manifest: TestNetwork.manifest())
      for price in [FuelPrice(gholon: 0), FuelPrice(holonPerFuel: 19)] {
        (computed.fuelPrice, training.fuelPrice) = (price, price)
        refused(computed)
        refused(training)
      }
      (computed.fuelPrice, training.fuelPrice) = (FuelPrice(gholon: 120), FuelPrice(gholon: 120))
      (computed.ruleSet, training.ruleSet) = ("core-2023-initial", "core-2023-initial")
      refused(computed)
      refused(training)
      computed.ruleSet = "standard"
      computed.fuelPrice = FuelPrice(gholon: 119)
      refused(computed)
      #expect(try service.jobs(JobFilter()).jobs.isEmpty)
      // At the least that its operator asks for it is taken, with one verifier or with two; what proves itself needs none.
      computed.fuelPrice = FuelPrice(gholon: 120)
      _ = try scene.submit(computed)
      _ = try scene.submit(JobSubmission(salt: TestNetwork.seed(1), computed: asked))
      _ = try service.give(Data(Self.challenge.utf8), by: ServiceScene.requester.address)
      var proof = try JobSubmission(
        salt: TestNetwork.seed(2), computed: Self.request(.proofOfWork, Self.challenge, parallel: 1))
      proof.fuelPrice = FuelPrice(gholon: 0)
      _ = try scene.submit(proof)
    }
  }

  /// What is paid best is checked first, whatever was asked before.
  @Test func errandsComeByWhatTheyPay() async throws {
    try await ServiceScene.with(Self.settings(), on: .sqlite) { scene in
      try scene.startNode(0)
      let verifier = ServiceScene.verifier(6).address
      try scene.bindSilentVerifier(ServiceScene.verifier(6))
      try await Task.sleep(for: .seconds(1))
      let service = try scene.server.service()
      _ = try service.give(Data("1\n".utf8), by: ServiceScene.requester.address)
      var jobs: [JobID] = []
      for (number, price) in [120, 110, 130].enumerated() {
        var submission = try JobSubmission(
          salt: TestNetwork.seed(UInt64(number)), computed: Self.request(.meanOfNumbers, "1\n", parallel: 1))
        submission.fuelPrice = FuelPrice(gholon: UInt64(price))
        jobs.append(try scene.submit(submission))
        for _ in 0..<400 where try service.errands(of: verifier).count <= number {
          try await Task.sleep(for: .milliseconds(25))
        }
      }
      let errands = try service.errands(of: verifier)
      let asked = try service.database.read { db in
        try errands.map { try JobStore.subJob($0.question.subJob, in: db).position.parent }
      }
      #expect(asked == [jobs[2], jobs[0], jobs[1]])
      let first = try #require(errands.first?.id)
      #expect(try service.errands(of: verifier, except: [first]).map(\.id) == errands.dropFirst().map(\.id))
      #expect(try service.errands(of: verifier, kinds: [.reveal]).isEmpty)
      #expect(try service.errands(of: verifier, kinds: []).isEmpty)
    }
  }

  /// Outputs count from when they are accepted; where they take more than a job may have, it ends, and the work is paid.
  @Test func outputsTakeNoMoreDiskThanTheyMay() async throws {
    let wide = try ModuleScene(
      "for i in 1 2 3 4 5 6 7 8 9 10; do head -c 200 /input; head -c 200 /dev/zero; done > /output",
      extra: #""mode": "direct", "limits": {"outputBytes": 4096}"#)
    var settings = try Self.settings()
    settings.maximumResultBytes = 5_000
    try await ServiceScene.with(settings, on: .sqlite) { scene in
      let module = try wide.module
      try scene.startNode(0, modules: [module])
      try scene.startVerifier(0, modules: [module])
      try await scene.verifiersStand(1)
      let text = (1...4).map { "\($0)\n" }.joined()
      let request = try Self.request(.module(module), text, parallel: 4)
      let job = try Self.submit(request, text, in: scene)
      let service = try scene.server.service()
      var most: UInt64 = 0
      for _ in 0..<2_400 {
        let held = try service.database.read { db in
          try HoldStore.byteCount(of: job, .vectors(0), except: ObjectName(""), in: db)
        }
        most = max(most, held)
        if try service.job(job).summary.status.isFinal { break }
        try await Task.sleep(for: .milliseconds(25))
      }
      let report = try await scene.end(of: job)
      #expect(
        report.status == "FAILED" && report.reason.contains("more than 5000 bytes together"),
        "\(report.reason)")
      #expect(most > 2_000 && most <= 5_000, "\(most)")
      let ended = report.subJobs.filter { $0.status == "VERIFIED" }
      #expect(ended.count >= 3 && report.subJobs.allSatisfy { ["VERIFIED", "CANCELED"].contains($0.status) })
      #expect(try Self.earned(ServiceScene.node(0), in: scene).lost == .zero)
      try await NetworkServiceTests.checkMoney(scene)
      // One whose single outputs may be larger is refused at once.
      let larger = try ModuleScene(
        "cat < /input > /output", extra: #""mode": "direct", "limits": {"outputBytes": 5001}"#)
      let error = #expect(throws: NetworkError.self) {
        try Self.submit(
          Self.request(.module(larger.module), text, parallel: 4), text, in: scene, salt: TestNetwork.seed(1))
      }
      #expect(error?.code == "setting.invalid" && error?.message.contains("5001") == true)
    }
  }

  /// That nobody is left counts from when it is so, also where a second verifier was waited for.
  @Test func nobodyLeftIsWaitedForInFull() async throws {
    var settings = try Self.settings()
    settings.periods.verificationSeconds = 8
    try await ServiceScene.with(settings, on: .sqlite) { scene in
      try scene.startNode(0)
      try scene.startVerifier(0, fault: .rejectingVerifier)
      try scene.bindSilentVerifier(ServiceScene.verifier(6))
      try await scene.verifiersStand(1)
      let text = "1\n2\n3\n4\n5\n6\n"
      let job = try Self.submit(
        Self.request(.meanOfNumbers, text, parallel: 6, attempts: 1), text, in: scene)
      let report = try await scene.end(of: job)
      #expect(report.status == "FAILED", "\(report.reason)")
      let records = try scene.server.service().database.read { db in try JobStore.subJobs(of: job, in: db) }
      let unchecked = records.filter { $0.machine.endReason == .nobodyToCheck }
      #expect(!unchecked.isEmpty)
      for record in unchecked {
        let (since, ended) = (try #require(record.notes.undrawnSince), try #require(record.machine.endedAt))
        let submitted = try #require(record.machine.submittedAt)
        #expect(ended >= since + 8 && since > submitted, "\(submitted) \(since) \(ended)")
        #expect(record.notes.draws.count == 2)
        // A verifier's time was given to each of the two.
        if record.notes.judgements.count == 1 { #expect(since >= submitted + 8) }
        #expect(record.machine.settlement?.nodeLoss == .zero && record.machine.settlement?.verifier == .zero)
      }
      try await NetworkServiceTests.checkMoney(scene)
    }
  }

  /// A verifier that was drawn, asked nothing, and has its bond back, as after an outage: another one is drawn, and no money
  /// is locked.
  @Test func whoHasLeftIsPassedOver() async throws {
    try await ServiceScene.with(Self.settings(), on: .sqlite) { scene in
      for index in 0..<3 { try scene.bindSilentVerifier(ServiceScene.verifier(index)) }
      let away = try scene.startNode(0, isDeaf: true)
      try await scene.verifiersStand(3)
      let service = try scene.server.service()
      let text = "1\n2\n3\n"
      let job = try Self.submit(Self.request(.meanOfNumbers, text, parallel: 1), text, in: scene)
      func drawn() throws -> Address? {
        try service.database.read { db in
          try JobStore.subJobs(of: job, in: db).last?.notes.draws.last?.verifier
        }
      }
      let limit = ContinuousClock.now + .seconds(120)
      while try drawn() == nil {
        try #require(ContinuousClock.now < limit, "nobody was drawn")
        try await Task.sleep(for: .milliseconds(20))
      }
      let leaver = try #require(try drawn())
      try service.database.write { db in
        try db.execute(sql: "UPDATE bond SET expiry = 1 WHERE verifier = ?", arguments: ["\(leaver)"])
      }
      #expect(try service.releaseBonds() == [leaver])
      away.cancel()
      await away.value
      try scene.startNode(0)
      for index in 0..<3 where ServiceScene.verifier(index).address != leaver {
        try scene.startVerifier(index)
      }
      let report = try await scene.end(of: job)
      #expect(report.status == "VERIFIED" && report.subJobs.count == 1, "\(report.reason)")
      #expect(try drawn() != leaver)
      #expect(try Self.earned(ServiceScene.node(0), in: scene).lost == .zero)
      try await NetworkServiceTests.checkMoney(scene)
    }
  }

  /// Who leaves answers what it was drawn for, posts nothing anew, and ends when its bond is back.
  @Test func whoLeavesAnswersToTheEnd() async throws {
    try await ServiceScene.with(Self.settings(), on: .sqlite) { scene in
      try scene.bindSilentVerifier(ServiceScene.verifier(0))
      let away = try scene.startNode(0, isDeaf: true)
      try await scene.verifiersStand(1)
      let service = try scene.server.service()
      let text = "1\n2\n3\n"
      let job = try Self.submit(Self.request(.meanOfNumbers, text, parallel: 1), text, in: scene)
      let limit = ContinuousClock.now + .seconds(120)
      while try service.errands(of: ServiceScene.node(0).address, kinds: [.open], except: []).isEmpty {
        try #require(ContinuousClock.now < limit, "nobody was drawn")
        try await Task.sleep(for: .milliseconds(20))
      }
      let leaver = ServiceScene.verifier(0).address
      try service.leave(leaver)
      let agent = try scene.startVerifier(0, isLeaving: true)
      away.cancel()
      await away.value
      try scene.startNode(0)
      let report = try await scene.end(of: job)
      #expect(report.status == "VERIFIED", "\(report.reason)")
      #expect(try Self.payout(ServiceScene.verifier(0), in: scene) > .zero, "it has judged")
      // As when its time is over; with that its process ends by itself.
      try service.database.write { db in
        try db.execute(sql: "UPDATE bond SET expiry = 1 WHERE verifier = ?", arguments: ["\(leaver)"])
      }
      let end = ContinuousClock.now + .seconds(60)
      while try service.releaseBonds() != [leaver] {
        try #require(ContinuousClock.now < end, "its errands do not end with their job")
        try await Task.sleep(for: .milliseconds(50))
      }
      await agent.value
      #expect(try service.balances(of: leaver).locked == .zero, "it has posted nothing again")
    }
  }

  /// What a job's manifest says of a module is compared before anything is locked.
  @Test func whatIsPaidByAnotherFormulaIsNotTaken() async throws {
    let scene = try ModuleScene("cat < /input > /output", extra: #""mode": "direct""#)
    try await ServiceScene.with(Self.settings(), on: .sqlite) { served in
      let module = try scene.module
      try served.startNode(0, modules: [module])
      try served.startVerifier(0, modules: [module])
      try await served.verifiersStand(1)
      let text = "a\nb\n"
      _ = try served.server.service().give(Data(text.utf8), by: ServiceScene.requester.address)
      for (number, change) in [
        (#""recordsPerFuel":1000"#, #""recordsPerFuel":2000"#),
        (#""outputBytes":67108864"#, #""outputBytes":67108865"#),
      ].enumerated() {
        var submission = JobSubmission(
          salt: TestNetwork.seed(UInt64(number)),
          computed: try Self.request(.module(module), text, parallel: 2))
        #expect(submission.manifest.contains(change.0), "\(submission.manifest)")
        submission.manifest = submission.manifest.replacing(change.0, with: change.1)
        let job = try served.submit(submission)
        let service = try served.server.service()
        for _ in 0..<200 where try service.subJobs(of: job).isEmpty {
          try await Task.sleep(for: .milliseconds(25))
        }
        try await Task.sleep(for: .seconds(3))
        let subJobs = try service.subJobs(of: job)
        #expect(subJobs.count == 2 && subJobs.allSatisfy { $0.status == .requested })
      }
      #expect(try Self.earned(ServiceScene.node(0), in: served).work.isEmpty)
    }
  }

  /// What a verifier hands over is looked at last, and no further than it can be large.
  @Test func outputsAreReadNoFurtherThanTheyMayGo() async throws {
    try await ServiceScene.with(Self.settings(), on: .sqlite) { scene in
      try scene.startNode(0)
      let turn = Mutex(0)
      try scene.startVerifier(0) { service, body in
        guard var report = try? JSONDecoder().decode(JudgementReport.self, from: body), report.update != nil
        else { return nil }
        let number = turn.withLock { turn in
          turn += 1
          return turn
        }
        if number == 1 {
          report.update = try service.seal(output: Data(count: 9_000))
        } else if number == 2 {
          // As a verifier of an earlier version does.
          report.update = try service.store.put(service.output(#require(report.update)))
        } else {
          report.update = SHA256.hash([1])
          report.judgement.mismatch = Finding(.result, "and yet it is accepted")
        }
        return try WireFormat.encoder.encode(report)
      }
      try await scene.verifiersStand(1)
      let request = try Self.request(.meanOfNumbers, Self.numbers, parallel: 3)
      let job = try Self.submit(request, Self.numbers, in: scene)
      let report = try await scene.end(of: job)
      #expect(report.status == "VERIFIED", "\(report.reason)")
      let refused = scene.events.withLock { $0.filter { $0.hasPrefix("refused: ") } }
      #expect(refused.contains { $0.contains("has 9200 bytes, allowed are 8196") }, "\(refused)")
      #expect(refused.contains { $0.contains("is not sealed to the Aggregator") }, "\(refused)")
      #expect(refused.contains { $0.contains("says one thing and the finding another") }, "\(refused)")
    }
  }

  /// Node and verifier of one owner agree on an output that is no mean: it is not taken for one.
  @Test func whatCantBeJoinedIsNoAnswer() async throws {
    try await ServiceScene.with(Self.settings(), on: .sqlite) { scene in
      try scene.startNode(0, fault: .swappedFinal)
      let places = scene.folder.url.appending(path: "node-0")
      try scene.startVerifier(0) { service, body in
        guard let honest = try? JSONDecoder().decode(JudgementReport.self, from: body) else { return nil }
        let said = honest.judgement.verdict.verdict
        let liar = TrainingNode(
          key: ServiceScene.node(0), folder: places.appending(path: "work"), store: service.store,
          domain: .embedded, fault: nil)
        guard !said.accepted, let output = try? liar.output(of: said.jobID) else { return nil }
        var report = honest
        report.judgement.mismatch = nil
        let stepRoot = OutputCommitment(partSecret: .zero, subJob: said.jobID)
          .proof(of: .output(output), seed: said.seed)
        report.judgement.verdict = SignedVerdict(
          signing: Verdict(
            jobID: said.jobID, submission: said.submission, verifier: said.verifier, accepted: true,
            seed: said.seed, step: 0, stepRoot: stepRoot, evidence: .zero), in: .embedded,
          with: ServiceScene.verifier(0))
        report.update = try service.seal(output: output)
        return try WireFormat.encoder.encode(report)
      }
      try scene.startVerifier(1)
      try await scene.verifiersStand(2)
      let request = try Self.request(.meanOfNumbers, Self.numbers, parallel: 2)
      let job = try Self.submit(request, Self.numbers, in: scene)
      func refused() -> [String] { scene.events.withLock { $0.filter { $0.hasPrefix("refused: ") } } }
      for _ in 0..<600 where refused().isEmpty { try await Task.sleep(for: .milliseconds(50)) }
      #expect(!refused().isEmpty && refused().allSatisfy { $0.contains("can't be joined") }, "\(refused())")
      try scene.startNode(1)
      let report = try await scene.end(of: job)
      #expect(report.status == "VERIFIED", "\(report.reason)")
      #expect(try Self.result(of: job, in: scene) == (try Self.mean))
    }
  }

  @Test func whatCanBeNoJobIsRefused() async throws {
    let module = try ModuleScene("cat < /input > /output", extra: #""mode": "direct""#)
    try await ServiceScene.with(Self.settings(), on: .sqlite) { scene in
      let text = "1\n2\n3\n"
      let honest = JobSubmission(
        salt: .zero, computed: try Self.request(.meanOfNumbers, text, parallel: 2))
      let external = JobSubmission(
        salt: .zero, computed: try Self.request(.module(module.module), text, parallel: 2))
      _ = try scene.server.service().give(Data(text.utf8), by: ServiceScene.requester.address)
      func refused(
        _ base: JobSubmission, _ code: String, _ words: String, _ change: (inout JobSubmission) -> Void
      ) {
        var submission = base
        change(&submission)
        let error = #expect(throws: NetworkError.self, "\(words)") { try scene.submit(submission) }
        #expect(error?.code == code && error?.message.contains(words) == true, "\(error?.message ?? "")")
      }
      func replacing(_ old: String, _ new: String) -> (inout JobSubmission) -> Void {
        { submission in
          #expect(submission.manifest.contains(old), "\(submission.manifest)")
          submission.manifest = submission.manifest.replacing(old, with: new)
        }
      }
      refused(honest, "setting.invalid", "program") { $0.program = .proofOfWork }
      refused(honest, "setting.invalid", "parallel") { $0.parallel = 4 }
      refused(honest, "setting.invalid", "parallel") { $0.parallel = 0 }
      refused(honest, "setting.invalid", "tokenizer") { $0.check = .all }
      refused(honest, "wire.malformed", "canonical") { $0.manifest += " " }
      refused(honest, "wire.malformed", "manifest") { $0.manifest = "{}" }
      refused(honest, "wire.malformed", "records for one fuel", replacing("1000000", "9000000"))
      refused(honest, "wire.malformed", "program", replacing("9991", "11"))
      refused(honest, "wire.malformed", "bytes of an output", replacing("4096", "40960"))
      refused(
        external, "wire.malformed", "bytes of an output",
        replacing(#""outputBytes":67108864"#, #""outputBytes":17179869185"#))
      refused(
        external, "wire.malformed", "records for one fuel",
        replacing(#""recordsPerFuel":1000"#, #""recordsPerFuel":0"#))
      refused(honest, "wire.malformed", "agreement") {
        $0.manifest = $0.manifest.replacing(#""agreement":2"#, with: #""agreement":9"#)
      }
      #expect(try scene.server.service().jobs(JobFilter()).jobs.isEmpty)
      // Another number of records than is paid for ends it before anybody computes.
      var other = honest
      replacing(#""recordCount":"#, #""recordCount":1"#)(&other)
      let job = try scene.submit(other)
      for _ in 0..<200 where try !scene.server.service().job(job).summary.status.isFinal {
        try await Task.sleep(for: .milliseconds(25))
      }
      let ended = try scene.server.service().job(job).summary
      #expect(ended.status == .canceled && ended.reason.contains("records"), "\(ended.reason)")
    }
  }

  /// A node asks for nothing that it can't compute, whatever its owner and its server say.
  @Test func aNodeKnowsWhatItCanCompute() throws {
    let scene = try ModuleScene("cat < /input > /output", extra: #""mode": "direct""#)
    let module = try scene.module
    var settings = NodeAgent.Settings()
    let builtIn: Set<ProgramID> = [
      .languageModelTrainingPart, .textGenerationPart, .proofOfWork, .meanOfNumbersPart,
    ]
    #expect(try NodeAgent.filter(settings).programs == builtIn)
    #expect(try NodeAgent.filter(settings).modules == [])
    settings.filter.programs = [.meanOfNumbers, .firstExternal]
    settings.filter.withoutPrograms = [.languageModelTraining]
    #expect(try NodeAgent.filter(settings).programs == [.meanOfNumbersPart])
    #expect(try NodeAgent.filter(settings).withoutPrograms == [.languageModelTrainingPart])
    settings.modules = [module]
    #expect(try NodeAgent.filter(settings).programs == [.meanOfNumbersPart, .firstExternal])
    #expect(try NodeAgent.filter(settings).modules == [module.manifest.hash])
    settings.modules = []
    settings.filter.programs = [.firstExternal]
    let error = #expect(throws: NetworkError.self) { try NodeAgent.filter(settings) }
    #expect(error?.message.contains("--module") == true)
  }

  /// Another formula for fuel than the module's would pay nodes less.
  @Test func aManifestOfTheModulesHashAndOtherFuelIsNotComputed() throws {
    let scene = try ModuleScene(
      "cat < /input > /output", extra: #""mode": "direct", "recordsPerFuel": 10"#)
    let program = ComputedProgram.module(try scene.module)
    let text = try ComputedManifest(program, recordCount: 5).canonicalJSON
    #expect(try ComputedProgram(ComputedManifest(json: text), modules: [scene.module]) == program)
    let cheap = text.replacing(#""recordsPerFuel":10"#, with: #""recordsPerFuel":1000"#)
    #expect(cheap != text)
    #expect(throws: NetworkError.self) {
      try ComputedProgram(ComputedManifest(json: cheap), modules: [scene.module])
    }
  }
}
