import CEmethCompute
import Foundation

extension Device {
  /// A GPU of NVIDIA's: the operations run there, with the bits that they have on a CPU. What lies in the host's
  /// memory alone is worked on by the CPU.
  ///
  /// Its kernels are compiled when they are not in the user's cache: some seconds.
  ///
  /// - Parameters:
  ///   - ordinal: its number, from 0.
  ///   - threads: the CPU's beside it, 1 to `largestThreadCount`.
  ///   - profile: `fast` multiplies matrices rounded to bfloat16 by the tensor cores.
  ///   - search: where the driver and the compiler are looked for.
  /// - Throws: `ComputeError.libraryUnavailable`, `deviceUnavailable`, `kernelsNotCompiled`, `deviceFailed`,
  ///   `outOfMemory`.
  public static func cuda(
    _ ordinal: Int, threads: Int, profile: NumericProfile = .reproducible,
    search: CUDALibrarySearch = CUDALibrarySearch()
  ) throws(ComputeError) -> Device {
    let driver = try CUDADriver.open(search: search)
    let devices = try driver.devices()
    guard devices.indices.contains(ordinal) else {
      throw .deviceUnavailable(
        device: "cuda:\(ordinal)",
        reason: "the driver has \(devices.count) device\(devices.count == 1 ? "" : "s")")
    }
    let gpu = devices[ordinal]
    guard let architecture = gpu.architecture, gpu.problem == nil else {
      throw .deviceUnavailable(device: "cuda:\(ordinal)", reason: "\(gpu.name): \(gpu.problem ?? "too old")")
    }
    let compiler = try CUDACompiler.open(search: search, driver: driver.version)
    let cache = CUDAKernelCache(environment: search.environment)
    let kernels = try CUDAKernels(for: architecture, compiler: compiler, cache: cache)
    return try Device(gpu: gpu, driver: driver, kernels: kernels, threads: threads, profile: profile)
  }

  /// Bytes that arenas for a model may still take: the GPU's free ones, less what its operations need for
  /// themselves, or those of `MemoryPlan`. Nil where nobody knows.
  ///
  /// - Parameter sequences: how many pass through the model at once, at most.
  /// - Throws: `ComputeError.deviceFailed`.
  public func availableByteCount(
    for configuration: ModelConfiguration, sequences: Int
  ) throws(ComputeError) -> Int? {
    guard gpu != nil else { return MemoryPlan.availableByteCount }
    let free = try freeByteCount()
    let (scores, isTooLarge) = configuration.context.multipliedReportingOverflow(by: configuration.context)
    guard !isTooLarge, scores <= 1 << 40 else { return 0 }
    // As in cuda/attention.c: the scores of as many heads as 2^25 hold, and their gradients.
    func scratch(_ sequences: Int) -> Int {
      let heads = min(max(1, (1 << 25) / scores), configuration.heads * min(sequences, 1 << 32))
      return 2 * scores * heads * MemoryLayout<Float>.stride
    }
    // A smaller batch needs less: where memory is short it must not look as if nothing fitted.
    return max(0, free - max(scratch(1), min(scratch(sequences), free / 4)))
  }

  /// The GPU's memory that nobody uses; 0 for a CPU.
  func freeByteCount() throws(ComputeError) -> Int {
    guard gpu != nil else { return 0 }
    var (free, all): (UInt64, UInt64) = (0, 0)
    try check(emeth_device_memory(handle, &free, &all))
    return Int(clamping: free)
  }

  /// Zeros in the GPU's memory.
  func allocate(byteCount: Int) throws(ComputeError) -> UnsafeMutableRawPointer {
    var memory: UnsafeMutableRawPointer?
    let status = emeth_device_allocate(handle, &memory, byteCount)
    guard status == EMETH_OK, let memory else {
      try checkHealth()
      throw .outOfMemory(bytes: byteCount)
    }
    return memory
  }

  /// Gives back what `allocate` gave.
  func release(_ memory: UnsafeMutableRawPointer) { emeth_device_release(handle, memory) }

  /// Sets elements to +0.
  func clear(_ elements: UnsafeMutablePointer<Float>, count: Int) { emeth_clear(handle, elements, count) }
}
