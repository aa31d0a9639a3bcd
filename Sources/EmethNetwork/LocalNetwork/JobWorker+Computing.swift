import EmethCompute
import EmethKit
import Foundation
import GRDB

/// What nodes do: compute what they took and hand it in, or stay silent.
extension JobWorker {
  func node(_ index: Int) -> LocalNode {
    let key = network.keys.nodes[index]
    return LocalNode(
      key: key, folder: network.folder.appending(path: "nodes/\(key.address)"), store: store,
      domain: network.domain,
      fault: settings.fault(of: .node, index), faultSegments: settings.fault?.segments,
      modelCache: modelCache,
      took: { [self] trace, all in
        worked.withLock { $0 = (all: $0.all + all, trace: $0.trace + trace) }
      },
      published: { [self] () throws(NetworkError) in try publishedSubmissions() })
  }

  /// The submissions of the job's accepted SubJobs, by round and part.
  private func publishedSubmissions() throws(NetworkError) -> [SignedSubmission] {
    try database.read { [id] db in
      try JobStore.subJobs(of: id, in: db).filter { $0.status == .verified || $0.awaitsSum }
        .sorted { ($0.position.round, $0.position.part) < ($1.position.round, $1.position.part) }
        .compactMap(\.notes.result?.submission)
    }
  }

  /// Lets the nodes compute what they took and hand it in; returns the SubJobs from which nothing came.
  func compute(_ round: UInt32) async throws(NetworkError) -> [SubJobRecord] {
    let parent = try job()
    let taken = try database.read { [id] db in
      try JobStore.subJobs(of: id, round: round, in: db).filter { $0.status == .processing }
    }
    if taken.isEmpty { return [] }
    let lanes = try ComputeLanes(threads: threads, count: taken.count)
    let began = ContinuousClock.now
    let steps = Int(manifest.stepsPerRound)
    let results = try await lanes.map(taken) { [self] record, device in
      guard let number = nodeNumber(record.machine.node) else {
        throw NetworkError.inconsistent(what: "SubJob \(record.id) was taken by a foreign node")
      }
      let position = record.position
      var done = 0
      return try node(number - 1).compute(assignment(of: record, parent: parent), on: device, stop: stop) {
        report in
        done += 1
        progress(
          .step(
            part: position.part, node: number, step: done, of: steps, loss: report.loss, tokens: report.tokens
          ))
      }
    }
    let seconds = (ContinuousClock.now - began) / .seconds(1)

    var silent: [SubJobRecord] = []
    var trained: UInt64 = 0
    for (var record, result) in zip(taken, results) {
      guard let result else {
        silent.append(record)
        continue
      }
      // What a node hands in counts only with its own signature under it.
      try asNetworkError { try result.submission.check(in: network.domain) }
      trained += UInt64(manifest.stepsPerRound) * UInt64(manifest.batch) * UInt64(manifest.model.context)
      try database.write { db in
        var parent = try JobStore.job(id, in: db)
        record.notes.result = result
        record.notes.epoch = (try Signer.latestBatch(in: db)?.batch.epoch ?? 0) + 1
        try ExecutionLayer.apply(
          .submit(
            by: result.submission.submission.node,
            fuelUsed: Fuel(units: result.submission.submission.fuelUsed),
            submission: result.submission.digest),
          to: &record, parent: &parent, at: try network.tick(in: db), in: db)
      }
    }
    let worked = worked.withLock { worked in
      defer { worked = (0, 0) }
      return worked
    }
    try database.write { [trained] db in
      var parent = try JobStore.job(id, in: db)
      parent.progress.trainedTokens += trained
      parent.progress.trainingSeconds += seconds
      parent.progress.nodeSeconds = (parent.progress.nodeSeconds ?? 0) + worked.all
      parent.progress.traceSeconds = (parent.progress.traceSeconds ?? 0) + worked.trace
      try JobStore.update(parent, in: db)
    }
    return silent
  }

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
      partSecret: Splitter(key: network.keys.splitter).partSecret(of: id, part: part.index),
      startingParameters: round.startingParameters, initRoot: round.initRoot, exponents: round.exponents,
      noise: noise(of: part), noiseOpening: noiseOpening(of: record.position), fuel: cost.subJobFuel)
  }

  func part(_ index: UInt32, of parent: JobRecord) throws(NetworkError) -> SplitPlan.Part {
    guard let plan = parent.progress.plan, plan.parts.indices.contains(Int(index)) else {
      throw .inconsistent(what: "part \(index) is not in the plan")
    }
    return plan.parts[Int(index)]
  }

  /// Ends the SubJobs whose nodes are silent: the clock goes on until they may be timed out.
  func expire(_ silent: [SubJobRecord]) throws(NetworkError) {
    for var record in silent {
      try database.write { db in
        var parent = try JobStore.job(id, in: db)
        let due = min(record.machine.deadline, record.machine.leaseExpiresAt ?? .max)
        let now = try network.advance(to: due * 1_000, in: db)
        try ExecutionLayer.apply(.timeout, to: &record, parent: &parent, at: now, in: db)
      }
      announceEnd(of: record)
    }
  }

  func announceEnd(of record: SubJobRecord) {
    progress(
      .ended(
        part: record.position.part, attempt: record.position.attempt, node: nodeNumber(record.machine.node),
        status: record.status, reason: record.notes.reason))
  }
}
