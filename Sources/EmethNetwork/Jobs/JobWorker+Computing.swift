import EmethCompute
import EmethKit
import Foundation

/// What nodes are handed, and what becomes of a SubJob from which nothing comes.
extension JobWorker {
  func assignment(of record: SubJobRecord, parent: JobRecord) throws(NetworkError) -> Assignment {
    let round = parent.progress.rounds[Int(record.position.round)]
    let part = try part(record.position.part, of: parent)
    guard let header = record.notes.header else {
      throw .inconsistent(what: "SubJob \(record.id) was taken without a header")
    }
    return Assignment(
      subJob: record.id, position: record.position, manifest: parent.job.parameters,
      data: parent.progress.parts[Int(part.index)], header: header.wrappedValue, dataRoot: part.root,
      firstRecord: part.firstRecord,
      partSecret: network.splitter.partSecret(of: id, part: part.index),
      startingParameters: round.startingParameters, initRoot: round.initRoot, exponents: round.exponents,
      noise: noise(of: part), noiseOpening: noiseOpening(of: record.position), fuel: cost.subJobFuel,
      program: request.isTraining ? nil : record.machine.job.programID, requester: parent.job.requester,
      aggregator: request.provesItself ? network.aggregatorBinding(until: parent.machine.deadline) : nil)
  }

  func part(_ index: UInt32, of parent: JobRecord) throws(NetworkError) -> SplitPlan.Part {
    guard let plan = parent.progress.plan, plan.parts.indices.contains(Int(index)) else {
      throw .inconsistent(what: "part \(index) is not in the plan")
    }
    return plan.parts[Int(index)]
  }

  /// Ends the SubJobs from which nothing comes, when they may be timed out.
  func expire(_ silent: [SubJobRecord]) throws(NetworkError) {
    for subJob in silent.map(\.id) {
      let ended = try database.write { db -> SubJobRecord? in
        var record = try JobStore.subJob(subJob, in: db)
        guard record.status == .requested || record.status == .processing else { return nil }
        var parent = try JobStore.job(id, in: db)
        guard let now = try network.reach(record.machine.dueAt, in: db) else { return nil }
        try ExecutionLayer.apply(.timeout, to: &record, parent: &parent, at: now, in: db)
        return record
      }
      if let ended { announceEnd(of: ended) }
    }
  }

  func announceEnd(of record: SubJobRecord) {
    progress(
      .ended(
        part: record.position.part, attempt: record.position.attempt,
        node: parties.nodeNumber(record.machine.node),
        status: record.status, reason: record.notes.reason))
  }
}
