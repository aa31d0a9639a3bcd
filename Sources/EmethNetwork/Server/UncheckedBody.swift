import Foundation
import NIOCore

/// A body in memory while it arrives: nobody has checked yet who sent it.
///
/// Its first bytes are its connection's; what is beyond them comes out of a budget, and must go on coming: who holds much
/// memory and drips is sent away, so that it is there for others.
struct UncheckedBody {
  /// So many bytes of each body are outside of the budget: claims, leases and most submissions need no more.
  static let freeByteCount = 32 << 10
  /// In every period at least this part of what is held must come: one in so many.
  static let growth = 16

  /// What has come.
  private(set) var data = Data()
  private let budget: ByteBudget
  private let client: String
  private let period: Duration
  private var counted = 0
  private var periodStart: (time: ContinuousClock.Instant, byteCount: Int)

  init(budget: ByteBudget, client: String, period: Duration, at now: ContinuousClock.Instant = .now) {
    self.budget = budget
    self.client = client
    self.period = period
    periodStart = (now, 0)
  }

  /// Takes more bytes in.
  ///
  /// - Throws: ``RequestFailure``, 429 where there is no memory for them, 408 where they come too slowly.
  mutating func take(_ piece: ByteBuffer, at now: ContinuousClock.Instant = .now) throws(RequestFailure) {
    let byteCount = data.count + piece.readableBytes
    if now - periodStart.time >= period {
      let come = byteCount - periodStart.byteCount
      guard come >= periodStart.byteCount / Self.growth else { throw .incomplete }
      periodStart = (now, byteCount)
    }
    let more = max(0, byteCount - Self.freeByteCount) - counted
    guard budget.take(more, for: client) else { throw .tooMany(retryAfterSeconds: 1) }
    counted += more
    data.append(contentsOf: piece.readableBytesView)
  }

  /// Gives the memory back, once it is known who sent it.
  mutating func giveBack() {
    budget.give(counted, of: client)
    (counted, data) = (0, Data())
  }
}
