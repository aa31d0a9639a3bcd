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
  ///   - profile: `fast` multiplies matrices rounded to bfloat16 by the tensor cores, by cuBLASLt where it is found.
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
    var products: CUDAProducts?
    if profile == .fast {
      var attempts: [CUDALibrary.Attempt] = []
      products = CUDAProducts.find(search: search, driver: driver.version, attempts: &attempts)
    }
    return try Device(
      gpu: gpu, driver: driver, kernels: kernels, products: products, threads: threads, profile: profile)
  }

  /// Bytes that may still be taken of the memory in which it works: the GPU's free ones, or what `MemoryPlan` says
  /// of this process. Nil where nobody knows.
  ///
  /// - Throws: `ComputeError.deviceFailed`.
  public func availableByteCount() throws(ComputeError) -> Int? {
    gpu == nil ? MemoryPlan.availableByteCount : try freeByteCount()
  }

  /// What the operations of a training on a GPU take for themselves at most; 0 on a CPU, whose own share is small.
  ///
  /// - Parameter sequences: how many pass through the model at once.
  func operationByteCount(training shape: ModelConfiguration, sequences: Int) -> Int {
    guard gpu != nil else { return 0 }
    let float = MemoryLayout<Float>.stride
    // Sums of blocks of 4,096, and of these.
    let blocks = max(shape.parameterCount, sequences * shape.context) / 4096 + 2
    let lists = (blocks + blocks / 4096 + 1) * float
    let heads = shape.heads.multipliedReportingOverflow(by: sequences)
    let (scores, isTooLarge) = shape.context.multipliedReportingOverflow(by: shape.context)
    guard !isTooLarge, !heads.overflow, scores <= 1 << 40 else { return .max / 4 }
    // As in cuda/attention.c: in the `fast` profile a number for each query, in the other the scores of as many heads
    // as 2^25 hold, and their gradients.
    if productType == .bfloat16 {
      return max(lists, heads.partialValue * shape.context * float)
        + productByteCount(training: shape, sequences: sequences)
    }
    let matrices = scores * min(max(1, (1 << 25) / scores), heads.partialValue) * float
    return max(lists, matrices) + matrices + productByteCount(training: shape, sequences: sequences)
  }

  /// The operands of a training's products in bfloat16 for cuBLASLt, and what it takes itself; 0 without it.
  private func productByteCount(training shape: ModelConfiguration, sequences: Int) -> Int {
    guard products != nil, sequences <= 1 << 32 else { return 0 }
    // As in cuda/matmul.c: rows are filled up to whole vectors.
    func elements(_ rows: Int, _ columns: Int) -> Int { rows * ((columns + 7) / 8 * 8) }
    let (rows, c, v) = (sequences * shape.context, shape.width, shape.vocabularySize)
    let a = max(elements(rows, 4 * c), elements(rows, v))
    let b = max(elements(c, 4 * c), elements(4 * c, c), elements(rows, 4 * c), elements(v, c))
    return 2 * (a + b) + emeth_cublas_workspace_bytes()
  }

  /// What the operations of a generation on a GPU take for themselves at most; 0 on a CPU.
  public func operationByteCount(generating shape: ModelConfiguration, texts: Int) -> Int {
    guard gpu != nil else { return 0 }
    // As in cuda/attention_cached.c: scores of all heads of some rows, in 2^25 where a row of each text fits.
    let row = shape.heads * shape.context
    let rows = min(texts, GenerationPass.rowLimit) * row
    return max(rows, min(1 << 25, GenerationPass.rowLimit * row)) * MemoryLayout<Float>.stride
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
      // Other processes may have taken what a plan counted on.
      throw .insufficientMemory(
        needed: byteCount, available: try freeByteCount(),
        fitting: "take a smaller model or batch, or wait until others have left the GPU")
    }
    return memory
  }

  /// Gives back what `allocate` gave.
  func release(_ memory: UnsafeMutableRawPointer) { emeth_device_release(handle, memory) }

  /// Sets elements to +0.
  func clear(_ elements: UnsafeMutablePointer<Float>, count: Int) { emeth_clear(handle, elements, count) }
}
