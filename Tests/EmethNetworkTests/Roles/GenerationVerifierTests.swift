import EmethCompute
import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// What a verifier finds in a part of a text generation: another model, other prompts, fewer tokens, other fuel.
@Suite struct GenerationVerifierTests {
  /// A part as its node has it, and what its verifier is told.
  private struct Scene {
    let generation: GenerationScene
    let folder: TemporaryFolder
    let store: ContentStore
    let node: TrainingNode
    let assignment: Assignment
    let facts: SubJobFacts
    let manifest: ComputedManifest

    static let key = TestNetwork.key("node", 0)
    static let verifierKey = TestNetwork.key("verifier", 0)
    static let seed = SHA256.hash("a challenge".utf8)

    init() throws {
      generation = try GenerationScene()
      folder = try TemporaryFolder()
      store = try ContentStore(folder: folder.url.appending(path: "objects"))
      try generation.store(in: store)
      manifest = try generation.request(parallel: 1).manifest
      let parent = JobID(requester: TestNetwork.key("requester", 0).address, salt: .zero)
      let splitter = Splitter(key: TestNetwork.key("splitter", 0))
      let divided = try splitter.divide(
        Data(GenerationScene.prompts.utf8), named: "prompts", .json, recordCount: manifest.recordCount,
        job: parent, parts: 1)
      let position = SubJobPosition(parent: parent, round: 0, part: 0, attempt: 0)
      let (part, fuel) = (divided.plan.parts[0], try manifest.partFuel(parts: 1))
      assignment = Assignment(
        subJob: position.id, position: position, manifest: manifest.canonicalJSON,
        data: try store.put(splitter.payload(of: divided.parts[0], job: parent, index: 0)),
        header: try splitter.header(
          of: parent, part: 0, subJob: position.id, node: Self.key.address,
          binding: SignedKeyBinding(
            signing: KeyBinding(of: Self.key, expiry: 9), in: .embedded, with: Self.key), now: 1,
          domain: .embedded),
        dataRoot: part.root, firstRecord: 0, partSecret: splitter.partSecret(of: parent, part: 0),
        startingParameters: .zero, initRoot: .zero, exponents: [], fuel: fuel, program: .textGenerationPart)
      facts = SubJobFacts(
        subJob: position.id, position: position, node: Self.key.address, manifest: manifest.canonicalJSON,
        dataRoot: part.root, sequenceCount: Int(part.count), startingParameters: .zero, initRoot: .zero,
        exponents: [], fuel: fuel, program: .textGenerationPart)
      node = TrainingNode(
        key: Self.key, folder: folder.url.appending(path: "node"), store: store, domain: .embedded, fault: nil
      )
    }

    func bench(_ name: String) throws -> GenerationBench {
      GenerationBench(
        models: ModelShelf(folder: folder.url.appending(path: "models-\(name)"), byteLimit: .max),
        store: store,
        device: try Device.cpu(threads: 1))
    }

    /// What the node says it has generated: the honest output as `lie` alters it.
    func submit(
      fuel: UInt64? = nil, _ lie: (Data) throws -> Data = { $0 }
    ) throws -> NodeResult {
      let honest = try #require(
        try node.computePart(
          assignment, program: .textGeneration, sandbox: nil, bench: bench("node"), stop: StopFlag()))
      let said = honest.submission.submission
      let output = try lie(node.output(of: assignment.subJob))
      let commitment = OutputCommitment(partSecret: assignment.partSecret, subJob: assignment.subJob)
      let result = NodeResult(
        submission: SignedSubmission(
          signing: Submission(
            jobID: said.jobID, round: 0, node: said.node, programHash: said.programHash,
            dataRoot: said.dataRoot,
            initRoot: .zero, traceRoot: .zero, finalRoot: .zero,
            resultRoot: commitment.root(of: .output(output)),
            segments: 1, fuelUsed: fuel ?? said.fuelUsed), in: .embedded, with: Self.key),
        trainLoss: 0, clipped: 0)
      try NodeVault(node: node.folder, subJob: assignment.subJob).keep(
        NodeVault.Record(result: result, assignment: assignment, stateRoots: []))
      return result
    }

    /// What a verifier makes of it.
    func judge(_ result: NodeResult) throws -> (Judgement, update: Data?) {
      let place = folder.url.appending(path: "verifier")
      let verifier = Verifier(
        key: Self.verifierKey, store: store, domain: .embedded,
        opened: try ContentStore(folder: place.appending(path: "opened")), folder: place, fault: nil)
      let challenge = Challenge(
        subJob: facts.subJob, verifier: Self.verifierKey.address, seed: Self.seed, segments: [0])
      let sealed = try node.openPart(challenge, to: verifier.binding(expiry: 9), at: 1)
      let encoder = WireFormat.encoder
      let question = try verifier.question(
        submission: encoder.encode(result.submission), facts: encoder.encode(facts), seed: Self.seed,
        segments: [0])
      let examination = try verifier.examinePart(
        question, delivered: encoder.encode(sealed), program: .textGeneration, sandbox: nil,
        bench: bench("verifier"), stop: StopFlag())
      return (examination.judgement, verifier.update(of: facts.subJob))
    }
  }

  @Test func anHonestPartIsAccepted() throws {
    let scene = try Scene()
    let (judgement, output) = try scene.judge(scene.submit())
    #expect(judgement.verdict.verdict.accepted, "\(judgement.finding)")
    #expect(try GeneratedText.lines(of: try #require(output)) == scene.generation.texts())
  }

  /// The output of the same part by other terms.
  private func generated(
    _ scene: Scene, by model: GenerationScene? = nil, prompts: String = GenerationScene.prompts,
    drawing: Drawing = GenerationScene.drawing
  ) throws -> Data {
    let model = model ?? scene.generation
    let texts = try model.texts(prompts, drawing: drawing)
    return try texts.reduce(into: Data()) { $0 += try $1.line() }
  }

  @Test func anotherModelIsFound() throws {
    let scene = try Scene()
    let (judgement, _) = try scene.judge(
      scene.submit { _ in try generated(scene, by: GenerationScene(seed: 2)) })
    #expect(judgement.mismatch?.kind == .result && !judgement.verdict.verdict.accepted)
    #expect(judgement.finding.contains("computed again, the output has root"), "\(judgement.finding)")
  }

  @Test func anotherPromptIsFound() throws {
    let scene = try Scene()
    let other = GenerationScene.prompts.replacingOccurrences(of: "the cat", with: "the car")
    let (judgement, _) = try scene.judge(scene.submit { _ in try generated(scene, prompts: other) })
    #expect(judgement.mismatch?.kind == .result)
  }

  @Test func fewerTokensAreFound() throws {
    let scene = try Scene()
    var short = GenerationScene.drawing
    short.maxTokens = 8
    let (judgement, _) = try scene.judge(scene.submit { _ in try generated(scene, drawing: short) })
    #expect(judgement.mismatch?.kind == .result)
  }

  @Test func aMissingTextIsFound() throws {
    let scene = try Scene()
    let (judgement, _) = try scene.judge(
      scene.submit { output in
        try GeneratedText.lines(of: output).dropLast().reduce(into: Data()) { $0 += try $1.line() }
      })
    #expect(judgement.mismatch?.kind == .result)
  }

  @Test(arguments: [0, 2] as [UInt64])
  func otherFuelIsFound(fuel: UInt64) throws {
    let scene = try Scene()
    #expect(scene.facts.fuel.units == 1)
    let (judgement, _) = try scene.judge(scene.submit(fuel: fuel))
    #expect(judgement.mismatch?.kind == .submission, "\(judgement.finding)")
  }
}
