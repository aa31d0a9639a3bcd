import EmethCompute
import EmethKit
import Foundation
import GRDB

extension LocalNetwork {
  /// Works on a job until it ends, or until somebody asks to stop.
  ///
  /// Whatever was finished before, in this process or another, is not done again. Only one process works on a
  /// folder at a time.
  ///
  /// - Parameters:
  ///   - threads: CPU threads to use; results do not depend on it.
  ///   - stop: raised from anywhere, it ends the work between two optimizer steps.
  ///   - progress: called in order of events, steps from several threads.
  /// - Throws: ``NetworkError/interrupted`` when stopped, ``NetworkError/folderInUse(path:holder:)``, or what
  ///   went wrong. A job that ends without success is no error: the report says so.
  public func work(
    on id: JobID, threads: Int, stop: StopFlag = StopFlag(),
    progress: @escaping @Sendable (WorkProgress) -> Void = { _ in }
  ) async throws(NetworkError) -> JobReport {
    let lock = try FolderLock(folder: folder)
    defer { withExtendedLifetime(lock) {} }
    let worker = try JobWorker(network: self, job: id, threads: threads, stop: stop, progress: progress)
    try await worker.run()
    return try report(on: id)
  }
}
