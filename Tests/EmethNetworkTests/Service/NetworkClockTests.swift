import Foundation
import Synchronization
import Testing

@testable import EmethNetwork

/// Time that never goes back and stands still over outages.
@Suite struct NetworkClockTests {
  private final class Hands: Sendable {
    let wall = Mutex<UInt64>(1_000_000)
    let steady = Mutex<UInt64>(500)

    /// Lets time pass, evenly.
    func pass(_ milliseconds: UInt64) {
      wall.withLock { $0 += milliseconds }
      steady.withLock { $0 += milliseconds }
    }

    func clock(notBefore: UInt64 = 0) -> NetworkClock {
      NetworkClock(
        notBefore: notBefore,
        source: NetworkClock.Source(
          wall: { self.wall.withLock { $0 } }, steady: { self.steady.withLock { $0 } }))
    }
  }

  @Test func itShowsTheRealTimeAndNotLessThanItMust() {
    let hands = Hands()
    #expect(hands.clock().milliseconds == 1_000_000)
    #expect(hands.clock(notBefore: 7_000_000).milliseconds == 7_000_000)
    let clock = hands.clock()
    hands.pass(25)
    #expect(clock.milliseconds == 1_000_025)
  }

  @Test func aClockThatIsPutBackGoesOn() {
    let hands = Hands()
    let clock = hands.clock()
    clock.watch(true)
    hands.wall.withLock { $0 -= 600_000 }
    hands.steady.withLock { $0 += 40 }
    #expect(clock.milliseconds == 1_000_040)
    hands.pass(1_000)
    #expect(clock.milliseconds == 1_001_040 && clock.outage == nil)
  }

  /// Away for an hour, or a clock put ahead by one: it stands still until that is made up for.
  @Test(arguments: [true, false]) func itStandsStillOverAnOutage(isJump: Bool) throws {
    let hands = Hands()
    let clock = hands.clock()
    clock.watch(true)
    hands.pass(NetworkClock.longestGap)
    #expect(clock.milliseconds == 1_010_000 && clock.outage == nil, "the longest gap is none")
    if isJump { hands.wall.withLock { $0 += 3_600_000 } } else { hands.pass(3_600_000) }
    #expect(clock.milliseconds == 1_010_000)
    hands.pass(50)
    #expect(clock.milliseconds == 1_010_000)
    let outage = try #require(clock.outage)
    #expect(outage.from == 1_010_000 && outage.to == 4_610_050)
    hands.pass(20)
    clock.goOn(at: outage.to)
    #expect(clock.milliseconds == 4_610_070 && clock.outage == nil)
  }

  /// Where nobody makes up for outages, time passes as it does.
  @Test func unwatchedItNeverStands() {
    let hands = Hands()
    let clock = hands.clock()
    hands.pass(3_600_000)
    #expect(clock.milliseconds == 4_600_000 && clock.outage == nil)
    clock.watch(true)
    hands.pass(3_600_000)
    #expect(clock.milliseconds == 4_600_000 && clock.outage != nil)
    clock.watch(false)
    #expect(clock.milliseconds == 8_200_000 && clock.outage == nil)
  }
}
