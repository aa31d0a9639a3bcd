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
    // On threads of their own, one each: they must not wait behind anything, and nothing behind them, whatever a
    // database takes.
    let loops = WorkExecutor(threads: chain == nil ? 4 : 6)
    clock.watch(true)
    defer { clock.watch(false) }
    await withTaskGroup { group in
      group.addTask(executorPreference: loops) { await self.keepTime(onError) }
      group.addTask(executorPreference: loops) { await self.closeEpochsRegularly(onError) }
      group.addTask(executorPreference: loops) { await self.driveJobs(onError) }
      group.addTask(executorPreference: loops) { await self.collectRegularly(onError) }
      if let chain {
        group.addTask(executorPreference: loops) { await self.follow(chain, onError) }
        group.addTask(executorPreference: loops) { await self.settle(on: chain, onError) }
      }
    }
    throw .interrupted
  }

  private func closeEpochsRegularly(_ onError: @Sendable (JobID?, NetworkError) -> Void) async {
    while !Task.isCancelled {
      // Whatever one of them meets, the others are done.
      do throws(NetworkError) { try endLostTexts() } catch { onError(nil, error) }
      do throws(NetworkError) {
        if database.leases?.take([Self.signerLease]).isEmpty != true { try closeEpochIfNeeded() }
        // While no epoch can be closed there are no beacons: that time is an outage, and is made up for.
        try noteAlive()
      } catch {
        onError(nil, error)
      }
      try? await Task.sleep(for: .milliseconds(Int64(settings.epochMilliseconds)))
    }
  }

  private static let signerLease = "signer"

  /// Closes an epoch when money has moved since the last one, or when a challenge waits for its beacon.
  func closeEpochIfNeeded() throws(NetworkError) {
    let known = wantedEpoch.withLock { $0 }
    let isDue = try database.read { db in
      let wanted = max(known, try Setting.wantedEpoch.number(in: db))
      if try Signer.latestBatch(in: db)?.batch.epoch ?? 0 < wanted { return true }
      let isSettled = "SELECT EXISTS (SELECT 1 FROM settled WHERE epoch IS NULL)"
      if try Int.fetchOne(db, sql: isSettled) == 1 { return true }
      let moved = try UInt64.fetchOne(db, sql: "SELECT max(number) FROM transfer") ?? 0
      return try moved > Setting.closedTransfer.number(in: db)
    }
    guard isDue else { return }
    let closed = try database.write { db in
      let closed = try signer.closeEpoch(at: try seconds(in: db), in: db)
      let moved = try UInt64.fetchOne(db, sql: "SELECT max(number) FROM transfer") ?? 0
      try Setting.closedTransfer.set("\(moved)", in: db)
      return closed.batch.epoch
    }
    if chain != nil { try SignedEpochMark(folder: folder).note(closed) }
  }

  /// Notes that the service works, so that the next one knows how long it did not.
  private func noteAlive() throws(NetworkError) {
    // Nobody waits for this: it is no change.
    try database.writeHastily { db in try Setting.aliveAt.set("\(try seconds(in: db))", in: db) }
  }

  /// Looks at the clock every second; where it stands still over an outage, gives everybody that time back. Nobody
  /// looks while a database that is elsewhere is away: nodes could not renew their leases.
  private func keepTime(_ onError: @Sendable (JobID?, NetworkError) -> Void) async {
    // Since when time is owed, milliseconds.
    var owed: UInt64?
    while !Task.isCancelled {
      do throws(NetworkError) {
        try sharedTime?.ask()
        let time = clock.milliseconds
        let outage = clock.outage
        owed = owed ?? outage?.from
        if let from = owed {
          let to = outage?.to ?? time
          try makeUp(forOutageFrom: from / 1_000, to: to / 1_000) { clock.goOn(at: to) }
          owed = nil
        }
      } catch {
        onError(nil, error)
      }
      try? await Task.sleep(for: .seconds(1))
    }
  }

  /// Nobody is punished for the operator's fault (PROTOCOL 2).
  ///
  /// - Parameters:
  ///   - from: when the service was last known to work, unix seconds; 0 for one that is new.
  ///   - to: now.
  ///   - goOn: lets the time go on. It is called in the transaction in which leases are renewed: who takes a SubJob
  ///     before has its lease renewed too, and who does after has one of the new time.
  func makeUp(
    forOutageFrom from: UInt64, to now: UInt64, _ goOn: () -> Void = {}
  ) throws(NetworkError) {
    try growDeadlines(aliveUntil: from, at: now)
    try renewLeases(aliveUntil: from, at: now, goOn)
  }

  /// Gives everybody the time that the service was away (PROTOCOL 2): nobody is punished for the operator's
  /// fault.
  private func growDeadlines(aliveUntil from: UInt64, at now: UInt64) throws(NetworkError) {
    let longestSilence = 3 * UInt64(servedPeriods.batchIntervalSeconds)
    guard from > 0, now > from, now - from > longestSilence else { return }
    try database.write { db in
      // Another process may have worked all the time, or have made up for it already.
      let away = max(from, try Setting.aliveAt.number(in: db))
      guard now > away, now - away > longestSilence else { return }
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
          // Nobody could come meanwhile.
          if subJob.notes.undrawnSince != nil { subJob.notes.undrawnSince = now }
          try ExecutionLayer.apply(
            .extendDeadline(outageFrom: away, outageTo: now), to: &subJob, parent: &parent, at: now,
            in: db)
        }
      }
      try ErrandStore.extend(by: now - away + UInt64(servedPeriods.outageGraceSeconds), in: db)
      try Setting.aliveAt.set("\(now)", in: db)
    }
  }

  /// Renews the leases that ran when this process went away, however short that was: nodes that speak with it could
  /// not.
  private func renewLeases(
    aliveUntil from: UInt64, at now: UInt64, _ goOn: () -> Void
  ) throws(NetworkError) {
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
      goOn()
    }
  }
}
