import EmethKit
import Foundation

/// What accounts have given is held for them for a while, so that a job can name it; and an account may have only so much
/// lie here that no job has named.
struct UploadHolds: Sendable {
  let database: NetworkDatabase
  /// Bytes that one account may have lie here without a job.
  let byteLimit: UInt64

  /// Holds what an account gives, or what it would give if it were not there.
  ///
  /// - Throws: ``NetworkError/refused(code:message:hint:)``, `upload.busy`, while it is being deleted.
  func take(_ name: UploadStore.Name, byteCount: UInt64) throws(NetworkError) {
    try HoldTaker(database: database).take(
      for: "\(name.account)", .upload, name.object, byteCount: byteCount, at: DirectUploads.now)
  }

  /// Refuses what would be more than an account may have lie here.
  ///
  /// - Parameter unfinished: bytes of its uploads that are not at their end.
  func checkRoom(for size: UInt64, of account: Address, unfinished: UInt64) throws(NetworkError) {
    let unused = try database.read { db in try HoldStore.unusedByteCount(of: account, in: db) }
    let (held, isTooMuch) = unused.addingReportingOverflow(unfinished)
    guard !isTooMuch, held <= byteLimit, size <= byteLimit - held else {
      throw .refused(
        code: "upload.quota",
        message: "\(account) has \(held) bytes here that no job has named, and \(size) more are too many: "
          + "allowed are \(byteLimit)",
        hint: "ask for the jobs that they are for; what no job names is deleted after a day")
    }
  }
}

extension UploadStore.Name {
  /// Where it lies when it is whole.
  var object: ObjectName {
    switch kind {
    case .object: .object(hash)
    case .dataSet: .splitter(hash)
    case .vector: .vector(hash)
    }
  }
}
