import EmethCompute
import EmethKit
import Foundation
import GRDB

/// The attempts of a round: registered, claimed, repeated until every part is verified.
extension JobWorker {
  /// Runs a round until every part has a verified SubJob; false when the job failed over it.
  ///
  /// Where updates are masked, an accepted SubJob is verified when the sum of its cohort holds.
  func runRound(_ round: UInt32) async throws(NetworkError) -> Bool {
    progress(.roundBegan(round))
    while true {
      try checkStop()
      let (open, exhausted) = try openParts(round)
      if let exhausted {
        try fail(because: exhausted)
        return false
      }
      if open.isEmpty {
        if !masksUpdates { return true }
        if try addMasked(round) { return true }
        if try job().status.isFinal { return false }
        continue
      }
      try registerAttempts(open, round: round)
      try claim(round)
      let silent = try await compute(round)
      try await verify(round)
      try expire(silent)
    }
  }

  /// A part that has no accepted SubJob yet, and its newest attempt.
  struct OpenPart {
    var part: UInt32
    var newest: SubJobRecord?
  }

  func openParts(_ round: UInt32) throws(NetworkError) -> (open: [OpenPart], exhausted: SubJobRecord?) {
    let records = try database.read { [id] db in try JobStore.subJobs(of: id, round: round, in: db) }
    var open: [OpenPart] = []
    for part in 0..<request.parallel {
      let newest = records.last { $0.position.part == part }
      if let newest, newest.status == .verified || newest.awaitsSum { continue }
      if let newest, newest.status.isFinal, newest.position.attempt >= request.retry.lastAttempt {
        return ([], newest)
      }
      open.append(OpenPart(part: part, newest: newest))
    }
    return (open, nil)
  }

  /// Registers the first attempt at a part, or the next one after its delay.
  func registerAttempts(_ open: [OpenPart], round: UInt32) throws(NetworkError) {
    for part in open where part.newest?.status.isFinal ?? true {
      try database.write { db in
        var parent = try JobStore.job(id, in: db)
        let attempt = part.newest.map { $0.position.attempt + 1 } ?? 0
        let now = try network.tick(in: db)
        let delay =
          part.newest.flatMap { request.retry.delayMilliseconds(afterAttempt: $0.position.attempt) } ?? 0
        let position = SubJobPosition(parent: id, round: round, part: part.part, attempt: attempt)
        let budget = try ParentBudget(
          fuelLimit: parent.job.fuelLimit, verifierFee: parent.job.terms.verifierFee, rounds: manifest.rounds,
          parts: request.parallel)
        let share = budget.share(round: round, part: part.part)
        let program = try ProgramCatalogue.standard.subJobProgram(of: parent.job.programID)
        let job = try Job(
          id: position.id, position: position, requester: parent.job.requester, programID: program,
          dataset: "\(parent.progress.parts[Int(part.part)])", parameters: parent.job.parameters,
          fuelLimit: share.fuelLimit, fuelPrice: parent.job.fuelPrice, requestedAt: now,
          deadline: ParentBudget.attemptDeadline(
            now: now, parentDeadline: parent.machine.deadline, roundsLeft: manifest.rounds - round,
            attempt: attempt,
            lastAttempt: request.retry.lastAttempt, roundStart: parent.progress.rounds[Int(round)].beganAt),
          terms: try rules.terms(
            fuelLimit: share.fuelLimit, fuelPrice: parent.job.fuelPrice, verifierFee: share.verifierFee))
        try ExecutionLayer.register(
          job, notBefore: try network.milliseconds(in: db) + delay, parameters: subJobParameters,
          parent: &parent, at: now, in: db)
      }
    }
  }

  /// Nodes take what may be taken: each at most one SubJob at a time, in the order of parts.
  ///
  /// A wave is taken in one transaction: a run that was killed finds it whole or not begun, so that the epochs
  /// of the submissions, and with them the draws, are those of a run that was never killed.
  func claim(_ round: UInt32) throws(NetworkError) {
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
  private func header(for node: Int, of record: SubJobRecord, in db: Database) throws -> Data {
    let now = try network.seconds(in: db)
    let claimant = self.node(node)
    return try Splitter(key: network.keys.splitter).header(
      of: id, part: record.position.part, subJob: record.id, node: claimant.address,
      binding: claimant.binding(expiry: max(record.machine.deadline, now + 1)), now: now,
      domain: network.domain)
  }

  /// Which node takes a SubJob: a permutation that follows from (seed, round), and another node at each attempt.
  ///
  /// Where updates are masked, three nodes at least must be left in a cohort: a repeated part rather goes back to
  /// the node that lost it than to one whose company would leave nobody hidden.
  func nodeIndex(for position: SubJobPosition, in db: Database) throws -> Int {
    let order = nodeOrder(for: position)
    guard masksUpdates, position.attempt > 0 else { return order[0] }
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
        Array("assignment".utf8) + manifest.seed.bytes + id.bytes + position.round.bigEndianBytes))
    var order = Array(0..<settings.nodes)
    for index in stride(from: order.count - 1, to: 0, by: -1) {
      order.swapAt(index, Int(generator.below(UInt32(index + 1))))
    }
    let turn = (Int(position.part) + Int(position.attempt)) % order.count
    return Array(order[turn...] + order[..<turn])
  }

  func nodeNumber(_ address: Address?) -> Int? {
    network.keys.nodes.firstIndex { $0.address == address }.map { $0 + 1 }
  }

  /// Ends the job after a part's last attempt; SubJobs that nobody finished end with it.
  func fail(because record: SubJobRecord) throws(NetworkError) {
    try fail(
      because:
        "part \(record.position.part + 1) of round \(record.position.round + 1) ended as \(record.status.name) at its "
        + "last attempt: \(record.notes.reason)")
  }

  /// Ends the job for a reason.
  func fail(because reason: String) throws(NetworkError) {
    try database.write { db in
      var parent = try JobStore.job(id, in: db)
      let now = try network.tick(in: db)
      parent.reason = reason
      try ExecutionLayer.apply(.giveUp, to: &parent, at: now, in: db)
      try releaseBonds(at: now, in: db)
      try signer.closeEpoch(at: try network.tick(in: db), in: db)
      try Ledger.audit(in: db)
    }
  }
}
