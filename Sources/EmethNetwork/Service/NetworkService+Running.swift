import EmethKit
import Foundation
import Synchronization

extension NetworkService {
  /// Drives all jobs and closes epochs until the task is cancelled.
  ///
  /// - Parameter onError: told what went wrong with a job, which is tried again after a while, or with an
  ///   epoch.
  /// - Throws: ``NetworkError/interrupted`` when the task is cancelled.
  public func run(
    onError: @escaping @Sendable (JobID?, NetworkError) -> Void = { _, _ in }
  ) async throws(NetworkError) {
    // Databases and disks are waited for on threads of their own: others have answers to give.
    let executor = JobExecutor()
    await withTaskExecutorPreference(executor) {
      await withTaskGroup { group in
        group.addTask { await self.closeEpochsRegularly(onError) }
        group.addTask { await self.driveJobs(onError) }
      }
    }
    throw .interrupted
  }

  /// A task for every job that has not come to its end.
  private func driveJobs(_ onError: @escaping @Sendable (JobID?, NetworkError) -> Void) async {
    let driven = DrivenJobs()
    await withDiscardingTaskGroup { group in
      while !Task.isCancelled {
        let mark = database.changes.mark
        do throws(NetworkError) {
          let jobs = try leased(unfinishedJobs(), driven)
          for job in jobs {
            guard let stop = driven.begin(job) else { continue }
            group.addTask {
              await self.drive(job, stop, onError)
              driven.end(job)
              self.database.leases?.giveBack(Self.lease(of: job))
            }
          }
        } catch {
          onError(nil, error)
        }
        // What another process leaves is taken over within a second.
        await database.changes.wait(after: mark, upTo: database.leases == nil ? 5 : 1)
      }
    }
  }

  private static func lease(of job: JobID) -> String { "job \(job)" }

  /// Those of the jobs that are this process' to drive. Others' it lets go, should it have lost them.
  private func leased(_ jobs: [JobID], _ driven: DrivenJobs) -> [JobID] {
    guard let leases = database.leases else { return jobs }
    let wanted = Set(jobs).union(driven.all)
    let mine = leases.take(wanted.map { Self.lease(of: $0) })
    driven.stopAll { !mine.contains(Self.lease(of: $0)) }
    return jobs.filter { mine.contains(Self.lease(of: $0)) }
  }

  /// Brings one job to its end, however often something fails on the way, unless it is stopped.
  private func drive(
    _ job: JobID, _ stop: StopFlag, _ onError: @Sendable (JobID?, NetworkError) -> Void
  ) async {
    var pause = 0.25
    while !Task.isCancelled, !stop.isRaised {
      do throws(NetworkError) {
        let worker = try JobWorker(
          network: self, job: job, threads: settings.threads, stop: stop, progress: { _ in })
        try await raising(stop) { () async throws(NetworkError) in try await worker.run() }
        return
      } catch {
        if Task.isCancelled || error == .interrupted { return }
        onError(job, error)
      }
      try? await Task.sleep(for: .seconds(pause))
      pause = min(60, pause * 2)
    }
  }

  /// Jobs that run, that have submissions which run to their end, or whose errands were not put away yet.
  private func unfinishedJobs() throws(NetworkError) -> [JobID] {
    try database.read { db in
      try String.fetchAll(
        db,
        sql: """
          SELECT id FROM job WHERE status IN (\(JobStatus.requested.rawValue), \(JobStatus.processing.rawValue))
          UNION SELECT parent FROM subJob WHERE status = \(JobStatus.submitted.rawValue)
          UNION SELECT job FROM errand
          """
      ).map { try JobID(hex: $0) }
    }
  }

  private func closeEpochsRegularly(_ onError: @Sendable (JobID?, NetworkError) -> Void) async {
    while !Task.isCancelled {
      do throws(NetworkError) {
        if database.leases?.take([Self.signerLease]).isEmpty != true { try closeEpochIfNeeded() }
        try noteAlive()
      } catch {
        onError(nil, error)
      }
      try? await Task.sleep(for: .milliseconds(Int64(settings.epochMilliseconds)))
    }
  }

  private static let signerLease = "signer"
  /// The setting in which processes tell the one that closes epochs what they wait for.
  static let wantedEpochName = "wantedEpoch"

  /// Closes an epoch when money has moved since the last one, or when a challenge waits for its beacon.
  func closeEpochIfNeeded() throws(NetworkError) {
    let known = wantedEpoch.withLock { $0 }
    let isDue = try database.read { db in
      let others = try String.fetchOne(
        db, sql: "SELECT value FROM setting WHERE name = ?", arguments: [Self.wantedEpochName])
      let wanted = max(known, others.flatMap { UInt64($0) } ?? 0)
      if try Signer.latestBatch(in: db)?.batch.epoch ?? 0 < wanted { return true }
      let isSettled = "SELECT EXISTS (SELECT 1 FROM settled WHERE epoch IS NULL)"
      if try Int.fetchOne(db, sql: isSettled) == 1 { return true }
      let moved = try Int64.fetchOne(db, sql: "SELECT max(number) FROM transfer") ?? 0
      let closed = try String.fetchOne(db, sql: "SELECT value FROM setting WHERE name = 'closedTransfer'")
      return moved > Int64(closed ?? "") ?? 0
    }
    guard isDue else { return }
    try database.write { db in
      try signer.closeEpoch(at: try seconds(in: db), in: db)
      try set(
        "closedTransfer", "\(try Int64.fetchOne(db, sql: "SELECT max(number) FROM transfer") ?? 0)", in: db)
    }
  }

  /// Notes that the service works, so that the next one knows how long it did not.
  private func noteAlive() throws(NetworkError) {
    // Nobody waits for this: it is no change.
    try database.writeHastily { db in try set("aliveAt", "\(try seconds(in: db))", in: db) }
  }

  func set(_ name: String, _ value: String, in db: SQLSession) throws {
    try db.execute(
      sql:
        "INSERT INTO setting (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
      arguments: [name, value])
  }

  /// Gives everybody the time that the service was away (PROTOCOL 2): nobody is punished for the operator's
  /// fault.
  func growDeadlines(aliveUntil from: UInt64) throws(NetworkError) {
    guard from > 0 else { return }
    try database.write { db in
      let now = try seconds(in: db)
      // Another process may have been faster to start again.
      let alive = try String.fetchOne(db, sql: "SELECT value FROM setting WHERE name = 'aliveAt'")
      let away = max(from, alive.flatMap { UInt64($0) } ?? 0)
      guard now > away, now - away > 3 * UInt64(servedPeriods.batchIntervalSeconds) else { return }
      for row in try String.fetchAll(
        db,
        sql: "SELECT id FROM job WHERE status IN (1, 2) OR id IN (SELECT parent FROM subJob WHERE status = 3)"
      ) {
        let id = try JobID(hex: row)
        var parent = try JobStore.job(id, in: db)
        if !parent.status.isFinal {
          try ExecutionLayer.apply(
            .extendDeadline(outageFrom: away, outageTo: now), to: &parent, at: now, in: db)
        }
        for var subJob in try JobStore.subJobs(of: id, in: db) where !subJob.status.isFinal {
          guard subJob.machine.job.requestedAt < now else { continue }
          try ExecutionLayer.apply(
            .extendDeadline(outageFrom: away, outageTo: now), to: &subJob, parent: &parent, at: now,
            in: db)
        }
      }
      try ErrandStore.extend(by: now - away + UInt64(servedPeriods.outageGraceSeconds), in: db)
      try set("aliveAt", "\(now)", in: db)
    }
  }

  /// Renews the leases that ran when the service went away, however short that was: nodes could not.
  func renewLeases(aliveUntil from: UInt64) throws(NetworkError) {
    try database.write { db in
      let now = try seconds(in: db)
      let computing = try String.fetchAll(
        db, sql: "SELECT id FROM subJob WHERE status = ?", arguments: [Int(JobStatus.processing.rawValue)])
      for text in computing {
        var record = try JobStore.subJob(try JobID(hex: text), in: db)
        guard let node = record.machine.node, record.machine.deadline > now,
          let lease = record.machine.leaseExpiresAt, lease > from,
          lease < now + UInt64(record.machine.parameters.leaseSeconds)
        else { continue }
        var parent = try JobStore.job(record.position.parent, in: db)
        try ExecutionLayer.apply(.renewLease(by: node), to: &record, parent: &parent, at: now, in: db)
      }
    }
  }
}

/// The jobs that have a task.
private final class DrivenJobs: Sendable {
  private let jobs = Mutex<[JobID: StopFlag]>([:])

  var all: Set<JobID> { jobs.withLock { Set($0.keys) } }

  /// What stops the task that is to be made; nil when there is one.
  func begin(_ job: JobID) -> StopFlag? {
    jobs.withLock { jobs in
      guard jobs[job] == nil else { return nil }
      let stop = StopFlag()
      jobs[job] = stop
      return stop
    }
  }

  func end(_ job: JobID) { jobs.withLock { _ = $0.removeValue(forKey: job) } }

  func stopAll(where isLost: (JobID) -> Bool) {
    let flags = jobs.withLock { jobs in jobs.filter { isLost($0.key) }.map(\.value) }
    for flag in flags { flag.raise() }
  }
}
