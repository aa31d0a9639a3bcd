import EmethKit

/// What the explorer's pages read and the API has no call for.
///
/// Numbers of jobs, of SubJobs and of epochs have no gaps and rise with time: the last one before some time says how many
/// there were then, and no page costs more where there are more of them.
extension NetworkService {
  /// The network at a glance.
  func overview() throws(NetworkError) -> NetworkOverview {
    try database.read { db in
      let jobs = try Int64.fetchOne(db, sql: "SELECT max(number) FROM job") ?? 0
      let subJobs = try Int64.fetchOne(db, sql: "SELECT max(number) FROM subJob") ?? 0
      var counts: [JobStatus: Int] = [:]
      for status in JobStatus.allCases {
        counts[status] = try Int.fetchOne(
          db,
          sql:
            "SELECT count(*) FROM (SELECT 1 FROM job WHERE status = ? LIMIT \(NetworkOverview.countLimit)) AS one",
          arguments: [Int(status.rawValue)])
      }
      let batch = try Signer.latestBatch(in: db)
      return NetworkOverview(
        jobs: UInt64(jobs), subJobs: UInt64(subJobs), counts: counts, batch: batch,
        slots: try slots(jobs: UInt64(jobs), latest: batch, in: db))
    }
  }

  /// The totals of the newest slots, newest first.
  private func slots(jobs: UInt64, latest: SignedBatch?, in db: SQLSession) throws -> [SlotTotals] {
    let beginnings = [
      try UInt64.fetchOne(db, sql: "SELECT min(requestedAt) FROM job"),
      try UInt64.fetchOne(db, sql: "SELECT min(toTime) FROM batch"),
    ].compactMap { $0 }
    guard let beginning = beginnings.min() else { return [] }
    let first = SlotRewards.slot(at: beginning)
    let now = max(first, SlotRewards.slot(at: try seconds(in: db)))
    var totals: [SlotTotals] = []
    var end = latest?.batch
    var (jobsUntil, epochsUntil) = (jobs, latest?.batch.epoch ?? 0)
    for slot in (first...now).suffix(NetworkOverview.slotLimit).reversed() {
      let start = Int64(clamping: slot * SlotRewards.slotSeconds)
      let lastJob = try UInt64.fetchOne(
        db,
        sql: "SELECT number FROM job WHERE requestedAt < ? ORDER BY requestedAt DESC, number DESC LIMIT 1",
        arguments: [start])
      let lastEpoch = try UInt64.fetchOne(
        db, sql: "SELECT epoch FROM batch WHERE toTime < ? ORDER BY toTime DESC, epoch DESC LIMIT 1",
        arguments: [start])
      let (jobsBefore, epochsBefore) = (min(jobsUntil, lastJob ?? 0), min(epochsUntil, lastEpoch ?? 0))
      let before = epochsBefore > 0 ? try Signer.batch(epoch: epochsBefore, in: db).batch : nil
      totals.append(
        SlotTotals(
          slot: slot, jobs: jobsUntil - jobsBefore, epochs: epochsUntil - epochsBefore,
          granted: try (end?.totalPayout ?? .zero).subtracting(before?.totalPayout ?? .zero),
          burned: try (end?.totalBurned ?? .zero).subtracting(before?.totalBurned ?? .zero)))
      (jobsUntil, epochsUntil, end) = (jobsBefore, epochsBefore, before)
    }
    return totals
  }

  /// A page of jobs for a list, newest first: what a line shows, and nothing else of their records.
  func jobRows(_ filter: JobFilter) throws(NetworkError) -> JobRowPage {
    try database.read { db in
      let rows = try JobStore.rows("number, id, status, requester, requestedAt, line", filter, in: db)
      let shown = rows.prefix(filter.pageLength)
      return JobRowPage(
        jobs: shown.compactMap { try? JobRow($0) },
        next: rows.count > shown.count ? try shown.last.map { try $0["number"] } : nil)
    }
  }

  /// A job with the SubJobs of one round, from 0; of the newest when `round` is nil or not there.
  func jobDetail(_ id: JobID, round: UInt32?) throws(NetworkError) -> JobDetail {
    let view = try job(id)
    return try database.read { db in
      let record = try JobStore.job(id, in: db)
      let manifest = try? record.request.training.manifest
      let begun = UInt32(record.progress.rounds.count)
      let newest = begun > 0 ? min(begun, record.job.numEpoch) - 1 : nil
      let shown = round.flatMap { $0 < min(begun, record.job.numEpoch) ? $0 : nil } ?? newest
      return JobDetail(
        view: view, endReason: record.machine.endReason, remarks: record.progress.remarks ?? [],
        initialLoss: record.progress.initialLoss, stepsPerRound: manifest?.stepsPerRound ?? 0,
        parameters: manifest?.model.parameterCount, escrow: record.machine.escrow,
        result: Self.resultSeal(of: record), roundsBegun: newest.map { $0 + 1 } ?? 0, round: shown,
        subJobs: try shown.map { round in
          try JobStore.subJobs(of: id, round: round, in: db).map { SubJobDetail($0, parent: record) }
        } ?? [],
        cohorts: try shown.map { round in
          try CohortStore.cohorts(of: id, round: round, in: db).map { CohortDetail($0) }
        } ?? [])
    }
  }

  private static func resultSeal(of record: JobRecord) -> JobDetail.ResultSeal? {
    guard record.status.isFinal, record.hasResult else { return nil }
    return record.progress.sealed != nil ? .sealed : record.awaitsSealing ? .awaited : .asItIs
  }

  /// A page of an account's tickets, newest first.
  func tickets(of account: Address, before epoch: UInt64?, limit: Int) throws(NetworkError) -> TicketPage {
    try database.read { db in
      let texts = try String.fetchAll(
        db,
        sql:
          "SELECT ticket FROM ticket WHERE account = ? AND epoch < ? ORDER BY epoch DESC LIMIT \(limit + 1)",
        arguments: ["\(account)", Int64(clamping: epoch ?? .max)])
      return try TicketPage(texts, limit: limit)
    }
  }

  /// A page of batches, newest first.
  func batches(before epoch: UInt64?, limit: Int) throws(NetworkError) -> BatchPage {
    try database.read { db in
      let texts = try String.fetchAll(
        db, sql: "SELECT batch FROM batch WHERE epoch < ? ORDER BY epoch DESC LIMIT \(limit + 1)",
        arguments: [Int64(clamping: epoch ?? .max)])
      let batches = try texts.prefix(limit).map { try SignedBatch(wireText: $0) }
      return BatchPage(batches: batches, next: texts.count > limit ? batches.last?.batch.epoch : nil)
    }
  }

  /// A page of a batch's leaves, by account: the newest ticket that each account had then.
  func leaves(epoch: UInt64, after account: Address?, limit: Int) throws(NetworkError) -> TicketPage {
    try database.read { db in
      let texts = try Signer.leafTexts(epoch: epoch, after: account, limit: limit + 1, in: db)
      return try TicketPage(texts, limit: limit)
    }
  }

  /// An account's ticket of an epoch, with its path in the batch that closed the epoch; `nil` when there is none.
  func ticketDetail(of account: Address, epoch: UInt64) throws(NetworkError) -> TicketDetail? {
    let text = try database.read { db in
      try String.fetchOne(
        db, sql: "SELECT ticket FROM ticket WHERE account = ? AND epoch = ?",
        arguments: ["\(account)", Int64(clamping: epoch)])
    }
    guard let text, let proven = try provenTicket(of: account, epoch: epoch) else { return nil }
    return TicketDetail(signed: try asNetworkError { try SignedTicket(wireText: text) }, proven: proven)
  }
}

extension JobRow {
  fileprivate init(_ row: SQLRow) throws {
    let id = try JobID(hex: row["id"])
    guard let status = JobStatus(rawValue: try row["status"]) else {
      throw NetworkError.inconsistent(what: "job \(id) has no status")
    }
    self.init(
      number: try row["number"], id: id, status: status, requester: try Address(row["requester"]),
      requestedAt: try row["requestedAt"], line: try JobLine(wireText: row["line"]))
  }
}

extension TicketPage {
  fileprivate init(_ texts: [String], limit: Int) throws {
    tickets = try texts.prefix(limit).map { try SignedTicket(wireText: $0) }
    last = texts.count > limit ? tickets.last : nil
  }
}

extension SubJobDetail {
  fileprivate init(_ record: SubJobRecord, parent: JobRecord) {
    self.init(
      state: SubJobState(record, parent: parent), endReason: record.machine.endReason, wait: Wait(record),
      verdicts: record.notes.judgements.map {
        Verdict(
          verifier: $0.verdict.verdict.verifier, isAccepting: $0.verdict.verdict.accepted,
          segments: $0.segments.count)
      },
      silent: record.notes.silent ?? [], settlement: record.machine.settlement,
      deposit: record.machine.job.terms.deposit)
  }
}

extension SubJobDetail.Wait {
  fileprivate init?(_ record: SubJobRecord) {
    guard record.status == .submitted else { return nil }
    if record.awaitsSum {
      self = .sum
    } else if record.notes.pendingDraw != nil {
      self = .reveal
    } else if let draw = record.machine.draws.last, record.notes.awaitsJudgement {
      self = draw.openedAt == nil ? .opening : .verdict
    } else {
      self = .draw
    }
  }
}

extension CohortDetail {
  fileprivate init(_ record: CohortRecord) {
    self.init(
      number: record.number, seats: record.drawn.cohort.seats, isSummed: record.sum != nil,
      holds: record.holds,
      wrongSums: record.wrongSums.count, liars: record.lies.map(\.masked.content.jobID))
  }
}
