/// How often a node speaks with a gateway's server: a hundred times a second, and at once where a client waits for a
/// text's first token, fifty times a second more for long, since a server answers an account two hundred times.
struct TurnPace {
  private static let interval = Duration.milliseconds(10)
  private static let urgentInterval = Duration.milliseconds(20)
  /// So many urgent turns may follow each other, where there were none before.
  private static let urgentTurns = 100

  private var last: ContinuousClock.Instant?
  /// When the next urgent turn would be due, had there been no pauses.
  private var urgentDue: ContinuousClock.Instant?

  /// When the next turn may come; where that is over already, at once.
  func due(isUrgent: Bool, at now: ContinuousClock.Instant) -> ContinuousClock.Instant {
    let regular = last.map { $0.advanced(by: Self.interval) } ?? now
    return isUrgent ? min(regular, max(earliestUrgent(now), now)) : regular
  }

  /// Notes a turn.
  mutating func take(isUrgent: Bool, at now: ContinuousClock.Instant) {
    if isUrgent { urgentDue = earliestUrgent(now).advanced(by: Self.urgentInterval) }
    last = now
  }

  private func earliestUrgent(_ now: ContinuousClock.Instant) -> ContinuousClock.Instant {
    let saved = now.advanced(by: Self.urgentInterval * -(Self.urgentTurns - 1))
    return max(urgentDue ?? saved, saved)
  }
}
