import CEmethCompute

/// NVIDIA's driver and the GPUs that it has.
///
/// ```swift
/// for gpu in try CUDADriver.open().devices() { print(gpu.name, gpu.architecture?.name ?? "too old") }
/// ```
public final class CUDADriver: Sendable {
  /// Where it lies.
  public let place: CUDALibrary.Place
  /// The newest version of CUDA that it offers.
  public let version: CUDALibrary.Version
  /// Number of GPUs.
  public let deviceCount: Int
  /// The driver may be called from several threads at once.
  nonisolated(unsafe) let handle: OpaquePointer

  /// CUDA 12.0, of driver 525.
  static let oldest = CUDALibrary.Version(major: 12, minor: 0)

  /// The first driver that the search finds.
  ///
  /// - Throws: `ComputeError.libraryUnavailable` with what was tried.
  public static func open(search: CUDALibrarySearch = CUDALibrarySearch()) throws(ComputeError) -> CUDADriver
  {
    var attempts: [CUDALibrary.Attempt] = []
    guard let found = find(search: search, attempts: &attempts) else {
      throw .libraryUnavailable(library: .driver, attempts: attempts)
    }
    return found
  }

  /// As `open`, with what became of every place that was tried.
  static func find(search: CUDALibrarySearch, attempts: inout [CUDALibrary.Attempt]) -> CUDADriver? {
    for place in search.places(of: .driver) {
      var handle: OpaquePointer?
      var (number, count): (Int32, Int) = (0, 0)
      let (status, message) = withCUDAMessage {
        emeth_cuda_driver_open(&handle, place.path, &number, &count, $0)
      }
      let version = CUDALibrary.Version(major: Int(number) / 1000, minor: Int(number) % 1000 / 10)
      if number > 0, version < oldest {
        emeth_cuda_driver_close(handle)
        let problem = "it offers CUDA \(version), needed is \(oldest): a driver of version 525 or later"
        attempts.append(.init(place: place, problem: problem))
        continue
      }
      guard status == EMETH_OK, let handle else {
        attempts.append(.init(place: place, problem: status == EMETH_NO_MEMORY ? "out of memory" : message))
        continue
      }
      attempts.append(.init(place: place, problem: nil))
      return CUDADriver(place: place, version: version, deviceCount: count, handle: handle)
    }
    return nil
  }

  private init(
    place: CUDALibrary.Place, version: CUDALibrary.Version, deviceCount: Int, handle: OpaquePointer
  ) {
    self.place = place
    self.version = version
    self.deviceCount = deviceCount
    self.handle = handle
  }

  deinit { emeth_cuda_driver_close(handle) }

  /// Its GPUs, in the driver's order.
  ///
  /// - Throws: `ComputeError.deviceFailed` when the driver does not say what they are.
  public func devices() throws(ComputeError) -> [CUDADeviceProperties] {
    var devices: [CUDADeviceProperties] = []
    for ordinal in 0..<deviceCount {
      var raw = emeth_cuda_properties()
      let (status, message) = withCUDAMessage { emeth_cuda_device_properties(handle, &raw, ordinal, $0) }
      guard status == EMETH_OK else { throw .deviceFailed(device: "cuda:\(ordinal)", reason: message) }
      devices.append(CUDADeviceProperties(ordinal: ordinal, raw))
    }
    return devices
  }
}

/// What the driver says of a GPU.
public struct CUDADeviceProperties: Sendable, Hashable {
  /// Its number, as in `cuda:0`.
  public let ordinal: Int
  /// Its model.
  public let name: String
  /// What machine code it takes; nil where it is older than this library knows.
  public let architecture: CUDAArchitecture?
  /// Such as `9.0`.
  public let computeCapability: String
  /// Multiprocessors, each of which runs several blocks of threads.
  public let multiprocessors: Int
  /// Its memory.
  public let memoryBytes: UInt64
  /// Why it can't be used; nil where it can.
  public let problem: String?

  init(ordinal: Int, _ raw: emeth_cuda_properties) {
    self.ordinal = ordinal
    name = withUnsafeBytes(of: raw.name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    architecture = CUDAArchitecture(major: Int(raw.major), minor: Int(raw.minor))
    computeCapability = "\(raw.major).\(raw.minor)"
    multiprocessors = Int(raw.multiprocessors)
    memoryBytes = raw.memory_bytes
    problem =
      if architecture == nil {
        "its compute capability is \(computeCapability), needed is 8.0"
      } else if !raw.has_managed_memory {
        "it has no memory that the host can share"
      } else {
        nil
      }
  }
}
