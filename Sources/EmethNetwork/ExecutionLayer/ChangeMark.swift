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

/// A number that rises with every change, and those who wait for it: for any change, or for one that concerns a job.
final class ChangeMark: Sendable {
  private struct Waiter {
    let job: JobID?
    let continuation: CheckedContinuation<Void, Never>
  }

  private struct State {
    var mark: UInt64 = 0
    /// The last change that concerned everybody, and the last one of each job behind it.
    var ofAll: UInt64 = 0
    var ofJobs: [JobID: UInt64] = [:]
    var waiting: [UUID: Waiter] = [:]

    func mark(of job: JobID?) -> UInt64 {
      guard let job else { return mark }
      return max(ofAll, ofJobs[job] ?? 0)
    }
  }

  private let state = Mutex(State())
  /// Of more jobs than these the last change is forgotten: it counts as one of all.
  private static let jobLimit = 10_000

  /// The number of changes so far.
  var mark: UInt64 { state.withLock { $0.mark } }

  /// The number of the last change that concerned a job.
  func mark(of job: JobID) -> UInt64 { state.withLock { $0.mark(of: job) } }

  /// Notes a change and wakes those whom it concerns.
  func raise(_ jobs: ChangedJobs = .all) {
    let woken = state.withLock { state in
      state.mark += 1
      switch jobs {
      case .all: (state.ofAll, state.ofJobs) = (state.mark, [:])
      case .some(let jobs):
        for job in jobs { state.ofJobs[job] = state.mark }
        if state.ofJobs.count > Self.jobLimit { (state.ofAll, state.ofJobs) = (state.mark, [:]) }
      }
      let mark = state.mark
      let woken = state.waiting.filter { state.mark(of: $0.value.job) == mark }
      for id in woken.keys { state.waiting[id] = nil }
      return woken.values
    }
    for waiter in woken { waiter.continuation.resume() }
  }

  /// Waits until the mark is above `mark`, at most `seconds`, or until the task is cancelled.
  ///
  /// - Parameter job: only changes that concern it count; `nil`: all do.
  func wait(after mark: UInt64, of job: JobID? = nil, upTo seconds: Double) async {
    guard seconds > 0 else { return }
    let id = UUID()
    var timer: Task<Void, Never>?
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isOver = state.withLock { state in
          if state.mark(of: job) > mark || Task.isCancelled { return true }
          state.waiting[id] = Waiter(job: job, continuation: continuation)
          return false
        }
        guard !isOver else { return continuation.resume() }
        timer = Task {
          try? await Task.sleep(for: .seconds(min(seconds, 86_400)))
          release(id)
        }
      }
    } onCancel: {
      release(id)
    }
    timer?.cancel()
  }

  private func release(_ id: UUID) {
    state.withLock { $0.waiting.removeValue(forKey: id) }?.continuation.resume()
  }
}
