import Testing

@testable import EmethNetwork

/// What is kept of jobs' records takes no more room than it may.
@Suite struct JobMemoryTests {
  @Test func itKeepsNoMoreThanItMay() {
    let memory = JobMemory<Int, String>(limit: 10)
    memory.keep("a", as: 1, size: 4, readAt: 5)
    memory.keep("b", as: 2, size: 6, readAt: 5)
    #expect(memory.size == 10 && memory.value(1, changedAt: 5) == "a" && memory.value(2, changedAt: 4) == "b")
    #expect(memory.value(1, changedAt: 6) == nil, "it has changed since")
    // Kept again it counts once.
    memory.keep("c", as: 1, size: 3, readAt: 7)
    #expect(memory.size == 9 && memory.value(1, changedAt: 7) == "c" && memory.value(2, changedAt: 5) == "b")
    memory.keep("d", as: 3, size: 2, readAt: 7)
    #expect(memory.size == 2 && memory.value(1, changedAt: 0) == nil && memory.value(3, changedAt: 0) == "d")
    // What is larger than all of it would drive everything else out.
    memory.keep("e", as: 4, size: 11, readAt: 7)
    #expect(memory.size == 2 && memory.value(4, changedAt: 0) == nil && memory.value(3, changedAt: 0) == "d")
  }
}
