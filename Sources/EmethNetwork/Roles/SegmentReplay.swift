import EmethCompute
import EmethKit
import Foundation

/// The replay of a submission's drawn segments, from encoded bytes alone.
struct SegmentReplay {
  /// What a replay ends with. `finding` names the first thing that does not hold; `nil` accepts.
  struct Outcome {
    var finding: Finding?
    /// The update that the replayed last state gives, the node's or another; `nil` when the replay did not get there.
    var update: Data?
    /// The salts under which the update has resultRoot.
    var resultSalts: [Data] = []
    var step: UInt32 = 0
    var stepRoot = Bytes32.zero
  }

  /// Something about the submission or its opening does not hold: the submission is rejected for it.
  private struct Mismatch: Error {
    var finding: Finding
    init(_ kind: Finding.Kind, segment: Int? = nil, _ text: String, replayedRoot: Bytes32? = nil) {
      finding = Finding(kind, segment: segment, text, replayedRoot: replayedRoot)
    }
  }

  let facts: SubJobFacts
  let submission: SignedSubmission
  let seed: Bytes32
  /// The drawn segments.
  let segments: [Int]
  /// What the node signed of its opening; nil where that is known to be right.
  var statement: SignedOpeningStatement?
  let domain: EIP712Domain
  /// The bytes with a hash: the round's starting parameters, the opened states.
  let object: (Bytes32) throws(NetworkError) -> Data
  /// The segments that are computed again, of those that were drawn: all of them, or only the one that a
  /// finding is about.
  var replayed: [Int]?
  /// Whether the update is checked too, for which the starting parameters are needed.
  var checksResult = true

  func run(opening: Data, device: Device, stop: StopFlag) throws(NetworkError) -> Outcome {
    var outcome = Outcome()
    do {
      try replay(opening: opening, device: device, stop: stop, into: &outcome)
    } catch let mismatch as Mismatch {
      outcome.finding = mismatch.finding
    } catch {
      throw NetworkError(error)
    }
    return outcome
  }

  private func replay(opening data: Data, device: Device, stop: StopFlag, into outcome: inout Outcome) throws
  {
    let manifest = try TrainingManifest(json: facts.manifest)
    try checkSubmission(manifest: manifest)
    let opening = try checkedOpening(data)
    let roots = try boundaryRoots(opening)

    let run = try TrainingRun(
      manifest: manifest, position: facts.position, sequenceCount: facts.sequenceCount, device: device)
    let starting = try startingParameters(for: run)
    let inside = SegmentDraw.interiorStep(seed: seed, segments: segments) { segment in
      UInt32(run.schedule.steps(ofSegment: segment).count)
    }
    for segment in replayed ?? segments {
      let sequences = try begin(segment, of: opening, expecting: roots[segment], in: run)
      for step in run.schedule.steps(ofSegment: segment) {
        if stop.isRaised { throw NetworkError.interrupted }
        do {
          _ = try run.train(step: step) { index throws(NetworkError) in try Self.tokens(index, of: sequences)
          }
        } catch {
          throw Self.blame(error, segment: segment)
        }
        let done = step + 1 - run.schedule.steps(ofSegment: segment).lowerBound
        if segment == inside.segment, done == Int(inside.offset) {
          outcome.step = UInt32(step)
          outcome.stepRoot = try run.stateRoot()
        }
      }
      let found = try run.stateRoot()
      guard found == roots[segment + 1] else {
        throw Mismatch(
          .replay, segment: segment,
          "segment \(segment): replay ends in state \(found), the node committed to \(roots[segment + 1].map { "\($0)" } ?? "nothing")",
          replayedRoot: found)
      }
    }
    guard let starting else { return }
    guard (replayed ?? segments).last == run.schedule.segmentCount - 1 else {
      throw NetworkError.inconsistent(what: "the last segment was not drawn")
    }
    let update = try update(opening, from: starting, to: run.state)
    (outcome.update, outcome.resultSalts) = (update, opening.resultSalts.map(\.wrappedValue))
    guard outcome.resultSalts.count == Update.chunkCount(update.count),
      outcome.resultSalts.allSatisfy({ $0.count == 16 }),
      Update.root(of: update, salts: outcome.resultSalts) == submission.submission.resultRoot
    else {
      throw Mismatch(
        .result, segment: segments.last, "the update that the last state gives does not have resultRoot")
    }
  }

  /// The round's starting parameters, placed into the run's state; nil where the update is not checked.
  private func startingParameters(for run: TrainingRun) throws -> Data? {
    guard checksResult else { return nil }
    let starting = try object(facts.startingParameters)
    try run.begin(parameters: starting, round: facts.position.round)
    guard try run.stateRoot() == facts.initRoot else {
      throw NetworkError.inconsistent(what: "the round's starting parameters do not have its initRoot")
    }
    return starting
  }

  /// The state roots after each step of an opened segment, and for one of its steps what its operators put out.
  ///
  /// - Precondition: `run(opening:)` found nothing wrong with what the segment begins with.
  func traced(
    segment: Int, operatorsOf step: Int?, opening data: Data, device: Device
  ) throws(NetworkError) -> SegmentTrace {
    do {
      let opening = try checkedOpening(data)
      let run = try TrainingRun(
        manifest: TrainingManifest(json: facts.manifest), position: facts.position,
        sequenceCount: facts.sequenceCount, device: device, microBatch: step == nil ? nil : 1)
      let roots = try boundaryRoots(opening)
      let sequences = try begin(segment, of: opening, expecting: roots[segment], in: run)
      return try SegmentTrace(run.schedule.steps(ofSegment: segment), operatorsOf: step, in: run) {
        step, trace throws(NetworkError) in
        _ = try run.train(step: step, trace: trace) { index throws(NetworkError) in
          try Self.tokens(index, of: sequences)
        }
        return true
      }
    } catch let mismatch as Mismatch {
      throw .malformed(what: "opening of segment \(segment)", reason: mismatch.finding.text)
    } catch {
      throw NetworkError(error)
    }
  }

  private static func tokens(_ index: Int, of sequences: [Int: [UInt32]]) throws(NetworkError) -> [UInt32] {
    guard let tokens = sequences[index] else {
      throw .inconsistent(what: "sequence \(index) was checked but is not there")
    }
    return tokens
  }

  /// Places the run at the beginning of an opened segment and returns the sequences that it reads.
  private func begin(
    _ segment: Int, of opening: Opening, expecting root: Bytes32?, in run: TrainingRun
  ) throws -> [Int: [UInt32]] {
    guard let opened = opening.segments.first(where: { $0.segment == segment }) else {
      throw Mismatch(.opening, "segment \(segment) is not opened")
    }
    try load(opened, expecting: root, into: run)
    return try checkedSequences(opened, schedule: run.schedule)
  }

  /// The opening that the node signed, an answer to this very challenge.
  private func checkedOpening(_ data: Data) throws -> Opening {
    // Nobody has signed that it did not come.
    if statement == nil, data.isEmpty { throw Mismatch(.withheld, "the node opened nothing") }
    if let statement {
      let message = statement.content
      do { try statement.check(signer: facts.node, in: domain) } catch {
        throw Mismatch(.withheld, "the opening is not signed by the node: \(error.message)")
      }
      guard message.jobID == facts.subJob, message.submission == submission.digest, message.seed == seed
      else {
        throw Mismatch(.withheld, "the node opened to another challenge")
      }
      guard message.contentHash == data.withUnsafeBytes({ SHA256.hash($0) }) else {
        throw Mismatch(.withheld, "the opening is not the one that the node signed")
      }
    }
    guard let opening = Opening(encoded: data) else {
      throw Mismatch(.opening, "the opening cannot be read")
    }
    guard opening.submission == submission.digest else {
      throw Mismatch(.opening, "the opening is of another submission")
    }
    guard opening.seed == seed, opening.drawn == segments else {
      throw Mismatch(.withheld, "the opening is of another draw: segments \(opening.drawn)")
    }
    // The submission does not fix these: who shows evidence to others must not be able to change them.
    guard opening.sequenceCount == facts.sequenceCount, opening.exponents == facts.exponents,
      opening.partNoise == facts.noise
    else {
      throw Mismatch(
        .withheld,
        "the node says that it worked on another part of the data, with other exponents or other noise")
    }
    return opening
  }

  /// Whose fault a step that failed is. Where a loss or an update is not finite, training stops for everybody,
  /// so no honest run commits to a state that leads there; all else is this verifier's own failure.
  private static func blame(_ error: any Error, segment: Int) -> any Error {
    guard case NetworkError.compute(let cause) = error else { return error }
    switch cause {
    case .notFinite, .invalidInput:
      return Mismatch(.replay, segment: segment, "segment \(segment): \(cause.message)")
    case .invalidConfiguration, .shapeMismatch, .unsupportedInstructionSet, .fileUnreadable, .fileUnwritable,
      .malformedFile, .outOfMemory, .insufficientMemory, .checkpointExists, .checkpointMissing,
      .checkpointInUse, .resumeMismatch, .threadsUnavailable, .libraryUnavailable, .deviceUnavailable,
      .kernelsNotCompiled,
      .deviceFailed:
      return error
    }
  }

  /// The submission is the node's own and says of the SubJob what the Execution Layer says.
  private func checkSubmission(manifest: TrainingManifest) throws {
    let message = submission.submission
    do { try submission.check(in: domain) } catch { throw Mismatch(.submission, error.message) }
    func require<Value: Equatable>(_ name: String, _ found: Value, _ expected: Value) throws {
      guard found == expected else {
        throw Mismatch(.submission, "\(name) is \(found), the job's is \(expected)")
      }
    }
    try require("jobId", message.jobID, facts.subJob)
    try require("node", message.node, facts.node)
    try require("round", message.round, facts.position.round)
    try require("programHash", message.programHash, manifest.programHash)
    try require("dataRoot", message.dataRoot, facts.dataRoot)
    try require("initRoot", message.initRoot, facts.initRoot)
    try require("segments", message.segments, manifest.segmentCount)
    try require("fuelUsed", message.fuelUsed, facts.fuel.units)
  }

  /// The most boundaries that an opening has: both ends of each drawn segment and of the whole.
  static func boundaryLimit(segments: Int) -> Int { 2 * segments + 2 }

  /// The opened state roots by boundary, each proven against traceRoot, the ends against initRoot and finalRoot.
  private func boundaryRoots(_ opening: Opening) throws -> [Int: Bytes32] {
    let needed = SegmentDraw.boundaries(ofSegments: segments, of: Int(submission.submission.segments))
    var roots: [Int: Bytes32] = [:]
    for opened in opening.boundaries {
      do { try opened.check(in: submission.submission) } catch { throw Mismatch(.opening, error.message) }
      roots[Int(opened.boundary)] = opened.stateRoot
    }
    // They become part of the job's records.
    let limit = Self.boundaryLimit(segments: segments.count)
    guard opening.boundaries.count <= limit else {
      throw Mismatch(.opening, "\(opening.boundaries.count) boundaries are opened, allowed are \(limit)")
    }
    for boundary in needed.sorted() where roots[boundary] == nil {
      throw Mismatch(.opening, "boundary \(boundary) is not opened")
    }
    return roots
  }

  private func load(_ opened: Opening.Segment, expecting root: Bytes32?, into run: TrainingRun) throws {
    let segment = opened.segment
    let delivered = try NetworkError.delivered { () throws(NetworkError) in try object(opened.state) }
    guard let state = delivered else {
      throw Mismatch(.withheld, segment: segment, "segment \(segment): its opening state cannot be read")
    }
    do { try run.state.decode(state) } catch {
      throw Mismatch(.opening, segment: segment, "segment \(segment): \(error.message)")
    }
    guard try run.stateRoot() == root else {
      throw Mismatch(
        .opening, segment: segment, "segment \(segment): the opened state does not have the committed root")
    }
    let expected =
      UInt64(facts.position.round) * UInt64(run.manifest.stepsPerRound)
      + UInt64(opened.segment) * UInt64(run.manifest.segmentLength)
    guard run.state.step == expected, run.state.round == UInt64(facts.position.round) else {
      throw Mismatch(
        .opening, segment: segment,
        "segment \(segment): the opened state counts step \(run.state.step), expected \(expected)")
    }
  }

  /// The segment's sequences by position: exactly those that the order demands, each proven against dataRoot.
  private func checkedSequences(_ opened: Opening.Segment, schedule: SegmentSchedule) throws -> [Int:
    [UInt32]]
  {
    var sequences: [Int: [UInt32]] = [:]
    let recordSize = (try facts.recordContext + 1) * 4
    for sequence in opened.sequences {
      let leaf = SplitPlan.recordLeafHash(salt: Array(sequence.salt), record: sequence.record)
      guard sequence.record.count == recordSize, sequence.salt.count == 16,
        StateTree.verify(
          leafHash: leaf, index: sequence.index, count: facts.sequenceCount, proof: sequence.proof,
          root: facts.dataRoot)
      else {
        throw Mismatch(
          .opening, segment: opened.segment,
          "segment \(opened.segment): sequence \(sequence.index) is not in the part")
      }
      sequences[sequence.index] = TrainingData.tokens(sequence.record)
    }
    for index in try schedule.sequences(ofSegment: opened.segment) where sequences[index] == nil {
      throw Mismatch(
        .opening, segment: opened.segment,
        "segment \(opened.segment): sequence \(index) is not opened")
    }
    return sequences
  }

  /// The update that the replayed last state gives.
  private func update(_ opening: Opening, from starting: Data, to state: TrainingState) throws -> Data {
    let noise: NoisyUpdate?
    do {
      noise = try NoisyUpdate(
        manifest: TrainingManifest(json: facts.manifest), part: facts.noise, opening: opening.noise,
        round: facts.position.round)
    } catch {
      throw Mismatch(
        .result, segment: segments.last, "the noise: \(NetworkError(error).message)")
    }
    do {
      return try Update.quantised(
        from: starting, to: state, exponents: facts.exponents, noise: noise
      ).update
    } catch {
      throw Self.blame(error, segment: segments.last ?? 0)
    }
  }
}

extension SubJobFacts {
  /// Context T of the manifest's model, which fixes a record's size.
  var recordContext: Int {
    get throws { Int(try TrainingManifest(json: manifest).model.context) }
  }
}
