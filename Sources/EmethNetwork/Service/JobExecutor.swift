import NIOPosix

/// Threads on which jobs are driven: what they do waits for databases and disks, which would keep the few threads that
/// all tasks share from everything else.
final class JobExecutor: TaskExecutor {
  /// As many jobs take a step at once.
  private static let threadCount = 8
  private let threads = NIOThreadPool(numberOfThreads: threadCount)

  init() { threads.start() }

  deinit { threads.shutdownGracefully { _ in } }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    let executor = asUnownedTaskExecutor()
    // Also while the threads are being stopped: a task that is never resumed would wait for ever.
    threads.submit { _ in job.runSynchronously(on: executor) }
  }
}
