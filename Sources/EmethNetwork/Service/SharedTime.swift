import EmethKit
import Synchronization

/// The time of a database's server, by which all processes that share it go, whatever their own machines' clocks say.
///
/// The server is asked now and then; in between, this machine's steady clock counts.
final class SharedTime: Sendable {
  private let database: NetworkDatabase
  private let steady: @Sendable () -> UInt64
  /// Milliseconds since 1970 when the steady clock showed 0.
  private let beginning = Mutex<Int64>(0)
  /// What took longer says too little about now.
  private static let longestQuestion: UInt64 = 1_000

  /// Asks for the first time.
  init(
    of database: NetworkDatabase, steady: @escaping @Sendable () -> UInt64 = NetworkClock.Source.system.steady
  ) throws(NetworkError) {
    self.database = database
    self.steady = steady
    try ask(exactly: false)
  }

  /// Asks again.
  ///
  /// - Throws: as the database can't be read: it is away then, and so is the network.
  func ask() throws(NetworkError) { try ask(exactly: true) }

  private func ask(exactly: Bool) throws(NetworkError) {
    let before = steady()
    let time = try database.serverMilliseconds()
    let after = steady()
    guard !exactly || after - before <= Self.longestQuestion else { return }
    beginning.withLock { $0 = Int64(clamping: time) - Int64(clamping: before + (after - before) / 2) }
  }

  /// This time as a clock's source.
  var source: NetworkClock.Source {
    NetworkClock.Source(
      wall: { [self] in UInt64(max(0, beginning.withLock { $0 } + Int64(clamping: steady()))) },
      steady: steady)
  }
}
