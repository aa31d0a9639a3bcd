import EmethKit
import Foundation
import Synchronization

/// What one of the processes that share a database does at a time: each job, and the Signer's epochs.
///
/// A lease is a lock of a connection's session: the server takes it back when the connection ends, and with it when the
/// process does. Who loses the connection has lost all leases and hears of it when it asks next.
final class PostgresLeases: Sendable {
  private struct State {
    var connection: PostgresConnection?
    var held: Set<String> = []
  }

  private let address: PostgresAddress
  private let state = Mutex(State())

  init(_ address: PostgresAddress) { self.address = address }

  /// Takes those that nobody has.
  ///
  /// - Parameter names: all that this process wants, also those that it has.
  /// - Returns: those of them that it has now; none while the server is away.
  func take(_ names: [String]) -> Set<String> {
    state.withLock { state in
      do {
        let connection = try state.connection ?? PostgresConnection(address, seconds: 2)
        state.connection = connection
        let wanted = names.filter { !state.held.contains($0) }
        // Also with nothing to take: whether the connection is still there.
        let keys = wanted.map { "\(Self.key($0))" }.joined(separator: ",")
        let rows = try connection.rows(
          "SELECT pg_try_advisory_lock(key) AS taken FROM unnest(?::bigint[]) WITH ORDINALITY AS one (key, place) ORDER BY place",
          [.text("{\(keys)}")])
        for (name, row) in zip(wanted, rows) where row.values.first == .integer(1) {
          state.held.insert(name)
        }
        return state.held.intersection(names)
      } catch {
        state = State()
        return []
      }
    }
  }

  /// Leaves one to others.
  func giveBack(_ name: String) {
    state.withLock { state in
      guard state.held.remove(name) != nil, let connection = state.connection else { return }
      do {
        _ = try connection.rows("SELECT pg_advisory_unlock(?::bigint)", [.integer(Self.key(name))])
      } catch {
        state = State()
      }
    }
  }

  /// The lock's number: of so many bits that two names do not meet.
  private static func key(_ name: String) -> Int64 {
    let hash = SHA256.hash(Array("EMETH lease \(name)".utf8))
    return Int64(bitPattern: hash.bytes.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
  }
}
