import EmethKit
import Foundation
import Synchronization

/// Whom a change concerns, of those who work on jobs.
enum ChangedJobs: Sendable, Hashable {
  /// Everybody: a batch, a verifier, whatever nobody has said more of.
  case all
  /// Those who work on these; nobody when there are none.
  case some(Set<JobID>)

  /// Of both.
  func union(_ other: ChangedJobs) -> ChangedJobs {
    switch (self, other) {
    case (.some(let jobs), .some(let others)): .some(jobs.union(others))
    case (.all, _), (_, .all): .all
    }
  }
}

/// What changes somebody waits for.
enum ChangeScope: Sendable, Hashable {
  /// Any change.
  case anything
  /// One that concerns a job, whichever.
  case anyJob
  /// One that concerns this job.
  case job(JobID)
}

/// A number that rises with every change, and those who wait for it, each for a scope of its own.
final class ChangeMark: Sendable {
  private struct State {
    var mark: UInt64 = 0
    /// The last change that concerned everybody, the last one that concerned any job, and the last one of each job behind
    /// the first of these.
    var ofAll: UInt64 = 0
    var ofAnyJob: UInt64 = 0
    var ofJobs: [JobID: UInt64] = [:]
    /// By scope: many wait for one job each, and are not looked through for another one's change.
    var waiting: [ChangeScope: [UUID: CheckedContinuation<Void, Never>]] = [:]

    func mark(of scope: ChangeScope) -> UInt64 {
      switch scope {
      case .anything: mark
      case .anyJob: max(ofAll, ofAnyJob)
      case .job(let job): max(ofAll, ofJobs[job] ?? 0)
      }
    }

    mutating func takeWaiting(for jobs: Set<JobID>) -> [CheckedContinuation<Void, Never>] {
      let scopes = [.anything] + (jobs.isEmpty ? [] : [.anyJob]) + jobs.map { ChangeScope.job($0) }
      return scopes.flatMap { waiting.removeValue(forKey: $0).map { Array($0.values) } ?? [] }
    }

    mutating func takeAllWaiting() -> [CheckedContinuation<Void, Never>] {
      defer { waiting = [:] }
      return waiting.values.flatMap(\.values)
    }
  }

  private let state = Mutex(State())
  /// Of more jobs than these the last change is forgotten: it counts as one of all.
  private static let jobLimit = 10_000

  /// The number of changes so far.
  var mark: UInt64 { state.withLock { $0.mark } }

  /// The number of the last change that concerned a scope.
  func mark(of scope: ChangeScope) -> UInt64 { state.withLock { $0.mark(of: scope) } }

  /// Notes a change and wakes those whom it concerns.
  func raise(_ jobs: ChangedJobs = .all) {
    let woken = state.withLock { state in
      state.mark += 1
      guard case .some(let jobs) = jobs else {
        (state.ofAll, state.ofJobs) = (state.mark, [:])
        return state.takeAllWaiting()
      }
      for job in jobs { state.ofJobs[job] = state.mark }
      if !jobs.isEmpty { state.ofAnyJob = state.mark }
      guard state.ofJobs.count <= Self.jobLimit else {
        (state.ofAll, state.ofJobs) = (state.mark, [:])
        return state.takeAllWaiting()
      }
      return state.takeWaiting(for: jobs)
    }
    for continuation in woken { continuation.resume() }
  }

  /// Waits until the mark of a scope is above `mark`, at most `seconds`, or until the task is cancelled.
  func wait(after mark: UInt64, of scope: ChangeScope = .anything, upTo seconds: Double) async {
    guard seconds > 0 else { return }
    let id = UUID()
    var timer: Task<Void, Never>?
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isOver = state.withLock { state in
          if state.mark(of: scope) > mark || Task.isCancelled { return true }
          state.waiting[scope, default: [:]][id] = continuation
          return false
        }
        guard !isOver else { return continuation.resume() }
        timer = Task {
          try? await Task.sleep(for: .seconds(min(seconds, 86_400)))
          release(id, of: scope)
        }
      }
    } onCancel: {
      release(id, of: scope)
    }
    timer?.cancel()
  }

  private func release(_ id: UUID, of scope: ChangeScope) {
    let continuation = state.withLock { state in
      let continuation = state.waiting[scope]?.removeValue(forKey: id)
      if state.waiting[scope]?.isEmpty == true { state.waiting[scope] = nil }
      return continuation
    }
    continuation?.resume()
  }
}
