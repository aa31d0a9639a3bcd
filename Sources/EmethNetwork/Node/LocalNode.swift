import EmethCompute
import EmethKit
import Foundation

/// A node of the local network: takes an assignment, trains, commits to its trace, and opens what a
/// verifier draws. It shares nothing with other roles but values and the content store.
struct LocalNode: Sendable {
  let key: PrivateKey
  /// The node's private folder.
  let folder: URL
  let store: ContentStore
  let domain: EIP712Domain
  let fault: NodeFault?

  var address: Address { key.address }

  /// Computes a SubJob; `nil` means that nothing comes back.
  ///
  /// A computation that had already ended before a restart is not repeated.
  func compute(
    _ assignment: Assignment, on device: Device, stop: StopFlag, onStep: (StepReport) -> Void
  ) throws(NetworkError) -> NodeResult? {
    let vault = NodeVault(node: folder, subJob: assignment.subJob)
    if let record = try vault.record() { return record.result }
    let fault = try faultToShow(on: assignment.subJob)
    if fault == .stall { return nil }
    try vault.begin()

    let manifest = try asNetworkError { try TrainingManifest(json: assignment.manifest) }
    let data = try TrainingData(context: Int(manifest.model.context), bytes: store.get(assignment.data))
    let records = PartRecords(data: data, firstRecord: assignment.firstRecord, secret: assignment.partSecret)
    guard records.root == assignment.dataRoot else {
      throw .malformed(
        what: "part of SubJob \(assignment.subJob)",
        reason: "its records do not have root \(assignment.dataRoot)")
    }
    let starting = try store.get(assignment.startingParameters)
    let run = try TrainingRun(
      manifest: manifest, position: assignment.position, sequenceCount: data.count, device: device)
    try run.begin(parameters: starting, round: assignment.position.round)

    var roots: [Bytes32] = []
    func commit() throws(NetworkError) {
      try vault.keepState(run.state.encoded(), boundary: roots.count)
      roots.append(try run.stateRoot())
    }
    try commit()
    var losses = 0.0
    var trained = 0
    for segment in 0..<Int(manifest.segmentCount) {
      let steps = run.schedule.steps(ofSegment: segment)
      for step in steps {
        if stop.isRaised { throw .interrupted }
        if fault == .skipSteps, step - steps.lowerBound >= steps.count / 2 {
          run.state.step += 1
          continue
        }
        let report = try run.train(step: step) { index in
          data.tokens(fault == .otherData ? (index + 1) % data.count : index)
        }
        losses += Double(report.loss)
        trained += 1
        onStep(report)
      }
      try commit()
    }

    var (update, clipped) = try Update.quantised(
      from: starting, to: run.state, exponents: assignment.exponents)
    if fault == .swappedFinal { update = Update.negated(update) }
    let result = NodeResult(
      submission: SignedSubmission(
        signing: Submission(
          jobID: assignment.subJob, round: assignment.position.round, node: address,
          programHash: manifest.programHash, dataRoot: assignment.dataRoot, initRoot: roots[0],
          traceRoot: traceTree(of: roots, subJob: assignment.subJob).root, finalRoot: roots[roots.count - 1],
          resultRoot: Update.root(of: update, salts: resultSalts(update.count, subJob: assignment.subJob)),
          segments: manifest.segmentCount, fuelUsed: assignment.fuel.units),
        in: domain, with: key),
      contribution: try store.put(update), trainLoss: losses / Double(max(1, trained)), clipped: clipped)
    try vault.keep(NodeVault.Record(result: result, assignment: assignment, stateRoots: roots))
    return result
  }

  /// Answers a challenge; the full states go to the store under the hashes that the opening names.
  ///
  /// Its states are kept without waiting for the disk. One that a power failure damaged is computed again, to the
  /// same bits: an honest node loses nothing by it.
  func open(_ challenge: Challenge, on device: Device, stop: StopFlag = StopFlag()) throws(NetworkError)
    -> Opening
  {
    let vault = NodeVault(node: folder, subJob: challenge.subJob)
    guard let record = try vault.record() else {
      throw .inconsistent(what: "node \(address) has no record of SubJob \(challenge.subJob)")
    }
    let assignment = record.assignment
    let manifest = try asNetworkError { try TrainingManifest(json: assignment.manifest) }
    let data = try TrainingData(context: Int(manifest.model.context), bytes: store.get(assignment.data))
    let records = PartRecords(data: data, firstRecord: assignment.firstRecord, secret: assignment.partSecret)
    let schedule = try SegmentSchedule(
      manifest: manifest, position: assignment.position, sequenceCount: data.count)
    let last = record.stateRoots.count - 1
    let trace = traceTree(of: record.stateRoots, subJob: challenge.subJob)

    var boundaries: Set<Int> = [0, last]
    var segments: [Opening.Segment] = []
    for segment in challenge.segments {
      guard (0..<last).contains(segment) else {
        throw .malformed(what: "challenge", reason: "segment \(segment) of \(last)")
      }
      boundaries.formUnion([segment, segment + 1])
      segments.append(
        Opening.Segment(
          segment: segment,
          state: try store.put(
            keptState(segment, of: record, in: vault, on: device, stop: stop), durable: false),
          sequences: schedule.sequences(ofSegment: segment).map { index in
            Opening.Sequence(
              index: index, salt: Data(records.salt(index)), record: Data(data.record(index)),
              proof: records.proof(of: index))
          }))
    }
    return Opening(
      submission: record.result.submission.digest,
      boundaries: boundaries.sorted().map { boundary in
        BoundaryOpening(
          boundary: UInt32(boundary), salt: traceSalt(boundary, subJob: challenge.subJob),
          stateRoot: record.stateRoots[boundary], proof: trace.proof(of: boundary))
      },
      segments: segments,
      resultSalts: resultSalts(try store.get(record.result.contribution).count, subJob: challenge.subJob)
        .map { HexText(wrappedValue: $0) })
  }

  /// The state at a boundary, with the root that the node committed to.
  private func keptState(
    _ boundary: Int, of record: NodeVault.Record, in vault: NodeVault, on device: Device, stop: StopFlag
  ) throws(NetworkError) -> Data {
    func sound() -> Data? {
      guard let state = try? vault.state(boundary: boundary) else { return nil }
      return Self.root(of: state) == record.stateRoots[boundary] ? state : nil
    }
    if let state = sound() { return state }
    try vault.forget()
    _ = try compute(record.assignment, on: device, stop: stop) { _ in }
    guard let state = sound() else {
      throw .inconsistent(
        what: "node \(address) cannot compute SubJob \(record.assignment.subJob) to the same bits again")
    }
    return state
  }

  /// The root of an encoded state (PROTOCOL 7).
  private static func root(of state: Data) -> Bytes32 {
    StateTree.root(
      leafHashes: stride(from: 0, to: state.count, by: TrainingState.leafByteCount).map { start in
        StateTree.leafHash(state.dropFirst(start).prefix(TrainingState.leafByteCount))
      })
  }

  /// Deletes what was kept for a SubJob.
  func forget(_ subJob: JobID) throws(NetworkError) {
    try NodeVault(node: folder, subJob: subJob).forget()
  }

  // MARK: - Secrets

  private func secret(_ label: String, subJob: JobID) -> Bytes32 {
    key.withSecretBytes { HMACSHA256.authenticate(Array(label.utf8) + subJob.bytes, key: $0) }
  }

  private func traceSalt(_ boundary: Int, subJob: JobID) -> Bytes32 {
    TraceTree.salt(jobSecret: secret("trace", subJob: subJob), boundary: UInt32(boundary))
  }

  private func traceTree(of roots: [Bytes32], subJob: JobID) -> StateTree {
    StateTree(
      leafHashes: roots.enumerated().map { boundary, root in
        TraceTree.leafHash(salt: traceSalt(boundary, subJob: subJob), stateRoot: root)
      })
  }

  private func resultSalts(_ byteCount: Int, subJob: JobID) -> [Data] {
    let secret = secret("result", subJob: subJob)
    return (0..<Update.chunkCount(byteCount)).map {
      Data(SplitPlan.recordSalt(partSecret: secret, index: UInt64($0)))
    }
  }

  // MARK: - Fault

  /// The fault to show on this SubJob: the node's first one, which a marker in its folder remembers.
  private func faultToShow(on subJob: JobID) throws(NetworkError) -> NodeFault? {
    guard let fault else { return nil }
    let marker = folder.appending(path: "fault")
    if FileManager.default.fileExists(atPath: marker.path) {
      return String(decoding: try Files.read(marker), as: UTF8.self) == "\(subJob)" ? fault : nil
    }
    try Files.makeFolder(folder)
    try Files.write(Data("\(subJob)".utf8), to: marker)
    return fault
  }
}
