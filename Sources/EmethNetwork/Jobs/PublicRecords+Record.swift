import EmethCompute
import EmethKit
import Foundation

extension Surroundings {
  private func aggregation(of record: JobRecord, in db: SQLSession) throws -> PublicRecords.Aggregation? {
    let cohorts = try CohortStore.cohorts(of: record.job.id, in: db)
    guard record.request.isTraining, hidesUpdates(parts: record.job.numParallel) || !cohorts.isEmpty
    else { return nil }
    let complete = UInt32(max(0, record.progress.rounds.count - 1))
    let refuted = cohorts.compactMap(\.refuted).joined().map { $0 }
    return PublicRecords.Aggregation(
      aggregator: operatorKeys.aggregator.address,
      cohorts: try cohorts.filter { $0.round < complete }.compactMap { cohort in
        guard let sum = cohort.sum, let sumEpoch = cohort.sumEpoch,
          let drawEpoch = record.progress.rounds[Int(cohort.round)].acceptedEpoch,
          let result = try cohort.standing(in: domain).collector.result
        else { return nil }
        return PublicRecords.Cohort(
          round: cohort.round, drawEpoch: drawEpoch + 1, drawn: cohort.drawn.cohort, roster: result.roster,
          masked: result.masked, sum: sum, beaconEpoch: sumEpoch + 1, shares: cohort.shares,
          wrongSums: cohort.wrongSums)
      },
      lies: cohorts.flatMap(\.lies), refuted: refuted.isEmpty ? nil : refuted)
  }

  private func draw(of subJob: SubJobRecord, request: JobRequest) -> PublicRecords.Draw? {
    guard let epoch = subJob.notes.epoch, let first = subJob.notes.draws.first, let secret = first.secret
    else { return nil }
    return PublicRecords.Draw(
      beaconEpoch: epoch + 1, secret: secret,
      segments: request.drawsSegments && first.segments.count < request.segmentCount ? first.segments : nil)
  }

  /// Every ticket of the newest batch: those of accounts with a role first, then all others'.
  private func allTickets(
    _ newest: [Address: SignedTicket], in db: SQLSession
  ) throws -> [SignedTicket] {
    let named = try accountsWithMoney(in: db).map(\.address)
    let others = Set(newest.keys).subtracting(named).sorted()
    return (named + others).compactMap { newest[$0] }
  }

  /// What anyone needs to check a job.
  func publicRecords(of record: JobRecord, plan: SplitPlan) throws(NetworkError) -> PublicRecords {
    try database.read { db in
      let tickets = try Signer.newestTickets(in: db)
      let schedule = try signer.schedule(in: db)
      return PublicRecords(
        domain: domain, signer: schedule.first, signerChanges: schedule.recordedChanges,
        ruleSet: record.request.ruleSet, job: record.job, status: record.status, plan: plan,
        rounds: record.progress.rounds.map { PublicRecords.Round(round: $0.round, initRoot: $0.initRoot) },
        result: record.progress.result,
        subJobs: try JobStore.subJobs(of: record.job.id, in: db).map { subJob in
          let drawn = Set(subJob.machine.draws.map(\.verifier))
          let verdicts = subJob.notes.judgements.map(\.verdict)
          let further =
            verdicts.filter { !drawn.contains($0.verdict.verifier) } + (subJob.notes.contradictions ?? [])
          let others = subJob.notes.draws.map(\.verifier).filter { !drawn.contains($0) }
          return PublicRecords.SubJob(
            machine: subJob.machine, submission: subJob.notes.result?.submission, trace: subJob.notes.opened,
            verdicts: verdicts.filter { drawn.contains($0.verdict.verifier) },
            furtherVerdicts: further.isEmpty ? nil : further, furtherDraws: others.isEmpty ? nil : others,
            draw: draw(of: subJob, request: record.request))
        },
        aggregation: try aggregation(of: record, in: db),
        batches: try String.fetchAll(db, sql: "SELECT batch FROM batch ORDER BY epoch").map {
          try SignedBatch(wireText: $0)
        },
        tickets: try allTickets(tickets, in: db),
        leaves: try SQLRow.fetchAll(
          db, sql: "SELECT account, epoch, leaf FROM settled WHERE epoch IS NOT NULL ORDER BY number"
        )
        .map { row in
          PublicRecords.Leaf(
            account: try Address(row["account"]), epoch: try row["epoch"],
            leaf: try JobLeaf(wireText: row["leaf"]))
        })
    }
  }
}
