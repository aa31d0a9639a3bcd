import Foundation
import Synchronization

/// A number that rises with every change, and those who wait for it.
final class ChangeMark: Sendable {
  private struct State {
    var mark: UInt64 = 0
    var waiting: [UUID: CheckedContinuation<Void, Never>] = [:]
  }

  private let state = Mutex(State())

  /// The number of changes so far.
  var mark: UInt64 { state.withLock { $0.mark } }

  /// Notes a change and wakes everybody.
  func raise() {
    let waiting = state.withLock { state in
      state.mark += 1
      defer { state.waiting = [:] }
      return state.waiting.values
    }
    for continuation in waiting { continuation.resume() }
  }

  /// Waits until the mark is above `mark`, at most `seconds`, or until the task is cancelled.
  func wait(after mark: UInt64, upTo seconds: Double) async {
    guard seconds > 0 else { return }
    let id = UUID()
    var timer: Task<Void, Never>?
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isOver = state.withLock { state in
          if state.mark > mark || Task.isCancelled { return true }
          state.waiting[id] = continuation
          return false
        }
        guard !isOver else { return continuation.resume() }
        timer = Task {
          try? await Task.sleep(for: .seconds(min(seconds, 86_400)))
          release(id)
        }
      }
    } onCancel: {
      release(id)
    }
    timer?.cancel()
  }

  private func release(_ id: UUID) {
    state.withLock { $0.waiting.removeValue(forKey: id) }?.resume()
  }
}
