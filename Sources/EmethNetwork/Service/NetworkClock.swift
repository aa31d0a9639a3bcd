import Foundation
import Synchronization

/// The network's time: the real one, but it never goes back, and it stands still over an outage until that has been
/// accounted for.
///
/// Where the process did not run for a while, or the system's clock jumped ahead, everybody's deadlines would have
/// passed before anybody could do anything about it. So while the clock is watched and more than ``longestGap``
/// lies between two looks, it shows the time of the first until ``goOn(at:)``.
final class NetworkClock: Sendable {
  /// Where the time comes from.
  struct Source: Sendable {
    /// Milliseconds since 1970, as the system has them.
    var wall: @Sendable () -> UInt64
    /// Milliseconds that pass evenly, from some beginning.
    var steady: @Sendable () -> UInt64

    /// This machine's clocks.
    static let system = Source(
      wall: { UInt64(max(0, Date().timeIntervalSince1970 * 1_000)) },
      steady: { UInt64(max(0, systemStart.duration(to: .now) / .milliseconds(1))) })

    private static let systemStart = ContinuousClock.now
  }

  private struct State {
    /// What was shown last, and when that was by the steady clock.
    var shown: UInt64
    var seen: UInt64
    var isWatched = false
    var isHalted = false
  }

  /// More milliseconds than this between two looks are an outage.
  static let longestGap: UInt64 = 10_000

  private let source: Source
  private let state: Mutex<State>

  /// A clock that shows at least `milliseconds` since 1970.
  init(notBefore milliseconds: UInt64, source: Source = .system) {
    self.source = source
    state = Mutex(State(shown: max(milliseconds, source.wall()), seen: source.steady()))
  }

  /// Milliseconds since 1970.
  var milliseconds: UInt64 {
    state.withLock { state in
      let now = now(state)
      if state.isWatched, now - state.shown > Self.longestGap { state.isHalted = true }
      guard !state.isHalted else { return state.shown }
      (state.shown, state.seen) = (now, source.steady())
      return now
    }
  }

  /// The outage over which it stands still: what it shows, and what it would show, milliseconds.
  var outage: (from: UInt64, to: UInt64)? {
    state.withLock { state in state.isHalted ? (state.shown, now(state)) : nil }
  }

  /// Ends an outage that was accounted for up to `milliseconds`.
  func goOn(at milliseconds: UInt64) {
    state.withLock { state in
      state.shown = max(state.shown, milliseconds)
      state.seen = source.steady()
      state.isHalted = false
    }
  }

  /// Says whether somebody looks every second and accounts for outages.
  func watch(_ isWatched: Bool) {
    state.withLock { state in
      if isWatched, !state.isWatched { (state.shown, state.seen) = (now(state), source.steady()) }
      state.isWatched = isWatched
      if !isWatched { state.isHalted = false }
    }
  }

  /// Where the system's clock was put back, time goes on as the steady clock has it.
  private func now(_ state: State) -> UInt64 {
    let steady = source.steady()
    return max(source.wall(), state.shown + (steady - min(steady, state.seen)))
  }
}
