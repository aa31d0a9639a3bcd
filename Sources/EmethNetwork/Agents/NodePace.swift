import EmethCompute
import EmethKit
import Foundation

/// How long a node computes, as far as it has measured it, and what it can end in time: on either layer.
final class NodePace: Sendable {
  private let speed: NodeSpeed
  private let settings: NodeAgent.Settings

  /// - Parameter file: where it keeps what it has measured.
  init(file: URL, settings: NodeAgent.Settings) {
    speed = NodeSpeed(file: file)
    self.settings = settings
  }

  /// Whether work ends before a deadline, with a margin.
  ///
  /// - Parameters:
  ///   - program: of the SubJob, or of a job that is not divided.
  ///   - module: by its hash, where the program is external.
  ///   - now: the network's or the chain's time, unix seconds.
  func canEnd(
    _ program: ProgramID, fuel: Fuel, module: Bytes32?, by deadline: UInt64, at now: UInt64
  ) -> Bool {
    guard let seconds = seconds(of: program, fuel: fuel, module: module) else { return false }
    return Double(now) + seconds * (1 + Double(settings.marginPercent) / 100) < Double(deadline)
  }

  /// How long it computes, as far as it knows; nil for what it can't say anything about.
  private func seconds(of program: ProgramID, fuel: Fuel, module: Bytes32?) -> Double? {
    let measured = speed.fuelPerSecond(of: program).map { Double(fuel.units) / $0 }
    guard program.isExternal else {
      // The difficulty of a proof of work is not in the offer, and the rest is luck.
      return measured ?? (program == .proofOfWork ? 0 : nil)
    }
    // No module runs longer than it may.
    let found = settings.modules.first { $0.manifest.hash == module }
    return found.map { min(measured ?? .infinity, Double($0.manifest.limits.seconds)) }
  }

  /// Learns how long a piece of work took.
  ///
  /// - Returns: what it thinks now, fuel a second; nil where nothing was to be learnt.
  func learn(_ program: ProgramID, fuel: Fuel, seconds: Double) throws(NetworkError) -> Double? {
    // What took less than can be measured says nothing, and how long a proof of work takes is luck.
    guard seconds > 1, program != .proofOfWork else { return nil }
    let measured = Double(fuel.units) / seconds
    let next = ((speed.fuelPerSecond(of: program) ?? measured) + measured) / 2
    try speed.keep(next, of: program)
    return next
  }

  /// Measures its speed before its first work, by those programs whose work is known beforehand.
  func measure(
    _ programs: Set<ProgramID>, _ onEvent: @Sendable (AgentEvent) -> Void
  ) async throws(NetworkError) {
    for program in NodeSpeed.measurable where programs.contains(program) {
      guard speed.fuelPerSecond(of: program) == nil else { continue }
      let measured = try await AgentLane(threads: settings.threads, device: settings.device).run {
        try NodeSpeed.measured(program, on: $0)
      }
      try speed.keep(measured, of: program)
      onEvent(.speed(program: program, fuelPerSecond: measured))
    }
  }
}
