import EmethCompute
import EmethKit
import Foundation

/// A finished job of a server as the folder that a local run leaves: the model or `result.dat`, and in `job/` everything that a third
/// party needs to check it (``JobFolder``).
///
/// ```swift
/// let download = JobDownload(client: client, job: job)
/// try await download.write(report: client.report(on: job), to: folder)
/// try JobFolder(folder).check()
/// ```
/// The server's Signer has signed tickets and batches; the manifest over the files is signed by the requester, whose
/// key the client has.
public struct JobDownload: Sendable {
  private let client: ServerClient
  private let job: JobID

  /// A download of a job by its requester.
  public init(client: ServerClient, job: JobID) {
    self.client = client
    self.job = job
  }

  /// Fetches everything into a folder that is there and empty.
  ///
  /// - Parameter report: what is written as `job/report.json`.
  /// - Throws: ``NetworkError/refused(code:message:hint:)``: `account.notAllowed` for an account that is not the
  ///   requester's, `result.otherKey` where it is sealed to another key, before anything is fetched; `job.noResult`, `job.notSettled` when no batch has the job's end in time;
  ///   ``NetworkError/corruptObject(hash:found:)``, ``NetworkError/malformed(what:reason:)`` for what the server gave
  ///   and is not what it is called; and what the transfers throw.
  public func write(report: JobReport, to folder: URL) async throws(NetworkError) {
    guard let key = client.key else {
      throw .refused(
        code: "request.unsigned", message: "only a job's requester gets its result",
        hint: "give the account's key")
    }
    let result = try await sealedResult()
    let source = try ResultSource(client, result, key)
    if let output = result.output {
      try await source.fetch(output, to: folder.appending(path: JobFolder.resultFile))
    } else {
      try await writeModel(result, from: source, to: folder)
    }
    let target = folder.appending(path: "job")
    try Files.makeFolder(target)
    let records = try await settledRecords()
    try await client.download("/api/v2/jobs/\(job)/leaves", to: target.appending(path: "leaves.bin"))
    for cohort in records.aggregation?.cohorts ?? [] {
      // Where the server has kept it: sums that are too large are not.
      let root = cohort.sum.content.sumRoot
      let file = folder.appending(path: PublicRecords.Cohort.place(of: root))
      try Files.makeFolder(file.deletingLastPathComponent())
      if try await source.fetchIfKept(sum: root, to: file) { try check(file, is: root) }
    }
    if let key = result.vocabularyMaskKey {
      try Files.write(Data("\(key)\n".utf8), to: target.appending(path: JobFolder.maskFile), mode: 0o600)
    }
    try await writeEvidence(records, to: folder)
    try write(records, to: target.appending(path: "records.json"))
    try write(report, to: target.appending(path: "report.json"))
    let manifest = try FolderContents(folder: folder).manifest(of: job)
    try write(
      SignedFolderManifest(signing: manifest, in: records.domain, with: key),
      to: folder.appending(path: FolderContents.manifestPath))
  }

  private func write(_ value: some Encodable, to file: URL) throws(NetworkError) {
    let data = try asNetworkError { try WireFormat.readableEncoder.encode(value) }
    try Files.write(data, to: file)
  }

  // MARK: - Model

  private func writeModel(
    _ result: JobResult, from source: ResultSource, to folder: URL
  ) async throws(NetworkError) {
    let parts = folder.appending(path: ".parts")
    let tokenizerFolder = parts.appending(path: "tokenizer")
    try Files.makeFolder(tokenizerFolder)
    // Names come from the server: none may lead out of the folder.
    for (name, hash) in (result.tokenizer ?? [:]).sorted(by: { $0.key < $1.key })
    where !name.contains("/") && !name.hasPrefix(".") {
      try await client.fetch(object: hash, to: tokenizerFolder.appending(path: name))
    }
    let file = parts.appending(path: "parameters")
    try await source.fetch(result.parameters, to: file)
    try asNetworkError {
      let tokenizer: any Tokenizer =
        result.tokenizer == nil ? ByteTokenizer() : try TokenizerLoader.load(folder: tokenizerFolder)
      let manifest = try TrainingManifest(json: result.manifest)
      let parameters = try Files.read(file)
      let state = try TrainingState(configuration: ModelConfiguration(manifest.model))
      guard parameters.count == state.parameters.count * MemoryLayout<Float>.size else {
        throw NetworkError.malformed(
          what: "parameters of \(client.server)",
          reason: "found \(parameters.count) bytes, the model has \(state.parameters.count) numbers of 4")
      }
      _ = parameters.copyBytes(to: state.parameters)
      if let key = result.vocabularyMaskKey {
        // The nodes' relabelling, taken back: the key is the requester's alone.
        try state.unmask(VocabularyMask(key: key, vocabularySize: manifest.model.vocabularySize))
      }
      // The buffer does not keep its owner alive.
      defer { withExtendedLifetime(state) {} }
      try ModelFolder.write(
        to: folder, configuration: state.configuration, parameters: UnsafeBufferPointer(state.parameters),
        tokenizer: tokenizer)
    }
    try Files.remove(parts)
  }

  // MARK: - Evidence

  /// What SubJobs were rejected for, where it was kept: of each the first that is evidence on it. What a verifier has handed
  /// in that can't be opened, or is something else, proves nothing, and is no reason to leave the rest.
  private func writeEvidence(_ records: PublicRecords, to folder: URL) async throws(NetworkError) {
    guard let identity = client.key?.sealingIdentity() else { return }
    let place = folder.appending(path: ".evidence")
    for subJob in records.subJobs where subJob.machine.status == .failed {
      let id = subJob.machine.job.id
      for object in try await client.evidence(on: id) {
        let sealed = place.appending(path: "sealed")
        do throws(NetworkError) {
          let store = try ContentStore(folder: place)
          try await client.fetch(object: object, to: sealed)
          try store.adopt(sealed, as: object)
          try SealedEvidence.open(
            object, on: id, from: store, with: identity,
            verdicts: subJob.verdicts + (subJob.furtherVerdicts ?? []),
            to: folder.appending(path: "job/evidence/\(id).evidence"))
          break
        } catch {
          guard error.isOfWhatWasGiven else { throw error }
        }
      }
    }
    try Files.remove(place)
  }

  // MARK: - Records

  /// So long the server may take to seal a result, seconds.
  private static let sealingPatience = 600.0

  /// The result, once it is sealed: a server does that when the job has ended.
  private func sealedResult() async throws(NetworkError) -> JobResult {
    let end = ContinuousClock.now + .seconds(Self.sealingPatience)
    while true {
      do throws(NetworkError) {
        return try await client.result(of: job)
      } catch {
        guard error.code == "job.resultNotSealed", ContinuousClock.now < end else { throw error }
      }
      do { try await Task.sleep(for: .seconds(0.5)) } catch { throw .interrupted }
    }
  }

  /// The records, once the Signer's newest batch has the job's end in it: what was paid can't be checked before.
  private func settledRecords() async throws(NetworkError) -> PublicRecords {
    let facts = try await client.facts()
    let patience = 10 + 2 * Double(facts.epochMilliseconds) / 1_000
    let end = ContinuousClock.now.advanced(by: .seconds(min(patience, 600)))
    while true {
      let records = try await client.records(of: job)
      let isSettled = records.leaves.contains {
        $0.account == records.job.requester && $0.leaf.jobID == job
      }
      if isSettled, records.subJobs.allSatisfy({ $0.machine.status.isFinal }) { return records }
      guard ContinuousClock.now < end else {
        throw .refused(
          code: "job.notSettled",
          message: "job \(job) is \(records.status.name), and no batch has its end yet",
          hint: "repeat the command after the server's next epoch")
      }
      do { try await Task.sleep(for: .seconds(0.5)) } catch { throw .interrupted }
    }
  }

  /// Looks whether a sum's file has the bytes of its name.
  private func check(_ file: URL, is root: Bytes32) throws(NetworkError) {
    let found = VectorWork(threads: 1).root(of: try Files.read(file))
    guard found == root else {
      try Files.remove(file)
      throw .corruptObject(hash: root, found: found)
    }
  }
}
