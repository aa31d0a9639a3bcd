import EmethKit
import Foundation

extension NetworkService {
  /// Checks the update that an accepting verifier hands over, where updates are added as they are: it has to
  /// be the one that the node signed for. What is read and hashed here may be large, so it happens before the
  /// answer's transaction.
  ///
  /// - Throws: ``NetworkError/malformed(what:reason:)`` for another update, after which the right one may come;
  ///   ``NetworkError/missingObject(hash:)``.
  func checkUpdate(inAnswerTo id: String, by account: Address, _ body: Data) throws(NetworkError) {
    guard let record = try database.read({ db in try ErrandStore.record(id, in: db) }),
      record.errand.account == account, record.answer == nil,
      case .judge(let request) = record.errand.question, request.wantsUpdate,
      let report = try? JSONDecoder().decode(JudgementReport.self, from: body),
      report.judgement.verdict.verdict.accepted, let object = report.update
    else { return }
    let update = try store.get(object)
    if request.facts.program != nil {
      guard
        try commits(request.submission.submission.resultRoot, of: request.facts.subJob, to: update),
        report.judgement.verdict.verdict.stepRoot == OutputCommitment.proof(of: update, seed: request.seed)
      else {
        throw .malformed(
          what: "answer to errand \(id)", reason: "the output does not have the node's resultRoot")
      }
      return
    }
    let salts = (report.resultSalts ?? []).map(\.wrappedValue)
    guard salts.count == Update.chunkCount(update.count), salts.allSatisfy({ $0.count == 16 }),
      Update.root(of: update, salts: salts) == request.submission.submission.resultRoot
    else {
      throw .malformed(
        what: "answer to errand \(id)",
        reason: "the update with its salts does not have the node's resultRoot")
    }
  }

  /// Whether a resultRoot is that of an output.
  private func commits(
    _ root: Bytes32, of subJob: JobID, to output: Data
  ) throws(NetworkError) -> Bool {
    let position = try database.read { db in try JobStore.subJob(subJob, in: db).position }
    let salt = OutputCommitment.salt(
      partSecret: splitter.partSecret(of: position.parent, part: position.part), subJob: subJob)
    return OutputCommitment.root(of: output, salt: salt) == root
  }

  /// The longest output that proves itself, bytes.
  private static let proofByteLimit: UInt64 = 4_096

  /// The output of a result that proves itself; nil for a program whose outputs are computed again.
  ///
  /// - Throws: ``NetworkError/malformed(what:reason:)`` for one that proves nothing, after which the right one may come;
  ///   ``NetworkError/missingObject(hash:)``.
  func proof(in result: NodeResult) throws(NetworkError) -> Bytes32? {
    let submission = result.submission.submission
    let request = try database.read { db in
      try JobStore.job(JobStore.subJob(submission.jobID, in: db).position.parent, in: db).request
    }
    guard case .computed(let computed) = request, request.provesItself else { return nil }
    func refuse(_ reason: String) -> NetworkError {
      .malformed(what: "result of SubJob \(submission.jobID)", reason: reason)
    }
    guard let object = result.output else { throw refuse("its output is missing") }
    guard let byteCount = store.byteCount(of: object) else { throw .missingObject(hash: object) }
    guard byteCount <= Self.proofByteLimit else {
      throw refuse("its output has \(byteCount) bytes, allowed are \(Self.proofByteLimit)")
    }
    let output = try store.get(object)
    guard try commits(submission.resultRoot, of: submission.jobID, to: output) else {
      throw refuse("its output does not have its resultRoot")
    }
    let program = try ComputedProgram(computed.manifest, modules: [])
    guard try program.accepts(output, of: dataSet(computed.dataSet)) else {
      throw refuse("its output proves nothing")
    }
    return object
  }
}
