import EmethCompute
import EmethKit
import Foundation
import GRDB

extension LocalNetwork {
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
    let parameters = try store.get(newest.startingParameters)
    let tokenizer = try tokenizer(of: record.request)
    try Files.makeFolder(target)
    do throws(ComputeError) {
      let state = try TrainingState(configuration: ModelConfiguration(record.request.manifest.model))
      _ = parameters.copyBytes(to: state.parameters)
      // The buffer does not keep its owner alive.
      defer { withExtendedLifetime(state) {} }
      try ModelFolder.write(
        to: target, configuration: state.configuration, parameters: UnsafeBufferPointer(state.parameters),
        tokenizer: tokenizer)
    } catch {
      throw .compute(error)
    }
  }

  /// Writes a job's records to `job/` of a model folder: report.json, records.json, leaves.bin (the hashes of
  /// all record leaves, 32 bytes each, against which the plan's coverage is checked).
  public func exportRecords(of id: JobID, report: JobReport, to model: URL) throws(NetworkError) {
    let target = model.appending(path: "job")
    try Files.makeFolder(target)
    let record = try database.read { db in try JobStore.job(id, in: db) }
    if let plan = record.progress.plan {
      try write(leaves: plan, of: record, to: target.appending(path: "leaves.bin"))
      let records = try publicRecords(of: record, plan: plan)
      let data = try asNetworkError { try WireFormat.readableEncoder.encode(records) }
      try Files.write(data, to: target.appending(path: "records.json"))
    }
    let data = try asNetworkError { try WireFormat.readableEncoder.encode(report) }
    try Files.write(data, to: target.appending(path: "report.json"))
  }

  private func write(leaves plan: SplitPlan, of record: JobRecord, to file: URL) throws(NetworkError) {
    let splitter = Splitter(key: keys.splitter)
    var hashes = Data()
    for (part, object) in zip(plan.parts, record.progress.parts) {
      let data = try TrainingData(
        context: Int(record.request.manifest.model.context), bytes: store.get(object))
      let leaves = PartRecords.leafHashes(
        data: data, firstRecord: part.firstRecord,
        secret: splitter.partSecret(of: record.job.id, part: part.index))
      for leaf in leaves { hashes.append(contentsOf: leaf.bytes) }
    }
    try Files.write(hashes, to: file)
  }

  private func publicRecords(of record: JobRecord, plan: SplitPlan) throws(NetworkError) -> PublicRecords {
    try database.read { db in
      let tickets = try Signer.newestTickets(in: db)
      return PublicRecords(
        domain: domain, signer: keys.signer.address, ruleSet: record.request.ruleSet, job: record.job,
        status: record.status, plan: plan,
        rounds: record.progress.rounds.map { PublicRecords.Round(round: $0.round, initRoot: $0.initRoot) },
        subJobs: try JobStore.subJobs(of: record.job.id, in: db).map { subJob in
          PublicRecords.SubJob(
            machine: subJob.machine, submission: subJob.notes.result?.submission, trace: subJob.notes.opened,
            verdicts: subJob.notes.judgements.map(\.verdict))
        },
        batches: try String.fetchAll(db, sql: "SELECT batch FROM batch ORDER BY epoch").map {
          try SignedBatch(wireText: $0)
        },
        tickets: try accountsWithMoney(in: db).compactMap { tickets[$0.address] },
        leaves: try Row.fetchAll(
          db, sql: "SELECT account, epoch, leaf FROM settled WHERE epoch IS NOT NULL ORDER BY number"
        )
        .map { row in
          PublicRecords.Leaf(
            account: try Address(row["account"]), epoch: UInt64(row["epoch"] as Int64),
            leaf: try JobLeaf(wireText: row["leaf"]))
        })
    }
  }
}
