import Testing

@testable import EmethNetwork

/// How often a node speaks with its gateway.
@Suite struct TurnPaceTests {
  @Test func aHundredTurnsASecond() {
    var pace = TurnPace()
    var now = ContinuousClock.now
    #expect(pace.due(isUrgent: false, at: now) == now)
    for _ in 0..<5 {
      pace.take(isUrgent: false, at: now)
      let due = pace.due(isUrgent: false, at: now)
      #expect(due == now.advanced(by: .milliseconds(10)))
      now = due
    }
    // Who has said nothing for a while waits for nothing.
    now = now.advanced(by: .seconds(1))
    #expect(pace.due(isUrgent: false, at: now) <= now)
  }

  @Test func whatIsUrgentGoesBeforeItsTimeAndNotForEver() {
    var pace = TurnPace()
    let start = ContinuousClock.now
    pace.take(isUrgent: false, at: start)
    for _ in 0..<100 {
      #expect(pace.due(isUrgent: true, at: start) == start)
      pace.take(isUrgent: true, at: start)
    }
    // Then it has its time like every other, until some turns are saved up again.
    #expect(pace.due(isUrgent: true, at: start) == start.advanced(by: .milliseconds(10)))
    let later = start.advanced(by: .milliseconds(45))
    for _ in 0..<2 {
      pace.take(isUrgent: false, at: later)
      #expect(pace.due(isUrgent: true, at: later) == later)
      pace.take(isUrgent: true, at: later)
    }
    #expect(pace.due(isUrgent: true, at: later) == later.advanced(by: .milliseconds(10)))
    // An hour saves up no more than a moment.
    let end = start.advanced(by: .seconds(3_600))
    for _ in 0..<100 { pace.take(isUrgent: true, at: end) }
    #expect(pace.due(isUrgent: true, at: end) == end.advanced(by: .milliseconds(10)))
  }
}
