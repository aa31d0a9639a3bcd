import Dispatch
import Foundation
import Synchronization

/// Runs tasks on threads of its own: dividing a data set, adding updates or measuring a loss keeps one of them busy
/// for minutes, and requests must not wait behind it.
///
/// As many tasks compute at once as there are threads; one that waits for something holds none.
final class WorkExecutor: TaskExecutor {
  /// What threads and executor share, so that threads end when nobody uses the executor any more.
  private final class Queue: Sendable {
    private let jobs = Mutex<[UnownedJob]>([])
    private let available = DispatchSemaphore(value: 0)

    func put(_ job: UnownedJob) {
      jobs.withLock { $0.append(job) }
      available.signal()
    }

    /// Wakes a thread that will find nothing, and ends.
    func putEnd() { available.signal() }

    /// The oldest job, when there is one; nil at the end.
    func next() -> UnownedJob? {
      available.wait()
      return jobs.withLock { $0.isEmpty ? nil : $0.removeFirst() }
    }
  }

  private let queue = Queue()
  private let threads: Int

  /// - Parameter threads: 1 or more.
  init(threads: Int) {
    self.threads = max(1, threads)
    for _ in 0..<self.threads {
      Thread.detachNewThread { [queue, weak self] in
        while let job = queue.next() {
          guard let self else { return }
          job.runSynchronously(on: self.asUnownedTaskExecutor())
        }
      }
    }
  }

  deinit { for _ in 0..<threads { queue.putEnd() } }

  func enqueue(_ job: consuming ExecutorJob) { queue.put(UnownedJob(job)) }
}
