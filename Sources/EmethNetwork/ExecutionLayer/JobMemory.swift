import Synchronization

/// What was read of jobs' records, each value until a change concerns its job.
///
/// Marks tell only where this process makes all changes; what another one changes is heard of later than it is done.
final class JobMemory<Key: Hashable & Sendable, Value: Sendable>: Sendable {
  private struct Entry {
    let mark: UInt64
    let value: Value
    let size: Int
  }

  private struct Entries {
    var all: [Key: Entry] = [:]
    var size = 0
  }

  private let entries = Mutex(Entries())
  private let limit: Int

  /// - Parameter limit: values of this size in all are kept; all of them go when there would be more.
  init(limit: Int) { self.limit = limit }

  /// A value that is as it was.
  ///
  /// - Parameter mark: the number of the last change that concerned its job.
  func value(_ key: Key, changedAt mark: UInt64) -> Value? {
    guard let entry = entries.withLock({ $0.all[key] }), entry.mark >= mark else { return nil }
    return entry.value
  }

  /// A value as it was when it was kept.
  func lastValue(_ key: Key) -> Value? { entries.withLock { $0.all[key]?.value } }

  /// Keeps a value.
  ///
  /// - Parameters:
  ///   - size: how much of the limit it takes; what takes more than all of it is not kept.
  ///   - mark: the number of the last change before it was read, be it of another job.
  func keep(_ value: Value, as key: Key, size: Int = 1, readAt mark: UInt64) {
    entries.withLock { entries in
      entries.size -= entries.all.removeValue(forKey: key)?.size ?? 0
      guard size <= limit else { return }
      if entries.size + size > limit { entries = Entries() }
      entries.all[key] = Entry(mark: mark, value: value, size: size)
      entries.size += size
    }
  }

  /// How much is kept.
  var size: Int { entries.withLock { $0.size } }
}
