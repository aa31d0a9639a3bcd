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
    let salts = (report.resultSalts ?? []).map(\.wrappedValue)
    guard salts.count == Update.chunkCount(update.count), salts.allSatisfy({ $0.count == 16 }),
      Update.root(of: update, salts: salts) == request.submission.submission.resultRoot
    else {
      throw .malformed(
        what: "answer to errand \(id)",
        reason: "the update with its salts does not have the node's resultRoot")
    }
  }
}
