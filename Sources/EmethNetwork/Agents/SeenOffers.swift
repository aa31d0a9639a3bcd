import EmethKit

/// The list of SubJobs that somebody has looked through, so that the network is asked for another one
/// (``SubJobFilter/seen``).
///
/// A server that knows of no such wish answers at once, and is asked ever less often.
struct SeenOffers {
  /// The list; `nil` where any will do.
  private(set) var mark: Bytes32?
  /// How often it came again at once.
  private var times = 0

  /// Takes note of a list in which there is nothing more to do.
  ///
  /// - Parameters:
  ///   - asked: when it was asked for.
  ///   - patience: how long the network was to wait, seconds.
  /// - Returns: for how long nothing is to be asked, seconds.
  mutating func note(
    _ offers: [SubJobOffer], asked: ContinuousClock.Instant, patience: Double
  ) -> Double {
    let found = SubJobOffer.mark(of: offers)
    let waited = (ContinuousClock.now - asked) / .seconds(1) > patience / 2
    times = found == mark && !waited ? times + 1 : 0
    mark = found
    return min(30, 0.5 * Double(1 << min(times, 6))) * Double.random(in: 0.75...1.25)
  }
}
