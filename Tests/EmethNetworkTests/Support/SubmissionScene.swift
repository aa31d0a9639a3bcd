import EmethCompute
import EmethKit
import Foundation

@testable import EmethNetwork

/// One SubJob of a tiny job as its node computed it, with all that a verifier is given and all that a cheat
/// would know.
struct SubmissionScene: Sendable {
  let folder: TemporaryFolder
  let store: ContentStore
  let node: TrainingNode
  let manifest: TrainingManifest
  let assignment: Assignment
  /// The part's records.
  let data: TrainingData
  let result: NodeResult
  /// The state stream at every boundary.
  let states: [Data]
  let opening: Opening
  let facts: SubJobFacts

  let seed = SHA256.hash(Array("a challenge".utf8))
  /// Five segments, of which the second and the last are drawn; the third boundary belongs to neither.
  let segments = [1, 4]

  static let nodeKey = TestNetwork.key("node", 0)
  static let otherNodeKey = TestNetwork.key("node", 1)

  /// A scene that tests share; they may add objects to its store and change nothing else.
  static let shared: Result<SubmissionScene, any Error> = Result {
    let scene = try SubmissionScene()
    // What is shared is never freed, so its folder goes with the process.
    atexit { try? FileManager.default.removeItem(at: SubmissionScene.shared.get().folder.url) }
    return scene
  }

  /// - Parameter device: what the node computes on.
  init(
    key: PrivateKey = nodeKey, part: UInt32 = 1, steps: UInt32 = 9, model: ModelShape? = nil,
    seed manifestSeed: UInt64 = 1, device: Device? = nil
  ) throws {
    folder = try TemporaryFolder()
    store = try ContentStore(folder: folder.url.appending(path: "objects"))
    manifest = try TestNetwork.manifest(model: model, steps: steps, segment: 2, seed: manifestSeed)
    let parent = JobID(requester: TestNetwork.key("requester", 0).address, salt: .zero)
    let context = Int(manifest.model.context)
    let dataSet = try DataSet(
      name: "sentences", bytes: Data(TestNetwork.text().utf8), tokenizer: ByteTokenizer(), context: context)
    let splitter = Splitter(key: TestNetwork.key("splitter", 0))
    let division = try splitter.divide(dataSet, job: parent, parts: 3)
    let plan = division.plan.parts[Int(part)]
    let position = SubJobPosition(parent: parent, round: 1, part: part, attempt: 0)

    data = division.parts[Int(part)]
    let device = try device ?? Device.cpu(threads: 1)
    let start = try TrainingState(configuration: ModelConfiguration(manifest.model))
    try start.initializeWeights(seed: manifest.seed.bytes)
    start.round = 1
    start.step = UInt64(steps)
    assignment = Assignment(
      subJob: position.id, position: position, manifest: manifest.canonicalJSON,
      data: try store.put(splitter.payload(of: division.parts[Int(part)], job: parent, index: part)),
      header: try splitter.header(
        of: parent, part: part, subJob: position.id, node: key.address,
        binding: SignedKeyBinding(
          signing: KeyBinding(of: key, expiry: 2), in: .embedded, with: key), now: 1, domain: .embedded),
      dataRoot: plan.root,
      firstRecord: plan.firstRecord,
      partSecret: splitter.partSecret(of: parent, part: part),
      startingParameters: try store.put(start.parameterBytes()), initRoot: try start.rootHash(on: device),
      exponents: Array(repeating: 22, count: start.layout.tensors.count),
      fuel: try FuelFormula.training(manifest))

    node = TrainingNode(
      key: key, folder: folder.url.appending(path: "node"), store: store, domain: .embedded, fault: nil)
    guard let result = try node.compute(assignment, on: device, stop: StopFlag(), onStep: { _ in }) else {
      throw NetworkError.inconsistent(what: "the node did not answer")
    }
    self.result = result
    let vault = NodeVault(node: node.folder, subJob: position.id)
    guard let record = try vault.record() else {
      throw NetworkError.inconsistent(what: "the node kept nothing")
    }
    states = try (0...Int(manifest.segmentCount)).map { [node] in
      try node.state(at: $0, of: record, in: vault, on: device)
    }
    let answer = try node.answer(
      Challenge(
        subJob: position.id, verifier: TestNetwork.key("verifier", 0).address, seed: seed, segments: segments),
      on: device)
    opening = answer.opening
    for state in answer.states.values { try store.put(state) }
    facts = SubJobFacts(
      subJob: position.id, position: position, node: key.address, manifest: assignment.manifest,
      dataRoot: plan.root, sequenceCount: Int(plan.count), startingParameters: assignment.startingParameters,
      initRoot: assignment.initRoot, exponents: assignment.exponents, fuel: assignment.fuel)
  }
}

/// What reaches a verifier: a submission, facts, an opening, and a store of its own with the objects they
/// name.
struct Evidence {
  var submission: SignedSubmission
  var facts: SubJobFacts
  var opening: Opening
  /// The opening's bytes, when they are not those of `opening`.
  var openingBytes: Data?
  let folder: TemporaryFolder
  let store: ContentStore

  /// The scene's evidence; only the objects that facts and opening name are copied.
  init(_ scene: SubmissionScene) throws {
    submission = scene.result.submission
    facts = scene.facts
    opening = scene.opening
    folder = try TemporaryFolder()
    store = try ContentStore(folder: folder.url.appending(path: "objects"))
    for hash in [facts.startingParameters] + opening.segments.map(\.state) {
      try store.put(try scene.store.get(hash))
    }
  }

  /// Judges the evidence as encoded bytes.
  func judged(
    segments: [Int], seed: Bytes32, by key: PrivateKey = TestNetwork.key("verifier", 0),
    on device: Device? = nil, stop: StopFlag = StopFlag()
  ) throws -> Judgement {
    // The node answers the challenge that it gets.
    var opening = opening
    (opening.seed, opening.drawn) = (seed, segments)
    return try Verifier(key: key, store: store, domain: .embedded).judge(
      submission: try WireFormat.encoder.encode(submission), facts: try WireFormat.encoder.encode(facts),
      opening: try openingBytes ?? WireFormat.encoder.encode(opening), seed: seed, segments: segments,
      device: try device ?? Device.cpu(threads: 1), stop: stop)
  }

  /// Signs other content as the node would, and opens it.
  mutating func submit(_ content: Submission, with key: PrivateKey = SubmissionScene.nodeKey) {
    submission = SignedSubmission(signing: content, in: .embedded, with: key)
    opening.submission = submission.digest
  }

  /// Commits to other states, as a node could that knows all salts it needs: trace, ends, and openings of all
  /// boundaries that `segments` need. `roots` are those of `states` unless given.
  mutating func commit(to states: [Data], opening segments: [Int], scene: SubmissionScene) throws {
    let configuration = try ModelConfiguration(scene.manifest.model)
    let roots = try states.map {
      Bytes32(try TrainingState(configuration: configuration, encoded: $0).root) ?? .zero
    }
    let salts = roots.indices.map { TraceTree.salt(jobSecret: scene.seed, boundary: UInt32($0)) }
    let tree = StateTree(leafHashes: zip(salts, roots).map { TraceTree.leafHash(salt: $0, stateRoot: $1) })
    opening.boundaries = roots.indices.map {
      BoundaryOpening(boundary: UInt32($0), salt: salts[$0], stateRoot: roots[$0], proof: tree.proof(of: $0))
    }
    for place in opening.segments.indices where segments.contains(opening.segments[place].segment) {
      opening.segments[place].state = try store.put(states[opening.segments[place].segment])
    }
    submit(
      submission.submission.changed(
        initRoot: roots[0], traceRoot: tree.root, finalRoot: roots[roots.count - 1],
        segments: UInt32(roots.count - 1)))
  }

  /// The boundary's place in the opening.
  func place(of boundary: UInt32) throws -> Int {
    guard let place = opening.boundaries.firstIndex(where: { $0.boundary == boundary }) else {
      throw NetworkError.inconsistent(what: "boundary \(boundary) is not opened")
    }
    return place
  }

  /// Replaces an opened boundary.
  mutating func reopen(
    _ boundary: UInt32, salt: Bytes32? = nil, stateRoot: Bytes32? = nil, proof: [Bytes32]? = nil
  ) throws {
    let place = try place(of: boundary)
    let opened = opening.boundaries[place]
    opening.boundaries[place] = BoundaryOpening(
      boundary: boundary, salt: salt ?? opened.salt, stateRoot: stateRoot ?? opened.stateRoot,
      proof: proof ?? opened.proof)
  }
}

extension Submission {
  /// The same with some values changed.
  func changed(
    jobID: JobID? = nil, round: UInt32? = nil, node: Address? = nil, programHash: Bytes32? = nil,
    dataRoot: Bytes32? = nil, initRoot: Bytes32? = nil, traceRoot: Bytes32? = nil, finalRoot: Bytes32? = nil,
    resultRoot: Bytes32? = nil, segments: UInt32? = nil, fuelUsed: UInt64? = nil
  ) -> Submission {
    Submission(
      jobID: jobID ?? self.jobID, round: round ?? self.round, node: node ?? self.node,
      programHash: programHash ?? self.programHash, dataRoot: dataRoot ?? self.dataRoot,
      initRoot: initRoot ?? self.initRoot, traceRoot: traceRoot ?? self.traceRoot,
      finalRoot: finalRoot ?? self.finalRoot, resultRoot: resultRoot ?? self.resultRoot,
      segments: segments ?? self.segments, fuelUsed: fuelUsed ?? self.fuelUsed)
  }
}

extension TestNetwork {
  /// A key of the tests.
  static func key(_ label: String, _ index: UInt32) -> PrivateKey {
    PrivateKey(seed: seed(), label: label, index: index)
  }
}
