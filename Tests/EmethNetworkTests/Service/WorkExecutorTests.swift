import Foundation
import Synchronization
import Testing

@testable import EmethNetwork

/// The threads of its own that blocking work is done on.
@Suite struct WorkExecutorTests {
  private final class Running: Sendable {
    let counts = Mutex((now: 0, most: 0))
  }

  @Test func moreJobsThanThreadsAllRunAndNoMoreAtOnceThanThereAreThreads() async {
    let executor = WorkExecutor(threads: 3)
    let running = Running()
    let done = await withTaskGroup(of: Int.self) { group in
      for number in 0..<200 {
        group.addTask(executorPreference: executor) {
          running.counts.withLock { $0 = ($0.now + 1, max($0.most, $0.now + 1)) }
          usleep(500)
          running.counts.withLock { $0.now -= 1 }
          return number
        }
      }
      return await group.reduce(into: Set<Int>()) { $0.insert($1) }
    }
    #expect(done == Set(0..<200))
    #expect(running.counts.withLock { $0.now == 0 && (1...3).contains($0.most) })
    withExtendedLifetime(executor) {}
  }

  @Test func threadsThatAllWaitTakeWhatComes() async throws {
    let executor = WorkExecutor(threads: 2)
    for round in 0..<50 {
      // Whatever was done before is done: both threads wait.
      try await Task.sleep(for: .milliseconds(2))
      let (first, second) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
      // Each ends when the other one has begun: one thread alone would not end them.
      async let one = Task(executorPreference: executor) { Self.meet(first, second) }.value
      async let other = Task(executorPreference: executor) { Self.meet(second, first) }.value
      let (hasOneMet, hasOtherMet) = await (one, other)
      #expect(hasOneMet && hasOtherMet, "round \(round)")
    }
    withExtendedLifetime(executor) {}
  }

  private static func meet(_ own: DispatchSemaphore, _ other: DispatchSemaphore) -> Bool {
    other.signal()
    return own.wait(timeout: .now() + 60) == .success
  }
}
