import Dispatch
import Foundation
import Synchronization

/// Runs tasks on threads of its own: dividing a data set, adding updates or measuring a loss keeps one of them busy
/// for minutes, and requests must not wait behind it.
///
/// As many tasks compute at once as there are threads; one that waits for something holds none.
final class WorkExecutor: TaskExecutor {
  /// A thread that has nothing to do, and what it is given then.
  ///
  /// Unchecked: whoever takes it from the idle ones has it alone until it signals.
  private final class Seat: @unchecked Sendable {
    let given = DispatchSemaphore(value: 0)
    var job: UnownedJob?
  }

  /// What threads and executor share, so that threads end when nobody uses the executor any more.
  private final class Queue: Sendable {
    private struct State {
      var jobs: [UnownedJob] = []
      var idle: [Seat] = []
      var isOver = false
    }

    private let state = Mutex(State())

    /// Gives a job to the thread that became idle last, whose memory is the warmest; where all are busy it waits.
    func put(_ job: UnownedJob) {
      let seat = state.withLock { state -> Seat? in
        guard let seat = state.idle.popLast() else {
          state.jobs.append(job)
          return nil
        }
        seat.job = job
        return seat
      }
      seat?.given.signal()
    }

    /// Lets the threads end.
    func end() {
      let idle = state.withLock { state in
        state.isOver = true
        defer { state.idle = [] }
        return state.idle
      }
      for seat in idle { seat.given.signal() }
    }

    /// The oldest job, or the next one that comes; nil at the end.
    func next(_ seat: Seat) -> UnownedJob? {
      let (job, isOver) = state.withLock { state -> (UnownedJob?, Bool) in
        if !state.jobs.isEmpty { return (state.jobs.removeFirst(), false) }
        if !state.isOver { state.idle.append(seat) }
        return (nil, state.isOver)
      }
      if job != nil || isOver { return job }
      seat.given.wait()
      defer { seat.job = nil }
      return seat.job
    }
  }

  private let queue = Queue()

  /// - Parameter threads: 1 or more.
  init(threads: Int) {
    for _ in 0..<max(1, threads) {
      Thread.detachNewThread { [queue, weak self] in
        let seat = Seat()
        while let job = queue.next(seat) {
          guard let self else { return }
          job.runSynchronously(on: self.asUnownedTaskExecutor())
        }
      }
    }
  }

  deinit { queue.end() }

  func enqueue(_ job: consuming ExecutorJob) { queue.put(UnownedJob(job)) }
}
