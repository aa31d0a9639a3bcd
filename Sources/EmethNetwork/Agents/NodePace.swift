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

  /// Whether work ends before a deadline, and what may have to be opened of it within its time, with a margin.
  ///
  /// - Parameters:
  ///   - now: the network's or the chain's time, unix seconds.
  ///   - openingSeconds: how long there is for openings.
  func canEnd(
    _ work: Workload, by deadline: UInt64, at now: UInt64, openingSeconds: UInt32 = .max
  ) -> Bool {
    guard let computing = seconds(of: work) else { return false }
    let known = speed.known()
    let factor = 1 + Double(settings.marginPercent) / 100
    let fetching = Double(work.fetchedBytes) / known.bytesPerSecond
    guard Double(now) + (fetching + computing) * factor < Double(deadline) else { return false }
    guard let training = work.training else { return true }
    // States that are not kept are computed again; workers share what there is room for.
    let room = settings.modelCache / UInt64(max(1, settings.workers))
    let opening =
      computing * training.recomputedShare(room: room)
      + training.openingBytes * (1 / known.bytesPerSecond + 1 / known.hashedBytesPerSecond)
    return opening * factor < Double(openingSeconds)
  }

  /// How long it computes, as far as it knows; nil for what it can't say anything about.
  private func seconds(of work: Workload) -> Double? {
    let known = speed.known()
    if work.program == .proofOfWork { return work.hashes / known.hashesPerSecond }
    let measured = known.fuelPerSecond["\(work.program)"].map { Double(work.fuel.units) / $0 }
    guard work.program.isExternal else {
      return measured.map { $0 + (work.training?.traceBytes ?? 0) / known.hashedBytesPerSecond }
    }
    // No module runs longer than it may.
    let found = settings.modules.first { $0.manifest.hash == work.module }
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

  /// The fewest bytes whose way says how fast the next ones come.
  private static let tellingByteCount: UInt64 = 1 << 20

  /// Learns how long it took to fetch something.
  func learn(fetched byteCount: UInt64, seconds: Double) throws(NetworkError) {
    guard byteCount >= Self.tellingByteCount, seconds > 0 else { return }
    try speed.change { known in
      known.bytesPerSecond = (known.bytesPerSecond + Double(byteCount) / seconds) / 2
    }
  }

  /// Measures its speed before its first work, by those programs whose work is known beforehand.
  func measure(
    _ programs: Set<ProgramID>, _ onEvent: @Sendable (AgentEvent) -> Void
  ) async throws(NetworkError) {
    let hashing = try await AgentLane(threads: 1, device: .cpu).run { _ in NodeSpeed.hashing() }
    try speed.change { known in
      (known.hashesPerSecond, known.hashedBytesPerSecond) = (hashing.hashes, hashing.bytes)
    }
    for program in NodeSpeed.measurable where programs.contains(program) {
      guard speed.fuelPerSecond(of: program) == nil else { continue }
      // Nobody knows beforehand which worker takes a SubJob: the slowest device counts.
      var measured = Double.infinity
      for device in settings.device.each {
        let found = try await AgentLane(threads: settings.threads, device: device).run {
          try NodeSpeed.measured(program, on: $0)
        }
        measured = min(measured, found)
      }
      try speed.keep(measured, of: program)
      onEvent(.speed(program: program, fuelPerSecond: measured))
    }
  }
}
