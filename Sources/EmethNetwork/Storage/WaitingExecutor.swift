import Foundation

/// Threads for tasks that wait for something elsewhere: those of the language are as few as the processor's cores, and
/// servers need them.
final class WaitingExecutor: TaskExecutor {
  private let queue = DispatchQueue(label: "emeth.waiting", attributes: .concurrent)

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    queue.async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
  }
}
