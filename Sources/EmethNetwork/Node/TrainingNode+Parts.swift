import EmethKit
import Foundation

/// What a node opens of a part that it computed in one piece: all of it, to the drawn verifier.
struct PartOpening: Codable, Sendable, Hashable {
  /// Digest of the submission that is opened.
  var submission: Bytes32
  /// The seed of the challenge that is answered.
  var seed: Bytes32
  /// SHA-256 of the part's bytes, which come along.
  var part: Bytes32
  /// The part's first record in the whole data set.
  var firstRecord: UInt64
  /// What the salts of records and output follow from.
  var partSecret: Bytes32
}

/// A node's work on a part of a job that is no training.
extension TrainingNode {
  /// Computes a part; `nil` means that nothing comes back. One that had already ended is not repeated. That the module
  /// says no to it is a result.
  ///
  /// Blocks while it computes: not for the cooperative pool.
  ///
  /// - Parameters:
  ///   - bench: what text is generated with.
  ///   - limitsCount: whether a module that has used up the time of its own manifest says no with that, which others
  ///     look after.
  func computePart(
    _ assignment: Assignment, program: ComputedProgram, sandbox: ModuleSandbox?,
    bench: GenerationBench? = nil,
    limitsCount: Bool = false, stop: StopFlag
  ) throws(NetworkError) -> NodeResult? {
    let vault = NodeVault(node: folder, subJob: assignment.subJob)
    if let record = try vault.record() { return record.result }
    if try shows(.stall, on: assignment.subJob) { return nil }
    try vault.begin()
    let manifest = try ComputedManifest(json: assignment.manifest)
    let bytes = try part(of: assignment)
    let part = try DataSetPart(
      bytes: bytes, kind: manifest.records, firstRecord: assignment.firstRecord, secret: assignment.partSecret
    )
    guard part.root == assignment.dataRoot else {
      throw .malformed(
        what: "part of SubJob \(assignment.subJob)",
        reason: "its records do not have root \(assignment.dataRoot)")
    }
    var outcome = try program.outcome(
      of: bytes, subJob: assignment.subJob, parameters: manifest.parameters, sandbox: sandbox,
      generator: manifest.generator(on: bench), limitsCount: limitsCount, stop: stop)
    let fuel = try manifest.fuel(of: outcome, limit: assignment.fuel)
    if try shows(.swappedFinal, on: assignment.subJob) {
      outcome = .output((outcome.output ?? Data()) + Data("0\n".utf8))
    }
    let commitment = OutputCommitment(partSecret: assignment.partSecret, subJob: assignment.subJob)
    // There are no states on the way: the roots of a trace stay zero.
    let submission = Submission(
      jobID: assignment.subJob, round: assignment.position.round, node: address,
      programHash: manifest.hash, dataRoot: assignment.dataRoot, initRoot: .zero, traceRoot: .zero,
      finalRoot: .zero, resultRoot: commitment.root(of: outcome), segments: 1,
      fuelUsed: fuel.units)
    let result = NodeResult(
      submission: SignedSubmission(signing: submission, in: domain, with: key), trainLoss: 0, clipped: 0,
      refusal: outcome.refusal)
    if let output = outcome.output { try vault.keepUpdate(output) }
    try vault.keep(NodeVault.Record(result: result, assignment: assignment, stateRoots: []))
    return result
  }

  /// The output that was computed.
  func output(of subJob: JobID) throws(NetworkError) -> Data { try finished(subJob).1.update() }

  /// Keeps the output until it is handed over: sealed to the Aggregator, if the assignment says to which key.
  func keepOutput(of assignment: Assignment) throws(NetworkError) -> Bytes32 {
    let output = try output(of: assignment.subJob)
    guard let aggregator = assignment.aggregator else { return try store.put(output, durable: false) }
    try asNetworkError { try aggregator.check(in: domain) }
    // Another stream for every content and reader; handed over once more, it is the same object.
    let hash = output.withUnsafeBytes { SHA256.hash($0) }
    var random = ChaCha20Generator(
      key: HMACSHA256.authenticate(
        hash.bytes + aggregator.binding.sealingKey.bytes,
        key: secret("handed output", subJob: assignment.subJob).bytes))
    return try store.putSealed(output, to: aggregator.binding.recipient, using: &random)
  }

  /// Answers a challenge: the part, sealed to the key that the drawn verifier has bound to its account. The
  /// output stays here: a verifier computes it itself.
  func openPart(
    _ challenge: Challenge, to binding: SignedKeyBinding, at time: UInt64
  ) throws(NetworkError) -> SealedOpening {
    try asNetworkError { try binding.check(at: time, account: challenge.verifier, in: domain) }
    let (record, _) = try finished(challenge.subJob)
    let bytes = try part(of: record.assignment)
    let hash = bytes.withUnsafeBytes { SHA256.hash($0) }
    let opening = PartOpening(
      submission: record.result.submission.digest, seed: challenge.seed, part: hash,
      firstRecord: record.assignment.firstRecord, partSecret: record.assignment.partSecret)
    let sealed = try seal(bytes, hash, for: challenge, to: binding)
    return try seal(opening, of: opening.submission, with: [hash: sealed], for: challenge, to: binding)
  }
}
