import EmethCompute
import EmethKit
import Foundation

/// The masked sums of a round (PROTOCOL 8): cohorts are drawn, keys and masked vectors collected, and added.
/// Messages between roles are encoded bytes; each step changes the records in one transaction.
extension JobWorker {
  /// Whether updates are masked. With fewer parts or nodes than three nobody would be hidden.
  var masksUpdates: Bool { request.isTraining && network.hidesUpdates(parts: request.parallel) }

  /// How the SubJobs' machines work.
  var subJobParameters: JobParameters {
    var parameters = network.periods
    parameters.aggregation = masksUpdates ? .masked : .plain
    parameters.selfProving = request.provesItself
    return parameters
  }

  var vectorWork: VectorWork { VectorWork(threads: threads) }

  /// The Aggregator, what it adds being held for a round.
  func aggregator(_ round: UInt32) -> Aggregator {
    Aggregator(
      key: network.operatorKeys.aggregator, store: network.stores(for: id, .sums(round)).objects,
      domain: network.domain,
      folder: network.folder.appending(path: "aggregator"), fault: network.aggregatorFault)
  }

  /// The account that signs sums.
  var aggregatorAddress: Address { network.operatorKeys.aggregator.address }

  func cohorts(_ round: UInt32) throws(NetworkError) -> [CohortRecord] {
    try database.read { [id] db in try CohortStore.cohorts(of: id, round: round, in: db) }
  }

  /// Brings every cohort of the round to a sum that holds; false when parts have to be computed again
  /// first, when somebody has still to answer, or when the job failed over it.
  func addMasked(_ round: UInt32) async throws(NetworkError) -> Bool {
    let began = ContinuousClock.now
    let before = try cohorts(round)
    guard try drawCohorts(round), try fillSeats(round) else { return false }
    for cohort in try cohorts(round) where !cohort.holds { try gather(cohort) }
    try await checkSums(round)
    let seconds = (ContinuousClock.now - began) / .seconds(1)
    if try cohorts(round) != before {
      try database.write { db in
        var parent = try JobStore.job(id, in: db)
        parent.progress.aggregationSeconds = (parent.progress.aggregationSeconds ?? 0) + seconds
        try JobStore.update(parent, in: db)
      }
    }
    return try cohorts(round).allSatisfy(\.holds)
  }

  // MARK: - Who is added with whom

  /// Draws the round's cohorts by the batch that follows the last verdict. Done once; false before that
  /// batch.
  private func drawCohorts(_ round: UInt32) throws(NetworkError) -> Bool {
    if try !cohorts(round).isEmpty { return true }
    let epoch = try database.write { db -> UInt64 in
      var parent = try JobStore.job(id, in: db)
      if let epoch = parent.progress.rounds[Int(round)].acceptedEpoch { return epoch }
      let epoch = (try Signer.latestBatch(in: db)?.batch.epoch ?? 0) + 1
      parent.progress.rounds[Int(round)].acceptedEpoch = epoch
      try JobStore.update(parent, in: db)
      return epoch
    }
    try network.closeEpochs(through: epoch + 1, progress)
    let manifest = try manifest
    let drawn = try database.write { db -> [Cohort]? in
      guard try Signer.latestBatch(in: db)?.batch.epoch ?? 0 > epoch else { return nil }
      let parent = try JobStore.job(id, in: db)
      let seats = try JobStore.subJobs(of: id, round: round, in: db).filter(\.awaitsSum)
        .compactMap { $0.notes.result.map { CohortSeat(of: $0.submission.submission) } }
      let drawn = try CohortDraw.cohorts(
        beacon: try Signer.batch(epoch: epoch + 1, in: db).digest, round: round, seats: seats)
      for (number, cohort) in drawn.enumerated() {
        let plan = try CohortPlan(
          cohort: cohort, round: round, attempt: 0, programHash: manifest.programHash,
          initRoot: parent.progress.rounds[Int(round)].initRoot,
          coordinates: UInt64(ModelConfiguration(manifest.model).parameterCount))
        try CohortStore.insert(
          CohortRecord(round: round, number: number, drawn: plan, periods: network.cohortPeriods), of: id,
          in: db)
      }
      return drawn
    }
    guard let drawn else { return false }
    progress(.cohortsDrawn(round: round, sizes: drawn.map(\.seats.count)))
    return true
  }

  /// Seats the SubJobs that have computed lost parts again; false when the job ends because nobody would be
  /// hidden.
  private func fillSeats(_ round: UInt32) throws(NetworkError) -> Bool {
    do {
      try database.write { db in
        for var record in try CohortStore.cohorts(of: id, round: round, in: db) where !record.holds {
          var standing = try record.standing(in: network.domain)
          let empty = standing.collector.emptySeats
          if empty.isEmpty { continue }
          let subJobs = try JobStore.subJobs(of: id, round: round, in: db)
          let now = try network.tick(in: db)
          for lost in empty {
            guard let part = subJobs.first(where: { $0.id == lost })?.position.part,
              let heir = subJobs.last(where: { $0.position.part == part && $0.awaitsSum }),
              let submission = heir.notes.result?.submission.submission
            else {
              throw NetworkError.inconsistent(what: "nobody has computed the part of SubJob \(lost) again")
            }
            try record.apply(.replace(lost, by: CohortSeat(of: submission)), to: &standing, at: now)
          }
          try fix(standing, of: record, at: now, in: db)
          try CohortStore.update(record, of: id, in: db)
        }
      }
      return true
    } catch {
      // The nodes would refuse, and nothing but plain sums would be left.
      guard case .refused("aggregation.tooFewAccounts", let message, _) = error else { throw error }
      try fail(because: "round \(round + 1) cannot be added: \(message)")
      return false
    }
  }

  /// Fixes the attempt that is pending for the machines of its members.
  private func fix(
    _ standing: CohortRecord.Standing, of record: CohortRecord, at now: UInt64, in db: SQLSession
  ) throws {
    guard case .form(let plan, _) = standing.pending else { return }
    let deadline = now + record.attemptSeconds
    for seat in plan.cohort.seats {
      try apply(.fixCohort(attempt: plan.attempt, deadline: deadline), to: seat.jobID, at: now, in: db)
    }
  }

  // MARK: - Keys, vectors, sum

  /// Takes a cohort through its attempt: to its sum, to the loss of a member, or until somebody has to
  /// answer.
  private func gather(_ cohort: CohortRecord) throws(NetworkError) {
    var record = cohort
    while true {
      try checkStop()
      let before = record
      var standing = try asNetworkError { try record.standing(in: network.domain) }
      switch standing.pending {
      case nil: try form(&record)
      case .form(let plan, let deadline):
        try collectKeys(of: plan, due: deadline, &record, &standing)
      case .offer(let roster, let deadline):
        try collectVectors(under: roster, due: deadline, &record, &standing)
      case .add(let roster, _): try add(under: roster, &record, &standing)
      case .absent, .publish: return
      }
      if record == before { return }
    }
  }

  private func form(_ record: inout CohortRecord) throws(NetworkError) {
    var formed = record
    try database.write { db in
      let now = try network.tick(in: db)
      formed.formedAt = now
      try fix(try formed.standing(in: network.domain), of: formed, at: now, in: db)
      try CohortStore.update(formed, of: id, in: db)
    }
    record = formed
  }

  private func collectKeys(
    of plan: CohortPlan, due: UInt64, _ record: inout CohortRecord, _ standing: inout CohortRecord.Standing
  ) throws(NetworkError) {
    let message = try asNetworkError { try CohortMessage.form(plan, deadline: due).wire() }
    let replies = try parties.ask(
      plan.cohort.seats.map { (subJob: $0.jobID, node: $0.node) }, message, due: due)
    var keys: [SignedRoundKey] = []
    for case .given(let answer) in replies.map(\.reply) {
      if case .roundKey(let key)? = try? CohortMessage(wire: answer), !record.has(.roundKey(key)) {
        keys.append(key)
      }
    }
    try take(&record, &standing) { record, standing, now, _ in
      // A key that is refused is none.
      for key in keys { try? record.apply(.roundKey(key), to: &standing, at: now) }
      if case .form = standing.pending { return true }
      return false
    }
  }

  private func collectVectors(
    under roster: Roster, due: UInt64, _ record: inout CohortRecord, _ standing: inout CohortRecord.Standing
  ) throws(NetworkError) {
    let message = try asNetworkError { try CohortMessage.offer(roster, deadline: due).wire() }
    let replies = try parties.ask(
      roster.entries.map { (subJob: $0.jobID, node: $0.node) }, message, due: due)
    let known = Set(record.masked(under: roster).map(\.content.jobID))
    var posted: [(masked: SignedMasked, stored: MaskedVector)] = []
    for case .given(let answer) in replies.map(\.reply) {
      guard case .masked(let masked)? = try? CohortMessage(wire: answer),
        !known.contains(masked.content.jobID),
        let vector = try NetworkError.delivered({ () throws(NetworkError) in
          try store.vector(masked.content.maskedRoot, work: vectorWork)
        })
      else { continue }
      posted.append(
        (masked, MaskedVector(root: masked.content.maskedRoot, byteCount: UInt64(vector.count))))
    }
    try take(&record, &standing) { record, standing, now, db in
      for (masked, stored) in posted {
        do throws(AggregationError) {
          try record.apply(.masked(masked, stored: stored), to: &standing, at: now)
        } catch { continue }
        guard let entry = roster.entries.first(where: { $0.jobID == masked.content.jobID }) else { continue }
        try self.apply(
          .postMasked(by: entry.node, maskedRoot: stored.root), to: entry.jobID, at: now, in: db)
      }
      if case .offer = standing.pending { return true }
      return false
    }
  }

  /// Keeps what came in; where something is missing at the deadline, the silent members end as TIMEOUT.
  private func take(
    _ record: inout CohortRecord, _ standing: inout CohortRecord.Standing,
    _ body: (inout CohortRecord, inout CohortRecord.Standing, UInt64, SQLSession) throws -> Bool
  ) throws(NetworkError) {
    let (changed, now, lost) = try database.write { [record, standing] db in
      var (record, standing) = (record, standing)
      var lost: [JobID] = []
      let before = record
      let now = try network.tick(in: db)
      // Whether an answer came in time was said when it came.
      let inTime = min(now, standing.collector.deadline.map { $0 - 1 } ?? now)
      if try body(&record, &standing, inTime, db) {
        let seats = standing.collector.plan.cohort.seats
        let due = try seats.compactMap { try JobStore.subJob($0.jobID, in: db).machine.cohort?.deadline }
          .max()
        if let now = try network.reach(due ?? 0, in: db) {
          let end = max(now, standing.collector.deadline ?? now)
          try record.apply(.deadline, to: &standing, at: end)
          if case .absent(let missing) = standing.pending { lost = missing }
          for subJob in lost { try apply(.absent, to: subJob, at: now, in: db) }
        }
      }
      if record != before { try CohortStore.update(record, of: id, in: db) }
      return (record, standing, lost)
    }
    (record, standing) = (changed, now)
    try announceEnds(of: lost)
  }

  private func add(
    under roster: Roster, _ record: inout CohortRecord, _ standing: inout CohortRecord.Standing
  ) throws(NetworkError) {
    let signed = try sum(under: roster, of: record, again: false)
    let (changed, now) = try database.write { [record, standing] db in
      var (record, standing) = (record, standing)
      try record.apply(
        .summed(sumRoot: signed.content.sumRoot), to: &standing, at: try network.tick(in: db))
      record.sum = signed
      record.sumEpoch = (try Signer.latestBatch(in: db)?.batch.epoch ?? 0) + 1
      try CohortStore.update(record, of: id, in: db)
      return (record, standing)
    }
    (record, standing) = (changed, now)
  }

  /// Asks the Aggregator for the sum of what was posted under a roster.
  func sum(
    under roster: Roster, of record: CohortRecord, again: Bool
  ) throws(NetworkError) -> SignedCohortSum {
    let (offer, masked) = try asNetworkError {
      (
        try CohortMessage.offer(roster, deadline: 0).wire(),
        try record.masked(under: roster).map { try CohortMessage.masked($0).wire() }
      )
    }
    let answer = try aggregator(record.round).add(offer, masked: masked, again: again, work: vectorWork)
    guard case .cohortSum(let signed) = try CohortMessage(wire: answer) else {
      throw .malformed(what: "the Aggregator's answer", reason: "it is no sum")
    }
    return signed
  }

  // MARK: - Records

  /// Applies an event to a SubJob by its id.
  func apply(_ event: JobEvent, to subJob: JobID, at time: UInt64, in db: SQLSession) throws {
    var record = try JobStore.subJob(subJob, in: db)
    var parent = try JobStore.job(id, in: db)
    try ExecutionLayer.apply(event, to: &record, parent: &parent, at: time, in: db)
  }

  func announceEnds(of subJobs: [JobID]) throws(NetworkError) {
    for subJob in subJobs {
      announceEnd(of: try database.read { db in try JobStore.subJob(subJob, in: db) })
    }
  }
}

extension CohortRecord {
  /// The members' words on their vectors under a roster, in its order; who has given none is left out.
  func masked(under roster: Roster) -> [SignedMasked] {
    roster.entries.compactMap { member in
      for case .masked(let masked, _) in entries.map(\.event)
      where masked.content.jobID == member.jobID && masked.content.rosterHash == roster.hash {
        return masked
      }
      return nil
    }
  }
}
