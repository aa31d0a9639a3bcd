/// What is to do the work, as somebody names it: `cpu`, `cuda`, `cuda:1`, `auto`.
///
/// ```swift
/// let device = try Device.open(.automatic, threads: 2)
/// ```
public enum DeviceChoice: Sendable, Hashable, CustomStringConvertible {
  /// The CPU.
  case cpu
  /// The GPU of NVIDIA's with this number.
  case cuda(Int)
  /// The first GPU where one can be used, else the CPU.
  case automatic

  /// Reads a name; nil for what is none.
  public init?(_ text: String) {
    switch text {
    case "cpu": self = .cpu
    case "cuda": self = .cuda(0)
    case "auto": self = .automatic
    default:
      let digits = text.dropFirst(5)
      guard text.hasPrefix("cuda:"), (1...3).contains(digits.utf8.count),
        digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
        let ordinal = Int(digits)
      else { return nil }
      self = .cuda(ordinal)
    }
  }

  /// The name that is read as this.
  public var description: String {
    switch self {
    case .cpu: "cpu"
    case .cuda(let ordinal): "cuda:\(ordinal)"
    case .automatic: "auto"
    }
  }
}

extension Device {
  /// The device of a choice.
  ///
  /// - Throws: as `cpu(threads:instructionSet:profile:)` and `cuda(_:threads:profile:search:)`.
  public static func open(
    _ choice: DeviceChoice, threads: Int, profile: NumericProfile = .reproducible,
    search: CUDALibrarySearch = CUDALibrarySearch()
  ) throws(ComputeError) -> Device {
    switch choice {
    case .cpu: return try cpu(threads: threads, profile: profile)
    case .cuda(let ordinal): return try cuda(ordinal, threads: threads, profile: profile, search: search)
    case .automatic:
      if let gpu = try? cuda(0, threads: threads, profile: profile, search: search) { return gpu }
      return try cpu(threads: threads, profile: profile)
    }
  }
}
