import EmethCompute
import Foundation

/// The flag that says what computes.
enum DeviceOptions {
  static let device = Flag(
    "device", .device, default: DeviceChoice.cpu,
    help: "cpu, cuda, cuda:1 for the second GPU, or auto: a GPU where one can be used; the bits are the same")

  /// The device that the flags name, and its CPU threads.
  static func open(
    _ parsed: ParsedCommand, _ context: CommandContext, threads: Int, profile: NumericProfile = .reproducible
  ) throws(ComputeError) -> Device {
    try Device.open(
      parsed[device], threads: threads, profile: profile,
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
  static var device: Self {
    let allowed = "cpu, cuda, cuda:N or auto"
    return Self(name: "DEVICE", allowed: allowed, completion: .choices(["cpu", "cuda", "auto"])) {
      text throws(ValueRefusal) in
      guard let choice = DeviceChoice(text) else { throw ValueRefusal(allowed: allowed) }
      return choice
    }
  }
}
