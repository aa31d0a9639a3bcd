import CoreMetrics
import Synchronization

/// The figures of a process, kept for `/metrics` in the text format of Prometheus.
///
/// ```swift
/// let registry = PrometheusRegistry()
/// MetricsSystem.bootstrap(registry)   // what other libraries count comes along
/// Counter(label: "emeth_jobs", dimensions: [("status", "VERIFIED")], factory: registry).increment()
/// registry.text()
/// ```
/// Names and labels are cleaned to what the format allows. Memory is bounded: above ``seriesLimit`` new series
/// are counted nowhere.
public final class PrometheusRegistry: MetricsFactory, Sendable {
  /// So many series are kept.
  public static let seriesLimit = 4_096
  /// Upper bounds of a timer's buckets, in seconds.
  static let bounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

  private struct Key: Hashable {
    var name: String
    var labels: String
  }

  private let series = Mutex<[Key: PrometheusSeries]>([:])

  /// An empty registry.
  public init() {}

  /// All series, sorted by name and labels.
  public func text() -> String {
    let all = series.withLock { $0 }.sorted { ($0.key.name, $0.key.labels) < ($1.key.name, $1.key.labels) }
    var text = ""
    var previous = ""
    for (key, series) in all {
      if key.name != previous { text += "# TYPE \(key.name) \(series.kind.rawValue)\n" }
      previous = key.name
      text += series.lines(name: key.name, labels: key.labels)
    }
    return text
  }

  /// The series of a name and labels; one that is kept nowhere when there are too many.
  func series(
    _ label: String, _ dimensions: [(String, String)], _ kind: PrometheusSeries.Kind
  ) -> PrometheusSeries {
    let labels = dimensions.map { "\(Self.clean($0.0))=\"\(Self.escaped($0.1))\"" }.joined(separator: ",")
    let key = Key(name: Self.clean(label), labels: labels)
    return series.withLock { series in
      if let found = series[key] { return found }
      let made = PrometheusSeries(kind)
      if series.count < Self.seriesLimit { series[key] = made }
      return made
    }
  }

  private static func clean(_ name: String) -> String {
    let text = String(
      name.map { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") ? $0 : "_" }.prefix(128))
    return text.first?.isNumber == false ? text : "_\(text)"
  }

  private static func escaped(_ value: String) -> String {
    String(value.prefix(256)).replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing(
      "\n", with: "\\n")
  }
}

extension PrometheusRegistry {
  /// A counter.
  public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
    series(label, dimensions, .counter)
  }

  /// A gauge.
  public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
    series(label, dimensions, .gauge)
  }

  /// A histogram, or a gauge when values are not to be put together.
  public func makeRecorder(
    label: String, dimensions: [(String, String)], aggregate: Bool
  ) -> any RecorderHandler {
    series(label, dimensions, aggregate ? .histogram : .gauge)
  }

  /// A histogram of seconds.
  public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
    series(label, dimensions, .histogram)
  }

  /// Counters stay: a figure that vanished would be taken for a restart.
  public func destroyCounter(_ handler: any CounterHandler) {}
  /// Gauges stay.
  public func destroyMeter(_ handler: any MeterHandler) {}
  /// Histograms stay.
  public func destroyRecorder(_ handler: any RecorderHandler) {}
  /// Timers stay.
  public func destroyTimer(_ handler: any TimerHandler) {}
}

/// One series: a number that rises, a number that moves, or values in buckets.
final class PrometheusSeries: CounterHandler, MeterHandler, RecorderHandler, TimerHandler, Sendable {
  enum Kind: String, Sendable {
    case counter, gauge, histogram
  }

  private struct State {
    var value = 0.0
    var count: UInt64 = 0
    var buckets = [UInt64](repeating: 0, count: PrometheusRegistry.bounds.count)
  }

  let kind: Kind
  private let state = Mutex(State())

  init(_ kind: Kind) { self.kind = kind }

  func increment(by amount: Int64) { state.withLock { $0.value += Double(amount) } }
  func increment(by amount: Double) { state.withLock { $0.value += amount } }
  func decrement(by amount: Double) { state.withLock { $0.value -= amount } }
  func set(_ value: Int64) { set(Double(value)) }
  func set(_ value: Double) { state.withLock { $0.value = value } }
  func reset() { state.withLock { $0 = State() } }
  func record(_ value: Int64) { record(Double(value)) }
  func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1e9) }

  func record(_ value: Double) {
    guard kind == .histogram else { return set(value) }
    state.withLock { state in
      state.value += value
      state.count += 1
      if let place = PrometheusRegistry.bounds.firstIndex(where: { value <= $0 }) {
        state.buckets[place] += 1
      }
    }
  }

  /// The lines of the text format.
  func lines(name: String, labels: String) -> String {
    let state = self.state.withLock { $0 }
    let braces = labels.isEmpty ? "" : "{\(labels)}"
    guard kind == .histogram else { return "\(name)\(braces) \(Self.number(state.value))\n" }
    let before = labels.isEmpty ? "" : labels + ","
    var text = ""
    var sum: UInt64 = 0
    for (bound, count) in zip(PrometheusRegistry.bounds, state.buckets) {
      sum += count
      text += "\(name)_bucket{\(before)le=\"\(Self.number(bound))\"} \(sum)\n"
    }
    text += "\(name)_bucket{\(before)le=\"+Inf\"} \(state.count)\n"
    return text + "\(name)_sum\(braces) \(Self.number(state.value))\n\(name)_count\(braces) \(state.count)\n"
  }

  /// Whole numbers without a point.
  private static func number(_ value: Double) -> String {
    value == value.rounded() && abs(value) < 1e15 ? "\(Int64(value))" : "\(value)"
  }
}
