import EmethCompute
import EmethKit
import Foundation

extension LocalNetwork {
  /// The evidence that was left against nodes that worked on a job.
  public func evidenceFiles(on job: JobID) throws(NetworkError) -> [URL] {
    try database.read { db in try JobStore.subJobs(of: job, in: db) }
      .map { folder.appending(path: "evidence/\($0.id).evidence") }
      .filter { FileManager.default.fileExists(atPath: $0.path) }
  }
}

/// Evidence against nodes: kept when it is found, finished when the job has ended.
extension JobWorker {
  private var evidenceFolder: URL { network.folder.appending(path: "evidence") }

  /// What is found while the job runs.
  private var draftFolder: URL { evidenceFolder.appending(path: ".\(id)") }

  private func draft(_ hash: Bytes32) -> URL {
    draftFolder.appending(path: Hex.encode(hash.bytes, prefixed: false))
  }

  /// Keeps what a verifier found. Two that find the same keep one file.
  func keep(_ evidence: EvidenceDraft) throws(NetworkError) {
    try Files.makeFolder(draftFolder)
    try evidence.write(to: draft(evidence.header.hash()))
  }

  /// Leaves one file for each SubJob that failed, with the verdicts and the node's account, and nothing else.
  func finishEvidence() throws(NetworkError) {
    guard FileManager.default.fileExists(atPath: draftFolder.path) else { return }
    let records = try database.read { [id] db in try JobStore.subJobs(of: id, in: db) }
    for record in records where record.status == .failed {
      let void = record.notes.void
      let hashes = record.notes.judgements.map(\.verdict.verdict).filter {
        !$0.accepted && !void.contains($0.verifier)
      }.map(\.evidence)
      // What two verifiers name, if any two name the same.
      let named = hashes.first { hash in hashes.count { $0 == hash } > 1 } ?? hashes.first
      guard let named, FileManager.default.fileExists(atPath: draft(named).path) else { continue }
      var trailer = EvidenceTrailer()
      trailer.verdicts = record.notes.judgements.map(\.verdict)
      trailer.appeal = record.notes.appeal
      try EvidenceFile.replaceTrailer(of: draft(named), by: trailer)
      let target = evidenceFolder.appending(path: "\(record.id).evidence")
      guard rename(draft(named).path, target.path) == 0 else {
        throw .fileFailed(path: target.path, operation: "write", reason: Files.lastSystemError())
      }
    }
    try Files.remove(draftFolder)
    if (try? FileManager.default.contentsOfDirectory(atPath: evidenceFolder.path))?.isEmpty ?? false {
      try Files.remove(evidenceFolder)
    }
  }
}
