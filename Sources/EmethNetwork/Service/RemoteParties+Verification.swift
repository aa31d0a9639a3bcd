import EmethKit
import Foundation

/// How a submission comes to its verdict when node and verifier are elsewhere.
extension RemoteParties {
  var opensAtOnce: Bool { false }

  /// Verifiers with a bond that is high enough, a key that counts long enough, and a commitment older than
  /// the submission: who came after it may know who would be drawn.
  func candidates(for record: SubJobRecord, in db: SQLSession) throws -> [Address] {
    let machine = record.machine
    return try standing(
      bond: machine.job.terms.verifierFee.holon.multiplying(by: 10), parameters: machine.parameters,
      committedBefore: machine.submittedAt ?? 0, in: db)
  }

  /// Work that nobody could check would not be paid: it is not given out before there are as many verifiers as it needs.
  func canBeChecked(in db: SQLSession) throws -> Bool {
    if worker.request.provesItself { return true }
    let barred = try worker.barred(in: db)
    return try standing(
      bond: JobStore.job(id, in: db).job.verifierBond.holon, parameters: service.periods,
      committedBefore: service.seconds(in: db), in: db
    ).count { !barred.contains($0) } >= worker.request.agreement - 1
  }

  /// The verifiers whose bond is high enough, whose key counts long enough, that have a commitment from before a time,
  /// one that is left where its secret draws segments, and the job's module.
  private func standing(
    bond needed: UInt256, parameters: JobParameters, committedBefore time: UInt64, in db: SQLSession
  ) throws -> [Address] {
    let until = try service.seconds(in: db) + service.settings.verdictSeconds(parameters)
    // Amounts are decimal text without leading zeros: the longer one is more.
    let least = "\(needed)"
    let names = try String.fetchAll(
      db,
      sql: """
        SELECT verifier FROM bond WHERE expiry >= ? AND ' ' || modules || ' ' LIKE ?
          AND (length(holon) > ? OR (length(holon) = ? AND holon >= ?)) AND EXISTS (
          SELECT 1 FROM commitment WHERE commitment.verifier = bond.verifier AND postedAt < ?
            \(worker.request.drawsSegments ? "AND usedBy IS NULL" : ""))
        """,
      arguments: [
        Int64(clamping: until), worker.request.module.map { "% \($0) %" } ?? "%",
        Int64(least.utf8.count), Int64(least.utf8.count), least, Int64(clamping: time),
      ])
    return try names.map { try Address($0) }
  }

  func secret(
    of verifier: Address, commitment: UInt32, for record: SubJobRecord, in db: SQLSession
  ) throws -> Reply<Bytes32> {
    let now = try service.seconds(in: db)
    let posted = try JobStore.commitment(commitment, of: verifier, in: db)
    let reply = try ErrandStore.ask(
      .reveal(subJob: record.id, commitment: commitment, posted: posted), of: verifier,
      key: commitment.bigEndianBytes,
      job: id,
      due: now + service.settings.revealSeconds, at: now, in: db)
    switch reply {
    case .pending: return .pending
    case .silent: return .silent
    case .given(let text): return .given(try RevealedSecret(wireText: text).secret)
    }
  }

  func holdsUpdate(ofVerdict digest: Bytes32, on record: SubJobRecord) throws(NetworkError) -> Bool { true }

  func update(of record: SubJobRecord) async throws(NetworkError) -> Data {
    guard let update = record.notes.update else {
      throw .inconsistent(
        what: "SubJob \(record.id) is accepted without the update that its verifier recomputed")
    }
    return try service.output(update)
  }

  func judge(
    _ drawn: [SubJobRecord], parent: JobRecord
  ) async throws(NetworkError) -> [(subJob: JobID, outcome: JobWorker.Outcome)] {
    var outcomes: [(subJob: JobID, outcome: JobWorker.Outcome)] = []
    // Of many parts most wait for somebody's answer: for those there is nothing to be written.
    let ready = try database.read { db in
      let now = try service.seconds(in: db)
      return try drawn.filter { record in
        guard let draw = record.notes.draws.last, let node = record.machine.node else { return true }
        let asked = [
          openErrand(of: node, record.id, draw),
          ErrandStore.id(.judge, of: draw.verifier, subJob: record.id, key: draw.seed.bytes),
        ]
        return try !asked.contains { try ErrandStore.isPending($0, at: now, in: db) }
      }
    }
    for record in ready {
      if let outcome = try judge(record.id, parent: parent) { outcomes.append((record.id, outcome)) }
    }
    return outcomes
  }

  /// One step towards the verdict of the verifier that was drawn last; nil before it is there.
  private func judge(_ subJob: JobID, parent: JobRecord) throws(NetworkError) -> JobWorker.Outcome? {
    let text = try database.write { db -> String? in
      var record = try JobStore.subJob(subJob, in: db)
      guard let draw = record.notes.draws.last, let result = record.notes.result else {
        throw NetworkError.inconsistent(
          what: "SubJob \(subJob) cannot be judged: its draw or result is missing")
      }
      let now = try service.seconds(in: db)
      if try passesOver(draw, of: &record, at: now, in: db) { return nil }
      let opening: SealedOpening?
      switch try opened(&record, to: draw, at: now, in: db) {
      case .pending: return nil
      case .silent where record.status.isFinal || record.machine.withheldFrom != nil: return nil
      case .silent: opening = nil
      case .given(let given): opening = given
      }
      let due =
        onRecord(record, draw)?.answerBy ?? now + UInt64(record.machine.parameters.verificationSeconds)
      let wantsUpdate = !worker.masksUpdates && !record.isRefusal
      let request = JudgementRequest(
        submission: result.submission, facts: try worker.facts(on: record, result: result, parent: parent),
        seed: draw.seed, segments: draw.segments, opening: opening,
        evidenceReaders: try worker.request.isTraining ? evidenceReaders(of: record, parent, in: db) : nil,
        wantsUpdate: wantsUpdate, aggregator: wantsUpdate ? service.aggregatorBinding(until: due) : nil)
      let reply = try ErrandStore.ask(
        .judge(request), of: draw.verifier, key: draw.seed.bytes, job: id, due: due, at: now, in: db)
      if case .pending = reply { return nil }
      // Nobody else can open what the node opened; the next verifier gets its own.
      if let node = record.machine.node {
        try HoldStore.release(.opening(openErrand(of: node, subJob, draw)), of: id, in: db)
      }
      if case .given(let text) = reply { return text }
      record.notes.silent = (record.notes.silent ?? []) + [draw.verifier]
      try JobStore.update(record, in: db)
      return nil
    }
    guard let text else { return nil }
    return try asNetworkError {
      let report = try JudgementReport(wireText: text)
      return JobWorker.Outcome(
        judgement: report.judgement, contradiction: report.contradiction, boundaries: report.boundaries,
        update: report.update, evidence: report.evidence)
    }
  }

  /// Whom evidence against a node concerns: the node itself, the requester, and everybody who was drawn so far.
  private func evidenceReaders(
    of record: SubJobRecord, _ parent: JobRecord, in db: SQLSession
  ) throws -> [SignedKeyBinding] {
    try [record.notes.nodeKey, parent.progress.requesterKey].compactMap { $0 }
      + record.notes.draws.compactMap { try service.binding(of: $0.verifier, in: db) }
  }

  /// The errand by which a node is asked to open to a drawn verifier.
  private func openErrand(of node: Address, _ subJob: JobID, _ draw: VerifierDraw) -> String {
    ErrandStore.id(.open, of: node, subJob: subJob, key: Self.openKey(draw))
  }

  private static func openKey(_ draw: VerifierDraw) -> [UInt8] { draw.seed.bytes + draw.verifier.bytes }

  /// The draw as the SubJob's machine has it; nil for one that comes after another's verdict.
  private func onRecord(_ record: SubJobRecord, _ draw: VerifierDraw) -> JobMachine.Draw? {
    record.machine.draws.last.flatMap { $0.verifier == draw.verifier ? $0 : nil }
  }

  /// Until when a node has to open to a drawn verifier, unless it was told another time.
  private func openingDue(_ record: SubJobRecord, _ draw: VerifierDraw, at now: UInt64) -> UInt64 {
    onRecord(record, draw)?.openBy ?? now + UInt64(record.machine.parameters.openingSeconds)
  }

  /// Passes over a drawn verifier that has left, or whose key counts too short for the node to open to it: that is no
  /// silence of the node.
  private func passesOver(
    _ draw: VerifierDraw, of record: inout SubJobRecord, at now: UInt64, in db: SQLSession
  ) throws -> Bool {
    guard let node = record.machine.node else { return false }
    // Its bond is back: who has bound nothing judges nothing, whatever was opened to it.
    if let binding = try service.binding(of: draw.verifier, in: db) {
      guard try ErrandStore.record(openErrand(of: node, record.id, draw), in: db) == nil,
        binding.binding.expiry < openingDue(record, draw, at: now)
      else { return false }
    }
    try passOver(draw, of: &record, at: now, in: db)
    return true
  }

  /// Whether a node could not open to a drawn verifier for as long as it had to: outages make that longer, and no key.
  private func keyRanOut(_ draw: VerifierDraw, of record: SubJobRecord, in db: SQLSession) throws -> Bool {
    guard let node = record.machine.node,
      let asked = try ErrandStore.record(openErrand(of: node, record.id, draw), in: db),
      case .open(_, let binding) = asked.errand.question
    else { return false }
    return binding.binding.expiry < asked.errand.due
  }

  private func passOver(
    _ draw: VerifierDraw, of record: inout SubJobRecord, at now: UInt64, in db: SQLSession
  ) throws {
    record.notes.silent = (record.notes.silent ?? []) + [draw.verifier]
    if let current = onRecord(record, draw), current.openedAt == nil {
      // To one in a silent verifier's place nothing is owed any more; another one is struck.
      let event =
        current.inPlaceOf == nil
        ? JobEvent.dispute(by: draw.verifier, evidence: .zero) : .receiveOpenings
      try apply(event, to: &record, at: now, in: db)
    } else {
      try JobStore.update(record, in: db)
    }
  }

  /// What the node opens to a drawn verifier. Where it stays silent, the SubJob ends with that; one that was accepted, when
  /// its cohort is told that it leaves.
  private func opened(
    _ record: inout SubJobRecord, to draw: VerifierDraw, at now: UInt64, in db: SQLSession
  ) throws -> Reply<SealedOpening> {
    guard let node = record.machine.node, let binding = try service.binding(of: draw.verifier, in: db) else {
      throw NetworkError.inconsistent(what: "SubJob \(record.id) has no node, or its verifier no key")
    }
    let challenge = Challenge(
      subJob: record.id, verifier: draw.verifier, seed: draw.seed, segments: draw.segments)
    let due = openingDue(record, draw, at: now)
    let reply = try ErrandStore.ask(
      .open(challenge, binding: binding), of: node, key: Self.openKey(draw), job: id, due: due, at: now,
      in: db)
    let isFirst = onRecord(record, draw).map { $0.openedAt == nil } ?? false
    switch reply {
    case .pending: return .pending
    case .silent where try keyRanOut(draw, of: record, in: db):
      try passOver(draw, of: &record, at: now, in: db)
      return .pending
    case .silent:
      if isFirst, record.machine.verdict == nil { try apply(.withhold, to: &record, at: now, in: db) }
      return .silent
    case .given(let text):
      if isFirst { try apply(.receiveOpenings, to: &record, at: now, in: db) }
      return .given(try SealedOpening(wireText: text))
    }
  }

  private func apply(
    _ event: JobEvent, to record: inout SubJobRecord, at now: UInt64, in db: SQLSession
  )
    throws
  {
    var parent = try JobStore.job(id, in: db)
    try ExecutionLayer.apply(event, to: &record, parent: &parent, at: now, in: db)
  }
}
