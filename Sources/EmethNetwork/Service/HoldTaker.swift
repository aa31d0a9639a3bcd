import EmethKit
import Foundation

/// Takes holds, each in a transaction of its own, and waits where an object is being deleted.
struct HoldTaker: Sendable {
  /// So long a deletion is waited for; one takes moments, unless the server that was at it is gone.
  private static let patienceSeconds = 10.0

  let database: NetworkDatabase

  /// - Parameters:
  ///   - byteCount: how long the object is, where an account has given it.
  ///   - now: unix seconds.
  /// - Throws: ``NetworkError/refused(code:message:hint:)``, `upload.busy`, and as the database can't be used.
  func take(
    for holder: String, _ purpose: HoldPurpose, _ object: ObjectName, byteCount: UInt64 = 0,
    at now: () -> UInt64
  ) throws(NetworkError) {
    let end = ContinuousClock.now + .seconds(Self.patienceSeconds)
    while true {
      do throws(NetworkError) {
        return try database.write { db in
          try HoldStore.take([object], for: holder, purpose, byteCount: byteCount, at: now(), in: db)
        }
      } catch {
        guard error.code == HoldStore.busy, ContinuousClock.now < end else { throw error }
      }
      Thread.sleep(forTimeInterval: 0.02)
    }
  }
}
