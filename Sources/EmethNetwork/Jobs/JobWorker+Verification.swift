import EmethCompute
import EmethKit
import Foundation

/// What verifiers do: a beacon draws them, they replay, and a verdict follows.
extension JobWorker {
  /// Brings every submission of the round to its verdict.
  ///
  /// Decides, draws and takes verdicts in passes, each one transaction: a run that was killed goes on with
  /// a whole pass, so that every event has the time that it has in a run that was never killed. Ends early
  /// where nothing more can be said before somebody answers or a batch is there.
  func verify(_ round: UInt32) async throws(NetworkError) {
    while true {
      let mark = database.changes.mark
      let submitted = try submissions(of: round)
      if submitted.isEmpty { return }
      try checkStop()
      let open = submitted.filter { !$0.notes.awaitsJudgement }
      if !open.isEmpty {
        try network.closeEpochs(through: beacon(for: open), progress)
        let latest = try database.read { db in try Signer.latestBatch(in: db)?.batch.epoch ?? 0 }
        try deliberate(on: open.filter { beacon(for: [$0]) <= latest })
      }
      let drawn = try submissions(of: round).filter(\.notes.awaitsJudgement)
      let began = ContinuousClock.now
      let outcomes = drawn.isEmpty ? [] : try await parties.judge(drawn, parent: try job())
      if !outcomes.isEmpty { try take(outcomes, seconds: (ContinuousClock.now - began) / .seconds(1)) }
      if database.changes.mark(of: .job(id)) <= mark { return }
    }
  }

  /// The SubJobs of a round that have no verdict that counts.
  private func submissions(of round: UInt32) throws(NetworkError) -> [SubJobRecord] {
    try database.read { [id] db in
      try JobStore.subJobs(of: id, round: round, in: [.submitted], in: db).filter(\.awaitsVerdict)
    }
  }

  /// The epoch whose batch must be there before anything more can be said: it follows every submission that
  /// waits for its verifier, and every verdict that may have to be replayed.
  private func beacon(for submitted: [SubJobRecord]) -> UInt64 {
    submitted.compactMap { record in
      if record.notes.draws.isEmpty { return record.notes.epoch }
      guard case .awaitBeacon(let verdict) = record.notes.ruling(isAudited: { _ in nil }) else { return nil }
      return record.notes.epoch(ofVerdict: verdict)
    }.reduce(0) { max($0, $1 + 1) }
  }

  /// Decides what can be decided by the verdicts so far, and draws verifiers where more are needed.
  private func deliberate(on submitted: [SubJobRecord]) throws(NetworkError) {
    if submitted.isEmpty { return }
    let (ended, struck) = try database.write { db in
      let before = try BondPool.struck(in: db)
      var ended: [SubJobRecord] = []
      for subJob in submitted.map(\.id) {
        let record = try JobStore.subJob(subJob, in: db)
        if let expired = try expireVerification(of: record, in: db) {
          ended.append(expired)
          continue
        }
        let ruling = try record.notes.ruling { verdict in
          guard let epoch = record.notes.epoch(ofVerdict: verdict) else { return nil }
          // Who could not vouch for the cohort's sum is replayed at once.
          if masksUpdates || !request.isTraining, try !parties.holdsUpdate(ofVerdict: verdict, on: record) {
            return true
          }
          let isDrawn = SegmentDraw.isAudited(
            verdict: verdict, beacon: try Signer.batch(epoch: epoch + 1, in: db).digest,
            oneIn: isRepeated(record) ? 1 : network.auditShare)
          // Where nobody is left who could replay it, it stands: silence never locks money.
          return try isDrawn && (record.notes.awaitsJudgement || canBeReplayed(record, in: db))
        }
        switch ruling {
        case .draw:
          if let unchecked = try draw(for: subJob, in: db) { ended.append(unchecked) }
        case .awaitBeacon:
          throw NetworkError.inconsistent(what: "SubJob \(subJob) waits for a beacon that is there")
        case .decided(let accepted, let by, let alsoPaid, let forfeited):
          // What follows from the request its job pays.
          let sharing = accepted && isRepeated(record) ? alsoPaid.first : nil
          let record = try decide(subJob, accepted: accepted, by: by, sharedWith: sharing, in: db)
          let fee = record.machine.job.terms.verifierFee
          for verifier in record.notes.bondsLost(by: forfeited, accepted: accepted) {
            try BondPool.forfeit(
              verifier, bond: try parties.bond(of: verifier, in: db), over: subJob, job: id,
              at: try network.tick(in: db), in: db)
          }
          for verifier in alsoPaid where verifier != sharing {
            try BondPool.payOnce(verifier, fee, over: subJob, at: try network.tick(in: db), in: db)
          }
          ended.append(record)
        }
      }
      return (ended, try BondPool.struck(in: db).subtracting(before))
    }
    announce(struck)
    for record in ended where record.status.isFinal { announceEnd(of: record) }
  }

  /// Whether every acceptance of a submission is replayed, chance or not: the requester asks for it, or the module says no,
  /// which who got the part can stamp without running it.
  private func isRepeated(_ record: SubJobRecord) -> Bool { request.isAlwaysRepeated || record.isRefusal }

  /// Carries a decision out: the machine hears what was said until the verdict that counts, the verdicts that
  /// don't count as struck.
  ///
  /// - Parameter other: who agrees and is paid by the job as well.
  private func decide(
    _ subJob: JobID, accepted: Bool, by verifier: Address, sharedWith other: Address? = nil,
    in db: SQLSession
  ) throws -> SubJobRecord {
    var record = try JobStore.subJob(subJob, in: db)
    var parent = try JobStore.job(id, in: db)
    let nodes = try JobStore.nodes(of: id, in: db)
    let void = record.notes.void
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
            ? .verify(by: verdict.verifier, verdict: signed.digest, sharedWith: other)
            : .reject(by: verdict.verifier, evidence: verdict.evidence))
      } else if let draw = record.machine.draws.last, draw.verifier == verdict.verifier, draw.dispute == nil {
        let counts = !verdict.accepted && !void.contains(verdict.verifier)
        try apply(.dispute(by: verdict.verifier, evidence: counts ? verdict.evidence : .zero))
      }
    }
    return record
  }

  /// Ends a submission to which two verifiers in turn said nothing: silence never locks money. Where one
  /// had accepted and only those who were to replay its verdict are silent, it stands.
  private func expireVerification(of subJob: SubJobRecord, in db: SQLSession) throws -> SubJobRecord? {
    guard let silent = subJob.notes.silent, silent.count >= JobMachine.silentVerifiersNeeded else {
      return nil
    }
    let void = subJob.notes.void
    let valid = subJob.notes.judgements.map(\.verdict.verdict).filter { !void.contains($0.verifier) }
    if let accepting = valid.first(where: \.accepted), valid.allSatisfy(\.accepted) {
      return try decide(subJob.id, accepted: true, by: accepting.verifier, in: db)
    }
    let now = try network.tick(in: db)
    guard valid.isEmpty, subJob.machine.silentVerifiers(at: now) >= JobMachine.silentVerifiersNeeded else {
      return nil
    }
    try apply(.expireVerification, to: subJob.id, at: now, in: db)
    return try JobStore.subJob(subJob.id, in: db)
  }

  /// Whether there is a verifier that was not drawn for a SubJob yet and may be.
  private func canBeReplayed(_ record: SubJobRecord, in db: SQLSession) throws -> Bool {
    guard network.isLive else { return true }
    let excluded = try barred(in: db).union(record.notes.draws.map(\.verifier))
    return try parties.candidates(for: record, in: db).contains { !excluded.contains($0) }
  }

  /// Who checks nothing of this job: its requester, its nodes, and who lost its bond.
  func barred(in db: SQLSession) throws -> Set<Address> {
    try JobStore.nodes(of: id, in: db)
      .union(BondPool.struck(in: db)).union([JobStore.job(id, in: db).job.requester])
  }

  /// Notes since when nobody is there to be drawn, and ends a submission for which that was so for a verifier's time: neither
  /// its node's deposit nor the requester's escrow waits for ever. Those who were drawn after another's verdict are not on
  /// the machine's record: that they were waited for is why the time counts from here.
  ///
  /// - Returns: the SubJob if it has ended.
  private func leaveUndrawn(_ subJob: SubJobRecord, in db: SQLSession) throws -> SubJobRecord? {
    guard let since = subJob.notes.undrawnSince else {
      var record = subJob
      record.notes.undrawnSince = try network.tick(in: db)
      try JobStore.update(record, in: db)
      return nil
    }
    let due = since + UInt64(subJob.machine.parameters.verificationSeconds)
    guard let now = try network.reach(max(due, subJob.machine.uncheckedFrom), in: db) else { return nil }
    try apply(.endUnchecked, to: subJob.id, at: now, in: db)
    return try JobStore.subJob(subJob.id, in: db)
  }

  /// Draws a verifier by the beacon and the segments by its secret; both are fixed before anyone replays.
  ///
  /// - Returns: the SubJob if it has ended because there is nobody.
  private func draw(for subJob: JobID, in db: SQLSession) throws -> SubJobRecord? {
    var record = try JobStore.subJob(subJob, in: db)
    var parent = try JobStore.job(id, in: db)
    guard let epoch = record.notes.epoch, let submission = record.machine.submission else {
      throw NetworkError.inconsistent(what: "SubJob \(subJob) is submitted without a submission")
    }
    let beacon = try Signer.batch(epoch: epoch + 1, in: db).digest
    guard
      let (verifier, number) = try drawVerifier(for: record, submission: submission, beacon: beacon, in: db)
    else {
      guard network.isLive else {
        throw NetworkError.inconsistent(what: "no verifier is left to draw for SubJob \(subJob)")
      }
      return try leaveUndrawn(record, in: db)
    }
    record.notes.undrawnSince = nil
    // Another verifier replays what the first one drew: the question is whether that one was right.
    let seed: Bytes32
    var used: Bytes32?
    if let first = record.notes.draws.first {
      seed = first.seed
    } else {
      let secret = try number.map { try parties.secret(of: verifier, commitment: $0, for: record, in: db) }
      switch secret ?? .given(.zero) {
      case .pending:
        if let number, record.notes.pendingDraw == nil {
          record.notes.pendingDraw = PendingDraw(verifier: verifier, commitment: number)
          try JobStore.update(record, in: db)
        }
        return nil
      case .given(let secret): used = secret
      // What is checked must not depend on whether somebody speaks: the beacon alone draws then.
      case .silent: used = .zero
      }
      seed = SegmentDraw.seed(submission: submission, beacon: beacon, secret: used ?? .zero)
    }
    record.notes.pendingDraw = nil
    let count = request.segmentCount
    record.notes.draws.append(
      VerifierDraw(
        verifier: verifier, commitment: number, seed: seed,
        segments: Verifier.draw(
          seed: seed,
          count: try (request.check ?? network.check).drawn(subJobs: subJobCount, segments: count), of: count),
        secret: used))
    // Who comes after one that has judged is put on the SubJob's record when it is decided whose word counts.
    guard record.notes.judgements.isEmpty else {
      try JobStore.update(record, in: db)
      return nil
    }
    let nodes = try JobStore.nodes(of: id, in: db)
    try ExecutionLayer.apply(
      .draw(verifier: verifier, nodesOfParent: nodes), to: &record, parent: &parent,
      at: try network.tick(in: db), in: db)
    guard parties.opensAtOnce else { return nil }
    try ExecutionLayer.apply(
      .receiveOpenings, to: &record, parent: &parent, at: try network.tick(in: db), in: db)
    return nil
  }

  /// The verifier whose turn it is, with the commitment that it uses, if there is anything to draw with its secret; nil
  /// when nobody is left.
  func drawVerifier(
    for record: SubJobRecord, submission: Bytes32, beacon: Bytes32, in db: SQLSession
  ) throws -> (verifier: Address, commitment: UInt32?)? {
    if let pending = record.notes.pendingDraw { return (pending.verifier, pending.commitment) }
    let drawn = SegmentDraw.verifier(
      submission: submission, beacon: beacon, turn: UInt32(record.notes.draws.count),
      among: try parties.candidates(for: record, in: db),
      excluding: try barred(in: db).union(record.notes.draws.map(\.verifier)))
    guard let drawn else { return nil }
    guard request.drawsSegments else { return (drawn, nil) }
    return (
      drawn, try useCommitment(of: drawn, for: record.id, before: record.machine.submittedAt ?? 0, in: db)
    )
  }

  /// Takes the verifier's oldest unused commitment that is older than the submission.
  func useCommitment(
    of verifier: Address, for subJob: JobID, before time: UInt64, in db: SQLSession
  ) throws -> UInt32 {
    let number = try UInt32.fetchOne(
      db,
      sql: "SELECT min(number) FROM commitment WHERE verifier = ? AND usedBy IS NULL AND postedAt < ?",
      arguments: ["\(verifier)", Int64(time)])
    guard let number else {
      throw NetworkError.inconsistent(
        what: "verifier \(verifier) has no commitment older than SubJob \(subJob)")
    }
    try db.execute(
      sql: "UPDATE commitment SET usedBy = ? WHERE verifier = ? AND number = ?",
      arguments: ["\(subJob)", "\(verifier)", Int64(number)])
    return number
  }

  /// What came of one verifier's work.
  struct Outcome {
    var judgement: Judgement
    var contradiction: SignedVerdict?
    /// The leaves that the node opened.
    var boundaries: [BoundaryOpening]
    var appeal: (appeal: Appeal, divergence: Divergence)?
    /// Object: the update that the verifier recomputed, where it hands it over.
    var update: Bytes32?
    /// Object: its evidence under seal, where it hands it over.
    var evidence: Bytes32?
  }

  /// What the Execution Layer says about a SubJob, against which its submission is judged.
  func facts(
    on record: SubJobRecord, result: NodeResult, parent: JobRecord
  ) throws(NetworkError) -> SubJobFacts {
    let round = parent.progress.rounds[Int(record.position.round)]
    let part = try part(record.position.part, of: parent)
    return SubJobFacts(
      subJob: record.id, position: record.position, node: record.machine.node ?? .zero,
      manifest: parent.job.parameters, dataRoot: part.root, sequenceCount: Int(part.count),
      startingParameters: round.startingParameters, initRoot: round.initRoot, exponents: round.exponents,
      noise: self.noise(of: part), fuel: cost.subJobFuel,
      program: request.isTraining ? nil : record.machine.job.programID)
  }

  /// Takes the verdicts of a pass down.
  func take(
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
        // What a node opened besides was not asked for.
        case nil, .replay, .result:
          let drawn = SegmentDraw.boundaries(ofSegments: outcome.judgement.segments, of: request.segmentCount)
          record.notes.opened = outcome.boundaries.filter { drawn.contains(Int($0.boundary)) }
        case .submission, .opening, .withheld: break
        }
        if let other = outcome.contradiction,
          other.contradicts(outcome.judgement.verdict, in: network.domain)
        {
          record.notes.contradictions = (record.notes.contradictions ?? []) + [other]
        }
        if let update = outcome.update, outcome.judgement.verdict.verdict.accepted {
          record.notes.update = update
        }
        if let evidence = outcome.evidence {
          record.notes.evidence = (record.notes.evidence ?? []) + [evidence]
        }
        if let heard = outcome.appeal {
          (record.notes.appeal, record.notes.divergence) = (heard.appeal, heard.divergence)
        }
        // Where openings are given at once there was no receipt yet.
        if parties.opensAtOnce, record.machine.withheldFrom != nil {
          var parent = try JobStore.job(id, in: db)
          try ExecutionLayer.apply(
            .receiveOpenings, to: &record, parent: &parent, at: try network.tick(in: db), in: db)
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
    let deliberation = Deliberation(
      judgements.map(\.verdict)
        .filter { !$0.verdict.showsNothing || twoFaced.contains($0.verdict.verifier) }
        .map { Deliberation.Opinion($0, isVoid: twoFaced.contains($0.verdict.verifier)) })
    guard case .awaitBeacon(let verdict) = deliberation.ruling(isAudited: { _ in nil }) else {
      return deliberation.ruling { _ in nil }
    }
    let audited = try isAudited(verdict)
    return deliberation.ruling { _ in audited }
  }

  /// Who signed two verdicts.
  var twoFaced: Set<Address> { Set(contradictions?.map(\.verdict.verifier) ?? []) }

  /// Whose verdicts do not count: who signed two, and who rejected with nothing to show for it, as an earlier version took it.
  var void: Set<Address> {
    twoFaced.union(judgements.map(\.verdict.verdict).filter(\.showsNothing).map(\.verifier))
  }

  /// Who of those whose acceptance is not what was decided loses its bond. Where nobody found the submission itself wrong,
  /// only who signed two verdicts.
  func bondsLost(by forfeited: [Address], accepted: Bool) -> [Address] {
    forfeited.filter { accepted || isShownWrong || twoFaced.contains($0) }
  }

  /// Whether two found the submission itself wrong. Else all that speaks against it is what the node opened, or one word:
  /// that a node opened one thing to one and another, or nothing, to another says nothing about the one.
  private var isShownWrong: Bool {
    let void = void
    let finders = judgements.filter { judgement in
      switch judgement.mismatch?.kind {
      case .replay, .result, .submission: !judgement.verdict.verdict.accepted
      case .opening, .withheld, nil: false
      }
    }.map(\.verdict.verdict.verifier)
    return Set(finders).subtracting(void).count >= 2
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

extension Verdict {
  /// Whether it rejects and names no evidence: no word that anything could rest on.
  var showsNothing: Bool { !accepted && evidence == .zero }
}
