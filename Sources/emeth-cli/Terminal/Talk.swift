import Foundation
import Synchronization

/// Everything that is said to people, on standard error: notes, warnings and live progress.
///
/// Safe from any thread. A reader who went away is not waited for: talk that can't be written is dropped.
final class Talk: Sendable {
  private struct State {
    /// How many live lines stand on the terminal now.
    var shownLines = 0
    var lastDrawn: ContinuousClock.Instant?
    var waiting: [String]?
  }

  let terminal: Terminal
  private let output: Output
  private let state = Mutex(State())
  private static let shortestInterval = Duration.milliseconds(100)

  init(output: Output = .error, terminal: Terminal? = nil) {
    self.output = output
    self.terminal = terminal ?? Terminal(descriptor: output.descriptor)
  }

  /// Whether live progress can be shown at all: only on a terminal.
  var isLive: Bool { terminal.canRedraw }

  /// Says one line; live lines stay below it.
  func note(_ line: String) {
    state.withLock { state in
      let below = state.waiting ?? []
      write(Self.erase(state.shownLines) + line + "\n" + draw(below))
      state.shownLines = below.count
    }
  }

  /// Says what the user should know although the command goes on.
  func warn(_ message: String) {
    note(terminal.paint("emeth: warning:", .yellow) + " " + message)
  }

  /// Shows these lines in place of the last ones, at most ten times a second; nothing when not on a terminal.
  func show(_ lines: @autoclosure () -> [String]) {
    guard isLive else { return }
    let now = ContinuousClock.now
    state.withLock { state in
      if let last = state.lastDrawn, now - last < Self.shortestInterval { return }
      let lines = Array(lines().prefix(max(1, terminal.rows - 1)))
      write(Self.erase(state.shownLines) + draw(lines))
      state.shownLines = lines.count
      state.waiting = lines
      state.lastDrawn = now
    }
  }

  /// Takes the live lines away.
  func clear() {
    state.withLock { state in
      write(Self.erase(state.shownLines))
      state = State()
    }
  }

  private func draw(_ lines: [String]) -> String {
    lines.map { DisplayWidth.truncate($0, to: terminal.columns - 1) + "\n" }.joined()
  }

  /// Goes up so many lines and clears all below.
  private static func erase(_ count: Int) -> String {
    count == 0 ? "" : "\u{1B}[\(count)A\r\u{1B}[J"
  }

  private func write(_ text: String) {
    guard !text.isEmpty else { return }
    try? output.write(text)
  }
}
