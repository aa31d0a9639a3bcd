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
  /// The submissions of the job that everybody can read, oldest first.
  var published: @Sendable () throws(NetworkError) -> [SignedSubmission] = { () throws(NetworkError) in [] }

  var address: Address { key.address }

  /// Computes a SubJob; `nil` means that nothing comes back.
  ///
  /// A computation that had already ended before a restart is not repeated.
  func compute(
    _ assignment: Assignment, on device: Device, stop: StopFlag, onStep: (StepReport) -> Void
  ) throws(NetworkError) -> NodeResult? {
    let vault = NodeVault(node: folder, subJob: assignment.subJob)
    if let record = try vault.record() { return record.result }
    let conduct = try conduct(on: assignment)
    if conduct.fault == .stall { return nil }
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
      manifest: manifest, position: assignment.position, sequenceCount: data.count, device: device,
      learningRateFactor: conduct.learningRateFactor)
    try run.begin(parameters: starting, round: assignment.position.round)
    conduct.disturbStart(run.state)
    let start = try run.stateRoot()
    guard conduct.fault != nil || start == assignment.initRoot else {
      throw .malformed(
        what: "starting parameters of SubJob \(assignment.subJob)",
        reason: "they give the state root \(start), the job's is \(assignment.initRoot)")
    }
    try vault.keepState(run.state.encoded(), boundary: 0)
    var trace = Trace(roots: [start])
    if conduct.fault == .replayedTrace {
      try replay(into: vault, after: start, as: &trace)
    } else {
      try train(run, on: data, as: conduct, vault: vault, into: &trace, stop: stop, onStep: onStep)
      let computed = try Update.quantised(from: starting, to: run.state, exponents: assignment.exponents)
      (trace.update, trace.clipped) = (conduct.update(computed.update), computed.clipped)
    }

    var submission = Submission(
      jobID: assignment.subJob, round: assignment.position.round, node: address,
      programHash: manifest.programHash, dataRoot: assignment.dataRoot, initRoot: assignment.initRoot,
      traceRoot: traceTree(of: trace.roots, subJob: assignment.subJob).root,
      finalRoot: trace.roots[trace.roots.count - 1],
      resultRoot: Update.root(
        of: trace.update, salts: resultSalts(trace.update.count, subJob: assignment.subJob)),
      segments: UInt32(trace.roots.count - 1), fuelUsed: assignment.fuel.units)
    if conduct.fault == .copiedTrace, let other = try foreignSubmission() {
      submission = submission.withTrace(of: other)
    }
    let result = NodeResult(
      submission: SignedSubmission(signing: submission, in: domain, with: key),
      contribution: try store.put(trace.update), trainLoss: trace.trainLoss, clipped: trace.clipped)
    try vault.keep(NodeVault.Record(result: result, assignment: assignment, stateRoots: trace.roots))
    if fault == .replayedTrace, conduct.fault == nil { try remember(vault, update: trace.update) }
    return result
  }

  /// What a computation leaves: roots at its boundaries, the update, and how it went.
  private struct Trace {
    var roots: [Bytes32]
    var update = Data()
    var clipped = 0
    var trainLoss = 0.0
  }

  private func train(
    _ run: TrainingRun, on data: TrainingData, as conduct: NodeConduct, vault: NodeVault,
    into trace: inout Trace, stop: StopFlag, onStep: (StepReport) -> Void
  ) throws(NetworkError) {
    var losses = 0.0
    var trained = 0
    for segment in 0..<conduct.segments(of: run.schedule.segmentCount) {
      let steps = run.schedule.steps(ofSegment: segment)
      for step in steps {
        if stop.isRaised { throw .interrupted }
        guard conduct.trains(step: step, of: steps) else {
          run.state.step += 1
          continue
        }
        let report = try run.train(step: conduct.source(of: step, of: run.schedule.stepsPerRound)) { index in
          data.tokens(conduct.sequence(index, of: data.count))
        }
        losses += Double(report.loss)
        trained += 1
        onStep(report)
      }
      conduct.disturbEnd(run.state)
      try vault.keepState(run.state.encoded(), boundary: segment + 1)
      trace.roots.append(try run.stateRoot())
    }
    trace.trainLoss = losses / Double(max(1, trained))
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
    let conduct = NodeConduct(fault: try markedFault(of: challenge.subJob))
    let manifest = try asNetworkError { try TrainingManifest(json: assignment.manifest) }
    let data = try TrainingData(context: Int(manifest.model.context), bytes: store.get(assignment.data))
    let records = PartRecords(data: data, firstRecord: assignment.firstRecord, secret: assignment.partSecret)
    let schedule = try SegmentSchedule(
      manifest: manifest, position: assignment.position, sequenceCount: data.count)
    let last = record.stateRoots.count - 1
    let trace = traceTree(of: record.stateRoots, subJob: challenge.subJob)

    var boundaries: Set<Int> = [0, last]
    var segments: [Opening.Segment] = []
    // A node that computed fewer segments than it had to opens those that there are: it is judged by them.
    for segment in challenge.segments where (0..<last).contains(segment) {
      boundaries.formUnion([segment, segment + 1])
      segments.append(
        Opening.Segment(
          segment: segment,
          state: try store.put(
            conduct.opened(state: keptState(segment, of: record, in: vault, on: device, stop: stop)),
            durable: false),
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
          boundary: UInt32(boundary),
          salt: conduct.opened(salt: traceSalt(boundary, subJob: challenge.subJob)),
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

  private var marker: URL { folder.appending(path: "fault") }
  private var memory: NodeVault { NodeVault(folder: folder.appending(path: "memory")) }

  /// The fault that was shown on this SubJob; a marker in the node's folder remembers which it is.
  private func markedFault(of subJob: JobID) throws(NetworkError) -> NodeFault? {
    guard let fault, FileManager.default.fileExists(atPath: marker.path) else { return nil }
    return String(decoding: try Files.read(marker), as: UTF8.self) == "\(subJob)" ? fault : nil
  }

  /// How the node deals with this SubJob: it shows its fault on the first one that allows it.
  private func conduct(on assignment: Assignment) throws(NetworkError) -> NodeConduct {
    guard let fault else { return NodeConduct(fault: nil) }
    if FileManager.default.fileExists(atPath: marker.path) {
      return NodeConduct(fault: try markedFault(of: assignment.subJob))
    }
    switch fault {
    case .replayedTrace where try memory.record() == nil: return NodeConduct(fault: nil)
    case .copiedTrace where try foreignSubmission() == nil: return NodeConduct(fault: nil)
    default: break
    }
    try Files.makeFolder(folder)
    try Files.write(Data("\(assignment.subJob)".utf8), to: marker)
    return NodeConduct(fault: fault)
  }

  /// The oldest submission that another node has published.
  private func foreignSubmission() throws(NetworkError) -> Submission? {
    try published().map(\.submission).first { $0.node != address }
  }

  /// Keeps a computation to hand it in again.
  private func remember(_ vault: NodeVault, update: Data) throws(NetworkError) {
    guard try memory.record() == nil else { return }
    try memory.copy(vault)
    try Files.write(update, to: memory.folder.appending(path: "update"))
  }

  /// Puts the remembered computation in the place of one that was never made.
  private func replay(into vault: NodeVault, after start: Bytes32, as trace: inout Trace) throws(NetworkError)
  {
    guard let old = try memory.record() else {
      throw .inconsistent(what: "node \(address) has no earlier computation to hand in again")
    }
    for boundary in 1..<max(1, old.stateRoots.count) {
      try vault.keepState(memory.state(boundary: boundary), boundary: boundary)
    }
    trace.roots = [start] + old.stateRoots.dropFirst()
    trace.update = try Files.read(memory.folder.appending(path: "update"))
    (trace.clipped, trace.trainLoss) = (old.result.clipped, old.result.trainLoss)
  }
}

extension Submission {
  /// The same with the roots of another's computation.
  fileprivate func withTrace(of other: Submission) -> Submission {
    Submission(
      jobID: jobID, round: round, node: node, programHash: programHash, dataRoot: dataRoot,
      initRoot: initRoot,
      traceRoot: other.traceRoot, finalRoot: other.finalRoot, resultRoot: other.resultRoot,
      segments: segments,
      fuelUsed: fuelUsed)
  }
}
