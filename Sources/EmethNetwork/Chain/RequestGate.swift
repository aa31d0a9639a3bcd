import Synchronization

/// Lets so many requests go at once, and so many begin in a second.
final class RequestGate: Sendable {
  private struct State {
    var free: Int
    var next = ContinuousClock.now
    var waiting: [CheckedContinuation<Void, Never>] = []
  }

  private let state: Mutex<State>
  private let interval: Duration

  init(concurrentRequests: Int, requestsPerSecond: Double) {
    state = Mutex(State(free: max(1, concurrentRequests)))
    interval = .seconds(1 / max(0.01, requestsPerSecond))
  }

  /// Waits for its turn; ``leave()`` follows, whatever becomes of the request.
  func enter() async throws(ChainError) {
    await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
      let goes = state.withLock { state in
        guard state.free == 0 else {
          state.free -= 1
          return true
        }
        state.waiting.append(continuation)
        return false
      }
      if goes { continuation.resume() }
    }
    let start = state.withLock { state in
      let start = max(state.next, .now)
      state.next = start + interval
      return start
    }
    do {
      try await Task.sleep(until: start, clock: .continuous)
    } catch {
      leave()
      throw .interrupted
    }
  }

  /// Lets the next one go.
  func leave() {
    let next = state.withLock { state in
      if state.waiting.isEmpty {
        state.free += 1
        return CheckedContinuation<Void, Never>?.none
      }
      return state.waiting.removeFirst()
    }
    next?.resume()
  }
}
