import EmethKit
import Foundation
import Synchronization

/// The tasks that bring jobs to their ends.
extension NetworkService {
  /// Keeps a task for every job that somebody works on, and for some of those that wait.
  ///
  /// A job whose SubJobs are on offer, or with nodes, needs nobody until a node hands one in: where more jobs wait than may
  /// have a task, they take turns, and each is looked at again when something about it changes or is due.
  func driveJobs(_ onError: @escaping @Sendable (JobID?, NetworkError) -> Void) async {
    let driven = DrivenJobs()
    // More of them where objects or the database are elsewhere: threads wait there for an answer.
    let waits = store.remote != nil || database.isShared
    let executor = WorkExecutor(threads: waits ? max(settings.threads, 16) : settings.threads)
    var moreWait = false
    await withDiscardingTaskGroup { group in
      while !Task.isCancelled {
        let mark = database.changes.mark(of: .anyJob)
        let began = ContinuousClock.now
        do throws(NetworkError) {
          let unfinished = try unfinishedJobs(driven.all)
          for job in leased(unfinished.jobs, driven) {
            guard let stop = driven.begin(job) else { continue }
            group.addTask(executorPreference: executor) {
              await self.drive(job, stop, onError)
              self.database.leases?.giveBack(Self.lease(of: job))
              driven.end(job)
            }
          }
          moreWait = unfinished.moreWait
          if moreWait { try letOthersTakeTheirTurn(driven, except: unfinished.running) }
        } catch {
          onError(nil, error)
        }
        let took = began.duration(to: .now)
        // What another process leaves is taken over within a second.
        await database.changes.wait(after: mark, of: .anyJob, upTo: database.isShared || moreWait ? 1 : 5)
        // Many changes at once are looked at once; a tenth of the time goes into looking, where there is much to see.
        try? await Task.sleep(for: min(.milliseconds(500), max(.milliseconds(10), took * 9)))
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
        // What has no room now makes room for others to be looked at.
        if case .compute(.insufficientMemory) = error, postpone(job) { return }
      }
      try? await Task.sleep(for: .seconds(pause))
      pause = min(60, pause * 2)
    }
  }

  /// Notes that a job is looked at again after a while; whether that could be noted.
  private func postpone(_ job: JobID) -> Bool {
    do throws(NetworkError) {
      try database.writeHastily { db in
        try db.execute(
          sql: "UPDATE job SET dueAt = ? WHERE id = ?",
          arguments: [Int64(clamping: try seconds(in: db) + Self.restSeconds), "\(job)"])
      }
      return true
    } catch {
      return false
    }
  }

  /// All jobs in which something was handed in or is overdue, whose errands were not put away yet, or whose results are
  /// not sealed; and of those that wait and are due, the ones that wait longest.
  ///
  /// - Parameter driven: jobs that have a task.
  /// - Returns: the jobs, those of them that do not wait, and whether more are due than may have a task.
  func unfinishedJobs(
    _ driven: Set<JobID>
  ) throws(NetworkError) -> (jobs: [JobID], running: Set<JobID>, moreWait: Bool) {
    let limit = settings.waitingJobs
    let (running, waiting) = try database.read { db in
      let running = try String.fetchAll(
        db,
        sql: """
          SELECT parent FROM subJob WHERE status = \(JobStatus.submitted.rawValue)
          UNION SELECT parent FROM subJob WHERE status = \(JobStatus.processing.rawValue) AND dueAt <= ?
          UNION SELECT job FROM errand UNION SELECT job FROM sealing
          """, arguments: [try seconds(in: db)]
      ).map { try JobID(hex: $0) }
      // As many as may have a task, beside those that have one, and one more.
      let waiting = try String.fetchAll(
        db,
        sql: """
          SELECT id FROM job\(db.dialect.by(index: "jobDue")) WHERE status IN (1, 2) AND dueAt <= ?
          ORDER BY dueAt, number LIMIT ?
          """, arguments: [try seconds(in: db), limit + driven.count + 1]
      ).map { try JobID(hex: $0) }
      return (running, waiting)
    }
    let known = Set(running)
    let others = waiting.filter { !known.contains($0) }
    let free = limit - others.count { driven.contains($0) }
    let fresh = others.filter { !driven.contains($0) }
    let chosen = fresh.prefix(max(0, free))
    return (running + chosen, known, fresh.count > chosen.count)
  }

  /// Stops the tasks of jobs that have nothing to do but to wait for a node or a verifier.
  private func letOthersTakeTheirTurn(
    _ driven: DrivenJobs, except running: Set<JobID>
  ) throws(NetworkError) {
    let idle = try rest(driven.begun(before: .now - .seconds(1)).filter { !running.contains($0) })
    driven.stopAll { idle.contains($0) }
  }

  /// How long a job rests that waits for what comes by itself, such as a verifier, seconds.
  private static let restSeconds: UInt64 = 10

  /// Notes of those of the jobs that only wait when they are to be looked at again; returns them.
  func rest(_ jobs: [JobID]) throws(NetworkError) -> Set<JobID> {
    guard !jobs.isEmpty else { return [] }
    // Nobody waits for this, and what is lost of it is found out again. Whoever changes a job meanwhile comes after it.
    return try database.writeHastily { db in
      let soon = try seconds(in: db) + Self.restSeconds
      var resting: Set<JobID> = []
      for id in jobs {
        let mine = try SQLRow.fetchOne(
          db, sql: "SELECT id FROM job WHERE id = ?\(db.dialect.skippingLocked)", arguments: ["\(id)"])
        guard mine != nil else { continue }
        let job = try JobStore.job(id, in: db)
        guard let time = try job.rest(among: JobStore.subJobs(of: id, in: db), orUntil: soon) else {
          continue
        }
        try db.execute(
          sql: "UPDATE job SET dueAt = ? WHERE id = ?", arguments: [Int64(clamping: time), "\(id)"])
        resting.insert(id)
      }
      return resting
    }
  }
}

extension JobRecord {
  /// Until when nobody need look at a job about which nothing changes; nil while there is something to do.
  fileprivate func rest(among subJobs: [SubJobRecord], orUntil soon: UInt64) -> UInt64? {
    guard !status.isFinal, progress.plan != nil else { return nil }
    var newest: [UInt32: SubJobRecord] = [:]
    for subJob in subJobs where subJob.position.round == machine.roundsComplete {
      newest[subJob.position.part] = subJob
    }
    // Those that a node has are overdue by themselves.
    let open = newest.values.filter { $0.status == .requested || $0.status == .processing }
    // What all nodes have done is being added.
    if newest.count == Int(request.parallel), newest.values.allSatisfy({ $0.status == .verified }) {
      return nil
    }
    // A part waits for a verifier, or for its next attempt.
    guard newest.values.count(where: { $0.status == .verified }) + open.count == Int(request.parallel)
    else { return min(soon, machine.deadline) }
    return open.reduce(machine.deadline) { min($0, $1.machine.deadline) }
  }
}

/// The jobs that have a task.
private final class DrivenJobs: Sendable {
  private struct Entry {
    let stop = StopFlag()
    let begun = ContinuousClock.now
  }

  private let jobs = Mutex<[JobID: Entry]>([:])

  var all: Set<JobID> { jobs.withLock { Set($0.keys) } }

  /// What stops the task that is to be made; nil when there is one.
  func begin(_ job: JobID) -> StopFlag? {
    jobs.withLock { jobs in
      guard jobs[job] == nil else { return nil }
      let entry = Entry()
      jobs[job] = entry
      return entry.stop
    }
  }

  func end(_ job: JobID) { jobs.withLock { _ = $0.removeValue(forKey: job) } }

  func begun(before time: ContinuousClock.Instant) -> [JobID] {
    jobs.withLock { jobs in jobs.filter { $0.value.begun < time }.map(\.key) }
  }

  func stopAll(where isLost: (JobID) -> Bool) {
    let flags = jobs.withLock { jobs in jobs.filter { isLost($0.key) }.map(\.value.stop) }
    for flag in flags { flag.raise() }
  }
}
