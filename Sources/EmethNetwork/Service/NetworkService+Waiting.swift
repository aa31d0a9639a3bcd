import EmethKit

extension NetworkService {
  /// A number that rises with every change.
  public var changeMark: UInt64 { database.changes.mark }

  /// The same of changes that concern a job; nil where other processes make changes, of which this one hears later.
  func changeMark(of job: JobID) -> UInt64? {
    database.isShared ? nil : database.changes.mark(of: .job(job))
  }

  /// Waits until the mark is above `mark`, at most `seconds`; returns the mark that there is then.
  public func change(after mark: UInt64, waitingUpTo seconds: Double) async -> UInt64 {
    await database.changes.wait(after: mark, upTo: seconds)
    return database.changes.mark
  }

  /// The marks of changes as they happen; some are left out when many come at once.
  public func changes() -> AsyncStream<UInt64> {
    AsyncStream(bufferingPolicy: .bufferingNewest(1)) { continuation in
      let changes = database.changes
      let task = Task {
        var mark = changes.mark
        while !Task.isCancelled {
          await changes.wait(after: mark, upTo: 60)
          guard changes.mark > mark else { continue }
          mark = changes.mark
          continuation.yield(mark)
        }
        continuation.finish()
      }
      continuation.onTermination = { _ in task.cancel() }
    }
  }
}
