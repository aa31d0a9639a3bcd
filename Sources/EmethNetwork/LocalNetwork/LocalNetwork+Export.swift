import EmethCompute
import EmethKit
import Foundation

extension LocalNetwork {
  /// The report on a job, from the records alone.
  public func report(on id: JobID) throws(NetworkError) -> JobReport { try reportOnJob(id) }

  /// Whether nobody works on the folder now.
  public var isFree: Bool { (try? FolderLock(folder: folder)) != nil }

  /// Writes a job's newest model as a model folder: config.json, model.safetensors, tokenizer.
  ///
  /// Each file appears whole or not at all, config.json last.
  public func exportModel(of id: JobID, to target: URL) throws(NetworkError) {
    let record = try database.read { db in try JobStore.job(id, in: db) }
    guard let newest = record.progress.rounds.last, record.progress.rounds.count > 1 else {
      throw .jobEnded(id: id, status: record.status, reason: "no round was completed, so there is no model")
    }
    let request = try record.request.training
    try record.refuseIfSealed()
    let parameters = try store.get(newest.startingParameters)
    let tokenizer = try tokenizer(of: request)
    let mask = try vocabularyMask(of: id, manifest: request.manifest)
    try Files.makeFolder(target)
    try asNetworkError {
      let state = try TrainingState(configuration: ModelConfiguration(request.manifest.model))
      _ = parameters.copyBytes(to: state.parameters)
      if let mask { try state.unmask(mask) }
      // The buffer does not keep its owner alive.
      defer { withExtendedLifetime(state) {} }
      try ModelFolder.write(
        to: target, configuration: state.configuration, parameters: UnsafeBufferPointer(state.parameters),
        tokenizer: tokenizer)
    }
  }

  /// Writes a job's records to `job/` of a model folder: report.json, records.json, leaves.bin (the hashes of
  /// all record leaves, 32 bytes each, against which the plan's coverage is checked), `sums/` unless they
  /// are too large, and for a job with a masked vocabulary vocabulary-mask, the key of the relabelling,
  /// which is the requester's alone.
  public func exportRecords(of id: JobID, report: JobReport, to model: URL) throws(NetworkError) {
    let target = model.appending(path: "job")
    try Files.makeFolder(target)
    let record = try database.read { db in try JobStore.job(id, in: db) }
    if let plan = record.progress.plan {
      try Files.write(try leaves(of: record, plan: plan), to: target.appending(path: "leaves.bin"))
      let records = try publicRecords(of: record, plan: plan)
      let data = try asNetworkError { try WireFormat.readableEncoder.encode(records) }
      try Files.write(data, to: target.appending(path: "records.json"))
      for cohort in records.aggregation?.cohorts ?? [] { try write(sumOf: cohort, to: model) }
    }
    if case .training(let request) = record.request, request.manifest.masksVocabulary {
      let key = Splitter(key: keys.splitter).maskKey(of: id)
      try Files.write(Data("\(key)\n".utf8), to: target.appending(path: JobFolder.maskFile), mode: 0o600)
    }
    let data = try asNetworkError { try WireFormat.readableEncoder.encode(report) }
    try Files.write(data, to: target.appending(path: "report.json"))
  }

  /// Signs the hashes of all files of a model folder: `job/manifest.json`. The last thing that is written
  /// there.
  public func signFolder(of id: JobID, at model: URL) throws(NetworkError) {
    // A folder that holds this network's own database holds all of it in one file.
    try database.foldLog()
    let contents = FolderContents(folder: model)
    try contents.removeUnfinished()
    let manifest = SignedFolderManifest(
      signing: try contents.manifest(of: id), in: domain, with: keys.signer)
    let data = try asNetworkError { try WireFormat.readableEncoder.encode(manifest) }
    try Files.write(data, to: model.appending(path: FolderContents.manifestPath))
  }

  /// Ends the work with a network for good: its folder is what was signed, whoever still holds this value.
  public func close() throws(NetworkError) { try database.close() }

  /// Copies a cohort's sum, if it was kept.
  private func write(sumOf cohort: PublicRecords.Cohort, to model: URL) throws(NetworkError) {
    let root = cohort.sum.content.sumRoot
    let file = model.appending(path: PublicRecords.Cohort.place(of: root))
    let sum: Data
    do throws(NetworkError) {
      sum = try store.vector(root, work: VectorWork(threads: 1))
    } catch {
      // Sums that are too large are not kept; one that is damaged is no reason to leave it out in silence.
      if error == .missingObject(hash: root) { return }
      throw error
    }
    try Files.makeFolder(file.deletingLastPathComponent())
    try Files.write(sum, to: file)
  }
}
