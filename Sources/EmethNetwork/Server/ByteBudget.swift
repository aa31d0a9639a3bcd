import Synchronization

/// Bytes that may be held at once: bodies are taken in before anybody knows who has signed them.
final class ByteBudget: Sendable {
  private let left: Mutex<Int>

  init(_ bytes: Int) { left = Mutex(bytes) }

  /// What is not taken yet.
  var rest: Int { left.withLock { $0 } }

  /// Takes bytes out; false when there are not so many left.
  func take(_ count: Int) -> Bool {
    left.withLock { left in
      guard left >= count else { return false }
      left -= count
      return true
    }
  }

  /// Puts bytes back that were taken.
  func give(_ count: Int) { left.withLock { $0 += count } }
}
