import EmethCompute
import EmethKit
import Foundation

/// The outer optimizer's step of one round, from its sum of updates to the next round's start (PROTOCOL 6).
struct OuterStep {
  let manifest: TrainingManifest
  let exponents: [Int32]
  /// Encoded velocity before the step; `nil` is zero.
  let velocity: Data?

  /// Moves `state`'s parameters by the sum, i32 little-endian; returns the exponents and velocity of the next
  /// round.
  func apply(
    _ sum: Data, partCount: Int, to state: TrainingState
  ) throws(NetworkError) -> (exponents: [Int32], velocity: Data?) {
    guard let eta = Double(manifest.outer.eta.text), let mu = Double(manifest.outer.mu.text) else {
      throw .inconsistent(what: "the manifest's outer optimizer has no numbers")
    }
    return try asNetworkError {
      let optimizer = try OuterOptimizer(layout: state.layout, eta: eta, mu: mu)
      if let velocity {
        guard velocity.count == optimizer.velocity.count * 4 else {
          throw NetworkError.inconsistent(what: "the outer velocity has \(velocity.count) bytes")
        }
        _ = velocity.copyBytes(to: optimizer.velocity)
      }
      let next = try sum.withUnsafeBytes { sum in
        try optimizer.apply(
          sum: sum.bindMemory(to: Int32.self), partCount: partCount, exponents: exponents,
          to: state.parameters)
      }
      return (next, mu == 0 ? nil : Data(buffer: optimizer.velocity))
    }
  }
}
