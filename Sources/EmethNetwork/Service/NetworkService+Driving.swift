import EmethKit
import Foundation
import Synchronization

/// The tasks that bring jobs to their ends.
extension NetworkService {
  /// Keeps a task for every job that somebody works on, and for some of those that wait for nodes.
  ///
  /// A job that waits and has its SubJobs on offer needs nobody until a node takes one: where more jobs wait than may have a
  /// task, they take turns, and are looked at again for their deadlines.
  func driveJobs(_ onError: @escaping @Sendable (JobID?, NetworkError) -> Void) async {
    let driven = DrivenJobs()
    // More of them where objects or the database are elsewhere: threads wait there for an answer.
    let waits = store.remote != nil || database.isShared
    let executor = WorkExecutor(threads: waits ? max(settings.threads, 16) : settings.threads)
    var last: UInt32 = 0
    var moreWait = false
    await withDiscardingTaskGroup { group in
      while !Task.isCancelled {
        let mark = database.changes.mark
        do throws(NetworkError) {
          let unfinished = try unfinishedJobs(after: &last, except: driven.all)
          for job in leased(unfinished.jobs, driven) {
            guard let stop = driven.begin(job) else { continue }
            group.addTask(executorPreference: executor) {
              await self.drive(job, stop, onError)
              self.database.leases?.giveBack(Self.lease(of: job))
              driven.end(job)
            }
          }
          moreWait = unfinished.moreWait
          if moreWait { try letOthersTakeTheirTurn(driven) }
        } catch {
          onError(nil, error)
        }
        // What another process leaves is taken over within a second.
        await database.changes.wait(after: mark, upTo: database.isShared || moreWait ? 1 : 5)
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

  /// All jobs that run, that have submissions which run to their end, or whose errands were not put away yet; and of
  /// those that wait, the next ones by number.
  ///
  /// - Parameters:
  ///   - last: the number of the waiting job that came last; after the highest come the lowest.
  ///   - driven: jobs that have a task.
  /// - Returns: the jobs, and whether more wait than have their turn.
  private func unfinishedJobs(
    after last: inout UInt32, except driven: Set<JobID>
  ) throws(NetworkError) -> (jobs: [JobID], moreWait: Bool) {
    let limit = settings.waitingJobs
    let start = last
    let (running, waiting) = try database.read { db in
      let running = try String.fetchAll(
        db,
        sql: """
          SELECT id FROM job WHERE status = \(JobStatus.processing.rawValue)
          UNION SELECT parent FROM subJob WHERE status = \(JobStatus.submitted.rawValue)
          UNION SELECT job FROM errand
          """
      ).map { try JobID(hex: $0) }
      func next(_ comparison: String, _ count: Int) throws -> [(id: JobID, number: UInt32)] {
        guard count > 0 else { return [] }
        return try SQLRow.fetchAll(
          db,
          sql: """
            SELECT id, number FROM job WHERE status = \(JobStatus.requested.rawValue) AND number \(comparison) ?
            ORDER BY number LIMIT ?
            """, arguments: [start, count]
        ).map { (try JobID(hex: $0["id"]), try $0["number"]) }
      }
      // As many as may have a task, beside those that have one, and one more.
      let wanted = limit + driven.count + 1
      var waiting = try next(">", wanted)
      waiting += try next("<=", wanted - waiting.count)
      return (running, waiting)
    }
    let known = Set(running)
    let others = waiting.filter { !known.contains($0.id) }
    let free = limit - others.count { driven.contains($0.id) }
    let fresh = others.filter { !driven.contains($0.id) }
    let chosen = fresh.prefix(max(0, free))
    if let number = chosen.last?.number { last = number }
    return (running + chosen.map(\.id), fresh.count > chosen.count)
  }

  /// Stops the tasks of jobs that have nothing to do but to wait for a node.
  private func letOthersTakeTheirTurn(_ driven: DrivenJobs) throws(NetworkError) {
    let jobs = driven.begun(before: .now - .seconds(1))
    let idle = try database.read { db in
      try jobs.filter { job in
        let record = try JobStore.job(job, in: db)
        return try record.status == .requested && record.progress.plan != nil
          && JobStore.subJobs(of: job, in: db).allSatisfy { $0.status == .requested || $0.status.isFinal }
      }
    }
    let set = Set(idle)
    driven.stopAll { set.contains($0) }
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
