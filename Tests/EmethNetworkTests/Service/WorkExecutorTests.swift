import Foundation
import Synchronization
import Testing

@testable import EmethNetwork

/// Threads for blocking work.
@Suite struct WorkExecutorTests {
  @Test(arguments: [1, 3])
  func allThatIsGivenIsDoneOnceOnAsManyThreadsAsThereAre(_ threads: Int) async {
    let executor = WorkExecutor(threads: threads)
    let running = Mutex((now: 0, most: 0))
    let done = Mutex<[Int]>([])
    await withTaskGroup(of: Void.self) { group in
      for number in 0..<200 {
        group.addTask(executorPreference: executor) {
          running.withLock { running in
            running.now += 1
            running.most = max(running.most, running.now)
          }
          Thread.sleep(forTimeInterval: 0.0005)
          done.withLock { $0.append(number) }
          running.withLock { $0.now -= 1 }
        }
      }
    }
    #expect(done.withLock { $0.sorted() } == Array(0..<200))
    #expect(running.withLock { $0.now } == 0 && running.withLock { $0.most } <= threads)
    // Those that are idle are found again.
    for number in 200..<210 {
      await withTaskExecutorPreference(executor) { done.withLock { $0.append(number) } }
    }
    #expect(done.withLock { $0.count } == 210)
  }
}
