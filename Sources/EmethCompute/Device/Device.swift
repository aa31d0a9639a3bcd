import CEmethCompute
import Foundation

/// A processor that runs kernels: here the CPU, with a fixed number of threads and one instruction set.
///
/// The result of every operation is the same, bit for bit, for any number of threads and any instruction set.
/// Threads sleep while nothing is to be done. Several devices run side by side; calls from several threads
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
  /// - Throws: `ComputeError.unsupportedInstructionSet` when this CPU lacks the set or the word is unknown,
  ///   `invalidConfiguration` for the number of threads, `threadsUnavailable`, `outOfMemory`.
  public static func cpu(threads: Int, instructionSet: InstructionSet? = nil) throws(ComputeError) -> Device {
    if let instructionSet { return try Device(threads: threads, instructionSet: instructionSet) }
    let named = try selected(by: ProcessInfo.processInfo.environment["EMETH_CPU"])
    return try Device(threads: threads, instructionSet: named)
  }

  /// The set that the text of EMETH_CPU names; the best available one for nil or an empty text.
  static func selected(by text: String?) throws(ComputeError) -> InstructionSet {
    guard let text, !text.isEmpty else { return available.last ?? .portable }
    guard let named = InstructionSet(rawValue: text), named.isAvailable else {
      throw .unsupportedInstructionSet(found: text, available: available.map(\.rawValue))
    }
    return named
  }

  private init(threads: Int, instructionSet: InstructionSet) throws(ComputeError) {
    guard (1...Self.largestThreadCount).contains(threads) else {
      throw .invalidConfiguration(
        what: "number of threads", found: "\(threads)", allowed: "1 to \(Self.largestThreadCount)")
    }
    guard instructionSet.isAvailable else {
      throw .unsupportedInstructionSet(
        found: instructionSet.rawValue, available: Self.available.map(\.rawValue))
    }
    var handle: OpaquePointer?
    let status = emeth_device_create(&handle, instructionSet.raw, threads)
    guard status == EMETH_OK, let handle else {
      if status == EMETH_NO_THREADS { throw .threadsUnavailable(count: threads) }
      throw .outOfMemory(bytes: 0)
    }
    self.handle = handle
    self.threads = threads
    self.instructionSet = instructionSet
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
  /// Such as `cpu avx2, 2 threads`.
  public var description: String { "cpu \(instructionSet), \(threads) thread\(threads == 1 ? "" : "s")" }
}
