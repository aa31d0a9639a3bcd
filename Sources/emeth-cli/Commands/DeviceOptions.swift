import EmethCompute
import EmethNetwork
import Foundation

/// The flags that say what computes.
enum DeviceOptions {
  static let device = Flag(
    "device", .device, default: DeviceChoice.cpu,
    help: "cpu, cuda, cuda:1 for the second GPU, or auto: a GPU where one can be used; the bits are the same")

  /// The same where several GPUs can work together.
  static let devices = Flag(
    "device", .devices, default: DeviceChoice.cpu,
    help: "cpu, cuda, cuda:1 for the second GPU, cuda:0,1 for both together (fast profile), or auto: a GPU "
      + "where one can be used")

  /// The same where each worker has one.
  static let ofWorkers = Flag(
    "device", .devices, default: DeviceChoice.cpu,
    help:
      "cpu, cuda, cuda:1 for the second GPU, cuda:0,1 for workers on both, or auto: a GPU where one can be "
      + "used; the bits are the same")

  /// Tries whether every device of a choice can be used.
  static func openEach(
    _ choice: DeviceChoice, _ context: CommandContext, threads: Int
  ) throws(ComputeError) {
    for device in choice.each {
      _ = try Device.open(
        device, threads: threads, search: CUDALibrarySearch(environment: context.environment))
    }
  }

  /// The device that the flags name, and its CPU threads.
  static func open(
    _ parsed: ParsedCommand, _ context: CommandContext, threads: Int, profile: NumericProfile = .reproducible
  ) throws(ComputeError) -> Device {
    try Device.open(
      parsed[device], threads: threads, profile: profile,
      search: CUDALibrarySearch(environment: context.environment))
  }

  /// The devices that the flags name, which train together.
  static func openTeam(
    _ parsed: ParsedCommand, _ context: CommandContext, threads: Int, profile: NumericProfile
  ) throws(ComputeError) -> DeviceTeam {
    try DeviceTeam.open(
      parsed[devices], threads: threads, profile: profile,
      search: CUDALibrarySearch(environment: context.environment))
  }

  /// As `open` with the threads of `--threads`.
  static func open(_ parsed: ParsedCommand, _ context: CommandContext) throws(ComputeError) -> Device {
    try open(
      parsed, context, threads: parsed[ModelOptions.threads] ?? ProcessInfo.processInfo.activeProcessorCount)
  }
}

extension ValueType where Value == DeviceChoice {
  /// A device by its name.
  static var device: Self { named(allowed: "cpu, cuda, cuda:N or auto", isAlone: true) }

  /// As `device`, or several GPUs.
  static var devices: Self { named(allowed: "cpu, cuda, cuda:N, cuda:N,M or auto", isAlone: false) }

  private static func named(allowed: String, isAlone: Bool) -> Self {
    Self(name: "DEVICE", allowed: allowed, completion: .choices(["cpu", "cuda", "auto"])) {
      text throws(ValueRefusal) in
      guard let choice = DeviceChoice(text) else { throw ValueRefusal(allowed: allowed) }
      if case .together = choice, isAlone { throw ValueRefusal(allowed: allowed) }
      return choice
    }
  }
}
