import EmethCompute
import EmethKit
import Foundation
import GRDB

/// What verifiers do: a beacon draws them, they replay, and a verdict follows.
extension JobWorker {
  /// Brings every submission of the round to its verdict.
  ///
  /// Draws and settles in passes, each one transaction: a run that was killed goes on with a whole pass, so that
  /// every event has the time that it has in a run that was never killed.
  func verify(_ round: UInt32) async throws(NetworkError) {
    while true {
      let submitted = try database.read { [id] db in
        try JobStore.subJobs(of: id, round: round, in: db).filter { $0.status == .submitted }
      }
      if submitted.isEmpty { return }
      try checkStop()
      try closeEpochs(after: submitted)
      if !submitted.contains(where: \.notes.awaitsJudgement) { try draw(for: submitted.map(\.id)) }
      let drawn = try database.read { db in
        try submitted.map { try JobStore.subJob($0.id, in: db) }
      }.filter(\.notes.awaitsJudgement)
      let parent = try job()
      let lanes = try ComputeLanes(threads: threads, count: drawn.count)
      let began = ContinuousClock.now
      let outcomes = try await lanes.map(drawn) { [self] record, device in
        try judge(record, parent: parent, device: device)
      }
      try settle(
        zip(drawn, outcomes).map { ($0, $1.judgement, $1.opening) },
        seconds: (ContinuousClock.now - began) / .seconds(1))
      // Several openings may hold the same state (a round's start), so they go when all are judged.
      for state in Set(outcomes.flatMap { $0.opening.segments.map(\.state) }) { try store.remove(state) }
    }
  }

  /// Closes the epoch that holds the submissions and the next one, whose batch is their beacon.
  func closeEpochs(after submitted: [SubJobRecord]) throws(NetworkError) {
    let beacon = (submitted.compactMap(\.notes.epoch).max() ?? 0) + 1
    while true {
      let closed = try database.write { db -> UInt64? in
        let latest = try Signer.latestBatch(in: db)?.batch.epoch ?? 0
        guard latest < beacon else { return nil }
        return try signer.closeEpoch(at: try network.tick(in: db), in: db).batch.epoch
      }
      guard let closed else { return }
      progress(.epochClosed(closed))
    }
  }

  /// Draws a verifier for each by the beacon and the segments by its secret; both are fixed before anyone replays.
  func draw(for subJobs: [JobID]) throws(NetworkError) {
    try database.write { db in for subJob in subJobs { try draw(for: subJob, in: db) } }
  }

  private func draw(for subJob: JobID, in db: Database) throws {
    var record = try JobStore.subJob(subJob, in: db)
    var parent = try JobStore.job(id, in: db)
    guard let epoch = record.notes.epoch, let submission = record.machine.submission else {
      throw NetworkError.inconsistent(what: "SubJob \(subJob) is submitted without a submission")
    }
    let beacon = try Signer.batch(epoch: epoch + 1, in: db).digest
    let nodes = Set(try JobStore.subJobs(of: id, in: db).compactMap(\.machine.node))
    let earlier = record.notes.draws.map(\.verifier)
    let drawn = SegmentDraw.verifier(
      submission: submission, beacon: beacon, turn: UInt32(earlier.count),
      among: network.keys.verifiers.map(\.address),
      excluding: nodes.union(earlier).union([parent.job.requester]))
    guard let key = network.keys.verifiers.first(where: { $0.address == drawn }) else {
      throw NetworkError.inconsistent(what: "no verifier is left to draw for SubJob \(subJob)")
    }
    let verifier = Verifier(key: key, store: store, domain: network.domain)
    let number = try useCommitment(
      of: verifier, for: subJob, before: record.machine.submittedAt ?? 0, in: db)
    // A second verifier replays what the first one drew: the question is whether that one was right.
    let seed =
      record.notes.draws.first?.seed
      ?? SegmentDraw.seed(submission: submission, beacon: beacon, secret: verifier.secret(number))
    record.notes.draws.append(
      VerifierDraw(
        verifier: verifier.address, commitment: number, seed: seed,
        segments: verifier.draw(
          seed: seed,
          count: try settings.check.drawn(subJobs: subJobCount, segments: Int(manifest.segmentCount)),
          of: Int(manifest.segmentCount))))
    try ExecutionLayer.apply(
      .draw(verifier: verifier.address, nodesOfParent: nodes), to: &record, parent: &parent,
      at: try network.tick(in: db), in: db)
    try ExecutionLayer.apply(
      .receiveOpenings, to: &record, parent: &parent, at: try network.tick(in: db), in: db)
  }

  /// Verifiers post commitments until each has one for every SubJob that can be submitted at once.
  func postCommitments(in db: Database) throws {
    let now = try network.seconds(in: db)
    for key in network.keys.verifiers {
      let verifier = Verifier(key: key, store: store, domain: network.domain)
      let posted =
        try UInt32.fetchOne(
          db, sql: "SELECT count(*) FROM commitment WHERE verifier = ?", arguments: ["\(verifier.address)"])
        ?? 0
      let used =
        try UInt32.fetchOne(
          db, sql: "SELECT count(*) FROM commitment WHERE verifier = ? AND usedBy IS NOT NULL",
          arguments: ["\(verifier.address)"]) ?? 0
      for number in posted..<max(posted, used + UInt32(settings.nodes)) {
        try db.execute(
          sql: "INSERT INTO commitment (verifier, number, hash, postedAt) VALUES (?, ?, ?, ?)",
          arguments: ["\(verifier.address)", Int64(number), "\(verifier.commitment(number))", Int64(now)])
      }
    }
  }

  /// Takes the verifier's oldest unused commitment that is older than the submission.
  func useCommitment(
    of verifier: Verifier, for subJob: JobID, before time: UInt64, in db: Database
  ) throws -> UInt32 {
    let number = try UInt32.fetchOne(
      db,
      sql: "SELECT min(number) FROM commitment WHERE verifier = ? AND usedBy IS NULL AND postedAt < ?",
      arguments: ["\(verifier.address)", Int64(time)])
    guard let number else {
      throw NetworkError.inconsistent(
        what: "verifier \(verifier.address) has no commitment older than SubJob \(subJob)")
    }
    try db.execute(
      sql: "UPDATE commitment SET usedBy = ? WHERE verifier = ? AND number = ?",
      arguments: ["\(subJob)", "\(verifier.address)", Int64(number)])
    return number
  }

  /// Asks the node for its opening and the drawn verifier for its judgement; only encoded bytes pass between them.
  func judge(
    _ record: SubJobRecord, parent: JobRecord, device: Device
  ) throws(NetworkError) -> (judgement: Judgement, opening: Opening) {
    guard let draw = record.notes.draws.last, let result = record.notes.result,
      let node = nodeNumber(record.machine.node),
      let key = network.keys.verifiers.first(where: { $0.address == draw.verifier }),
      let verifierNumber = network.keys.verifiers.firstIndex(where: { $0.address == draw.verifier })
    else { throw .inconsistent(what: "SubJob \(record.id) cannot be judged: its draw or result is missing") }
    progress(
      .replaying(
        part: record.position.part, verifier: verifierNumber + 1, segments: draw.segments.count,
        of: Int(manifest.segmentCount)))
    let opening = try self.node(node - 1).open(
      Challenge(subJob: record.id, verifier: draw.verifier, segments: draw.segments), on: device, stop: stop)
    let round = parent.progress.rounds[Int(record.position.round)]
    let part = try part(record.position.part, of: parent)
    let facts = SubJobFacts(
      subJob: record.id, position: record.position, node: network.keys.nodes[node - 1].address,
      manifest: parent.job.parameters, dataRoot: part.root, sequenceCount: Int(part.count),
      startingParameters: round.startingParameters, initRoot: round.initRoot, exponents: round.exponents,
      fuel: cost.subJobFuel, contribution: result.contribution)
    let (encoded, submissionBytes, factsBytes) = try asNetworkError {
      let encoder = WireFormat.encoder
      return (try encoder.encode(opening), try encoder.encode(result.submission), try encoder.encode(facts))
    }
    let judgement = try Verifier(key: key, store: store, domain: network.domain).judge(
      submission: submissionBytes, facts: factsBytes, opening: encoded, seed: draw.seed,
      segments: draw.segments, device: device, stop: stop)
    return (judgement, opening)
  }

  /// Carries out what follows from the judgements of a pass: acceptance, a second opinion, or failure.
  func settle(
    _ pass: [(record: SubJobRecord, judgement: Judgement, opening: Opening)], seconds: Double
  ) throws(NetworkError) {
    for (record, judgement, _) in pass {
      try asNetworkError { try judgement.verdict.check(of: record.machine.submission, in: network.domain) }
    }
    let settled = try database.write { db in
      let settled = try pass.map { try settle($0.record.id, $0.judgement, opening: $0.opening, in: db) }
      var parent = try JobStore.job(id, in: db)
      parent.progress.verificationSeconds = (parent.progress.verificationSeconds ?? 0) + seconds
      try JobStore.update(parent, in: db)
      return settled
    }
    for record in settled where record.status.isFinal { announceEnd(of: record) }
  }

  private func settle(
    _ subJob: JobID, _ judgement: Judgement, opening: Opening, in db: Database
  ) throws -> SubJobRecord {
    let verdict = judgement.verdict.verdict
    var record = try JobStore.subJob(subJob, in: db)
    var parent = try JobStore.job(id, in: db)
    record.notes.judgements.append(judgement)
    record.notes.opened = opening.boundaries
    let now = try network.tick(in: db)
    let event: JobEvent =
      if verdict.accepted {
        .verify(by: verdict.verifier, verdict: judgement.verdict.digest)
      } else if record.notes.judgements.count == 1 {
        .dispute(by: verdict.verifier, evidence: verdict.evidence)
      } else {
        .reject(by: verdict.verifier, evidence: verdict.evidence)
      }
    if case .reject = event { record.notes.reason = judgement.finding }
    try ExecutionLayer.apply(event, to: &record, parent: &parent, at: now, in: db)
    return record
  }
}
