import Synchronization

/// What waits until something changes: a number that rises, and those who want to know when it does.
///
/// One change wakes all who wait; each waiter costs a few hundred bytes and no thread.
final class ChangeSignal: Sendable {
  private struct State {
    var version: UInt64 = 0
    var nextWaiter: UInt64 = 0
    var waiters: [UInt64: CheckedContinuation<Void, Never>] = [:]
    var isClosed = false
  }

  private let state = Mutex(State())

  /// How often something changed.
  var version: UInt64 { state.withLock { $0.version } }
  /// How many wait now.
  var waiterCount: Int { state.withLock { $0.waiters.count } }
  /// Whether nobody waits any more.
  var isClosed: Bool { state.withLock { $0.isClosed } }

  /// Says that something changed.
  func raise() {
    wake { $0.version += 1 }
  }

  /// Lets everybody go, now and for ever: the server stops.
  func close() {
    wake { $0.isClosed = true }
  }

  /// Waits until the version is another than `seen`, the time is over, the signal is closed or the task cancelled.
  func wait(after seen: UInt64, until deadline: ContinuousClock.Instant) async {
    let number = state.withLock { state in
      state.nextWaiter += 1
      return state.nextWaiter
    }
    let timer = Task { [weak self] in
      try? await Task.sleep(until: deadline)
      self?.release(number)
    }
    defer { timer.cancel() }
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isOver = state.withLock { state in
          if state.version != seen || state.isClosed || Task.isCancelled || deadline <= .now { return true }
          state.waiters[number] = continuation
          return false
        }
        if isOver { continuation.resume() }
      }
    } onCancel: {
      release(number)
    }
  }

  private func release(_ number: UInt64) {
    state.withLock { $0.waiters.removeValue(forKey: number) }?.resume()
  }

  private func wake(_ change: (inout State) -> Void) {
    let waiters = state.withLock { state in
      change(&state)
      defer { state.waiters = [:] }
      return state.waiters
    }
    for waiter in waiters.values { waiter.resume() }
  }
}
