import EmethCompute
import EmethKit
import Foundation
import Synchronization
import Testing

@testable import EmethNetwork

/// Program 2 on a local network, honest and not.
@Suite struct GenerationJobTests {
  private struct Scene {
    let generation: GenerationScene
    let folder: TemporaryFolder
    let network: LocalNetwork
    let request: JobRequest

    init(
      _ text: String = GenerationScene.prompts, parallel: UInt32 = 3, settings: NetworkSettings? = nil,
      agreement: UInt32 = 2
    ) throws {
      generation = try GenerationScene()
      folder = try TemporaryFolder()
      network = try LocalNetwork(
        folder: folder.url.appending(path: "job"), seed: TestNetwork.seed(),
        settings: settings ?? ComputedJobTests.Scene.quiet(nodes: 3))
      try network.keep(model: generation.model, from: generation.folder.url)
      try network.keep(dataSet: Data(text.utf8))
      request = .computed(try generation.request(text, parallel: parallel, agreement: agreement))
    }

    func run(stop: StopFlag = StopFlag()) async throws -> (report: JobReport, texts: [GeneratedText]) {
      let job = try network.submit(request, once: true)
      let report = try await network.work(on: job, threads: 2, stop: stop)
      guard report.status == "VERIFIED" else { return (report, []) }
      let file = try network.exportResult(of: job, to: folder.url)
      return (report, try GeneratedText.lines(of: Data(contentsOf: file)))
    }

    func checks(_ report: JobReport) throws -> [JobFolder.Check] {
      try network.exportRecords(of: report.jobId, report: report, to: folder.url)
      try network.signFolder(of: report.jobId, at: folder.url)
      try network.close()
      return try JobFolder(folder.url).check()
    }
  }

  @Test func textsAreGeneratedCheckedAndPaid() async throws {
    let scene = try Scene()
    let (report, texts) = try await scene.run()
    #expect(report.status == "VERIFIED" && report.program == .textGeneration, "\(report.reason)")
    let wanted = try scene.generation.texts()
    #expect(texts == wanted)
    #expect(Set(texts.map(\.ending)).count > 1 && texts.contains { $0.text.count > 20 }, "\(texts)")
    // What was not generated is not paid.
    let cost = try JobCost(scene.request)
    let generation = try #require(try ComputedManifest(json: scene.request.parameters).generation)
    let used = try [wanted[..<3], wanted[3..<5], wanted[5...]].map { try generation.fuel(of: $0) }
    let earned = report.accounts.filter { $0.role == "node" }.reduce(TokenAmount.zero) { $0 + $1.earned }
    let paid = try used.reduce(TokenAmount.zero) { try $0 + FuelPrice(gholon: 120).fee(for: $1) }
    #expect(earned == paid && paid > .zero && paid <= cost.terms.feeLimit)
    #expect(report.conservation.holds && report.conservation.locked == .zero)
    #expect(report.verification.checked == 3, "every part by one verifier")
    let checks = try scene.checks(report)
    #expect(checks.allSatisfy { $0.holds }, "\(checks.filter { !$0.holds })")
    #expect(checks.contains { $0.what.contains("fuel of every part") })
    #expect(!FileManager.default.fileExists(atPath: scene.folder.url.appending(path: "job/models").path))
    // A text that is another one, or is not there, is found in the folder alone.
    let file = scene.folder.url.appending(path: JobFolder.resultFile)
    var lies = wanted
    lies[0].text += "!"
    try lies.reduce(into: Data()) { $0 += try $1.line() }.write(to: file)
    #expect(try JobFolder(scene.folder.url).check().count { !$0.holds } == 2, "signed files, result")
    try wanted.dropLast().reduce(into: Data()) { $0 += try $1.line() }.write(to: file)
    #expect(try JobFolder(scene.folder.url).check().count { !$0.holds } == 3, "and the texts' number")
  }

  @Test func textsDependOnNeitherPartsNorNodes() async throws {
    let wanted = try GenerationScene().texts()
    for (parallel, nodes) in [(1, 1), (7, 4)] as [(UInt32, Int)] {
      let scene = try Scene(parallel: parallel, settings: ComputedJobTests.Scene.quiet(nodes: nodes))
      let (report, texts) = try await scene.run()
      #expect(texts == wanted, "\(parallel) parts on \(nodes) nodes: \(report.reason)")
    }
  }

  @Test func aWrongOutputIsFoundAndGeneratedElsewhere() async throws {
    let scene = try Scene(
      settings: ComputedJobTests.Scene.quiet(nodes: 3, fault: FaultPlan(fault: .swappedFinal, node: 2)))
    let (report, texts) = try await scene.run()
    #expect(texts == (try scene.generation.texts()), "\(report.reason)")
    let failed = report.subJobs.filter { $0.status == "FAILED" }
    #expect(failed.count == 1 && failed.first?.node == 2)
    #expect(failed.first?.reason.contains("computed again, the output has root") ?? false)
    let checks = try scene.checks(report)
    #expect(checks.allSatisfy { $0.holds }, "\(checks.filter { !$0.holds })")
  }

  @Test func stoppedInTheMiddleItGoesOn() async throws {
    let whole = try Scene(agreement: 3)
    let (expected, texts) = try await whole.run()
    let scene = try Scene(agreement: 3)
    var ended = false
    for step in 1...20 where !ended {
      let (stop, events) = (StopFlag(), EventCounter())
      do {
        let job = try scene.network.submit(scene.request, once: true)
        _ = try await scene.network.work(on: job, threads: 1, stop: stop) { _ in
          if events.count() == step { stop.raise() }
        }
        ended = true
      } catch {
        #expect(error == .interrupted)
      }
    }
    let (report, resumed) = try await scene.run()
    #expect(resumed == texts && report.status == "VERIFIED")
    #expect(try report.comparable == expected.comparable)
  }

  /// Counts what comes from several threads.
  private final class EventCounter: Sendable {
    private let number = Mutex(0)

    func count() -> Int {
      number.withLock { number in
        number += 1
        return number
      }
    }
  }

  /// A model that is none ends the job with its reason, and costs no node a deposit.
  @Test func aModelThatIsNoneEndsTheJob() async throws {
    let scene = try Scene()
    let weights = scene.generation.folder.url.appending(path: "model.safetensors")
    let bytes = try Data(contentsOf: weights)
    try bytes.dropLast(64).write(to: weights)
    let broken = try ModelReference(folder: scene.generation.folder.url)
    try scene.network.keep(model: broken, from: scene.generation.folder.url)
    let text = Data(GenerationScene.prompts.utf8)
    let terms = try GenerationTerms(
      broken, ByteTokenizer(), drawing: GenerationScene.drawing, dataSet: text, named: "prompts", parts: 3)
    guard case .computed(var request) = scene.request else { return }
    request.manifest = try ComputedManifest(.textGeneration, recordCount: 7, generation: terms)
    let job = try scene.network.submit(.computed(request))
    let report = try await scene.network.work(on: job, threads: 1)
    #expect(report.status == "FAILED" && report.reason.contains("model.safetensors"), "\(report.reason)")
    #expect(report.accounts.filter { $0.role == "node" }.allSatisfy { $0.penalty == .zero })
    #expect(report.conservation.holds && report.conservation.locked == .zero)
  }
}
