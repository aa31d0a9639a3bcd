import CPostgreSQL
import EmethKit
import Foundation
import Synchronization

/// What the processes that share a PostgreSQL database tell each other: that something has changed, and whom it concerns.
///
/// A thread with a connection of its own listens, and tells the others what this process changed; many changes at once
/// are one message. While it is not connected, and for messages of processes that died before they sent them, whoever
/// waits is woken every few seconds all the same.
final class PostgresReplicas: Sendable {
  private let hub: Hub

  /// Starts listening.
  ///
  /// - Parameter onChange: called when another process changed something, with whom it concerns.
  init(_ address: PostgresAddress, onChange: @escaping @Sendable (ChangedJobs) -> Void) {
    let hub = Hub(onChange: onChange)
    self.hub = hub
    let thread = Thread { hub.run(address) }
    thread.name = "emeth-postgres"
    thread.start()
  }

  deinit { hub.stop() }

  /// Tells the others that this process changed something.
  func announce(_ jobs: ChangedJobs) { hub.announce(jobs) }
}

/// The listening thread and what it is told.
private final class Hub: Sendable {
  private struct State {
    /// What the others were not told yet.
    var news: ChangedJobs?
    var isOver = false
  }

  private static let channel = "emeth_change"
  /// Whoever waits looks after so many seconds, message or not.
  private static let longestSilence = 5.0

  private let state = Mutex(State())
  private let onChange: @Sendable (ChangedJobs) -> Void
  /// A pipe, by which the thread is woken.
  private let ends: (read: Int32, write: Int32)

  init(onChange: @escaping @Sendable (ChangedJobs) -> Void) {
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

  func announce(_ jobs: ChangedJobs) {
    let isFirst = state.withLock { state in
      defer { state.news = state.news?.union(jobs) ?? jobs }
      return state.news == nil
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
        onChange(.all)
        try listen(connection)
      } catch {
        wait(for: -1, seconds: pause)
        pause = min(2, pause * 2)
        onChange(.all)
      }
    }
  }

  private func listen(_ connection: PostgresConnection) throws {
    while true {
      let (news, isOver) = state.withLock { state in
        defer { state.news = nil }
        return (state.news, state.isOver)
      }
      if isOver { return }
      if let news {
        try connection.run("NOTIFY \(Self.channel), '\(news.message)'")
        // What came together with the answer would not wake the wait below.
        for text in try connection.takeNotifications() { onChange(ChangedJobs(message: text)) }
      }
      let isQuiet = !wait(for: connection.socket, seconds: Self.longestSilence)
      for text in try connection.takeNotifications() { onChange(ChangedJobs(message: text)) }
      if isQuiet { onChange(.all) }
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

extension ChangedJobs {
  /// More jobs than these are not named: a message has at most 8,000 bytes.
  private static let namedJobs = 200

  /// As processes tell it each other: the jobs' ids, a dash for none, nothing for all.
  var message: String {
    guard case .some(let jobs) = self, jobs.count <= Self.namedJobs else { return "" }
    return jobs.isEmpty ? "-" : jobs.map { "\($0)" }.sorted().joined(separator: " ")
  }

  /// Reads a message; what can't be read concerns all.
  init(message: String) {
    let ids = message.split(separator: " ").map { try? JobID(hex: String($0)) }
    if message == "-" {
      self = .some([])
    } else {
      self = ids.isEmpty || ids.contains(nil) ? .all : .some(Set(ids.compactMap { $0 }))
    }
  }
}
