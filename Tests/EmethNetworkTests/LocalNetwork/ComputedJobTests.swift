import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// Jobs that are no training on a local network: built-in programs and modules, honest and not.
@Suite struct ComputedJobTests {
  /// A job on a new network; the folder goes when this does.
  struct Scene {
    let folder: TemporaryFolder
    let network: LocalNetwork
    let request: JobRequest
    let modules: [ProgramModule]

    init(
      _ program: ProgramID, _ text: String, parallel: UInt32 = 3, settings: NetworkSettings? = nil,
      agreement: UInt32 = 2, modules: [ProgramModule] = [], parameters: [String: String] = [:],
      attempts: UInt32 = 3
    ) throws {
      folder = try TemporaryFolder()
      self.modules = modules
      network = try LocalNetwork(
        folder: folder.url.appending(path: "job"), seed: TestNetwork.seed(),
        settings: settings ?? Self.quiet(nodes: 3))
      let computed = try ComputedProgram(program, modules: modules)
      request = .computed(
        ComputedRequest(
          manifest: try ComputedManifest(
            computed, parameters: parameters,
            recordCount: UInt64(computed.records.records(in: Array(text.utf8)).count), agreement: agreement),
          dataSetName: "data", dataSet: try network.keep(dataSet: Data(text.utf8)), parallel: parallel,
          fuelPrice: FuelPrice(gholon: 120), timeLimitSeconds: 86_400,
          retry: RetryPolicy(attempts: attempts, baseDelayMilliseconds: 100, factor: 4)))
    }

    /// A network in which no verdict is replayed by chance.
    static func quiet(nodes: Int, fault: FaultPlan? = nil) throws -> NetworkSettings {
      var settings = try NetworkSettings(nodes: nodes, fault: fault)
      settings.auditOneIn = .max
      return settings
    }

    /// Works the job to its end and returns its report and its result.
    func run() async throws -> (report: JobReport, result: String?) {
      let job = try network.submit(request)
      let report = try await network.work(on: job, threads: 2, modules: modules)
      guard report.status == "VERIFIED" else { return (report, nil) }
      let file = try network.exportResult(of: job, to: folder.url)
      return (report, String(decoding: try Data(contentsOf: file), as: UTF8.self))
    }

    /// The folder as a third party checks it.
    func checks(_ report: JobReport) throws -> [JobFolder.Check] {
      try network.exportRecords(of: report.jobId, report: report, to: folder.url)
      try network.signFolder(of: report.jobId, at: folder.url)
      try network.close()
      return try JobFolder(folder.url).check()
    }
  }

  private static let numbers = (1...1_000).map { "\($0 * 7 % 1_009).25\n" }.joined()
  private static var mean: String {
    get throws { String(decoding: try MeanOfNumbers(part: Array(numbers.utf8)).output, as: UTF8.self) }
  }

  @Test func aMeanIsComputedCheckedAndPaid() async throws {
    let scene = try Scene(.meanOfNumbers, Self.numbers)
    let (report, result) = try await scene.run()
    #expect(report.status == "VERIFIED" && report.program == .meanOfNumbers)
    #expect(result == (try Self.mean))
    #expect(report.subJobs.count == 3 && report.subJobs.allSatisfy { $0.status == "VERIFIED" })
    #expect(report.conservation.holds && report.conservation.locked == .zero)
    #expect(report.conservation.burned == .zero)
    let cost = try JobCost(scene.request)
    func earned(_ role: String) -> TokenAmount {
      report.accounts.filter { $0.role == role }.reduce(.zero) { $0 + $1.earned }
    }
    #expect(earned("node") == cost.terms.feeLimit && earned("node") > .zero)
    #expect(earned("verifier") == cost.terms.verifierFee && earned("verifier") > .zero)
    #expect(report.verification.checked == 3, "every part by one verifier")
    let checks = try scene.checks(report)
    #expect(checks.allSatisfy { $0.holds }, "\(checks.filter { !$0.holds })")
    #expect(checks.contains { $0.what.contains("result's bytes") })
  }

  @Test func theResultDependsOnNeitherPartsNorNodes() async throws {
    let module = try ModuleScene("tr a-z A-Z < /input > /output", extra: #""mode": "direct""#).folder
    let upper = try ProgramModule(folder: module.url)
    let text = (1...40).map { "line \($0) of words\n" }.joined() + "and no line end"
    for (parallel, nodes) in [(1, 1), (4, 2), (7, 3), (41, 4)] as [(UInt32, Int)] {
      let scene = try Scene(
        upper.manifest.program, text, parallel: parallel, settings: Scene.quiet(nodes: nodes),
        modules: [upper])
      let (report, result) = try await scene.run()
      #expect(report.status == "VERIFIED", "\(report.reason)")
      #expect(result == text.uppercased(), "\(parallel) parts on \(nodes) nodes")
    }
    withExtendedLifetime(module) {}
  }

  @Test func aWrongOutputIsFoundAndComputedElsewhere() async throws {
    let scene = try Scene(
      .meanOfNumbers, Self.numbers,
      settings: Scene.quiet(nodes: 3, fault: FaultPlan(fault: .swappedFinal, node: 2)))
    let (report, result) = try await scene.run()
    #expect(report.status == "VERIFIED")
    #expect(result == (try Self.mean))
    let failed = report.subJobs.filter { $0.status == "FAILED" }
    #expect(failed.count == 1 && failed.first?.node == 2)
    #expect(failed.first?.reason.contains("computed again, the output has root") ?? false)
    let again = report.subJobs.filter { $0.attempt == 1 }
    #expect(again.count == 1 && again.first?.node != 2 && again.first?.part == failed.first?.part)
    let cost = try JobCost(scene.request)
    let cheat = try #require(report.accounts.first { $0.role == "node" && $0.number == 2 })
    #expect(cheat.penalty == cost.subJobTerms.failedPenalty + cost.subJobTerms.verifierFee)
    #expect(report.conservation.holds && report.conservation.locked == .zero)
    let checks = try scene.checks(report)
    #expect(checks.allSatisfy { $0.holds }, "\(checks.filter { !$0.holds })")
  }

  @Test func aSilentNodeIsReplaced() async throws {
    let scene = try Scene(
      .meanOfNumbers, Self.numbers,
      settings: Scene.quiet(nodes: 3, fault: FaultPlan(fault: .stall, node: 1)))
    let (report, result) = try await scene.run()
    #expect(result == (try Self.mean))
    #expect(report.subJobs.filter { $0.status == "TIMEOUT" }.map(\.node) == [1])
  }

  @Test(arguments: [NodeFault.stampingVerifier, .rejectingVerifier, .twoVerdicts])
  func aVerifierThatLiesChangesNothing(fault: NodeFault) async throws {
    let scene = try Scene(
      .meanOfNumbers, Self.numbers, parallel: 6,
      settings: Scene.quiet(nodes: 3, fault: FaultPlan(fault: fault, node: 1)))
    let (report, result) = try await scene.run()
    #expect(report.status == "VERIFIED", "\(report.reason)")
    #expect(result == (try Self.mean))
    #expect(report.subJobs.allSatisfy { $0.status == "VERIFIED" }, "no honest node pays for it")
    let liar = try #require(report.accounts.first { $0.role == "verifier" && $0.number == 1 })
    if fault != .rejectingVerifier { #expect(liar.penalty > .zero, "it was drawn and lost its bond") }
    #expect(report.conservation.holds && report.conservation.locked == .zero)
  }

  @Test func threeAgreeWhereTheyAreAskedTo() async throws {
    let scene = try Scene(.meanOfNumbers, Self.numbers, agreement: 3)
    let (report, result) = try await scene.run()
    #expect(result == (try Self.mean))
    #expect(report.verification.checked == 6, "every part by two verifiers")
    #expect(report.conservation.holds && report.conservation.locked == .zero)
    let checks = try scene.checks(report)
    #expect(checks.allSatisfy { $0.holds }, "\(checks.filter { !$0.holds })")
  }

  @Test func linesThatAreNoNumbersAreNamed() async throws {
    let (report, result) = try await Scene(.meanOfNumbers, "1\nx\n3\ny\n").run()
    #expect(result == "2,2\r\n")
    #expect(report.reason.contains("2 of 4 lines are no numbers"))
  }

  @Test func aProofOfWorkProvesItself() async throws {
    let record = String(repeating: "5a", count: 65) + "00" + String(repeating: "f", count: 62)
    let scene = try Scene(.proofOfWork, record + "\n", parallel: 1)
    let (report, result) = try await scene.run()
    #expect(report.status == "VERIFIED", "\(report.reason)")
    let solution = try #require(result).trimmingCharacters(in: .newlines)
    #expect(try ProofOfWork(record: record).accepts(result: solution))
    #expect(report.verification.checked == 0)
    #expect(report.accounts.filter { $0.role == "verifier" }.allSatisfy { $0.earned == .zero })
    let earned = report.accounts.filter { $0.role == "node" }.reduce(TokenAmount.zero) { $0 + $1.earned }
    #expect(earned == (try JobCost(scene.request).terms.feeLimit))
    let checks = try scene.checks(report)
    #expect(checks.allSatisfy { $0.holds }, "\(checks.filter { !$0.holds })")
  }

  @Test func aModuleThatFailsEndsTheJobAndTheEscrowReturns() async throws {
    let folder = try ModuleScene("echo 'no such word' >&2; exit 3").folder
    let scene = try Scene(.firstExternal, "a\nb\nc\n", modules: [ProgramModule(folder: folder.url)])
    let (report, result) = try await scene.run()
    #expect(report.status == "FAILED" && result == nil)
    #expect(report.reason.contains("it ended with exit status 3: no such word"), "\(report.reason)")
    #expect(report.conservation.holds && report.conservation.locked == .zero)
    #expect(report.conservation.burned == .zero)
    #expect(report.accounts.allSatisfy { $0.penalty == .zero && $0.earned == .zero })
    #expect(throws: NetworkError.self) {
      try scene.network.exportResult(of: report.jobId, to: folder.url)
    }
  }

  @Test func aModuleThatTheMachineEndsIsJudgedByNobody() async throws {
    let folder = try ModuleScene("kill -9 $$").folder
    let scene = try Scene(
      .firstExternal, "a\nb\nc\n", modules: [ProgramModule(folder: folder.url)], attempts: 2)
    let (report, result) = try await scene.run()
    #expect(report.status != "VERIFIED" && result == nil)
    #expect(report.reason.contains("did not get to its end on this machine"), "\(report.reason)")
    #expect(report.subJobs.contains { $0.status == "TIMEOUT" && $0.attempt == 1 }, "it was tried again")
    #expect(report.subJobs.allSatisfy { $0.status != "FAILED" } && report.verification.checked == 0)
    #expect(report.conservation.holds && report.conservation.locked == .zero)
  }

  @Test func onlyVerifiersWithTheSameOutputAgree() throws {
    let domain = try Scene(.meanOfNumbers, "1\n2\n3\n").network.domain
    let keys = (0..<4).map { PrivateKey(seed: TestNetwork.seed(), label: "verifier", index: $0) }
    let (seed, root) = (SHA256.hash([1]), SHA256.hash([2]))
    func verdict(
      _ number: Int, seed: Bytes32, root: Bytes32, accepted: Bool = true
    ) -> SignedVerdict {
      SignedVerdict(
        signing: Verdict(
          jobID: ModuleScene.job, submission: .zero, verifier: keys[number].address, accepted: accepted,
          seed: seed, step: 0, stepRoot: root, evidence: .zero), in: domain, with: keys[number])
    }
    func agreeing(_ verdicts: [SignedVerdict]) -> Int {
      JobFolder.agreeing(on: verdicts.first, of: verdicts, node: keys[3].address)
    }
    let first = verdict(0, seed: seed, root: root)
    #expect(agreeing([first]) == 2)
    #expect(agreeing([first, verdict(1, seed: seed, root: root)]) == 3)
    #expect(agreeing([first, first]) == 2, "one verifier counts once")
    #expect(agreeing([first, verdict(1, seed: seed, root: seed)]) == 2, "another output")
    #expect(agreeing([first, verdict(1, seed: root, root: root)]) == 2, "another seed")
    #expect(agreeing([first, verdict(3, seed: seed, root: root)]) == 2, "the node itself")
    let second = verdict(1, seed: seed, root: root)
    #expect(
      agreeing([first, second, verdict(1, seed: seed, root: root, accepted: false)]) == 2, "two verdicts")
    #expect(agreeing([verdict(0, seed: seed, root: root, accepted: false)]) == 0)
    #expect(agreeing([]) == 0)
  }

  @Test(arguments: [
    ("\"recordsPerFuel\":1000000", "\"recordsPerFuel\":0"), ("\"agreement\":2", "\"agreement\":1"),
    ("\"agreement\":2", "\"agreement\":4"), ("\"recordCount\":3", "\"recordCount\":0"),
    ("\"version\":1", "\"version\":2"),
  ])
  func manifestsOutsideTheirLimitsAreRefused(found: String, changed: String) throws {
    let text = try ComputedManifest(.meanOfNumbers, recordCount: 3).canonicalJSON
    #expect(try ComputedManifest(json: text).canonicalJSON == text)
    let broken = text.replacingOccurrences(of: found, with: changed)
    try #require(broken != text)
    #expect(throws: NetworkError.self) { try ComputedManifest(json: broken) }
  }

  @Test func theModuleIsTheOneThatTheJobNames() async throws {
    let first = try ModuleScene("cat /input > /output", extra: #""mode": "direct""#)
    let other = try ModuleScene("rev /input > /output", extra: #""mode": "direct""#)
    let scene = try Scene(.firstExternal, "ab\ncd\nef\n", modules: [first.module])
    let job = try scene.network.submit(scene.request)
    for modules in [[], [try other.module]] {
      let error = await #expect(throws: NetworkError.self) {
        try await scene.network.work(on: job, threads: 1, modules: modules)
      }
      #expect(error?.message.contains("--module") ?? false)
    }
    let report = try await scene.network.work(on: job, threads: 1, modules: [first.module])
    #expect(report.status == "VERIFIED")
  }

  @Test func aChangedResultIsFound() async throws {
    let scene = try Scene(.meanOfNumbers, Self.numbers)
    let (report, _) = try await scene.run()
    #expect(try scene.checks(report).allSatisfy { $0.holds })
    let folder = scene.folder
    try Data("1000,1\r\n".utf8).write(to: folder.url.appending(path: "result.dat"))
    let failed = try JobFolder(folder.url).check().filter { !$0.holds }
    #expect(failed.count == 2, "the signed manifest, and the records: \(failed)")
  }

  @Test func aRequestForATrainingIsStoredAsItWas() throws {
    let folder = try TemporaryFolder()
    let network = try LocalNetwork(folder: folder.url, seed: TestNetwork.seed())
    let training = try TestNetwork.request(network, manifest: TestNetwork.manifest())
    #expect(try JobRequest.training(training).wireText() == training.wireText())
    #expect(try JobRequest(wireText: training.wireText()) == .training(training))
    let computed = try Scene(.meanOfNumbers, "1\n2\n3\n").request
    #expect(try JobRequest(wireText: computed.wireText()) == computed)
  }
}
