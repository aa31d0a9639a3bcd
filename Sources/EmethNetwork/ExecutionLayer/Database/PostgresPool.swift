import EmethKit
import Foundation

/// The connections of a process to one PostgreSQL database, so many at most; who finds none waits.
///
/// Unchecked: everything that changes is behind the condition.
final class PostgresPool: @unchecked Sendable {
  private let address: PostgresAddress
  private let condition = NSCondition()
  private let limit: Int
  private var idle: [PostgresConnection] = []
  private var count = 0
  /// The longest pause between two attempts to connect.
  private static let longestPause = 1.0

  init(_ address: PostgresAddress, limit: Int = 16) {
    self.address = address
    self.limit = limit
  }

  /// A connection that is the caller's until it is given back, connected if need be, again and again while that may
  /// help and there is time.
  func take(until end: ContinuousClock.Instant) throws -> PostgresConnection {
    condition.lock()
    while idle.isEmpty, count >= limit {
      let left = ContinuousClock.now.duration(to: end) / .seconds(1)
      guard left > 0, condition.wait(until: Date(timeIntervalSinceNow: left)) else {
        condition.unlock()
        throw PostgresFailure(
          state: "", message: "all \(limit) connections of this process are in use", isLost: true)
      }
    }
    if let connection = idle.popLast() {
      condition.unlock()
      return connection
    }
    count += 1
    condition.unlock()
    do {
      return try connect(until: end)
    } catch {
      leave()
      throw error
    }
  }

  private func connect(until end: ContinuousClock.Instant) throws -> PostgresConnection {
    var pause = 0.05
    while true {
      let left = ContinuousClock.now.duration(to: end) / .seconds(1)
      do {
        return try PostgresConnection(address, seconds: max(0.5, min(5, left)))
      } catch let failure as PostgresFailure {
        guard failure.isPassing, left > 0 else { throw failure }
      }
      // Those who lost their connections together do not all come back at once; the last time is at the end.
      let rest = ContinuousClock.now.duration(to: end) / .seconds(1)
      Thread.sleep(forTimeInterval: max(0, min(rest, Double.random(in: pause / 2...pause))))
      pause = min(Self.longestPause, pause * 2)
    }
  }

  /// Takes a connection back. One that broke is dropped, and with it those that lie here: most likely the server went.
  func give(_ connection: PostgresConnection) {
    guard connection.isAlive else { return drop() }
    condition.withLock { idle.append(connection) }
    condition.signal()
  }

  private func drop() {
    condition.withLock {
      count -= idle.count + 1
      idle = []
    }
    condition.broadcast()
  }

  private func leave() {
    condition.withLock { count -= 1 }
    condition.signal()
  }
}
