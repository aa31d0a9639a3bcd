import Foundation
import Synchronization

/// The wish to stop, set by Ctrl-C or a termination signal: work ends in order at the next safe point.
///
/// It can be read from any thread, also where there is no Swift task. The second signal ends the process at
/// once.
final class Cancellation: Sendable {
  private struct State {
    var isRequested = false
    var handlers: [@Sendable () -> Void] = []
  }

  private let state = Mutex(State())
  private let sources = Mutex<[any DispatchSourceSignal]>([])

  /// Whether the user wants to stop.
  var isRequested: Bool { state.withLock { $0.isRequested } }

  /// Throws `Interruption` when the user wants to stop.
  func check(note: String? = nil) throws(Interruption) {
    if isRequested { throw Interruption(note: note) }
  }

  /// Asks to stop; the handlers run once.
  func request() {
    let handlers = state.withLock { state -> [@Sendable () -> Void] in
      guard !state.isRequested else { return [] }
      state.isRequested = true
      defer { state.handlers = [] }
      return state.handlers
    }
    for handler in handlers { handler() }
  }

  /// Runs the handler when the user wants to stop, at once if that has happened.
  func onRequest(_ handler: @escaping @Sendable () -> Void) {
    let isLate = state.withLock { state in
      if !state.isRequested { state.handlers.append(handler) }
      return state.isRequested
    }
    if isLate { handler() }
  }

  /// Listens for SIGINT, SIGTERM and SIGHUP from now on.
  ///
  /// Dispatch sources deliver on their own thread, so that the wish is heard while all others compute. A
  /// hang-up that is ignored already stays so: that is what nohup is for.
  func listenForSignals() {
    sources.withLock { sources in
      for number in [SIGINT, SIGTERM, SIGHUP] {
        let previous = signal(number, SIG_IGN)
        let wasIgnored = unsafeBitCast(previous, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
        if number == SIGHUP && wasIgnored { continue }
        sources.append(makeSource(for: number))
      }
    }
  }

  private func makeSource(for number: Int32) -> any DispatchSourceSignal {
    let queue = DispatchQueue(label: "emeth.signal.\(number)")
    let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
    source.setEventHandler { [weak self] in
      guard let self, !self.isRequested else { _exit(ExitCode.interrupted.rawValue) }
      self.request()
    }
    source.resume()
    return source
  }
}
