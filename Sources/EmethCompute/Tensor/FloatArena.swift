#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A block of binary32 numbers that starts on a 64-byte border at least, begins as zeros and lives as long as its
/// owner.
///
/// Everything that a training step needs lies in a few arenas made before it: a step allocates nothing. Made for
/// a device with a GPU it lies in the GPU's memory, and the host reads and writes it at the same address while no
/// operation runs. Whoever shares an arena between threads sees to it that one at a time writes.
public final class FloatArena: @unchecked Sendable {
  /// All elements.
  public let elements: UnsafeMutableBufferPointer<Float>

  /// The first element.
  var base: UnsafeMutablePointer<Float> { start }
  private let start: UnsafeMutablePointer<Float>
  /// Whose GPU has the memory; nil for the host's.
  private let gpu: Device?

  /// `count` zeros.
  ///
  /// - Parameter device: what works on them; nil for any CPU.
  /// - Throws: `ComputeError.outOfMemory` when the system or the GPU refuses, `invalidConfiguration` for a
  ///   negative count, `deviceFailed`.
  public init(count: Int, device: Device? = nil) throws(ComputeError) {
    let (bytes, overflow) = max(count, 1).multipliedReportingOverflow(by: MemoryLayout<Float>.stride)
    guard count >= 0, !overflow else {
      throw .invalidConfiguration(what: "arena size", found: "\(count)", allowed: "0 to \(Int.max / 4)")
    }
    if let device, device.gpu != nil {
      gpu = device
      start = try device.allocate(byteCount: bytes).bindMemory(to: Float.self, capacity: max(count, 1))
      elements = UnsafeMutableBufferPointer(start: start, count: count)
      return
    }
    gpu = nil
    // Large pages where the system has them: rows of a matrix lie in many small ones.
    let largePage = 2 << 20
    let isLarge = bytes >= 2 * largePage
    var memory: UnsafeMutableRawPointer?
    guard posix_memalign(&memory, isLarge ? largePage : 64, bytes) == 0, let memory else {
      throw .outOfMemory(bytes: bytes)
    }
    #if os(Linux)
      if isLarge { _ = madvise(memory, bytes, Int32(MADV_HUGEPAGE)) }
    #endif
    memset(memory, 0, bytes)
    start = memory.bindMemory(to: Float.self, capacity: max(count, 1))
    elements = UnsafeMutableBufferPointer(start: start, count: count)
  }

  deinit {
    if let gpu { gpu.release(start) } else { free(start) }
  }

  /// Sets every element to +0.
  func clear() { clear(0..<elements.count) }

  /// Sets the elements of `range` to +0.
  func clear(_ range: Range<Int>) {
    precondition(range.lowerBound >= 0 && range.upperBound <= elements.count, "range out of the arena")
    if let gpu {
      gpu.clear(start + range.lowerBound, count: range.count)
    } else {
      memset(start + range.lowerBound, 0, range.count * MemoryLayout<Float>.stride)
    }
  }
}
