import EmethKit
import Foundation

/// What a node keeps of the cohort of one SubJob, so that after a restart it answers an attempt as before and
/// never otherwise. It lies beside the vault, which may be computed again: this may not.
struct NodeCohortFile {
  /// One attempt, from which the node's ``CohortMember`` follows.
  struct Attempt: Codable {
    /// What the node remembered before it answered.
    var before: CohortMemory
    /// What it gave its key for.
    var plan: CohortPlan
    /// The roster that it accepted; `nil` until then.
    var roster: Roster?
  }

  let folder: URL
  let subJob: JobID

  init(node: URL, subJob: JobID) {
    folder = node.appending(path: "cohorts")
    self.subJob = subJob
  }

  /// The last attempt that was answered.
  func attempt() throws(NetworkError) -> Attempt? { try read(file) }

  /// Keeps an attempt; to be done before its answer is given.
  func keep(_ attempt: Attempt) throws(NetworkError) { try write(attempt, to: file) }

  /// What the node remembers of all its SubJobs.
  func memory() throws(NetworkError) -> CohortMemory { try read(memoryFile) ?? CohortMemory() }

  /// Adds to what the node remembers.
  func remember(_ memory: CohortMemory) throws(NetworkError) {
    var all = try self.memory()
    all.formUnion(memory)
    try write(all, to: memoryFile)
  }

  func forget() throws(NetworkError) { try Files.remove(file) }

  private var file: URL { folder.appending(path: "\(subJob)") }
  private var memoryFile: URL { folder.appending(path: "memory") }

  private func read<Value: Decodable>(_ file: URL) throws(NetworkError) -> Value? {
    guard FileManager.default.fileExists(atPath: file.path) else { return nil }
    let data = try Files.read(file)
    return try asNetworkError { try JSONDecoder().decode(Value.self, from: data) }
  }

  private func write(_ value: some Encodable, to file: URL) throws(NetworkError) {
    try Files.makeFolder(folder)
    let data = try asNetworkError { try WireFormat.encoder.encode(value) }
    try Files.write(data, to: file, mode: 0o600)
  }
}
