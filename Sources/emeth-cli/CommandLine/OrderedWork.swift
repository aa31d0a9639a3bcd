import Foundation

/// Work on a stream of groups: all cores compute, results come in the order of the input, and only so many
/// groups are in memory at a time.
enum OrderedWork {
  /// Runs `body` on every group and hands the results to `consume`, in order.
  ///
  /// The first error ends it: of `next`, of `body`, of `consume`, or `Interruption` when the user wants to
  /// stop.
  static func run<Group: Sendable, Output: Sendable>(
    cancellation: Cancellation, next: () async throws -> Group?,
    body: @escaping @Sendable (Group) throws -> Output, consume: (Output) throws -> Void
  ) async throws {
    // One group for each core, and as many that wait for their turn.
    let window = 2 * ProcessInfo.processInfo.activeProcessorCount
    try await withThrowingTaskGroup(of: (Int, Output).self) { tasks in
      var (started, consumed) = (0, 0)
      var waiting: [Int: Output] = [:]
      var isEnd = false
      while !isEnd || consumed < started {
        try cancellation.check()
        if !isEnd, started - consumed < window {
          if let group = try await next() {
            let number = started
            tasks.addTask { (number, try body(group)) }
            started += 1
          } else {
            isEnd = true
          }
          continue
        }
        guard let (number, output) = try await tasks.next() else { break }
        waiting[number] = output
        while let output = waiting.removeValue(forKey: consumed) {
          try consume(output)
          consumed += 1
        }
      }
    }
  }
}
