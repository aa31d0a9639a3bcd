import EmethKit
import Foundation

/// The steps that a job of a program has in the place of a training's: the data set is divided into records of
/// any kind, and the parts' outputs are joined.
extension JobWorker {
  /// Divides the data set and posts bonds. Done once.
  func divideRecords() throws(NetworkError) {
    guard case .computed(let computed) = request else {
      throw .inconsistent(what: "a training is to be divided into records")
    }
    if try job().progress.plan == nil {
      let manifest = computed.manifest
      let bytes = try network.dataSet(computed.dataSet)
      try manifest.check(bytes, parts: computed.parallel)
      let splitter = network.splitter
      let divided = try splitter.divide(
        bytes, named: computed.dataSetName, manifest.records, job: id, parts: computed.parallel)
      // Fuel, and so the fee, follows from their number.
      guard divided.plan.recordCount == manifest.recordCount else {
        throw .badDataSet(
          path: computed.dataSetName, what: "another number of records than is paid for",
          found: "\(divided.plan.recordCount)", allowed: "\(manifest.recordCount)")
      }
      let held = network.stores(for: id, .job).objects
      var parts: [Bytes32] = []
      for (index, part) in divided.parts.enumerated() {
        parts.append(try held.put(splitter.payload(of: part, job: id, index: UInt32(index))))
      }
      try network.keep(leaves: divided.leaves, of: id)
      try database.write { [parts] db in
        let now = try network.tick(in: db)
        var current = try JobStore.job(id, in: db)
        guard !current.status.isFinal else { return }
        current.progress.plan = divided.plan
        current.progress.parts = parts
        current.progress.rounds = [Self.round(0, at: now)]
        try parties.lockBonds(at: now, in: db)
        try JobStore.update(current, in: db)
      }
    }
    if let plan = try job().progress.plan {
      progress(.recordsDivided(records: plan.recordCount, parts: request.parallel))
    }
  }

  /// A round of a job that has no model.
  private static func round(_ number: UInt32, at time: UInt64) -> RoundRecord {
    RoundRecord(
      round: number, startingParameters: .zero, initRoot: .zero, exponents: [], velocity: nil, beganAt: time)
  }

  /// Joins the accepted outputs to the result, and ends the job.
  func join(_ round: UInt32) async throws(NetworkError) {
    guard case .computed(let computed) = request, let plan = try job().progress.plan else {
      throw .inconsistent(what: "parts are to be joined that were never divided")
    }
    let verified = try database.read { [id] db in
      try JobStore.subJobs(of: id, round: round, in: db).filter { $0.status == .verified }
        .sorted { $0.position.part < $1.position.part }
    }
    var outputs: [Data] = []
    for record in verified {
      let output = try await output(of: record)
      let salt = OutputCommitment.salt(
        partSecret: network.splitter.partSecret(of: id, part: record.position.part), subJob: record.id)
      let accepted = record.notes.result?.submission.submission.resultRoot
      guard OutputCommitment.root(of: output, salt: salt) == accepted else {
        throw .inconsistent(what: "the output of SubJob \(record.id) is not the one that was accepted")
      }
      outputs.append(output)
    }
    let manifest = computed.manifest
    let joined = try manifest.join(outputs)
    let result = try network.stores(for: id, .round(round + 1)).objects.put(joined)
    let remark = try manifest.remark(on: joined, records: plan.recordCount)
    try database.write { db in
      let now = try network.tick(in: db)
      var current = try JobStore.job(id, in: db)
      current.progress.result = result
      current.reason =
        manifest.provesItself
        ? "the result proves itself" : "every part was computed again to the same output"
      current.progress.rounds.append(Self.round(round + 1, at: now))
      if let remark { current.progress.remarks = (current.progress.remarks ?? []) + [remark] }
      try ExecutionLayer.apply(.completeRound(round), to: &current, at: now, in: db)
      if current.status.isFinal { try parties.releaseBonds(at: now, in: db) }
      try network.closeEpochAtEnd(ofJob: current.status.isFinal, in: db)
    }
    progress(.joined(bytes: joined.count))
    for record in verified { try parties.forget(record) }
    if network.isLive {
      return try database.write { [id] db in try HoldStore.release(.vectors(round), of: id, in: db) }
    }
    for record in verified {
      if let proof = record.notes.update, proof != result { try store.remove(proof) }
    }
  }

  /// An accepted output: as its verifier computed it, or as it proved itself.
  private func output(of record: SubJobRecord) async throws(NetworkError) -> Data {
    if let proof = record.notes.update { return try store.get(proof) }
    return try await parties.update(of: record)
  }
}

extension ComputedManifest {
  /// What else is to be said of a result.
  fileprivate func remark(on result: Data, records: UInt64) throws(NetworkError) -> String? {
    guard program == .meanOfNumbers else { return nil }
    let count = try asNetworkError { try MeanOfNumbers(output: Array(result)).count }
    return count == records ? nil : "\(records - min(records, count)) of \(records) lines are no numbers"
  }
}
