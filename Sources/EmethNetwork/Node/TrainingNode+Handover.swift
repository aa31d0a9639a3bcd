import EmethCompute
import EmethKit
import Foundation

/// What a worker has computed for its master (Docs/Decisions/0031): all that its vault holds, each piece sealed to the
/// master's key.
struct Handover: Codable, Sendable {
  struct State: Codable, Sendable {
    var boundary: Int
    /// Object: the state, sealed.
    var object: Bytes32
  }

  /// State roots at boundaries 0 … n.
  var stateRoots: [Bytes32]
  var trainLoss: Double
  var clipped: Int
  /// Object: the update, sealed.
  var update: Bytes32
  var states: [State]

  /// All objects that it names.
  var objects: [Bytes32] { [update] + states.map(\.object) }
}

/// A SubJob that a node lets another machine of its owner compute.
extension TrainingNode {
  /// The assignment as a worker gets it: the part, sealed to the worker.
  func assignment(_ assignment: Assignment, for worker: SignedKeyBinding, at now: UInt64)
    throws(NetworkError) -> Assignment
  {
    try asNetworkError { try worker.check(at: now, account: worker.binding.account, in: domain) }
    var random = SystemRandomNumberGenerator()
    var given = assignment
    // The whole of it, header and all: the header that came opens it for this node alone.
    given.data = try store.putSealed(
      try part(of: assignment), to: worker.binding.recipient, using: &random)
    given.header = Data()
    given.owner = binding(expiry: now + 30 * 86_400)
    return given
  }

  /// What a worker gives its master: the hash of a sealed ``Handover``, and all objects with it.
  func handOver(_ subJob: JobID, at now: UInt64) throws(NetworkError) -> (
    document: Bytes32, objects: [Bytes32]
  ) {
    let (record, vault) = try finished(subJob)
    guard let owner = record.assignment.owner else {
      throw .malformed(what: "assignment of SubJob \(subJob)", reason: "it names no master")
    }
    try asNetworkError { try owner.check(at: now, account: owner.binding.account, in: domain) }
    func sealed(_ data: Data) throws(NetworkError) -> Bytes32 {
      var random = SystemRandomNumberGenerator()
      return try store.putSealed(data, to: owner.binding.recipient, using: &random)
    }
    var handover = Handover(
      stateRoots: record.stateRoots, trainLoss: record.result.trainLoss, clipped: record.result.clipped,
      update: try sealed(try vault.update()), states: [])
    for boundary in try vault.boundaries().sorted() {
      handover.states.append(
        Handover.State(boundary: boundary, object: try sealed(try vault.state(boundary: boundary))))
    }
    let document = try asNetworkError { try WireFormat.encoder.encode(handover) }
    let hash = try sealed(document)
    return (hash, [hash] + handover.objects)
  }

  /// Takes over what a worker has computed, as if it had been computed here; it is in the vault then.
  ///
  /// - Throws: ``NetworkError/malformed(what:reason:)`` for what is not the work that was asked for.
  func takeOver(_ document: Bytes32, for assignment: Assignment) throws(NetworkError) -> NodeResult {
    let vault = NodeVault(node: folder, subJob: assignment.subJob)
    if let record = try vault.record() { return record.result }
    let text = try opened(document)
    let handover = try asNetworkError { try JSONDecoder().decode(Handover.self, from: text) }
    let manifest = try asNetworkError { try TrainingManifest(json: assignment.manifest) }
    func refuse(_ reason: String) -> NetworkError {
      .malformed(what: "work on SubJob \(assignment.subJob)", reason: reason)
    }
    guard handover.stateRoots.count == Int(manifest.segmentCount) + 1,
      handover.stateRoots.first == assignment.initRoot
    else {
      throw refuse(
        "found \(handover.stateRoots.count) state roots, allowed are \(manifest.segmentCount + 1), the first "
          + "the job's \(assignment.initRoot)")
    }
    let (update, byteCount) = (try opened(handover.update), try updateByteCount(manifest))
    guard update.count == byteCount else {
      throw refuse("its update has \(update.count) bytes, this model's has \(byteCount)")
    }
    try vault.begin()
    let used = try NodeVault.stateBytes(of: folder)
    let cache = ModelCache(
      room: modelCache - min(modelCache, used),
      stateSize: TrainingState.encodedByteCount(of: try configuration(manifest)),
      segments: Int(manifest.segmentCount))
    for state in handover.states where cache.keeps(state.boundary) {
      try vault.keepState(try opened(state.object), boundary: state.boundary)
    }
    return try keep(
      assignment, manifest, roots: handover.stateRoots, update: update, trainLoss: handover.trainLoss,
      clipped: handover.clipped, in: vault)
  }

  /// Signs for what was computed and keeps it.
  private func keep(
    _ assignment: Assignment, _ manifest: TrainingManifest, roots: [Bytes32], update: Data, trainLoss: Double,
    clipped: Int, in vault: NodeVault
  ) throws(NetworkError) -> NodeResult {
    let submission = submission(for: assignment, manifest, roots: roots, update: update)
    let result = NodeResult(
      submission: SignedSubmission(signing: submission, in: domain, with: key), trainLoss: trainLoss,
      clipped: clipped)
    try vault.keepUpdate(update)
    try vault.keep(NodeVault.Record(result: result, assignment: assignment, stateRoots: roots))
    return result
  }

  private func configuration(_ manifest: TrainingManifest) throws(NetworkError) -> ModelConfiguration {
    do throws(ComputeError) { return try ModelConfiguration(manifest.model) } catch { throw .compute(error) }
  }

  /// The bytes of an object that is sealed to this node.
  private func opened(_ object: Bytes32) throws(NetworkError) -> Data {
    let sealed = try store.get(object)
    return try asNetworkError {
      var stream = OpeningStream(identities: [key.sealingIdentity()])
      var bytes: [UInt8] = []
      bytes.reserveCapacity(sealed.count)
      try stream.append(sealed, to: &bytes)
      try stream.finish(to: &bytes)
      return Data(bytes)
    }
  }

  /// Deletes the objects of a handover, where they are.
  func forgetHandover(_ document: Bytes32) throws(NetworkError) {
    if let text = try? opened(document), let handover = try? JSONDecoder().decode(Handover.self, from: text) {
      for object in handover.objects { try store.remove(object) }
    }
    try store.remove(document)
  }
}
