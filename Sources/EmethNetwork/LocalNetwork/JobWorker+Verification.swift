import EmethCompute
import EmethKit
import Foundation
import GRDB

/// What verifiers do: a beacon draws them, they replay, and a verdict follows.
extension JobWorker {
  /// Brings every submission of the round to its verdict.
  ///
  /// Decides, draws and takes verdicts in passes, each one transaction: a run that was killed goes on with a whole
  /// pass, so that every event has the time that it has in a run that was never killed.
  func verify(_ round: UInt32) async throws(NetworkError) {
    while true {
      let submitted = try submissions(of: round)
      if submitted.isEmpty { return }
      try checkStop()
      if !submitted.contains(where: \.notes.awaitsJudgement) {
        try closeEpochs(through: beacon(for: submitted))
        try deliberate(on: submitted)
      }
      let drawn = try submissions(of: round).filter(\.notes.awaitsJudgement)
      let parent = try job()
      let lanes = try ComputeLanes(threads: threads, count: max(1, drawn.count))
      let began = ContinuousClock.now
      let outcomes = try await lanes.map(drawn) { [self] record, device in
        try judge(record, parent: parent, device: device)
      }
      if drawn.isEmpty { continue }
      try take(
        zip(drawn, outcomes).map { ($0.id, $1) }, seconds: (ContinuousClock.now - began) / .seconds(1))
    }
  }

  /// The SubJobs of a round that have no verdict that counts.
  private func submissions(of round: UInt32) throws(NetworkError) -> [SubJobRecord] {
    try database.read { [id] db in
      try JobStore.subJobs(of: id, round: round, in: db).filter(\.awaitsVerdict)
    }
  }

  /// The epoch whose batch must be there before anything more can be said: it follows every submission that waits
  /// for its verifier, and every verdict that may have to be replayed.
  private func beacon(for submitted: [SubJobRecord]) -> UInt64 {
    submitted.compactMap { record in
      if record.notes.draws.isEmpty { return record.notes.epoch }
      guard case .awaitBeacon(let verdict) = record.notes.ruling(isAudited: { _ in nil }) else { return nil }
      return record.notes.epoch(ofVerdict: verdict)
    }.reduce(0) { max($0, $1 + 1) }
  }

  /// Closes epochs until there is a batch of this one, a beacon.
  func closeEpochs(through beacon: UInt64) throws(NetworkError) {
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

  /// Decides what can be decided by the verdicts so far, and draws verifiers where more are needed.
  private func deliberate(on submitted: [SubJobRecord]) throws(NetworkError) {
    let (ended, struck) = try database.write { db in
      let before = try BondPool.struck(in: db)
      var ended: [SubJobRecord] = []
      for subJob in submitted.map(\.id) {
        let record = try JobStore.subJob(subJob, in: db)
        let ruling = try record.notes.ruling { verdict in
          guard let epoch = record.notes.epoch(ofVerdict: verdict) else { return nil }
          // Who could not vouch for the cohort's sum is replayed at once.
          if masksUpdates, try !holdsUpdate(ofVerdict: verdict, on: record) { return true }
          return SegmentDraw.isAudited(
            verdict: verdict, beacon: try Signer.batch(epoch: epoch + 1, in: db).digest,
            oneIn: settings.auditShare)
        }
        switch ruling {
        case .draw: try draw(for: subJob, in: db)
        case .awaitBeacon:
          throw NetworkError.inconsistent(what: "SubJob \(subJob) waits for a beacon that is there")
        case .decided(let accepted, let by, let alsoPaid, let forfeited):
          let record = try decide(subJob, accepted: accepted, by: by, in: db)
          let fee = record.machine.job.terms.verifierFee
          for verifier in forfeited {
            try BondPool.forfeit(
              verifier, bond: bond, over: subJob, job: id, at: try network.tick(in: db), in: db)
          }
          for verifier in alsoPaid {
            try BondPool.pay(verifier, fee, over: subJob, at: try network.tick(in: db), in: db)
          }
          ended.append(record)
        }
      }
      return (ended, try BondPool.struck(in: db).subtracting(before))
    }
    for verifier in struck.sorted() { progress(.bondLost(verifier: verifierNumber(verifier) ?? 0)) }
    for record in ended where record.status.isFinal { announceEnd(of: record) }
  }

  /// Carries a decision out: the machine hears what was said until the verdict that counts, the verdicts that
  /// don't count as struck.
  private func decide(
    _ subJob: JobID, accepted: Bool, by verifier: Address, in db: Database
  ) throws -> SubJobRecord {
    var record = try JobStore.subJob(subJob, in: db)
    var parent = try JobStore.job(id, in: db)
    let nodes = Set(try JobStore.subJobs(of: id, in: db).compactMap(\.machine.node))
    let void = Set(record.notes.contradictions?.map(\.verdict.verifier) ?? [])
    // A rejection stands by the second verifier that found it.
    let verdicts = record.notes.judgements.map(\.verdict)
    let last =
      accepted
      ? verdicts.firstIndex { $0.verdict.verifier == verifier }
      : verdicts.indices.filter {
        !verdicts[$0].verdict.accepted && !void.contains(verdicts[$0].verdict.verifier)
      }.dropFirst().first
    guard let last else {
      throw NetworkError.inconsistent(what: "SubJob \(subJob) is decided by a verdict that is not there")
    }
    func apply(_ event: JobEvent) throws {
      try ExecutionLayer.apply(
        event, to: &record, parent: &parent, at: try network.tick(in: db), in: db)
    }
    for (place, signed) in verdicts[...last].enumerated() {
      let verdict = signed.verdict
      // One whose run was begun by an older program is on the record already.
      if !record.machine.draws.contains(where: { $0.verifier == verdict.verifier }) {
        try apply(.draw(verifier: verdict.verifier, nodesOfParent: nodes))
        try apply(.receiveOpenings)
      }
      if place == last {
        if !accepted { record.notes.reason = record.notes.reasonForRejection(at: place) }
        try apply(
          accepted
            ? .verify(by: verdict.verifier, verdict: signed.digest)
            : .reject(by: verdict.verifier, evidence: verdict.evidence))
      } else if let draw = record.machine.draws.last, draw.verifier == verdict.verifier, draw.dispute == nil {
        let counts = !verdict.accepted && !void.contains(verdict.verifier)
        try apply(.dispute(by: verdict.verifier, evidence: counts ? verdict.evidence : .zero))
      }
    }
    return record
  }

  /// Draws a verifier by the beacon and the segments by its secret; both are fixed before anyone replays.
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
      excluding: nodes.union(earlier).union([parent.job.requester]).union(try BondPool.struck(in: db)))
    guard let key = network.keys.verifiers.first(where: { $0.address == drawn }) else {
      throw NetworkError.inconsistent(what: "no verifier is left to draw for SubJob \(subJob)")
    }
    let verifier = Verifier(key: key, store: store, domain: network.domain)
    let number = try useCommitment(
      of: verifier, for: subJob, before: record.machine.submittedAt ?? 0, in: db)
    // Another verifier replays what the first one drew: the question is whether that one was right.
    let seed =
      record.notes.draws.first?.seed
      ?? SegmentDraw.seed(submission: submission, beacon: beacon, secret: verifier.secret(number))
    record.notes.draws.append(
      VerifierDraw(
        verifier: verifier.address, commitment: number, seed: seed,
        segments: verifier.draw(
          seed: seed,
          count: try (request.check ?? settings.check).drawn(
            subJobs: subJobCount, segments: Int(manifest.segmentCount)),
          of: Int(manifest.segmentCount))))
    // Who comes after the first is put on the SubJob's record when it is decided whose word counts.
    guard earlier.isEmpty else {
      try JobStore.update(record, in: db)
      return
    }
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

  func verifierNumber(_ address: Address) -> Int? {
    network.keys.verifiers.firstIndex { $0.address == address }.map { $0 + 1 }
  }

  /// What came of one verifier's work.
  struct Outcome {
    var judgement: Judgement
    var contradiction: SignedVerdict?
    /// The leaves that the node opened.
    var boundaries: [BoundaryOpening]
    var appeal: (appeal: Appeal, divergence: Divergence)?
  }

  /// Asks the node for its opening and the drawn verifier for its judgement; only encoded bytes pass between
  /// them, and what the store holds of them only the verifier can open.
  func judge(
    _ record: SubJobRecord, by draw: VerifierDraw? = nil, parent: JobRecord, device: Device
  ) throws(NetworkError) -> Outcome {
    guard let draw = draw ?? record.notes.draws.last, let result = record.notes.result,
      let nodeNumber = nodeNumber(record.machine.node), let number = verifierNumber(draw.verifier)
    else { throw .inconsistent(what: "SubJob \(record.id) cannot be judged: its draw or result is missing") }
    progress(
      .replaying(
        part: record.position.part, verifier: number, segments: draw.segments.count,
        of: Int(manifest.segmentCount)))
    let key = network.keys.verifiers[number - 1]
    let place = verifierFolder(key.address).appending(path: "opened/\(record.id)")
    try Files.remove(place)
    let verifier = verifier(key, opened: try ContentStore(folder: place))
    let node = node(nodeNumber - 1)
    let sealed = try node.open(
      Challenge(
        subJob: record.id, verifier: draw.verifier, seed: draw.seed, segments: draw.segments),
      to: verifier.binding(expiry: parent.machine.deadline), at: record.machine.submittedAt ?? 0, on: device,
      stop: stop)
    let facts = try facts(on: record, result: result, parent: parent)
    let (delivered, submissionBytes, factsBytes) = try asNetworkError {
      let encoder = WireFormat.encoder
      return (try encoder.encode(sealed), try encoder.encode(result.submission), try encoder.encode(facts))
    }
    let question = try verifier.question(
      submission: submissionBytes, facts: factsBytes, seed: draw.seed, segments: draw.segments)
    let examination = try verifier.examine(question, delivered: delivered, device: device, stop: stop)
    if let evidence = examination.evidence, keepsEvidence { try keep(evidence) }
    let outcome = Outcome(
      judgement: examination.judgement, contradiction: examination.contradiction,
      boundaries: (try? JSONDecoder().decode(Opening.self, from: examination.opening))?.boundaries ?? [],
      appeal: try appeal(of: record, node: node, by: verifier, question, examination, device: device))
    for object in sealed.objects { try store.remove(object) }
    try Files.remove(place)
    return outcome
  }

  private func facts(
    on record: SubJobRecord, result: NodeResult, parent: JobRecord
  ) throws(NetworkError) -> SubJobFacts {
    let round = parent.progress.rounds[Int(record.position.round)]
    let part = try part(record.position.part, of: parent)
    return SubJobFacts(
      subJob: record.id, position: record.position, node: record.machine.node ?? .zero,
      manifest: parent.job.parameters, dataRoot: part.root, sequenceCount: Int(part.count),
      startingParameters: round.startingParameters, initRoot: round.initRoot, exponents: round.exponents,
      noise: self.noise(of: part), fuel: cost.subJobFuel)
  }

  /// Takes the verdicts of a pass down.
  private func take(
    _ pass: [(subJob: JobID, outcome: Outcome)], seconds: Double
  ) throws(NetworkError) {
    try database.write { db in
      for (subJob, outcome) in pass {
        var record = try JobStore.subJob(subJob, in: db)
        try outcome.judgement.verdict.check(of: record.machine.submission, in: network.domain)
        record.notes.judgements.append(outcome.judgement)
        record.notes.judgedIn =
          (record.notes.judgedIn ?? []) + [(try Signer.latestBatch(in: db)?.batch.epoch ?? 0) + 1]
        // Leaves that prove nothing are in the evidence, not in the public records.
        switch outcome.judgement.mismatch?.kind {
        case nil, .replay, .result: record.notes.opened = outcome.boundaries
        case .submission, .opening, .withheld: break
        }
        if let other = outcome.contradiction,
          other.contradicts(outcome.judgement.verdict, in: network.domain)
        {
          record.notes.contradictions = (record.notes.contradictions ?? []) + [other]
        }
        if let heard = outcome.appeal {
          (record.notes.appeal, record.notes.divergence) = (heard.appeal, heard.divergence)
        }
        try network.tick(in: db)
        try JobStore.update(record, in: db)
      }
      var parent = try JobStore.job(id, in: db)
      parent.progress.verificationSeconds = (parent.progress.verificationSeconds ?? 0) + seconds
      try JobStore.update(parent, in: db)
    }
  }
}

extension SubJobNotes {
  /// What follows from the verdicts so far.
  func ruling(isAudited: (Bytes32) throws -> Bool?) rethrows -> Deliberation.Ruling {
    let void = Set(contradictions?.map(\.verdict.verifier) ?? [])
    let deliberation = Deliberation(
      judgements.map { Deliberation.Opinion($0.verdict, isVoid: void.contains($0.verdict.verdict.verifier)) })
    guard case .awaitBeacon(let verdict) = deliberation.ruling(isAudited: { _ in nil }) else {
      return deliberation.ruling { _ in nil }
    }
    let audited = try isAudited(verdict)
    return deliberation.ruling { _ in audited }
  }

  /// The epoch in which a verdict arrived.
  func epoch(ofVerdict digest: Bytes32) -> UInt64? {
    guard let place = judgements.firstIndex(where: { $0.verdict.digest == digest }), let judgedIn,
      judgedIn.indices.contains(place)
    else { return nil }
    return judgedIn[place]
  }

  /// Why the verdict at this place rejects, and where the node's own account parts from the replay.
  func reasonForRejection(at place: Int) -> String {
    let finding = judgements[place].finding
    guard let divergence else { return finding }
    return finding + "; they part at step \(divergence.step), \(divergence.operator)"
  }
}
