import EmethCompute
import EmethKit
import Foundation

/// What nodes do: take, compute what they took and hand it in, or stay silent.
extension LocalParties {
  func node(_ index: Int) -> TrainingNode {
    let key = network.keys.nodes[index]
    return TrainingNode(
      key: key, folder: network.folder.appending(path: "nodes/\(key.address)"), store: store,
      domain: network.domain,
      fault: settings.fault(of: .node, index), faultSegments: settings.fault?.segments,
      modelCache: worker.modelCache,
      took: { [worker] trace, all in
        worker.worked.withLock { $0 = (all: $0.all + all, trace: $0.trace + trace) }
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
    try claim(round)
    let parent = try worker.job()
    let taken = try database.read { [id] db in
      try JobStore.subJobs(of: id, round: round, in: db).filter { $0.status == .processing }
    }
    if taken.isEmpty { return [] }
    let lanes = try ComputeLanes(
      threads: worker.threads, count: taken.count, device: network.device)
    let began = ContinuousClock.now
    if worker.program != nil { return try await computeParts(taken, parent: parent, on: lanes) }
    let manifest = try worker.manifest
    let steps = Int(manifest.stepsPerRound)
    let results = try await lanes.map(taken) { [self] record, device in
      guard let number = nodeNumber(record.machine.node) else {
        throw NetworkError.inconsistent(what: "SubJob \(record.id) was taken by a foreign node")
      }
      let position = record.position
      var done = 0
      return try node(number - 1).compute(
        worker.assignment(of: record, parent: parent), on: device, stop: stop
      ) {
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
    for (record, result) in zip(taken, results) {
      guard let result else {
        silent.append(record)
        continue
      }
      trained += UInt64(manifest.stepsPerRound) * UInt64(manifest.batch) * UInt64(manifest.model.context)
      try handIn(result, of: record)
    }
    let worked = worker.worked.withLock { worked in
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
}

// MARK: - Who takes what

extension LocalParties {
  /// Nodes take what may be taken: each at most one SubJob at a time, in the order of parts.
  ///
  /// A wave is taken in one transaction: a run that was killed finds it whole or not begun, so that the
  /// epochs of the submissions, and with them the draws, are those of a run that was never killed.
  private func claim(_ round: UInt32) throws(NetworkError) {
    let taken = try database.write { db -> [(position: SubJobPosition, node: Int)] in
      let records = try JobStore.subJobs(of: id, round: round, in: db)
      if records.contains(where: { $0.status == .processing || $0.awaitsVerdict }) { return [] }
      let waiting = records.filter { $0.status == .requested }
      // Nothing else can happen before the first of them may be taken.
      if let first = waiting.map(\.notes.notBefore).min() { try network.advance(to: first, in: db) }
      if !waiting.isEmpty { try postCommitments(in: db) }
      let now = try network.milliseconds(in: db)
      let ready = waiting.filter { $0.notes.notBefore <= now }.sorted { $0.position.part < $1.position.part }
      var parent = try JobStore.job(id, in: db)
      var busy: Set<Int> = []
      var taken: [(position: SubJobPosition, node: Int)] = []
      for var record in ready {
        let node = try nodeIndex(for: record.position, in: db)
        guard busy.insert(node).inserted else { continue }
        let address = network.keys.nodes[node].address
        let header = try header(for: node, of: record, in: db)
        record.notes.header = HexText(wrappedValue: header)
        try ExecutionLayer.apply(
          .process(
            by: address, headerExists: !header.isEmpty, cooldownOver: true,
            depositAvailable: try Ledger.balance(of: address, pot: .unspent, in: db)),
          to: &record, parent: &parent, at: try network.tick(in: db), in: db)
        taken.append((record.position, node))
      }
      return taken
    }
    for (position, node) in taken {
      progress(.taken(part: position.part, attempt: position.attempt, node: node + 1))
    }
  }

  /// The Splitter's header for the node that claims a SubJob.
  private func header(for node: Int, of record: SubJobRecord, in db: SQLSession) throws -> Data {
    let now = try network.seconds(in: db)
    let claimant = self.node(node)
    return try network.splitter.header(
      of: id, part: record.position.part, subJob: record.id, node: claimant.address,
      binding: claimant.binding(expiry: max(record.machine.deadline, now + 1)), now: now,
      domain: network.domain)
  }

  /// Which node takes a SubJob: a permutation that follows from (seed, round), and another node at each
  /// attempt.
  ///
  /// Where updates are masked, three nodes at least must be left in a cohort: a repeated part rather goes
  /// back to the node that lost it than to one whose company would leave nobody hidden.
  func nodeIndex(for position: SubJobPosition, in db: SQLSession) throws -> Int {
    let order = nodeOrder(for: position)
    guard worker.masksUpdates, position.attempt > 0 else { return order[0] }
    let records = try JobStore.subJobs(of: id, round: position.round, in: db)
    let lost = Set(records.filter { $0.position.part == position.part }.compactMap(\.machine.node))
    let parts = try CohortStore.cohorts(of: id, round: position.round, in: db).map { cohort in
      let seats = cohort.drawn.cohort.seats.map(\.jobID)
      return Set(records.filter { seats.contains($0.id) }.map(\.position.part))
    }.first { $0.contains(position.part) }
    let company = Set(
      records.filter {
        $0.position.part != position.part && parts?.contains($0.position.part) ?? true
          && ($0.status == .processing || $0.status == .submitted)
      }.compactMap(\.machine.node))
    func accounts(_ node: Int) -> Int {
      min(Cohort.minimumAccounts, company.union([network.keys.nodes[node].address]).count)
    }
    let most = order.map(accounts).max() ?? 0
    let fit = order.filter { accounts($0) == most }
    return fit.first { !lost.contains(network.keys.nodes[$0].address) } ?? fit.first ?? order[0]
  }

  /// All nodes, the one whose turn it is first.
  private func nodeOrder(for position: SubJobPosition) -> [Int] {
    var generator = ChaCha20Generator(
      key: SHA256.hash(
        Array("assignment".utf8) + worker.request.seed.bytes + id.bytes + position.round.bigEndianBytes))
    var order = Array(0..<settings.nodes)
    for index in stride(from: order.count - 1, to: 0, by: -1) {
      order.swapAt(index, Int(generator.below(UInt32(index + 1))))
    }
    let turn = (Int(position.part) + Int(position.attempt)) % order.count
    return Array(order[turn...] + order[..<turn])
  }
}
