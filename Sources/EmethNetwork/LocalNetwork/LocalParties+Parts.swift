import EmethKit
import Foundation

/// What nodes do for a job of a program: compute the parts that they took and hand them in.
extension LocalParties {
  /// Computes the parts; returns the SubJobs from which nothing came. A program that itself says no to a part
  /// ends the job; one that did not get to its end here is computed by another node.
  func computeParts(
    _ taken: [SubJobRecord], parent: JobRecord, on lanes: ComputeLanes
  ) async throws(NetworkError) -> [SubJobRecord] {
    guard let program = worker.program else {
      throw .inconsistent(what: "a training is to be computed by a program")
    }
    let results = try await lanes.map(taken) { [self] record, device -> NodeResult? in
      guard let number = nodeNumber(record.machine.node) else {
        throw NetworkError.inconsistent(what: "SubJob \(record.id) was taken by a foreign node")
      }
      let node = node(number - 1)
      let assignment = try worker.assignment(of: record, parent: parent)
      let sandbox = worker.sandbox?.working(below: network.folder)
      do throws(NetworkError) {
        return try node.computePart(
          assignment, program: program, sandbox: sandbox, bench: worker.bench(on: device), stop: stop)
      } catch {
        guard case .moduleCutShort = error else { throw error }
        try remember(error.message, of: record.id)
        return nil
      }
    }
    // All are of one machine and one owner: nobody needs to look whether it is true.
    for (record, result) in zip(taken, results) {
      guard let words = result?.refusal else { continue }
      try worker.fail(because: worker.refusal(words, ofPart: record.position.part))
      return []
    }
    var silent: [SubJobRecord] = []
    for (record, result) in zip(taken, results) {
      guard let result, let number = nodeNumber(record.machine.node) else {
        silent.append(record)
        continue
      }
      var proof: Bytes32?
      if program.provesItself {
        let output = try node(number - 1).output(of: record.id)
        // What proves nothing is not taken: the SubJob runs into its deadline.
        guard try program.accepts(output, of: network.dataSet(worker.request.dataSet)) else {
          silent.append(record)
          continue
        }
        proof = try store.put(output)
      }
      try handIn(result, of: record, proof: proof)
    }
    return silent
  }

  /// Notes why nothing comes from a SubJob.
  private func remember(_ reason: String, of subJob: JobID) throws(NetworkError) {
    try database.write { db in
      var record = try JobStore.subJob(subJob, in: db)
      record.notes.reason = reason
      try JobStore.update(record, in: db)
    }
  }

  /// Takes a node's submission. It counts only with the node's own signature under it.
  ///
  /// - Parameter proof: Object: an output that has proved itself.
  func handIn(_ result: NodeResult, of taken: SubJobRecord, proof: Bytes32? = nil) throws(NetworkError) {
    try asNetworkError { try result.submission.check(in: network.domain) }
    try database.write { db in
      var record = taken
      var parent = try JobStore.job(id, in: db)
      record.notes.result = result
      record.notes.update = proof
      record.notes.epoch = (try Signer.latestBatch(in: db)?.batch.epoch ?? 0) + 1
      try ExecutionLayer.apply(
        .submit(
          by: result.submission.submission.node,
          fuelUsed: Fuel(units: result.submission.submission.fuelUsed),
          submission: result.submission.digest, proofHolds: proof != nil),
        to: &record, parent: &parent, at: try network.tick(in: db), in: db)
    }
  }
}

extension ComputedProgram {
  /// Whether an output of a program that proves itself solves its data set.
  func accepts(_ output: Data, of dataSet: Data) throws(NetworkError) -> Bool {
    guard self == .proofOfWork else { return false }
    return try asNetworkError { try ProofOfWork(record: String(decoding: dataSet, as: UTF8.self)) }
      .accepts(result: String(decoding: output, as: UTF8.self))
  }
}
