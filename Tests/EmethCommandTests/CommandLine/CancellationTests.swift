import Synchronization
import Testing

@testable import emeth_cli

@Suite struct CancellationTests {
  @Test func handlersRunOnceAndLateOnesAtOnce() throws {
    let cancellation = Cancellation()
    let calls = Mutex(0)
    cancellation.onRequest { calls.withLock { $0 += 1 } }
    #expect(!cancellation.isRequested)
    try cancellation.check()
    cancellation.request()
    cancellation.request()
    #expect(calls.withLock { $0 } == 1)
    cancellation.onRequest { calls.withLock { $0 += 10 } }
    #expect(calls.withLock { $0 } == 11)
    #expect(throws: Interruption(note: "half way")) { try cancellation.check(note: "half way") }
  }
}
