import Dispatch
import Synchronization

/// The machine code of every kernel for an architecture, compiled or from the cache.
///
/// ```swift
/// let kernels = try CUDAKernels(for: CUDAArchitecture("sm_90a"), compiler: .open())
/// for kernel in kernels.reports { print(kernel.name, kernel.registers ?? 0) }
/// ```
public struct CUDAKernels: Sendable {
  /// What it is made for.
  public let architecture: CUDAArchitecture
  /// What each kernel needs.
  public let reports: [CUDAKernelReport]
  /// What the compiler warned of.
  public let warnings: [String]
  /// Programs that were compiled now: the others were in the cache.
  public let compiledCount: Int
  /// The number of all programs.
  public let programCount: Int
  /// Each program's code by the source's number, nil for sources that are no programs.
  let code: [[UInt8]?]

  /// Calls `body` with the place of each source's code, nil where it has none.
  func withCode<Result>(_ body: ([UnsafeRawPointer?]) -> Result) -> Result {
    // One array for all, so that the places hold together; machine code begins on a border of 64 bytes.
    let counts = code.map { (($0?.count ?? 0) + 63) / 64 * 64 }
    return withUnsafeTemporaryAllocation(byteCount: counts.reduce(64, +), alignment: 64) { memory in
      var places: [UnsafeRawPointer?] = []
      var offset = 0
      for (bytes, count) in zip(code, counts) {
        if let bytes, let base = memory.baseAddress {
          bytes.withUnsafeBytes {
            UnsafeMutableRawBufferPointer(rebasing: memory[offset...]).copyMemory(from: $0)
          }
          places.append(UnsafeRawPointer(base + offset))
        } else {
          places.append(nil)
        }
        offset += count
      }
      return body(places)
    }
  }

  /// All kernels for an architecture.
  ///
  /// - Throws: `ComputeError.kernelsNotCompiled`, `outOfMemory`.
  public init(for architecture: CUDAArchitecture, compiler: CUDACompiler) throws(ComputeError) {
    try self.init(for: architecture, compiler: compiler, cache: CUDAKernelCache())
  }

  init(
    for architecture: CUDAArchitecture, compiler: CUDACompiler, cache: CUDAKernelCache
  ) throws(ComputeError) {
    self.architecture = architecture
    let programs = CUDAProgram.all
    // The compiler takes seconds for some: side by side.
    let results = Mutex<[Int: Result<Made, ComputeError>]>([:])
    DispatchQueue.concurrentPerform(iterations: programs.count) { index in
      let result: Result<Made, ComputeError>
      do throws(ComputeError) {
        result = .success(try Made(programs[index], for: architecture, compiler: compiler, cache: cache))
      } catch {
        result = .failure(error)
      }
      results.withLock { $0[index] = result }
    }
    var code: [[UInt8]?] = Array(repeating: nil, count: CUDAProgram.sourceCount)
    var (reports, warnings): ([CUDAKernelReport], [String]) = ([], [])
    var compiled = 0
    for (index, result) in results.withLock({ $0 }).sorted(by: { $0.key < $1.key }) {
      let made = try result.get()
      code[programs[index].index] = made.code.bytes
      reports += CUDAKernelReport.reports(of: programs[index], log: made.code.log)
      warnings += CUDAKernelReport.warnings(in: made.code.log)
      compiled += made.isNew ? 1 : 0
    }
    self.code = code
    self.reports = reports
    self.warnings = warnings
    compiledCount = compiled
    programCount = programs.count
  }

  /// One program's code.
  private struct Made {
    let code: CUDACode
    /// Whether it was compiled now.
    let isNew: Bool

    init(
      _ program: CUDAProgram, for architecture: CUDAArchitecture, compiler: CUDACompiler,
      cache: CUDAKernelCache
    ) throws(ComputeError) {
      let key = try CUDAKernelCache.key(of: program, for: architecture, compiler: compiler.version)
      if let kept = cache.code(key) {
        code = kept
        isNew = false
      } else {
        code = try compiler.compile(program, for: architecture)
        cache.keep(code, key)
        isNew = true
      }
    }
  }
}
