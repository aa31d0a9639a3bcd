import Foundation
import Synchronization

/// The real time, which never goes back here, whatever the system's clock does.
final class WallClock: Sendable {
  private let latest: Mutex<UInt64>

  /// A clock that shows at least `milliseconds` since 1970.
  init(notBefore milliseconds: UInt64) { latest = Mutex(milliseconds) }

  /// Milliseconds since 1970.
  var milliseconds: UInt64 {
    let now = UInt64(max(0, Date().timeIntervalSince1970 * 1_000))
    return latest.withLock { latest in
      latest = max(latest, now)
      return latest
    }
  }
}
