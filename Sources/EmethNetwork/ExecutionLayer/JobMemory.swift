import Synchronization

/// What was read of jobs' records, each value until a change concerns its job.
///
/// Only where this process makes all changes; what another one changes is heard of later than it is done.
final class JobMemory<Key: Hashable & Sendable, Value: Sendable>: Sendable {
  private struct Entry {
    let mark: UInt64
    let value: Value
  }

  private let entries = Mutex<[Key: Entry]>([:])
  private let limit: Int

  /// - Parameter limit: so many values are kept; all of them go when there is one more.
  init(limit: Int) { self.limit = limit }

  /// A value that is as it was.
  ///
  /// - Parameter mark: the number of the last change that concerned its job.
  func value(_ key: Key, changedAt mark: UInt64) -> Value? {
    guard let entry = entries.withLock({ $0[key] }), entry.mark >= mark else { return nil }
    return entry.value
  }

  /// Keeps a value.
  ///
  /// - Parameter mark: the number of the last change before it was read, be it of another job.
  func keep(_ value: Value, as key: Key, readAt mark: UInt64) {
    entries.withLock { entries in
      if entries.count >= limit, entries[key] == nil { entries = [:] }
      entries[key] = Entry(mark: mark, value: value)
    }
  }
}
