import EmethCompute
import EmethKit
import Foundation

/// SubJobs of jobs that are no training: which of them a node can compute, and how.
extension NodeAgent {
  /// The programs of SubJobs that every node can compute.
  private static let builtIn: Set<ProgramID> = [
    .languageModelTrainingPart, .textGenerationPart, .proofOfWork, .meanOfNumbersPart,
  ]

  /// What a node asks for: what its owner wants, of what it can compute.
  ///
  /// - Throws: ``NetworkError/badSetting(name:found:allowed:)`` when nothing is left.
  static func filter(_ settings: Settings) throws(NetworkError) -> SubJobFilter {
    // Owners may name the job's program instead of its SubJobs'.
    func ofSubJobs(_ programs: Set<ProgramID>) -> Set<ProgramID> {
      Set(programs.map { (try? ProgramCatalogue.standard.subJobProgram(of: $0)) ?? $0 })
    }
    var filter = settings.filter
    let able = builtIn.union(settings.modules.map(\.manifest.program))
    let wanted = ofSubJobs(filter.programs)
    filter.programs = wanted.isEmpty ? able : wanted.intersection(able)
    guard !filter.programs.isEmpty else {
      throw .badSetting(
        name: "programs of the node", found: wanted.sorted().map { "\($0)" }.joined(separator: ", "),
        allowed: able.sorted().map { "\($0)" }.joined(separator: ", ")
          + "; 10000 and above with their modules: name their folders with --module")
    }
    filter.withoutPrograms = ofSubJobs(filter.withoutPrograms)
    filter.modules = Set(settings.modules.map(\.manifest.hash))
    return filter
  }

  /// Whether it has the program of an offer, to the byte, and the job's manifest says of it what it says of itself: a
  /// server knows nothing of modules, and after the deposit is locked it would be too late.
  func canCompute(_ offer: SubJobOffer) -> Bool {
    guard filter.programs.contains(offer.programId) else { return false }
    guard let terms = offer.terms else { return offer.programId == .languageModelTrainingPart }
    if offer.programId == .textGenerationPart, !hasRoom(forModelOf: offer.parameterBytes) { return false }
    let modules = settings.modules.filter { $0.manifest.hash == terms.module }
    return (try? ComputedProgram(offer.programId, modules: modules))?.terms == terms
  }

  /// Whether a model may have so many bytes; those of the one in memory are free for another.
  private func hasRoom(forModelOf byteCount: UInt64) -> Bool {
    guard let available = MemoryPlan.availableByteCount else { return true }
    return byteCount <= UInt64(max(0, available + models.heldByteCount))
  }

  /// Whether a training has room in the memory of the worker's device: it asks for it as the training will.
  func hasRoom(for offer: SubJobOffer, on lane: AgentLane) async -> Bool {
    guard let training = offer.training else { return true }
    // A text generation's model makes room for it.
    let held = models.heldByteCount
    do throws(NetworkError) {
      _ = try await lane.run { device in
        try MemoryPlan(
          configuration: ModelConfiguration(training.shape), batch: Int(training.batch), device: device,
          held: held)
      }
      return true
    } catch {
      return false
    }
  }

  /// What losses over a program are noted under: its module, or that of which a requester brings more than prompts.
  private static func risk(_ program: ProgramID?, _ module: Bytes32?) -> Bytes32? {
    module ?? (program == .textGenerationPart ? SHA256.hash("\(ProgramID.textGenerationPart)".utf8) : nil)
  }

  /// Whether it has lost a deposit over such work for such a requester.
  func isAvoided(_ offer: SubJobOffer) -> Bool {
    if isAvoided(offer.position.parent) { return true }
    guard let module = Self.risk(offer.programId, offer.terms?.module), let requester = offer.requester
    else { return false }
    return state.withLock { $0.losses.forbid(module, for: requester, at: secondsNow()) }
  }

  /// Notes that a module, or a model, has cost it a deposit with data of a requester: it takes nothing more of the two
  /// together.
  func noteLoss(over assignment: Assignment) {
    guard let requester = assignment.requester,
      let module = Self.risk(
        assignment.program, (try? ComputedManifest(json: assignment.manifest))?.module)
    else { return }
    let loss = NodeLosses.Loss(module: module, requester: requester, at: secondsNow())
    state.withLock { _ = $0.losses.insert(loss) }
    do throws(NetworkError) {
      try losses.keep(state.withLock { $0.losses })
    } catch {
      report("keeping what cost a deposit", error)
    }
  }

  /// So long it takes nothing more of a job of which it had to give up a part, seconds: that has cost it a penalty.
  private static let avoidanceSeconds: UInt64 = 3_600

  /// Takes nothing more of a job for a while.
  func avoid(_ job: JobID) { state.withLock { $0.avoided[job] = secondsNow() + Self.avoidanceSeconds } }

  /// Whether it has given up a part of a job a while ago.
  func isAvoided(_ job: JobID) -> Bool {
    state.withLock { state in
      state.avoided = state.avoided.filter { $0.value > secondsNow() }
      return state.avoided[job] != nil
    }
  }

  /// Computes a part by the program that its manifest names; an output that proves itself is handed over. That the module
  /// says no to the part is handed in like an output.
  func computePart(
    _ assignment: Assignment, on lane: AgentLane, _ stop: StopFlag
  ) async throws(NetworkError) -> NodeResult? {
    let manifest = try ComputedManifest(json: assignment.manifest)
    let program = try ComputedProgram(manifest, modules: settings.modules)
    let (own, sandbox, models) = (node, sandbox, models)
    func compute() async throws(NetworkError) -> NodeResult? {
      if let model = manifest.generation?.model {
        try await models.bring(model, on: lane) { [self] object, store async throws(NetworkError) in
          try await untilAnswered("fetching a model") { () throws(NetworkError) in
            try await connection.fetch(object: object, into: store)
          }
        }
      }
      return try await raising(stop) { () async throws(NetworkError) in
        try await lane.run { device in
          try own.computePart(
            assignment, program: program, sandbox: sandbox,
            bench: GenerationBench(models: models, store: nil, device: device), limitsCount: true,
            stop: stop)
        }
      }
    }
    let computed: NodeResult?
    do throws(NetworkError) {
      computed = try await compute()
    } catch {
      guard case .missingObject = error, manifest.generation != nil else { throw error }
      // Another worker's model took its place meanwhile.
      computed = try await compute()
    }
    guard program.provesItself, var result = computed else { return computed }
    let output = try node.keepOutput(of: assignment)
    try await untilAnswered("handing over the output of SubJob \(assignment.subJob)") {
      () throws(NetworkError) in
      try await connection.give(object: output, from: node.store)
    }
    try node.store.remove(output)
    result.output = output
    return result
  }
}
