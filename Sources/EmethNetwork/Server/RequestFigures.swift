import Synchronization

/// The figures of requests, each looked up by name once: to find a series among thousands takes longer than most answers.
final class RequestFigures: Sendable {
  private struct Kind: Hashable {
    var method: String
    var route: String
    var status: Int
  }

  private struct Series {
    let count: PrometheusSeries
    let seconds: PrometheusSeries
  }

  private let registry: PrometheusRegistry
  private let inFlight: PrometheusSeries
  private let known = Mutex<[Kind: Series]>([:])

  init(_ registry: PrometheusRegistry) {
    self.registry = registry
    inFlight = registry.series("emeth_http_requests_in_flight", [], .gauge)
  }

  func begin() { inFlight.increment(by: 1.0) }

  /// Counts a request that was answered.
  ///
  /// - Parameters:
  ///   - method: one of the known ones, or a word for all others.
  ///   - route: the route, not the path: a figure for each job would be one too many.
  func end(method: String, route: String, status: Int, _ time: Duration) {
    inFlight.decrement(by: 1)
    let kind = Kind(method: method, route: route, status: status)
    let series = known.withLock { known in
      if let found = known[kind] { return found }
      let made = Series(
        count: registry.series(
          "emeth_http_requests_total", [("method", method), ("route", route), ("status", "\(status)")],
          .counter),
        seconds: registry.series("emeth_http_request_seconds", [("route", route)], .histogram))
      if known.count < PrometheusRegistry.seriesLimit { known[kind] = made }
      return made
    }
    series.count.increment(by: Int64(1))
    series.seconds.recordNanoseconds(Int64(time / .nanoseconds(1)))
  }
}
