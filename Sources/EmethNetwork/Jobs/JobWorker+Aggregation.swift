import EmethCompute
import EmethKit
import Foundation

/// What follows a round: the sum, the next model, its loss, and what can be deleted.
extension JobWorker {
  /// Adds the round's updates, moves the model, evaluates it, and closes the epoch.
  func aggregate(_ round: UInt32) async throws(NetworkError) {
    var record = try job()
    let verified = try database.read { [id] db in
      try JobStore.subJobs(of: id, round: round, in: db).filter { $0.status == .verified }
        .sorted { $0.position.part < $1.position.part }
    }
    let current = record.progress.rounds[Int(round)]
    let manifest = try manifest
    let state: TrainingState
    do throws(ComputeError) {
      state = try TrainingState(configuration: ModelConfiguration(manifest.model))
    } catch {
      throw .compute(error)
    }
    try state.loadParameters(try store.get(current.startingParameters))
    var losses = 0.0
    var clipped = 0
    for subJob in verified {
      guard let result = subJob.notes.result else {
        throw .inconsistent(what: "SubJob \(subJob.id) is verified without a result")
      }
      losses += result.trainLoss
      clipped += result.clipped
    }
    let sum = try await sum(of: verified, round: round)
    let step = OuterStep(
      manifest: manifest, exponents: current.exponents,
      velocity: try current.velocity.map { hash throws(NetworkError) in try store.get(hash) })
    let next = try step.apply(sum, partCount: verified.count, to: state)
    state.step = UInt64(round + 1) * UInt64(manifest.stepsPerRound)
    state.round = UInt64(round + 1)
    guard let validation = record.progress.validation else {
      throw .inconsistent(what: "the job has no validation share")
    }
    let loss = try validationLoss(
      of: state,
      records: TrainingData(
        context: Int(manifest.model.context), bytes: try network.splitterStore.get(validation))
    )
    record.progress.rounds[Int(round)].trainLoss = losses / Double(verified.count)
    record.progress.rounds[Int(round)].validationLoss = loss
    record.progress.rounds[Int(round)].clipped = clipped
    let held = network.stores(for: id, .round(round + 1)).objects
    record.progress.rounds.append(
      RoundRecord(
        round: round + 1, startingParameters: try held.put(state.parameterBytes()),
        initRoot: try state.rootHash(on: device()), exponents: try limited(next.exponents),
        velocity: try next.velocity.map { data throws(NetworkError) in try held.put(data) }, beganAt: 0))
    try database.write { db in
      let now = try network.tick(in: db)
      record.progress.rounds[Int(round) + 1].beganAt = now
      // Adding takes a while: only the progress is this worker's to write.
      var current = try JobStore.job(id, in: db)
      current.progress = record.progress
      record = current
      try ExecutionLayer.apply(.completeRound(round), to: &record, at: now, in: db)
      if record.status.isFinal { try parties.releaseBonds(at: now, in: db) }
      try network.closeEpochAtEnd(ofJob: record.status.isFinal, in: db)
    }
    progress(.roundEnded(round: round, trainLoss: losses / Double(verified.count), validationLoss: loss))
    try sweep(round: round)
  }

  /// The sum of a round's updates: of its cohorts' sums, or where nobody would be hidden of the updates
  /// that the verifiers recomputed.
  private func sum(of verified: [SubJobRecord], round: UInt32) async throws(NetworkError) -> Data {
    if masksUpdates {
      return try vectorWork.sum(
        of: try cohorts(round).map { cohort throws(NetworkError) in try checkedSum(of: cohort) })
    }
    var updates: [Data] = []
    for record in verified { updates.append(try await parties.update(of: record)) }
    return try vectorWork.sum(of: updates)
  }

  /// A cohort's sum that holds.
  private func checkedSum(of cohort: CohortRecord) throws(NetworkError) -> Data {
    guard cohort.holds, let signed = cohort.sum else {
      throw .inconsistent(what: "cohort \(cohort.number) of round \(cohort.round) has no sum that holds")
    }
    return try store.vector(signed.content.sumRoot, work: vectorWork)
  }

  func validationLoss(of state: TrainingState, records: TrainingData) throws(NetworkError) -> Double {
    let (device, manifest) = (try device(), try manifest)
    do throws(ComputeError) {
      let evaluator = try Evaluator(state: state, batch: Int(manifest.batch), device: device)
      return try evaluator.meanLoss(sequences: records.sequences).loss
    } catch {
      throw .compute(error)
    }
  }

  func device() throws(NetworkError) -> Device {
    do throws(ComputeError) { return try Device.cpu(threads: threads) } catch { throw .compute(error) }
  }

  /// Deletes what no later step needs after a round: updates, vectors, nodes' vaults, older models.
  func sweep(round: UInt32) throws(NetworkError) {
    let record = try job()
    let records = try database.read { [id] db in try JobStore.subJobs(of: id, round: round, in: db) }
    for subJob in records {
      try parties.forget(subJob)
    }
    if network.isLive { return try release(round) }
    for cohort in try cohorts(round) {
      for vector in cohort.postedVectors { try store.removeVector(vector.root) }
      for sum in cohort.wrongSums { try store.removeVector(sum.content.sumRoot) }
      if let sum = cohort.sum, !keepsSums { try store.removeVector(sum.content.sumRoot) }
    }
    let kept = record.progress.rounds[Int(round) + 1]
    let old = record.progress.rounds[Int(round)]
    try database.writeAlone { db in
      let model = old.startingParameters
      if model != kept.startingParameters, model != (try request.training.initialParameters),
        try !isNamedByOthers(model, in: db)
      {
        try store.remove(model)
      }
      if let velocity = old.velocity, velocity != kept.velocity, try !isNamedByOthers(velocity, in: db) {
        try store.remove(velocity)
      }
    }
  }

  /// Ends what the job holds for a round that is over; who collects what nobody holds deletes it.
  private func release(_ round: UInt32) throws(NetworkError) {
    let keepsSums = self.keepsSums
    try letGo { db in
      let sums = try CohortStore.cohorts(of: id, round: round, in: db).compactMap(\.sum)
      let kept = keepsSums ? Set(sums.map { ObjectName.vector($0.content.sumRoot) }) : []
      return try HoldStore.release(.round(round), of: id, in: db)
        + HoldStore.release(.vectors(round), of: id, in: db)
        + HoldStore.release(.sums(round), of: id, except: kept, in: db)
    }
  }

  /// Ends holds. What a job whose result is sealed computes with lies there no longer than that; else whoever collects
  /// deletes it when it is old.
  func letGo(_ release: (SQLSession) throws -> [ObjectName]) throws(NetworkError) {
    let released = try database.write { [id] db in
      let released = try release(db)
      return try JobStore.job(id, in: db).progress.requesterKey == nil ? [] : released
    }
    try network.discard(released)
  }

  /// Whether another job begins with an object, or has it among its models: what has the same bytes is one
  /// object. Jobs are registered in transactions too, so that none comes between the answer and a deletion.
  private func isNamedByOthers(_ object: Bytes32, in db: SQLSession) throws -> Bool {
    let isNamed =
      "SELECT EXISTS (SELECT 1 FROM job WHERE id <> ?1 AND (progress LIKE ?2 OR request LIKE ?2))"
    return try Bool.fetchOne(db, sql: isNamed, arguments: ["\(id)", "%\(object)%"]) ?? false
  }

  /// Whether the sums of all rounds are kept, so that the job's folder shows how its model came about.
  private var keepsSums: Bool {
    let cohortCount = (Int(request.parallel) + Cohort.maximumSize - 1) / Cohort.maximumSize
    guard let manifest = try? manifest,
      let parameters = try? ModelConfiguration(manifest.model).parameterCount
    else { return false }
    return parameters * UpdateRing.wordByteCount <= Self.keptSumBytes / (cohortCount * Int(manifest.rounds))
  }

  /// What sums may take in a job's folder, all together.
  private static let keptSumBytes = 64 << 20

  /// Deletes what is left when the job has ended.
  func sweep() throws(NetworkError) {
    let (records, cohorts) = try database.read { [id] db in
      (try JobStore.subJobs(of: id, in: db), try CohortStore.cohorts(of: id, in: db))
    }
    for subJob in records { try parties.forget(subJob) }
    if !network.isLive {
      for cohort in cohorts { for vector in cohort.postedVectors { try store.removeVector(vector.root) } }
    }
    try parties.finish()
  }
}
