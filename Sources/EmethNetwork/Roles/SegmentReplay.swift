import EmethCompute
import EmethKit
import Foundation

/// The replay of a submission's drawn segments, from encoded bytes alone.
struct SegmentReplay {
  /// What a replay ends with. `mismatch` names the first thing that does not hold; `nil` accepts.
  struct Outcome {
    var mismatch: String?
    var contribution: Bytes32?
    var step: UInt32 = 0
    var stepRoot = Bytes32.zero
  }

  /// Something about the submission or its opening does not hold: the submission is rejected for it.
  private struct Mismatch: Error {
    let what: String
    init(_ what: String) { self.what = what }
  }

  let facts: SubJobFacts
  let submission: SignedSubmission
  let seed: Bytes32
  let segments: [Int]
  let store: ContentStore
  let domain: EIP712Domain

  func run(opening: Data, device: Device, stop: StopFlag) throws(NetworkError) -> Outcome {
    var outcome = Outcome()
    do {
      try replay(opening: opening, device: device, stop: stop, into: &outcome)
    } catch let mismatch as Mismatch {
      outcome.mismatch = mismatch.what
    } catch {
      throw NetworkError(error)
    }
    return outcome
  }

  private func replay(opening data: Data, device: Device, stop: StopFlag, into outcome: inout Outcome) throws
  {
    let manifest = try TrainingManifest(json: facts.manifest)
    try checkSubmission(manifest: manifest)
    guard let opening = try? JSONDecoder().decode(Opening.self, from: data) else {
      throw Mismatch("the opening cannot be read")
    }
    guard opening.submission == submission.digest else {
      throw Mismatch("the opening is of another submission")
    }
    let roots = try boundaryRoots(opening)

    let run = try TrainingRun(
      manifest: manifest, position: facts.position, sequenceCount: facts.sequenceCount, device: device)
    let starting = try store.get(facts.startingParameters)
    try run.begin(parameters: starting, round: facts.position.round)
    guard try run.stateRoot() == facts.initRoot else {
      throw NetworkError.inconsistent(what: "the round's starting parameters do not have its initRoot")
    }
    let inside = SegmentDraw.interiorStep(seed: seed, segments: segments) { segment in
      UInt32(run.schedule.steps(ofSegment: segment).count)
    }
    for segment in segments {
      guard let opened = opening.segments.first(where: { $0.segment == segment }) else {
        throw Mismatch("segment \(segment) is not opened")
      }
      try load(opened, expecting: roots[segment], into: run)
      let sequences = try checkedSequences(opened, schedule: run.schedule)
      for step in run.schedule.steps(ofSegment: segment) {
        if stop.isRaised { throw NetworkError.interrupted }
        do {
          _ = try run.train(step: step) { index throws(NetworkError) in
            guard let tokens = sequences[index] else {
              throw .inconsistent(what: "sequence \(index) was checked but is not there")
            }
            return tokens
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
          "segment \(segment): replay ends in state \(found), the node committed to \(roots[segment + 1].map { "\($0)" } ?? "nothing")"
        )
      }
    }
    guard segments.last == run.schedule.segmentCount - 1 else {
      throw NetworkError.inconsistent(what: "the last segment was not drawn")
    }
    outcome.contribution = try checkUpdate(opening, from: starting, to: run.state)
  }

  /// Whose fault a step that failed is. Where a loss or an update is not finite, training stops for everybody,
  /// so no honest run commits to a state that leads there; all else is this verifier's own failure.
  private static func blame(_ error: any Error, segment: Int) -> any Error {
    guard case NetworkError.compute(let cause) = error else { return error }
    switch cause {
    case .notFinite, .invalidInput: return Mismatch("segment \(segment): \(cause.message)")
    case .invalidConfiguration, .shapeMismatch, .unsupportedInstructionSet, .fileUnreadable, .fileUnwritable,
      .malformedFile, .outOfMemory, .insufficientMemory, .checkpointExists, .checkpointMissing,
      .checkpointInUse, .resumeMismatch,
      .threadsUnavailable:
      return error
    }
  }

  /// The submission is the node's own and says of the SubJob what the Execution Layer says.
  private func checkSubmission(manifest: TrainingManifest) throws {
    let message = submission.submission
    do { try submission.check(in: domain) } catch { throw Mismatch(error.message) }
    func require<Value: Equatable>(_ name: String, _ found: Value, _ expected: Value) throws {
      guard found == expected else { throw Mismatch("\(name) is \(found), the job's is \(expected)") }
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

  /// The opened state roots by boundary, each proven against traceRoot, the ends against initRoot and finalRoot.
  private func boundaryRoots(_ opening: Opening) throws -> [Int: Bytes32] {
    var roots: [Int: Bytes32] = [:]
    for opened in opening.boundaries {
      do { try opened.check(in: submission.submission) } catch { throw Mismatch(error.message) }
      roots[Int(opened.boundary)] = opened.stateRoot
    }
    let needed = Set([0, Int(submission.submission.segments)] + segments.flatMap { [$0, $0 + 1] })
    for boundary in needed.sorted() where roots[boundary] == nil {
      throw Mismatch("boundary \(boundary) is not opened")
    }
    return roots
  }

  private func load(_ opened: Opening.Segment, expecting root: Bytes32?, into run: TrainingRun) throws {
    guard let state = try? store.get(opened.state) else {
      throw Mismatch("segment \(opened.segment): its opening state cannot be read")
    }
    do { try run.state.decode(state) } catch { throw Mismatch("segment \(opened.segment): \(error.message)") }
    guard try run.stateRoot() == root else {
      throw Mismatch("segment \(opened.segment): the opened state does not have the committed root")
    }
    let expected =
      UInt64(facts.position.round) * UInt64(run.manifest.stepsPerRound)
      + UInt64(opened.segment) * UInt64(run.manifest.segmentLength)
    guard run.state.step == expected, run.state.round == UInt64(facts.position.round) else {
      throw Mismatch(
        "segment \(opened.segment): the opened state counts step \(run.state.step), expected \(expected)")
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
      else { throw Mismatch("segment \(opened.segment): sequence \(sequence.index) is not in the part") }
      sequences[sequence.index] = TrainingData.tokens(sequence.record)
    }
    for index in schedule.sequences(ofSegment: opened.segment) where sequences[index] == nil {
      throw Mismatch("segment \(opened.segment): sequence \(index) is not opened")
    }
    return sequences
  }

  /// The update that the replayed last state gives, if it has resultRoot.
  private func checkUpdate(_ opening: Opening, from starting: Data, to state: TrainingState) throws -> Bytes32
  {
    let update: Data
    do {
      update = try Update.quantised(from: starting, to: state, exponents: facts.exponents).update
    } catch {
      throw Self.blame(error, segment: segments.last ?? 0)
    }
    let salts = opening.resultSalts.map(\.wrappedValue)
    guard salts.count == Update.chunkCount(update.count),
      salts.allSatisfy({ $0.count == 16 }),
      Update.root(of: update, salts: salts) == submission.submission.resultRoot
    else { throw Mismatch("the update that the last state gives does not have resultRoot") }
    let hash = SHA256.hash(update)
    guard hash == facts.contribution else {
      throw Mismatch("the posted update is not the one that the last state gives")
    }
    return hash
  }
}

extension SubJobFacts {
  /// Context T of the manifest's model, which fixes a record's size.
  var recordContext: Int {
    get throws { Int(try TrainingManifest(json: manifest).model.context) }
  }
}
