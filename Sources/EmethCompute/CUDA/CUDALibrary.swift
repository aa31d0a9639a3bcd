/// A library of NVIDIA's that is opened at run time: nothing of it is needed to build.
public enum CUDALibrary: String, CaseIterable, Sendable, Hashable, Codable {
  /// The driver, which comes with the GPU's kernel module.
  case driver
  /// NVRTC, the compiler of the kernels.
  case compiler
  /// cuBLASLt, matrix products of the `fast` profile.
  case products
  /// NCCL, sums over several GPUs.
  case collectives

  /// Names of its files, the ones to prefer first.
  var fileNames: [String] {
    switch self {
    case .driver: ["libcuda.so.1"]
    case .compiler: ["libnvrtc.so.13", "libnvrtc.so.12"]
    case .products: ["libcublasLt.so.13", "libcublasLt.so.12"]
    case .collectives: ["libnccl.so.2"]
    }
  }

  /// What it is called among people.
  public var title: String {
    switch self {
    case .driver: "driver"
    case .compiler: "compiler"
    case .products: "cuBLASLt"
    case .collectives: "NCCL"
    }
  }

  /// Its folders in packages of Python's, the newest first.
  var packageFolders: [String] {
    switch self {
    case .driver: []
    case .compiler: ["nvidia/cu13/lib", "nvidia/cuda_nvrtc/lib"]
    case .products: ["nvidia/cu13/lib", "nvidia/cublas/lib"]
    case .collectives: ["nvidia/nccl/lib"]
    }
  }

  /// How to come by it.
  public var remedy: String {
    switch self {
    case .driver: "install NVIDIA's driver 525 or later"
    case .compiler:
      "install NVRTC 12 or 13 (pip install nvidia-cuda-nvrtc, or a CUDA toolkit), or say where it is by "
        + "EMETH_CUDA_PATH"
    case .products:
      "install cuBLAS 12 or 13 (pip install nvidia-cublas, or a CUDA toolkit), or say where it is by "
        + "EMETH_CUDA_PATH"
    case .collectives:
      "install NCCL 2.10 or later (pip install nvidia-nccl-cu12 or nvidia-nccl-cu13, as the driver's CUDA), or say "
        + "where it is by EMETH_CUDA_PATH"
    }
  }

  /// A version of CUDA: the driver's, or the compiler's.
  public struct Version: Sendable, Hashable, Comparable, Codable, CustomStringConvertible {
    /// The first number, such as 12.
    public var major: Int
    /// The second.
    public var minor: Int

    /// The version of these numbers.
    public init(major: Int, minor: Int) {
      self.major = major
      self.minor = minor
    }

    /// Older before newer.
    public static func < (left: Self, right: Self) -> Bool {
      (left.major, left.minor) < (right.major, right.minor)
    }

    /// Such as `12.8`.
    public var description: String { "\(major).\(minor)" }

    /// As text.
    public func encode(to encoder: any Encoder) throws {
      var container = encoder.singleValueContainer()
      try container.encode(description)
    }

    /// From the text.
    public init(from decoder: any Decoder) throws {
      let text = try decoder.singleValueContainer().decode(String.self)
      let numbers = text.split(separator: ".", omittingEmptySubsequences: false).map { Int($0) }
      guard numbers.count == 2, let major = numbers[0], let minor = numbers[1] else {
        throw DecodingError.dataCorrupted(
          .init(codingPath: decoder.codingPath, debugDescription: "\(text) is no version such as 12.8"))
      }
      self.init(major: major, minor: minor)
    }
  }

  /// Where a library is looked for.
  public struct Place: Sendable, Hashable, Codable {
    /// A file, or a name that the system looks up.
    public var path: String
    /// Why it is looked for there.
    public var origin: Origin

    /// The reasons, in the order of the search.
    public enum Origin: String, CaseIterable, Sendable, Hashable, Codable {
      /// Somebody named the file.
      case explicit
      /// EMETH_CUDA_PATH names the folder.
      case environment
      /// The system's dynamic linker knows it.
      case system
      /// A CUDA toolkit under /usr/local, or the one that CUDA_HOME or CUDA_PATH names.
      case toolkit
      /// A package of Python's: nvidia-cuda-nvrtc, nvidia-cublas, nvidia-nccl-cu13.
      case wheel
    }
  }

  /// What became of a place.
  public struct Attempt: Sendable, Hashable, Codable {
    /// The place.
    public var place: Place
    /// Why it was not taken; nil for the one that was.
    public var problem: String?
  }
}
