/// What is to do the work, as somebody names it: `cpu`, `cuda`, `cuda:1`, `cuda:0,1`, `auto`.
///
/// ```swift
/// let device = try Device.open(.automatic, threads: 2)
/// ```
public enum DeviceChoice: Sendable, Hashable, CustomStringConvertible {
  /// The CPU.
  case cpu
  /// The GPU of NVIDIA's with this number.
  case cuda(Int)
  /// At least two GPUs of NVIDIA's, for a training on all of them.
  case together([Int])
  /// The first GPU where one can be used, else the CPU.
  case automatic

  /// Reads a name; nil for what is none.
  public init?(_ text: String) {
    switch text {
    case "cpu": self = .cpu
    case "cuda": self = .cuda(0)
    case "auto": self = .automatic
    default:
      let texts = text.dropFirst(5).split(separator: ",", omittingEmptySubsequences: false)
      let ordinals = texts.compactMap(Self.ordinal)
      guard text.hasPrefix("cuda:"), let first = ordinals.first, ordinals.count == texts.count,
        Set(ordinals).count == ordinals.count
      else { return nil }
      self = ordinals.count == 1 ? .cuda(first) : .together(ordinals)
    }
  }

  private static func ordinal(_ digits: Substring) -> Int? {
    guard (1...3).contains(digits.utf8.count),
      digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
    else { return nil }
    return Int(digits)
  }

  /// The name that is read as this.
  public var description: String {
    switch self {
    case .cpu: "cpu"
    case .cuda(let ordinal): "cuda:\(ordinal)"
    case .together(let ordinals): "cuda:" + ordinals.map(String.init).joined(separator: ",")
    case .automatic: "auto"
    }
  }
}

extension Device {
  /// The device of a choice.
  ///
  /// - Throws: as `cpu(threads:instructionSet:profile:)` and `cuda(_:threads:profile:search:)`;
  ///   `ComputeError.invalidConfiguration` for several devices, which are a `DeviceTeam`.
  public static func open(
    _ choice: DeviceChoice, threads: Int, profile: NumericProfile = .reproducible,
    search: CUDALibrarySearch = CUDALibrarySearch()
  ) throws(ComputeError) -> Device {
    switch choice {
    case .cpu: return try cpu(threads: threads, profile: profile)
    case .cuda(let ordinal): return try cuda(ordinal, threads: threads, profile: profile, search: search)
    case .together:
      throw .invalidConfiguration(what: "device", found: "\(choice)", allowed: "one: several can only train")
    case .automatic:
      if let gpu = try? cuda(0, threads: threads, profile: profile, search: search) { return gpu }
      return try cpu(threads: threads, profile: profile)
    }
  }
}
