import EmethCompute
import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// One SubJob of a job with noise: what its node adds, and what its verifier accepts.
@Suite struct NoisyUpdateTests {
  private let folder: TemporaryFolder
  private let store: ContentStore
  private let manifest: TrainingManifest
  private let schedule: NoiseSchedule
  private let assignment: Assignment
  private let facts: SubJobFacts
  private let segments = [0, 1, 2]

  init() throws {
    folder = try TemporaryFolder()
    store = try ContentStore(folder: folder.url.appending(path: "objects"))
    manifest = try TestNetwork.privateManifest(noise: "2", clip: "0.01")
    let parent = JobID(requester: TestNetwork.key("requester", 0).address, salt: .zero)
    let dataSet = try DataSet(
      name: "sentences", bytes: Data(TestNetwork.text().utf8), tokenizer: ByteTokenizer(),
      context: Int(manifest.model.context))
    let splitter = Splitter(key: TestNetwork.key("splitter", 0))
    let division = try splitter.divide(dataSet, job: parent, parts: 3)
    schedule = splitter.noise(of: parent, part: 1, rounds: manifest.rounds)
    let position = SubJobPosition(parent: parent, round: 1, part: 1, attempt: 0)
    let start = try TrainingState(configuration: ModelConfiguration(manifest.model))
    try start.initializeWeights(seed: manifest.seed.bytes)
    start.round = 1
    start.step = UInt64(manifest.stepsPerRound)
    let terms = try #require(manifest.privacy)
    let exponent = UpdateNoise(terms: terms, parts: 3).exponent(atMost: 30)
    let exponents = Array(repeating: exponent, count: start.layout.tensors.count)
    let part = division.plan.parts[1]
    let noise = PartNoise(parts: 3, root: schedule.root)
    assignment = Assignment(
      subJob: position.id, position: position, manifest: manifest.canonicalJSON,
      data: try store.put(splitter.payload(of: division.parts[1], job: parent, index: 1)),
      header: try splitter.header(
        of: parent, part: 1, subJob: position.id, node: TestNetwork.key("node", 0).address,
        binding: SignedKeyBinding(
          signing: KeyBinding(of: TestNetwork.key("node", 0), expiry: 2), in: .embedded,
          with: TestNetwork.key("node", 0)), now: 1, domain: .embedded), dataRoot: part.root,
      firstRecord: part.firstRecord,
      partSecret: splitter.partSecret(of: parent, part: 1),
      startingParameters: try store.put(start.parameterBytes()),
      initRoot: try start.rootHash(on: Device.cpu(threads: 1)), exponents: exponents, noise: noise,
      noiseOpening: schedule.opening(round: 1), fuel: try FuelFormula.training(manifest))
    facts = SubJobFacts(
      subJob: position.id, position: position, node: TestNetwork.key("node", 0).address,
      manifest: assignment.manifest, dataRoot: part.root, sequenceCount: Int(part.count),
      startingParameters: assignment.startingParameters, initRoot: assignment.initRoot, exponents: exponents,
      noise: noise, fuel: assignment.fuel)
  }

  private func node(_ name: String = "node") -> TrainingNode {
    TrainingNode(
      key: TestNetwork.key("node", 0), folder: folder.url.appending(path: name), store: store,
      domain: .embedded,
      fault: nil)
  }

  private func computed(_ assignment: Assignment, by node: TrainingNode) throws -> NodeResult {
    try #require(
      try node.compute(assignment, on: Device.cpu(threads: 1), stop: StopFlag(), onStep: { _ in }))
  }

  private func judged(_ result: NodeResult, _ opening: Opening, facts: SubJobFacts) throws -> Judgement {
    return try Verifier(key: TestNetwork.key("verifier", 0), store: store, domain: .embedded).judge(
      submission: WireFormat.encoder.encode(result.submission), facts: WireFormat.encoder.encode(facts),
      opening: WireFormat.encoder.encode(opening), seed: SHA256.hash([1]), segments: segments,
      device: Device.cpu(threads: 2))
  }

  private func opened(by node: TrainingNode) throws -> Opening {
    let answer = try node.answer(
      Challenge(
        subJob: assignment.subJob, verifier: TestNetwork.key("verifier", 0).address, seed: SHA256.hash([1]),
        segments: segments), on: Device.cpu(threads: 1))
    for state in answer.states.values { try store.put(state) }
    return answer.opening
  }

  private func update(of node: TrainingNode) throws -> Data {
    try NodeVault(node: node.folder, subJob: assignment.subJob).update()
  }

  private func values(of node: TrainingNode) throws -> [Int32] {
    try update(of: node).withUnsafeBytes { Array($0.bindMemory(to: Int32.self)) }
  }

  @Test func theVerifierAddsTheSameNoise() throws {
    let result = try computed(assignment, by: node())
    let judgement = try judged(result, opened(by: node()), facts: facts)
    #expect(judgement.verdict.verdict.accepted, "\(judgement.finding)")
    // Another attempt elsewhere gives the same update.
    _ = try computed(assignment, by: node("other"))
    #expect(try update(of: node("other")) == update(of: node()))
  }

  @Test func theUpdateIsCutAndTheNoiseIsOfItsSize() throws {
    _ = try computed(assignment, by: node())
    let terms = try #require(manifest.privacy)
    let noise = UpdateNoise(terms: terms, parts: 3)
    let layout = ParameterLayout(try ModelConfiguration(manifest.model))
    var rest = try values(of: node())
    var squares = 0.0
    for (index, tensor) in layout.tensors.enumerated() {
      let exponent = assignment.exponents[index]
      var added = [Int32](repeating: 0, count: tensor.count)
      try added.withUnsafeMutableBufferPointer {
        try noise.add(
          to: $0, exponent: exponent, seed: schedule.opening(round: 1).seed, tensor: UInt32(index))
      }
      let unit = Double(sign: .plus, exponent: -Int(exponent), significand: 1)
      for place in 0..<tensor.count {
        rest[tensor.offset + place] -= added[place]
        squares += Double(rest[tensor.offset + place]) * Double(rest[tensor.offset + place]) * unit * unit
      }
    }
    // Training moves this model by more than the clip, so what is left is as long as the clip, but for
    // rounding.
    #expect(abs(squares.squareRoot() - 0.01) < 1e-5)
    #expect(try values(of: node()).contains { $0.magnitude > 1 << 18 })
  }

  @Test func aChosenSeedIsRefusedByNodeAndVerifier() throws {
    let other = NoiseSchedule(secret: .zero, rounds: manifest.rounds).opening(round: 1)
    var forged = assignment
    forged.noiseOpening = other
    #expect(throws: NetworkError.self) { _ = try computed(forged, by: node("a")) }
    forged.noiseOpening = schedule.opening(round: 0)
    #expect(throws: NetworkError.self) { _ = try computed(forged, by: node("b")) }
    forged.noiseOpening = nil
    #expect(throws: NetworkError.self) { _ = try computed(forged, by: node("c")) }

    let result = try computed(assignment, by: node())
    var opening = try opened(by: node())
    for lie in [other, schedule.opening(round: 0), nil] {
      opening.noise = lie
      let judgement = try judged(result, opening, facts: facts)
      #expect(!judgement.verdict.verdict.accepted)
      #expect(judgement.finding.hasPrefix("the noise: "), "\(judgement.finding)")
    }
  }

  @Test func noiseFromASeedOfItsOwnIsFound() throws {
    // A node that commits to an update with noise of its liking, and opens the seed that it was given.
    let own = NoiseSchedule(secret: SHA256.hash([9]), rounds: manifest.rounds)
    var forged = assignment
    forged.noise = PartNoise(parts: 3, root: own.root)
    forged.noiseOpening = own.opening(round: 1)
    let cheat = node("cheat")
    let result = try computed(forged, by: cheat)
    var opening = try opened(by: cheat)
    opening.noise = schedule.opening(round: 1)
    let judgement = try judged(result, opening, facts: facts)
    #expect(!judgement.verdict.verdict.accepted && judgement.finding.contains("other noise"))
    // And one that pretends that fewer share the noise, so that it adds more than its part.
    var fewer = facts
    fewer.noise = PartNoise(parts: 2, root: schedule.root)
    let honest = try computed(assignment, by: node())
    #expect(try !judged(honest, opened(by: node()), facts: fewer).verdict.verdict.accepted)
  }
}

extension TestNetwork {
  /// A manifest with noise; three segments.
  static func privateManifest(
    noise: String = "4", clip: String = "0.5", rounds: UInt32 = 2, masked: Bool = false
  ) throws -> TrainingManifest {
    let plain = try manifest(rounds: rounds)
    return try TrainingManifest(
      model: plain.model, tokenizerHash: plain.tokenizerHash, seed: plain.seed, batch: plain.batch,
      optimizer: plain.optimizer, stepsPerRound: plain.stepsPerRound, rounds: plain.rounds,
      segmentLength: plain.segmentLength, outer: plain.outer, quantiserExponent: plain.quantiserExponent,
      privacy: TrainingManifest.Privacy(clip: DecimalNumber(clip), noise: DecimalNumber(noise)),
      masksVocabulary: masked)
  }
}
