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
    let mask = try vocabularyMask(of: id, manifest: record.request.manifest)
    try Files.makeFolder(target)
    try asNetworkError {
      let state = try TrainingState(configuration: ModelConfiguration(record.request.manifest.model))
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
  /// all record leaves, 32 bytes each, against which the plan's coverage is checked), `sums/` unless they are too
  /// large, and for a job with a masked vocabulary vocabulary-mask, the key of the relabelling, which is the
  /// requester's alone.
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
    if record.request.manifest.masksVocabulary {
      let key = Splitter(key: keys.splitter).maskKey(of: id)
      try Files.write(Data("\(key)\n".utf8), to: target.appending(path: JobFolder.maskFile), mode: 0o600)
    }
    let data = try asNetworkError { try WireFormat.readableEncoder.encode(report) }
    try Files.write(data, to: target.appending(path: "report.json"))
  }

  /// Signs the hashes of all files of a model folder: `job/manifest.json`. The last thing that is written there.
  public func signFolder(of id: JobID, at model: URL) throws(NetworkError) {
    // A folder that holds this network's own database holds all of it in one file.
    try database.foldLog()
    let manifest = SignedFolderManifest(
      signing: try FolderContents(folder: model).manifest(of: id), in: domain, with: keys.signer)
    let data = try asNetworkError { try WireFormat.readableEncoder.encode(manifest) }
    try Files.write(data, to: model.appending(path: FolderContents.manifestPath))
  }

  /// Copies a cohort's sum, if it was kept.
  private func write(sumOf cohort: PublicRecords.Cohort, to model: URL) throws(NetworkError) {
    let root = cohort.sum.content.sumRoot
    let file = model.appending(path: PublicRecords.Cohort.place(of: root))
    guard let sum = try? store.vector(root, work: VectorWork(threads: 1)) else { return }
    try Files.makeFolder(file.deletingLastPathComponent())
    try Files.write(sum, to: file)
  }

  private func aggregation(of record: JobRecord, in db: Database) throws -> PublicRecords.Aggregation? {
    let cohorts = try CohortStore.cohorts(of: record.job.id, in: db)
    guard settings.hidesUpdates(parts: record.job.numParallel) || !cohorts.isEmpty else { return nil }
    let complete = UInt32(max(0, record.progress.rounds.count - 1))
    return PublicRecords.Aggregation(
      aggregator: keys.aggregator.address,
      cohorts: try cohorts.filter { $0.round < complete }.compactMap { cohort in
        guard let sum = cohort.sum, let sumEpoch = cohort.sumEpoch,
          let drawEpoch = record.progress.rounds[Int(cohort.round)].acceptedEpoch,
          let result = try cohort.standing(in: domain).collector.result
        else { return nil }
        return PublicRecords.Cohort(
          round: cohort.round, drawEpoch: drawEpoch + 1, drawn: cohort.drawn.cohort, roster: result.roster,
          masked: result.masked, sum: sum, beaconEpoch: sumEpoch + 1, shares: cohort.shares,
          wrongSums: cohort.wrongSums)
      },
      lies: cohorts.flatMap(\.lies).map { PublicRecords.Lie(masked: $0.masked, fault: $0.fault) })
  }

  private func publicRecords(of record: JobRecord, plan: SplitPlan) throws(NetworkError) -> PublicRecords {
    try database.read { db in
      let tickets = try Signer.newestTickets(in: db)
      return PublicRecords(
        domain: domain, signer: keys.signer.address, ruleSet: record.request.ruleSet, job: record.job,
        status: record.status, plan: plan,
        rounds: record.progress.rounds.map { PublicRecords.Round(round: $0.round, initRoot: $0.initRoot) },
        subJobs: try JobStore.subJobs(of: record.job.id, in: db).map { subJob in
          let drawn = Set(subJob.machine.draws.map(\.verifier))
          let verdicts = subJob.notes.judgements.map(\.verdict)
          let further =
            verdicts.filter { !drawn.contains($0.verdict.verifier) } + (subJob.notes.contradictions ?? [])
          return PublicRecords.SubJob(
            machine: subJob.machine, submission: subJob.notes.result?.submission, trace: subJob.notes.opened,
            verdicts: verdicts.filter { drawn.contains($0.verdict.verifier) },
            furtherVerdicts: further.isEmpty ? nil : further)
        },
        aggregation: try aggregation(of: record, in: db),
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
