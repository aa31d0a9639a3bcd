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
      if let generation = manifest.generation {
        let tokenizer = try generation.model.tokenizer(from: store)
        try generation.check(bytes, named: computed.dataSetName, tokenizer, parts: computed.parallel)
      }
      let splitter = network.splitter
      let divided = try splitter.divide(
        bytes, named: computed.dataSetName, manifest.records, recordCount: manifest.recordCount, job: id,
        parts: computed.parallel)
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
    guard case .computed(let computed) = request, try job().progress.plan != nil else {
      throw .inconsistent(what: "parts are to be joined that were never divided")
    }
    let verified = try database.read { [id] db in
      try JobStore.subJobs(of: id, round: round, in: db).filter { $0.status == .verified }
        .sorted { $0.position.part < $1.position.part }
    }
    let held = network.stores(for: id, .round(round + 1)).objects
    // Hidden and unfinished, as what a killed process leaves is known by.
    let draft = held.folder.appending(path: ".result-\(UUID().uuidString).partial")
    defer { try? Files.remove(draft) }
    let manifest = computed.manifest
    let joined = try OutputJoin(manifest, to: draft, byteLimit: network.maximumResultBytes)
    let result: Bytes32
    do throws(NetworkError) {
      for record in verified { try await append(record, to: joined) }
      result = try joined.finish()
    } catch {
      // No later attempt at joining them comes to anything else.
      guard case .moduleFailed = error else { throw error }
      return try fail(because: error.message)
    }
    try held.adopt(draft, as: result)
    let remark = joined.remark
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
    progress(.joined(bytes: Int(joined.byteCount)))
    for record in verified { try parties.forget(record) }
    if network.isLive {
      return try letGo { db in try HoldStore.release(.vectors(round), of: id, in: db) }
    }
    for record in verified {
      if let proof = record.notes.update, proof != result { try store.remove(proof) }
    }
  }

  /// Joins an accepted output: as its verifier computed it, or as it proved itself.
  private func append(_ record: SubJobRecord, to joined: OutputJoin) async throws(NetworkError) {
    let commitment = OutputCommitment(
      partSecret: network.splitter.partSecret(of: id, part: record.position.part), subJob: record.id)
    var root = commitment.rootHash
    if let object = record.notes.update {
      try network.forEachPiece(ofOutput: object) { piece throws(NetworkError) in
        root.update(piece)
        try joined.append(piece)
      }
    } else {
      let output = try await parties.update(of: record)
      root.update(output)
      try asNetworkError { try output.withUnsafeBytes { try joined.append($0) } }
    }
    guard root.finalize() == record.notes.result?.submission.submission.resultRoot else {
      throw .inconsistent(what: "the output of SubJob \(record.id) is not the one that was accepted")
    }
    try joined.endPart()
  }
}
