import EmethKit
import Foundation

/// What third parties check a job by, besides its records.
extension NetworkService {
  /// The hashes of a job's record leaves: a file of 32 bytes each, in the order of the records.
  ///
  /// - Throws: ``NetworkError/unknownJob(id:)``, ``NetworkError/refused(code:message:hint:)`` before the data set is
  ///   divided.
  public func leaves(of id: JobID) throws(NetworkError) -> (url: URL, byteCount: UInt64) {
    let record = try database.read { db in try JobStore.job(id, in: db) }
    if record.progress.plan != nil, record.status.isFinal, try leavesFile(of: id) == nil {
      throw resultIsGone(id)
    }
    guard record.progress.plan != nil, let file = try leavesFile(of: id),
      let byteCount = Files.byteCount(of: file)
    else {
      throw .refused(
        code: "job.notDivided", message: "job \(id) has no leaves: its data set is not divided yet", hint: nil
      )
    }
    return (file, byteCount)
  }
}
