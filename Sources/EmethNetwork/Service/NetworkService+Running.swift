import EmethKit
import Foundation
import GRDB
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
    // On a thread of its own: it must not wait behind anything.
    let timekeeper = WorkExecutor(threads: 1)
    clock.watch(true)
    defer { clock.watch(false) }
    await withTaskGroup { group in
      group.addTask(executorPreference: timekeeper) { await self.keepTime(onError) }
      group.addTask { await self.closeEpochsRegularly(onError) }
      group.addTask { await self.driveJobs(onError) }
    }
    throw .interrupted
  }

  /// A task for every job that has not come to its end.
  private func driveJobs(_ onError: @escaping @Sendable (JobID?, NetworkError) -> Void) async {
    let driven = DrivenJobs()
    // More of them where objects lie elsewhere: threads wait there for what they fetch.
    let executor = WorkExecutor(threads: store.remote == nil ? settings.threads : max(settings.threads, 16))
    await withDiscardingTaskGroup { group in
      while !Task.isCancelled {
        let mark = database.changes.mark
        do throws(NetworkError) {
          for job in try unfinishedJobs() where driven.begin(job) {
            group.addTask(executorPreference: executor) {
              await self.drive(job, onError)
              driven.end(job)
            }
          }
        } catch {
          onError(nil, error)
        }
        await database.changes.wait(after: mark, upTo: 5)
      }
    }
  }

  /// Brings one job to its end, however often something fails on the way.
  private func drive(_ job: JobID, _ onError: @Sendable (JobID?, NetworkError) -> Void) async {
    let stop = StopFlag()
    var pause = 0.25
    while !Task.isCancelled {
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
        try closeEpochIfNeeded()
        try noteAlive()
      } catch {
        onError(nil, error)
      }
      try? await Task.sleep(for: .milliseconds(Int64(settings.epochMilliseconds)))
    }
  }

  /// Closes an epoch when money has moved since the last one, or when a challenge waits for its beacon.
  func closeEpochIfNeeded() throws(NetworkError) {
    let wanted = wantedEpoch.withLock { $0 }
    let isDue = try database.read { db in
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
    try asNetworkError {
      try database.queue.write { db in try set("aliveAt", "\(try seconds(in: db))", in: db) }
    }
  }

  func set(_ name: String, _ value: String, in db: Database) throws {
    try db.execute(
      sql:
        "INSERT INTO setting (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
      arguments: [name, value])
  }

  /// Looks at the clock every second; where it stands still over an outage, gives everybody that time back.
  private func keepTime(_ onError: @Sendable (JobID?, NetworkError) -> Void) async {
    while !Task.isCancelled {
      _ = clock.milliseconds
      if let outage = clock.outage {
        do throws(NetworkError) {
          try makeUp(forOutageFrom: outage.from / 1_000, to: outage.to / 1_000)
          clock.goOn(at: outage.to)
        } catch {
          onError(nil, error)
        }
      }
      try? await Task.sleep(for: .seconds(1))
    }
  }

  /// Nobody is punished for the operator's fault (PROTOCOL 2).
  ///
  /// - Parameters:
  ///   - from: when the service was last known to work, unix seconds; 0 for one that is new.
  ///   - to: now.
  func makeUp(forOutageFrom from: UInt64, to now: UInt64) throws(NetworkError) {
    try growDeadlines(aliveUntil: from, at: now)
    try renewLeases(aliveUntil: from, at: now)
  }

  /// Gives everybody the time that the service was away (PROTOCOL 2): nobody is punished for the operator's
  /// fault.
  private func growDeadlines(aliveUntil from: UInt64, at now: UInt64) throws(NetworkError) {
    guard from > 0, now > from, now - from > 3 * UInt64(servedPeriods.batchIntervalSeconds) else { return }
    try database.write { db in
      for row in try String.fetchAll(
        db,
        sql: "SELECT id FROM job WHERE status IN (1, 2) OR id IN (SELECT parent FROM subJob WHERE status = 3)"
      ) {
        let id = try JobID(hex: row)
        var parent = try JobStore.job(id, in: db)
        if !parent.status.isFinal {
          try ExecutionLayer.apply(
            .extendDeadline(outageFrom: from, outageTo: now), to: &parent, at: now, in: db)
        }
        for var subJob in try JobStore.subJobs(of: id, in: db) where !subJob.status.isFinal {
          guard subJob.machine.job.requestedAt < now else { continue }
          try ExecutionLayer.apply(
            .extendDeadline(outageFrom: from, outageTo: now), to: &subJob, parent: &parent, at: now, in: db)
        }
      }
      try ErrandStore.extend(by: now - from + UInt64(servedPeriods.outageGraceSeconds), in: db)
      try set("aliveAt", "\(now)", in: db)
    }
  }

  /// Renews the leases that ran when the service went away, however short that was: nodes could not.
  private func renewLeases(aliveUntil from: UInt64, at now: UInt64) throws(NetworkError) {
    try database.write { db in
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
  private let jobs = Mutex<Set<JobID>>([])

  func begin(_ job: JobID) -> Bool { jobs.withLock { $0.insert(job).inserted } }

  func end(_ job: JobID) { jobs.withLock { _ = $0.remove(job) } }
}
