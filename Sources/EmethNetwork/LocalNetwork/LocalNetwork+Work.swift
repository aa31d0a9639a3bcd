import EmethCompute
import EmethKit
import Foundation

extension LocalNetwork {
  /// Bytes of states that each node keeps unless told otherwise.
  public static let defaultModelCache: UInt64 = 5_000_000_000

  /// Works on a job until it ends, or until somebody asks to stop.
  ///
  /// Whatever was finished before, in this process or another, is not done again. Only one process works on a
  /// folder at a time.
  ///
  /// - Parameters:
  ///   - threads: CPU threads to use; results do not depend on it.
  ///   - keepsEvidence: whether the evidence against nodes is left as files in the folder's `evidence/`, each as
  ///     large as a state of the model.
  ///   - modelCache: bytes of states that each node keeps at most; what it lacks it computes again when it is
  ///     asked. Results do not depend on it.
  ///   - stop: raised from anywhere, it ends the work between two optimizer steps.
  ///   - progress: called in order of events, steps from several threads.
  /// - Throws: ``NetworkError/interrupted`` when stopped, ``NetworkError/folderInUse(path:holder:)``, or what
  ///   went wrong. A job that ends without success is no error: the report says so.
  public func work(
    on id: JobID, threads: Int, keepsEvidence: Bool = true, modelCache: UInt64 = defaultModelCache,
    stop: StopFlag = StopFlag(),
    progress: @escaping @Sendable (WorkProgress) -> Void = { _ in }
  ) async throws(NetworkError) -> JobReport {
    try await work(
      on: id, threads: threads, keepsEvidence: keepsEvidence, modelCache: modelCache, modules: [], stop: stop,
      progress: progress)
  }

  /// As above, for jobs of external programs too.
  ///
  /// - Parameter modules: the programs that nodes and verifiers have.
  public func work(
    on id: JobID, threads: Int, keepsEvidence: Bool = true, modelCache: UInt64 = defaultModelCache,
    modules: [ProgramModule], stop: StopFlag = StopFlag(),
    progress: @escaping @Sendable (WorkProgress) -> Void = { _ in }
  ) async throws(NetworkError) -> JobReport {
    let lock = try FolderLock(folder: folder)
    defer { withExtendedLifetime(lock) {} }
    for store in [store, splitterStore] { try store.sweepDrafts(olderThan: 0) }
    let worker = try JobWorker(
      network: self, job: id, threads: threads, keepsEvidence: keepsEvidence,
      modelCache: modelCache, modules: modules, stop: stop, progress: progress)
    try await worker.run()
    return try report(on: id)
  }
}
