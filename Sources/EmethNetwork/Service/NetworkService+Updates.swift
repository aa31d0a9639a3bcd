import EmethCompute
import EmethKit
import Foundation

extension NetworkService {
  /// Checks what an accepting verifier hands over, where updates are added as they are and outputs joined: it has to be
  /// what the node signed for. What is read and hashed here may be large, so it happens before the answer's
  /// transaction, after everything else about the answer, and never beyond the size that it can have.
  ///
  /// - Throws: ``NetworkError/malformed(what:reason:)`` for another update, after which the right one may come;
  ///   ``NetworkError/missingObject(hash:)``.
  func checkUpdate(inAnswerTo id: String, by account: Address, _ body: Data) throws(NetworkError) {
    guard let record = try database.read({ db in try ErrandStore.record(id, in: db) }),
      record.errand.account == account, record.answer == nil,
      case .judge(let request) = record.errand.question,
      let report = try? JSONDecoder().decode(JudgementReport.self, from: body),
      report.judgement.verdict.verdict.accepted
    else { return }
    try database.read { db in _ = try checked(body, to: record.errand, in: db) }
    if request.facts.program != nil { return try checkOutput(report, inAnswerTo: id, request) }
    guard request.wantsUpdate, let object = report.update else { return }
    let manifest = try asNetworkError { try TrainingManifest(json: request.facts.manifest) }
    let byteCount: Int
    do throws(ComputeError) {
      byteCount = try ModelConfiguration(manifest.model).parameterCount * UpdateRing.wordByteCount
    } catch {
      throw .compute(error)
    }
    try checkSize(of: object, atMost: UInt64(byteCount), request, inAnswerTo: id)
    let update = try output(object)
    let salts = (report.resultSalts ?? []).map(\.wrappedValue)
    guard salts.count == Update.chunkCount(update.count), salts.allSatisfy({ $0.count == 16 }),
      Update.root(of: update, salts: salts) == request.submission.submission.resultRoot
    else {
      throw .malformed(
        what: "answer to errand \(id)",
        reason: "the update with its salts does not have the node's resultRoot")
    }
  }

  private func checkSize(
    of object: Bytes32, atMost plain: UInt64, _ request: JudgementRequest, inAnswerTo id: String
  ) throws(NetworkError) {
    guard let byteCount = store.byteCount(of: object) else { throw .missingObject(hash: object) }
    let isSealed = request.aggregator != nil
    let limit = isSealed ? SealedObject.byteCountLimit(ofPlain: plain) : plain
    guard byteCount <= limit else {
      throw .malformed(
        what: "answer to errand \(id)",
        reason: "object \(object) has \(byteCount) bytes, allowed are \(limit)")
    }
    if isSealed, try !store.isSealed(object) {
      throw .malformed(
        what: "answer to errand \(id)",
        reason: "object \(object) is not sealed to the Aggregator, as verifiers of this version do")
    }
  }

  /// Checks the output of a part, read once and in pieces, or the word that there is none.
  private func checkOutput(
    _ report: JudgementReport, inAnswerTo id: String, _ request: JudgementRequest
  ) throws(NetworkError) {
    func refuse(_ reason: String) -> NetworkError {
      .malformed(what: "answer to errand \(id)", reason: reason)
    }
    let commitment = try commitment(of: request.facts.subJob)
    let stepRoot = report.judgement.verdict.verdict.stepRoot
    guard request.wantsUpdate, let object = report.update else {
      guard stepRoot == commitment.refusalProof(seed: request.seed) else {
        throw refuse("the verdict does not name that there is no output")
      }
      return
    }
    let manifest = try ComputedManifest(json: request.facts.manifest)
    try checkSize(of: object, atMost: manifest.outputBytes, request, inAnswerTo: id)
    var (root, proof) = (commitment.rootHash, OutputCommitment.proofHash(seed: request.seed))
    try forEachPiece(ofOutput: object) { piece in
      root.update(piece)
      proof.update(piece)
    }
    guard root.finalize() == request.submission.submission.resultRoot, proof.finalize() == stepRoot else {
      throw refuse("the output does not have the node's resultRoot")
    }
    // Node and verifier may be of one owner.
    if manifest.program == .meanOfNumbers,
      let obstacle = manifest.obstacle(
        toJoining: try output(object), of: UInt64(request.facts.sequenceCount))
    {
      throw refuse("the output can't be joined: \(obstacle)")
    }
  }

  /// What a SubJob's node commits to its output with.
  private func commitment(of subJob: JobID) throws(NetworkError) -> OutputCommitment {
    let position = try database.read { db in try JobStore.subJob(subJob, in: db).position }
    return OutputCommitment(
      partSecret: splitter.partSecret(of: position.parent, part: position.part), subJob: subJob)
  }

  /// The longest words of a module that are kept, in characters.
  private static let refusalLimit = 400

  /// Looks whether a result says the same twice: that there is no output, in words and by its resultRoot.
  ///
  /// - Throws: ``NetworkError/malformed(what:reason:)``.
  private func checkRefusal(in result: NodeResult, of request: JobRequest) throws(NetworkError) {
    let submission = result.submission.submission
    func refuse(_ reason: String) -> NetworkError {
      .malformed(what: "result of SubJob \(submission.jobID)", reason: reason)
    }
    guard request.module != nil else {
      if result.refusal == nil { return }
      throw refuse("program \(request.program) refuses no part")
    }
    let isRefused = try commitment(of: submission.jobID).refusalRoot == submission.resultRoot
    guard isRefused == (result.refusal != nil) else {
      throw refuse("its words and its resultRoot differ on whether the module refuses the part")
    }
    guard (result.refusal ?? "").count <= Self.refusalLimit else {
      throw refuse("the module's words have more than \(Self.refusalLimit) characters")
    }
  }

  /// The output of a result that proves itself; nil for a program whose outputs are computed again, or refused.
  ///
  /// - Throws: ``NetworkError/malformed(what:reason:)`` for one that proves nothing, after which the right one may come;
  ///   ``NetworkError/missingObject(hash:)``.
  func proof(in result: NodeResult) throws(NetworkError) -> Bytes32? {
    let submission = result.submission.submission
    let request = try database.read { db in
      try JobStore.request(of: JobStore.subJob(submission.jobID, in: db).position.parent, in: db)
    }
    try checkRefusal(in: result, of: request)
    guard case .computed(let computed) = request, request.provesItself else { return nil }
    func refuse(_ reason: String) -> NetworkError {
      .malformed(what: "result of SubJob \(submission.jobID)", reason: reason)
    }
    guard let object = result.output else { throw refuse("its output is missing") }
    guard let byteCount = store.byteCount(of: object) else { throw .missingObject(hash: object) }
    guard byteCount <= SealedObject.byteCountLimit(ofPlain: computed.manifest.outputBytes) else {
      throw refuse("its output has \(byteCount) bytes, allowed are \(computed.manifest.outputBytes)")
    }
    let output = try output(object)
    guard try commitment(of: submission.jobID).root(of: .output(output)) == submission.resultRoot else {
      throw refuse("its output does not have its resultRoot")
    }
    let program = try ComputedProgram(computed.manifest, modules: [])
    guard try program.accepts(output, of: dataSet(computed.dataSet)) else {
      throw refuse("its output proves nothing")
    }
    return object
  }
}
