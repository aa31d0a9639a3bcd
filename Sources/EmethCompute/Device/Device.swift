import CEmethCompute
import Foundation

/// A processor that runs kernels: here the CPU, with a fixed number of threads and one instruction set.
///
/// The result of every operation is the same, bit for bit, for any number of threads and any instruction set,
/// unless the device was made for the `fast` profile. Threads sleep while nothing is to be done. Several devices run side by side; calls from several threads
/// into one device wait for each other, operation by operation.
///
/// ```swift
/// let device = try Device.cpu(threads: 2)
/// let trainer = try Trainer(state: state, optimizer: .init(), batch: 12, device: device)
/// ```
public final class Device: Sendable {
  /// Threads that work, the caller's included.
  public let threads: Int
  /// The kernels in use.
  public let instructionSet: InstructionSet
  /// How it calculates.
  public let profile: NumericProfile
  /// What the operands of matrix products are rounded to: binary32 is none.
  public let productType: DType
  /// The GPU that does the work; nil where the CPU does.
  public let gpu: CUDADeviceProperties?
  /// They live longer than what was made of them.
  private let driver: CUDADriver?
  /// cuBLASLt, where it does the products.
  let products: CUDAProducts?
  /// The C library's device; its own lock guards it.
  nonisolated(unsafe) let handle: OpaquePointer

  /// The instruction sets of this CPU, the slowest first.
  public static var available: [InstructionSet] { InstructionSet.allCases.filter(\.isAvailable) }

  /// The largest number of threads a device may have.
  public static let largestThreadCount = 1024

  /// This machine's CPU.
  ///
  /// - Parameters:
  ///   - threads: 1 to `largestThreadCount`.
  ///   - instructionSet: nil takes what the environment variable EMETH_CPU names, else the best of this CPU.
  ///   - profile: `fast` gives up equal bits for speed where this CPU can be faster.
  /// - Throws: `ComputeError.unsupportedInstructionSet` when this CPU lacks the set or the word is unknown,
  ///   `invalidConfiguration` for the number of threads, `threadsUnavailable`, `outOfMemory`.
  public static func cpu(
    threads: Int, instructionSet: InstructionSet? = nil, profile: NumericProfile = .reproducible
  ) throws(ComputeError) -> Device {
    if let instructionSet {
      return try Device(threads: threads, instructionSet: instructionSet, profile: profile)
    }
    let named = try selected(by: ProcessInfo.processInfo.environment["EMETH_CPU"])
    return try Device(threads: threads, instructionSet: named, profile: profile)
  }

  /// The set that the text of EMETH_CPU names; the best available one for nil or an empty text.
  static func selected(by text: String?) throws(ComputeError) -> InstructionSet {
    guard let text, !text.isEmpty else { return available.last ?? .portable }
    guard let named = InstructionSet(rawValue: text), named.isAvailable else {
      throw .unsupportedInstructionSet(found: text, available: available.map(\.rawValue))
    }
    return named
  }

  private convenience init(
    threads: Int, instructionSet: InstructionSet, profile: NumericProfile
  ) throws(ComputeError) {
    guard instructionSet.isAvailable else {
      throw .unsupportedInstructionSet(
        found: instructionSet.rawValue, available: Self.available.map(\.rawValue))
    }
    try self.init(
      threads: threads, instructionSet: instructionSet, kernels: instructionSet.raw, profile: profile)
  }

  /// As `cpu(threads:instructionSet:profile:)` with kernels that may be another set's: the C library has sets
  /// for tests alone.
  init(
    threads: Int, instructionSet: InstructionSet, kernels: emeth_instruction_set, profile: NumericProfile
  ) throws(ComputeError) {
    guard (1...Self.largestThreadCount).contains(threads) else {
      throw .invalidConfiguration(
        what: "number of threads", found: "\(threads)", allowed: "1 to \(Self.largestThreadCount)")
    }
    var handle: OpaquePointer?
    let status = emeth_device_create(&handle, kernels, threads)
    guard status == EMETH_OK, let handle else {
      if status == EMETH_NO_THREADS { throw .threadsUnavailable(count: threads) }
      throw .outOfMemory(bytes: 0)
    }
    self.handle = handle
    self.threads = threads
    self.instructionSet = instructionSet
    self.profile = profile
    gpu = nil
    driver = nil
    products = nil
    let rounds = profile == .fast && emeth_device_use_bfloat16(handle) == EMETH_OK
    productType = rounds ? .bfloat16 : .float32
  }

  /// As `cuda(_:threads:profile:search:)` with machine code at hand.
  init(
    gpu: CUDADeviceProperties, driver: CUDADriver, kernels: CUDAKernels, products: CUDAProducts? = nil,
    threads: Int, profile: NumericProfile
  ) throws(ComputeError) {
    guard (1...Self.largestThreadCount).contains(threads) else {
      throw .invalidConfiguration(
        what: "number of threads", found: "\(threads)", allowed: "1 to \(Self.largestThreadCount)")
    }
    let instructionSet = try Self.selected(by: ProcessInfo.processInfo.environment["EMETH_CPU"])
    var handle: OpaquePointer?
    let (status, message) = withCUDAMessage { message in
      kernels.withCode { code in
        emeth_device_create_cuda(
          &handle, driver.handle, gpu.ordinal, code, instructionSet.raw, threads, message)
      }
    }
    guard status == EMETH_OK, let handle else {
      switch status {
      case EMETH_NO_THREADS: throw .threadsUnavailable(count: threads)
      case EMETH_NO_MEMORY: throw .outOfMemory(bytes: 0)
      default: throw .deviceFailed(device: "cuda:\(gpu.ordinal)", reason: message)
      }
    }
    self.handle = handle
    self.threads = threads
    self.instructionSet = instructionSet
    self.profile = profile
    self.gpu = gpu
    self.driver = driver
    let rounds = profile == .fast && emeth_device_use_bfloat16(handle) == EMETH_OK
    productType = rounds ? .bfloat16 : .float32
    // A library that does not start is as one that is not there.
    let (use, _) = withCUDAMessage { message in
      products.map { rounds ? emeth_device_use_cublas(handle, $0.handle, message) : EMETH_NOT_AVAILABLE }
    }
    self.products = use == EMETH_OK ? products : nil
  }

  deinit { emeth_device_destroy(handle) }

  /// Calls `body` once for each of 0, 1 … count − 1, on the device's threads, in no particular order. `body`
  /// must not use this device itself: it would wait for itself.
  public func forEach(_ count: Int, _ body: @Sendable (Int) -> Void) {
    withoutActuallyEscaping(body) { body in
      var work = body
      withUnsafeMutablePointer(to: &work) { pointer in
        emeth_parallel_for(
          handle, count,
          { context, index in
            context?.assumingMemoryBound(to: (@Sendable (Int) -> Void).self).pointee(index)
          }, pointer)
      }
    }
  }
}

extension Device: CustomStringConvertible {
  /// Such as `cpu avx2, 2 threads`, `cpu avx512, 2 threads, bfloat16 products`, or `cuda:0 NVIDIA H200`.
  public var description: String {
    let place =
      gpu.map { "cuda:\($0.ordinal) \($0.name)" }
      ?? "cpu \(instructionSet), \(threads) thread\(threads == 1 ? "" : "s")"
    let library = products.map { " by cuBLASLt \($0.version)" } ?? ""
    return place + (productType == .float32 ? "" : ", \(productType) products\(library)")
  }
}
