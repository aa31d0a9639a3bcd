import EmethCompute
import EmethKit
import Foundation

/// A node: takes an assignment, trains, commits to its trace, and opens what a
/// verifier draws. It shares nothing with other roles but values and the content store.
struct TrainingNode: Sendable {
  let key: PrivateKey
  /// The node's private folder.
  let folder: URL
  let store: ContentStore
  let domain: EIP712Domain
  let fault: NodeFault?
  /// In how many segments of a SubJob it shows the fault; `nil` is all of them.
  var faultSegments: Int?
  /// How many bytes of boundary states it keeps.
  var modelCache = UInt64.max
  /// Told after each SubJob how long its trace took and how long all of it took, in seconds.
  var took: @Sendable (_ trace: Double, _ all: Double) -> Void = { _, _ in }
  /// The submissions of the job that everybody can read, oldest first.
  var published: @Sendable () throws(NetworkError) -> [SignedSubmission] = { () throws(NetworkError) in [] }

  var address: Address { key.address }

  /// Its key for sealed messages, bound to its account.
  func binding(expiry: UInt64) -> SignedKeyBinding {
    SignedKeyBinding(signing: KeyBinding(of: key, expiry: expiry), in: domain, with: key)
  }

  /// Computes a SubJob; `nil` means that nothing comes back.
  ///
  /// A computation that had already ended before a restart is not repeated.
  func compute(
    _ assignment: Assignment, on device: Device, stop: StopFlag, onStep: (StepReport) -> Void
  ) throws(NetworkError) -> NodeResult? {
    let vault = NodeVault(node: folder, subJob: assignment.subJob)
    if let record = try vault.record() { return record.result }
    let manifest = try asNetworkError { try TrainingManifest(json: assignment.manifest) }
    let conduct = try conduct(on: assignment, segments: Int(manifest.segmentCount))
    if conduct.fault == .stall { return nil }
    try vault.begin()
    let began = ContinuousClock.now

    let data = try part(of: assignment, context: Int(manifest.model.context))
    let records = PartRecords(data: data, firstRecord: assignment.firstRecord, secret: assignment.partSecret)
    guard records.root == assignment.dataRoot else {
      throw .malformed(
        what: "part of SubJob \(assignment.subJob)",
        reason: "its records do not have root \(assignment.dataRoot)")
    }
    let noise = try asNetworkError {
      try NoisyUpdate(
        manifest: manifest, part: assignment.noise, opening: assignment.noiseOpening,
        round: assignment.position.round)
    }
    let starting = try store.get(assignment.startingParameters)
    let run = try TrainingRun(
      manifest: manifest, position: assignment.position, sequenceCount: data.count, device: device)
    try run.begin(parameters: starting, round: assignment.position.round)
    conduct.disturbStart(run.state)
    var trace = Trace()
    let start = try trace.timed { () throws(NetworkError) in try run.stateRoot() }
    guard conduct.fault != nil || start == assignment.initRoot else {
      throw .malformed(
        what: "starting parameters of SubJob \(assignment.subJob)",
        reason: "they give the state root \(start), the job's is \(assignment.initRoot)")
    }
    trace.roots = [start]
    if conduct.fault == .replayedTrace {
      try replay(into: vault, after: start, as: &trace)
    } else {
      // What is replayed later has to be there whole.
      let used = fault == .replayedTrace ? 0 : try NodeVault.stateBytes(of: folder)
      let cache = ModelCache(
        room: fault == .replayedTrace ? .max : modelCache - min(modelCache, used),
        stateSize: TrainingState.encodedByteCount(of: run.state.configuration),
        segments: run.schedule.segmentCount)
      try train(
        run, on: data, as: conduct, keeping: cache, in: vault, into: &trace, stop: stop, onStep: onStep)
      let computed = try Update.quantised(
        from: starting, to: run.state, exponents: assignment.exponents, noise: noise)
      (trace.update, trace.clipped) = (conduct.update(computed.update), computed.clipped)
    }

    let (roots, update) = (trace.roots, trace.update)
    var submission = try trace.timed { () throws(NetworkError) -> Submission in
      self.submission(for: assignment, manifest, roots: roots, update: update)
    }
    if conduct.fault == .copiedTrace, let other = try foreignSubmission() {
      submission = submission.withTrace(of: other)
    }
    let result = NodeResult(
      submission: SignedSubmission(signing: submission, in: domain, with: key), trainLoss: trace.trainLoss,
      clipped: trace.clipped)
    try vault.keepUpdate(trace.update)
    try vault.keep(NodeVault.Record(result: result, assignment: assignment, stateRoots: trace.roots))
    took(trace.seconds, (ContinuousClock.now - began) / .seconds(1))
    if fault == .replayedTrace, conduct.fault == nil { try remember(vault) }
    return result
  }

  /// What this node commits to when it has computed these states and this update.
  func submission(
    for assignment: Assignment, _ manifest: TrainingManifest, roots: [Bytes32], update: Data
  ) -> Submission {
    Submission(
      jobID: assignment.subJob, round: assignment.position.round, node: address,
      programHash: manifest.programHash, dataRoot: assignment.dataRoot, initRoot: assignment.initRoot,
      traceRoot: traceTree(of: roots, subJob: assignment.subJob).root,
      finalRoot: roots.last ?? assignment.initRoot,
      resultRoot: Update.root(of: update, salts: resultSalts(update.count, subJob: assignment.subJob)),
      segments: UInt32(roots.count - 1), fuelUsed: assignment.fuel.units)
  }

  /// What a computation leaves: roots at its boundaries, the update, and how it went.
  private struct Trace {
    var roots: [Bytes32] = []
    var update = Data()
    var clipped = 0
    var trainLoss = 0.0
    /// What committing took.
    var seconds = 0.0

    mutating func timed<Value>(_ body: () throws(NetworkError) -> Value) throws(NetworkError) -> Value {
      let began = ContinuousClock.now
      defer { seconds += (ContinuousClock.now - began) / .seconds(1) }
      return try body()
    }
  }

  private func train(
    _ run: TrainingRun, on data: TrainingData, as conduct: NodeConduct, keeping cache: ModelCache,
    in vault: NodeVault, into trace: inout Trace, stop: StopFlag, onStep: (StepReport) -> Void
  ) throws(NetworkError) {
    var losses = 0.0
    var trained = 0
    for segment in 0..<conduct.segments(of: run.schedule.segmentCount) {
      for step in run.schedule.steps(ofSegment: segment) {
        if stop.isRaised { throw .interrupted }
        guard let report = try train(run, step: step, on: data, as: conduct) else { continue }
        losses += Double(report.loss)
        trained += 1
        onStep(report)
      }
      conduct.at(segment).disturbEnd(run.state)
      let root = try trace.timed { () throws(NetworkError) in
        if cache.keeps(segment + 1) { try vault.keepState(run.state, boundary: segment + 1) }
        return try run.stateRoot()
      }
      trace.roots.append(root)
    }
    trace.trainLoss = losses / Double(max(1, trained))
  }

  /// Takes a step in this node's way; `nil` when it only counts it.
  func train(
    _ run: TrainingRun, step: Int, on data: TrainingData, as conduct: NodeConduct,
    trace: OperationTrace? = nil
  ) throws(NetworkError) -> StepReport? {
    let segment = step / run.schedule.segmentLength
    let conduct = conduct.at(segment)
    let steps = run.schedule.steps(ofSegment: segment)
    guard conduct.trains(step: step, of: steps) else {
      run.state.step += 1
      return nil
    }
    return try run.train(
      step: conduct.source(of: step, of: run.schedule.stepsPerRound),
      learningRateFactor: conduct.learningRateFactor, trace: trace
    ) { index in
      data.tokens(conduct.sequence(index, of: data.count))
    }
  }

  /// Answers a challenge: the opening. It is for the drawn verifier's eyes.
  ///
  /// The states are kept without waiting for the disk. One that a power failure damaged is computed again,
  /// to the same bits: an honest node loses nothing by it.
  ///
  /// - Parameter take: called with every state and its hash. However many there are, two are in memory.
  func answer(
    _ challenge: Challenge, on device: Device, stop: StopFlag = StopFlag(),
    _ take: (Bytes32, Data) throws(NetworkError) -> Void
  ) throws(NetworkError) -> Opening {
    let (record, vault) = try finished(challenge.subJob)
    let assignment = record.assignment
    let manifest = try asNetworkError { try TrainingManifest(json: assignment.manifest) }
    let conduct = NodeConduct(fault: try markedFault(of: challenge.subJob))
    let (data, schedule) = try dataAndSchedule(of: assignment)
    let records = PartRecords(data: data, firstRecord: assignment.firstRecord, secret: assignment.partSecret)
    let last = record.stateRoots.count - 1
    let trace = traceTree(of: record.stateRoots, subJob: challenge.subJob)

    var boundaries: Set<Int> = [0, last]
    var hashes: [Int: Bytes32] = [:]
    var near: (boundary: Int, state: Data)?
    // From the first on: what is not kept is computed from the one before.
    for segment in Set(challenge.segments).sorted() where (0..<last).contains(segment) {
      let state = try state(at: segment, of: record, in: vault, on: device, near: near, stop: stop)
      near = (segment, state)
      let opened = conduct.opened(state: state)
      let hash = opened.withUnsafeBytes { SHA256.hash($0) }
      hashes[segment] = hash
      try take(hash, opened)
    }
    var segments: [Opening.Segment] = []
    // A node that computed fewer segments than it had to opens those that there are: it is judged by them.
    for segment in challenge.segments {
      guard let hash = hashes[segment] else { continue }
      boundaries.formUnion([segment, segment + 1])
      segments.append(
        Opening.Segment(
          segment: segment, state: hash,
          sequences: try schedule.sequences(ofSegment: segment).map { index in
            Opening.Sequence(
              index: index, salt: Data(records.salt(index)), record: Data(data.record(index)),
              proof: records.proof(of: index))
          }))
    }
    return Opening(
      submission: record.result.submission.digest, seed: challenge.seed, drawn: challenge.segments,
      sequenceCount: data.count, exponents: assignment.exponents, partNoise: assignment.noise,
      boundaries: boundaries.sorted().map { boundary in
        BoundaryOpening(
          boundary: UInt32(boundary),
          salt: conduct.opened(salt: traceSalt(boundary, subJob: challenge.subJob)),
          stateRoot: record.stateRoots[boundary], proof: trace.proof(of: boundary))
      },
      segments: segments,
      noise: assignment.noiseOpening,
      resultSalts: resultSalts(try updateByteCount(manifest), subJob: challenge.subJob)
        .map { HexText(wrappedValue: $0) })
  }

  /// The part's records. They are opened in memory and never written to the disk.
  private func part(of assignment: Assignment, context: Int) throws(NetworkError) -> TrainingData {
    try TrainingData(context: context, bytes: part(of: assignment))
  }

  /// The part's bytes.
  func part(of assignment: Assignment) throws(NetworkError) -> Data {
    let sealed = try store.get(assignment.data)
    return try asNetworkError {
      var stream = OpeningStream(identities: [key.sealingIdentity()])
      var records: [UInt8] = []
      records.reserveCapacity(sealed.count)
      try stream.append(assignment.header, to: &records)
      try stream.append(sealed, to: &records)
      try stream.finish(to: &records)
      return Data(records)
    }
  }

  /// The bytes of an update of this program: one word a parameter.
  func updateByteCount(_ manifest: TrainingManifest) throws(NetworkError) -> Int {
    do throws(ComputeError) {
      return try ModelConfiguration(manifest.model).parameterCount * UpdateRing.wordByteCount
    } catch {
      throw .compute(error)
    }
  }

  /// The update that the node committed to; one that a power failure damaged is computed again.
  func keptUpdate(
    of record: NodeVault.Record, in vault: NodeVault, on device: Device, stop: StopFlag
  ) throws(NetworkError) -> Data {
    let submission = record.result.submission.submission
    func sound() -> Data? {
      guard let update = try? vault.update() else { return nil }
      let salts = resultSalts(update.count, subJob: submission.jobID)
      return Update.root(of: update, salts: salts) == submission.resultRoot ? update : nil
    }
    if let update = sound() { return update }
    try vault.forget()
    _ = try compute(record.assignment, on: device, stop: stop) { _ in }
    guard let update = sound() else {
      throw .inconsistent(
        what: "node \(address) cannot compute the update of SubJob \(submission.jobID) to the same bits again"
      )
    }
    return update
  }

  /// Answers a challenge: the opening, sealed to the key that the drawn verifier has bound to its account,
  /// goes to the store.
  ///
  /// - Parameter time: now, in unix seconds: the binding must still count.
  func open(
    _ challenge: Challenge, to binding: SignedKeyBinding, at time: UInt64, on device: Device,
    stop: StopFlag = StopFlag()
  ) throws(NetworkError) -> SealedOpening {
    try asNetworkError { try binding.check(at: time, account: challenge.verifier, in: domain) }
    var states: [Bytes32: Bytes32] = [:]
    let opening = try answer(challenge, on: device, stop: stop) { hash, state throws(NetworkError) in
      if states[hash] == nil { states[hash] = try seal(state, hash, for: challenge, to: binding) }
    }
    return try seal(opening, of: opening.submission, with: states, for: challenge, to: binding)
  }

  /// Seals bytes with this hash that are opened to a challenge; returns the object.
  func seal(
    _ data: Data, _ hash: Bytes32, for challenge: Challenge, to binding: SignedKeyBinding
  ) throws(NetworkError) -> Bytes32 {
    // Another stream for every content and reader: keys and nonces never meet other bytes.
    let stream = secret("seal", subJob: challenge.subJob)
    var random = ChaCha20Generator(
      key: HMACSHA256.authenticate(hash.bytes + challenge.verifier.bytes, key: stream.bytes))
    return try store.putSealed(data, to: binding.binding.recipient, using: &random)
  }

  /// Seals what is opened to a challenge.
  ///
  /// - Parameter states: sealed objects with the bytes that it names, by the hashes of those.
  func seal(
    _ opening: some Encodable, of submission: Bytes32, with states: [Bytes32: Bytes32],
    for challenge: Challenge, to binding: SignedKeyBinding
  ) throws(NetworkError) -> SealedOpening {
    let document = try asNetworkError { try WireFormat.encoder.encode(opening) }
    let contentHash = document.withUnsafeBytes { SHA256.hash($0) }
    let objects = states.sorted { $0.key.bytes.lexicographicallyPrecedes($1.key.bytes) }
      .map { SealedOpening.State(state: $0.key, sealed: $0.value) }
    return SealedOpening(
      statement: SignedOpeningStatement(
        signing: OpeningStatement(
          jobID: challenge.subJob, submission: submission, seed: challenge.seed,
          contentHash: contentHash), in: domain, with: key),
      document: try seal(document, contentHash, for: challenge, to: binding), states: objects)
  }

  // MARK: - Appeal

  /// What the node says of a segment that it is rejected for: what it really computed, ending in what it had
  /// committed to.
  func account(
    ofSegment segment: Int, operatorsOf step: Int?, of subJob: JobID, on device: Device
  ) throws(NetworkError) -> SegmentTrace {
    let (record, vault) = try finished(subJob)
    let (data, schedule) = try dataAndSchedule(of: record.assignment)
    let conduct = try markedConduct(of: subJob, segments: schedule.segmentCount)
    let run = try TrainingRun(
      manifest: asNetworkError { try TrainingManifest(json: record.assignment.manifest) },
      position: record.assignment.position, sequenceCount: data.count, device: device,
      microBatch: step == nil ? nil : 1)
    try run.state.decode(state(at: segment, of: record, in: vault, on: device))
    let steps = schedule.steps(ofSegment: segment)
    var account = try SegmentTrace(steps, operatorsOf: step, in: run) { step, trace throws(NetworkError) in
      try train(run, step: step, on: data, as: conduct, trace: trace) != nil
    }
    // Whatever it did behind the last step belongs to that step: there is nowhere else to put it.
    account.steps[steps.count - 1] = record.stateRoots[segment + 1]
    if step == steps.upperBound - 1, !account.chain.isEmpty {
      account.chain[account.chain.count - 1] = record.stateRoots[segment + 1]
    }
    return account
  }

  /// Signs a list that the node will answer from.
  func claim(_ claim: BisectionClaim) -> SignedBisectionClaim {
    SignedBisectionClaim(signing: claim, in: domain, with: key)
  }

  func finished(_ subJob: JobID) throws(NetworkError) -> (NodeVault.Record, NodeVault) {
    let vault = NodeVault(node: folder, subJob: subJob)
    guard let record = try vault.record() else {
      throw .inconsistent(what: "node \(address) has no record of SubJob \(subJob)")
    }
    return (record, vault)
  }

  func dataAndSchedule(
    of assignment: Assignment
  ) throws(NetworkError) -> (TrainingData, SegmentSchedule) {
    let manifest = try asNetworkError { try TrainingManifest(json: assignment.manifest) }
    let data = try part(of: assignment, context: Int(manifest.model.context))
    return (
      data,
      try SegmentSchedule(manifest: manifest, position: assignment.position, sequenceCount: data.count)
    )
  }

  /// Deletes what was kept for a SubJob.
  func forget(_ subJob: JobID) throws(NetworkError) {
    try NodeVault(node: folder, subJob: subJob).forget()
    try NodeCohortFile(node: folder, subJob: subJob).forget()
    try forgetOpenings(of: subJob)
  }

  // MARK: - Secrets

  func secret(_ label: String, subJob: JobID) -> Bytes32 {
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
  func markedFault(of subJob: JobID) throws(NetworkError) -> NodeFault? {
    guard let fault, FileManager.default.fileExists(atPath: marker.path) else { return nil }
    return String(decoding: try Files.read(marker), as: UTF8.self) == "\(subJob)" ? fault : nil
  }

  /// How the node dealt with a SubJob.
  func markedConduct(of subJob: JobID, segments: Int) throws(NetworkError) -> NodeConduct {
    conduct(showing: try markedFault(of: subJob), on: subJob, segments: segments)
  }

  private func conduct(showing fault: NodeFault?, on subJob: JobID, segments: Int) -> NodeConduct {
    guard let fault, let faultSegments else { return NodeConduct(fault: fault) }
    // A cheat that knows that the last one is always looked at leaves it alone.
    var generator = ChaCha20Generator(key: secret("fault", subJob: subJob))
    var left = Array(0..<max(0, segments - 1))
    var chosen: Set<Int> = []
    while !left.isEmpty, chosen.count < faultSegments {
      chosen.insert(left.remove(at: Int(generator.below(UInt32(left.count)))))
    }
    return NodeConduct(fault: fault, segments: chosen)
  }

  /// How the node deals with this SubJob: it shows its fault on the first one that allows it.
  private func conduct(on assignment: Assignment, segments: Int) throws(NetworkError) -> NodeConduct {
    guard let fault, !fault.isOfSums else { return NodeConduct(fault: nil) }
    if FileManager.default.fileExists(atPath: marker.path) {
      return try markedConduct(of: assignment.subJob, segments: segments)
    }
    switch fault {
    case .replayedTrace where try memory.record() == nil: return NodeConduct(fault: nil)
    case .copiedTrace where try foreignSubmission() == nil: return NodeConduct(fault: nil)
    default: break
    }
    try mark(assignment.subJob)
    return conduct(showing: fault, on: assignment.subJob, segments: segments)
  }

  /// Remembers on which SubJob the fault was shown: it is the only one.
  private func mark(_ subJob: JobID) throws(NetworkError) {
    try Files.makeFolder(folder)
    try Files.write(Data("\(subJob)".utf8), to: marker)
  }

  /// Whether the node shows this fault of sums on a SubJob: on the first one that gets there.
  func shows(_ wanted: NodeFault, on subJob: JobID) throws(NetworkError) -> Bool {
    guard fault == wanted else { return false }
    if !FileManager.default.fileExists(atPath: marker.path) { try mark(subJob) }
    return try markedFault(of: subJob) == wanted
  }

  /// The oldest submission that another node has published.
  private func foreignSubmission() throws(NetworkError) -> Submission? {
    try published().map(\.submission).first { $0.node != address }
  }

  /// Keeps a computation to hand it in again.
  private func remember(_ vault: NodeVault) throws(NetworkError) {
    guard try memory.record() == nil else { return }
    try memory.copy(vault)
  }

  /// Puts the remembered computation in the place of one that was never made.
  private func replay(into vault: NodeVault, after start: Bytes32, as trace: inout Trace) throws(NetworkError)
  {
    guard let old = try memory.record() else {
      throw .inconsistent(what: "node \(address) has no earlier computation to hand in again")
    }
    for boundary in try memory.boundaries() {
      try vault.keepState(memory.state(boundary: boundary), boundary: boundary)
    }
    trace.roots = [start] + old.stateRoots.dropFirst()
    trace.update = try memory.update()
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
