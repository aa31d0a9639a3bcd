/// Two ways to do the same work, measured in turn so that what slows the machine slows both.
struct Comparison {
  var name: String
  /// How many operations one call of either side does.
  var operations: Int
  /// The side that is judged.
  var ours: () -> Void
  /// The side it is judged by.
  var theirs: () -> Void

  /// Nanoseconds an operation takes on either side, each the median of so many samples.
  func measure(samples: Int) -> (ours: Double, theirs: Double) {
    let clock = ContinuousClock()
    func time(_ calls: Int, _ body: () -> Void) -> Double {
      let elapsed = clock.measure { for _ in 0..<calls { body() } }
      let (seconds, attoseconds) = elapsed.components
      return (Double(seconds) * 1e9 + Double(attoseconds) / 1e9) / Double(calls * operations)
    }
    // A sample takes about a millisecond.
    let once = Swift.max(time(1, ours), time(1, theirs)) * Double(operations)
    let calls = Swift.max(1, Int(1_000_000 / once))
    var (first, second): ([Double], [Double]) = ([], [])
    for _ in 0..<samples {
      first.append(time(calls, ours))
      second.append(time(calls, theirs))
    }
    return (first.sorted()[samples / 2], second.sorted()[samples / 2])
  }
}
