import CPostgreSQL
import EmethKit
import Foundation
import Synchronization

/// What the processes that share a PostgreSQL database tell each other: that something has changed.
///
/// A thread with a connection of its own listens, and tells the others what this process changed; many changes at once
/// are one message. While it is not connected, and for messages of processes that died before they sent them, whoever
/// waits is woken every few seconds all the same.
final class PostgresReplicas: Sendable {
  private let hub: Hub

  /// Starts listening.
  ///
  /// - Parameter onChange: called when another process changed something.
  init(_ address: PostgresAddress, onChange: @escaping @Sendable () -> Void) {
    let hub = Hub(onChange: onChange)
    self.hub = hub
    let thread = Thread { hub.run(address) }
    thread.name = "emeth-postgres"
    thread.start()
  }

  deinit { hub.stop() }

  /// Tells the others that this process changed something.
  func announceChange() { hub.announce() }
}

/// The listening thread and what it is told.
private final class Hub: Sendable {
  private struct State {
    var hasNews = false
    var isOver = false
  }

  private static let channel = "emeth_change"
  /// Whoever waits looks after so many seconds, message or not.
  private static let longestSilence = 5.0

  private let state = Mutex(State())
  private let onChange: @Sendable () -> Void
  /// A pipe, by which the thread is woken.
  private let ends: (read: Int32, write: Int32)

  init(onChange: @escaping @Sendable () -> Void) {
    self.onChange = onChange
    var ends: [Int32] = [-1, -1]
    _ = pipe(&ends)
    for end in ends {
      _ = fcntl(end, F_SETFD, FD_CLOEXEC)
      _ = fcntl(end, F_SETFL, O_NONBLOCK)
    }
    self.ends = (ends[0], ends[1])
  }

  deinit {
    close(ends.read)
    close(ends.write)
  }

  func announce() {
    let isFirst = state.withLock { state in
      defer { state.hasNews = true }
      return !state.hasNews
    }
    if isFirst { wake() }
  }

  func stop() {
    state.withLock { $0.isOver = true }
    wake()
  }

  private func wake() {
    var byte: UInt8 = 1
    _ = Foundation.write(ends.write, &byte, 1)
  }

  func run(_ address: PostgresAddress) {
    var pause = 0.1
    while !state.withLock({ $0.isOver }) {
      do {
        let connection = try PostgresConnection(address)
        // A message needs no disk: who misses it looks by itself.
        try connection.run("SET synchronous_commit = off; LISTEN \(Self.channel)")
        pause = 0.1
        // What was changed while nobody listened.
        onChange()
        try listen(connection)
      } catch {
        wait(for: -1, seconds: pause)
        pause = min(2, pause * 2)
        onChange()
      }
    }
  }

  private func listen(_ connection: PostgresConnection) throws {
    while true {
      let (hasNews, isOver) = state.withLock { state in
        defer { state.hasNews = false }
        return (state.hasNews, state.isOver)
      }
      if isOver { return }
      if hasNews {
        try connection.run("NOTIFY \(Self.channel)")
        // What came together with the answer would not wake the wait below.
        if try connection.takeNotifications() > 0 { onChange() }
      }
      let isQuiet = !wait(for: connection.socket, seconds: Self.longestSilence)
      if try connection.takeNotifications() > 0 || isQuiet { onChange() }
    }
  }

  /// Waits until the server or this process has something to say; false when neither had.
  @discardableResult
  private func wait(for socket: Int32, seconds: Double) -> Bool {
    var descriptors = [
      pollfd(fd: ends.read, events: Int16(POLLIN), revents: 0),
      pollfd(fd: socket, events: Int16(POLLIN), revents: 0),
    ]
    let count = poll(&descriptors, socket < 0 ? 1 : 2, Int32(seconds * 1_000))
    var bytes = [UInt8](repeating: 0, count: 64)
    while Foundation.read(ends.read, &bytes, bytes.count) > 0 {}
    return count > 0
  }
}
