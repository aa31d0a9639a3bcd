import EmethKit
import Foundation

/// What is done to chunks that follow each other. Every worker of a pipeline has a copy of its own.
protocol ChunkCipher: Sendable {
  /// The bytes of every chunk but the last, as it comes in.
  static var inputChunkByteCount: Int { get }
  /// The most bytes that come out of so many.
  static func outputByteCount(of inputByteCount: Int) -> Int
  /// Works on chunks; gives the bytes written, and what is wrong behind them.
  mutating func apply(
    to input: UnsafeRawBufferPointer, firstChunk: UInt64, isLast: Bool,
    into output: UnsafeMutableRawBufferPointer
  ) throws(SealingError) -> (byteCount: Int, fault: SealingError?)
}

/// Sends a stream through a cipher chunk by chunk: on all cores, in order, in constant memory.
///
/// Every worker takes the next bytes of the input, works on them, waits for its turn and writes them.
struct ChunkPipeline {
  private static let workerLimit = 32
  /// Chunks of 64 KiB that all workers together hold, as they come in and once more as they go out.
  private static let chunkLimit = 128

  let source: any ByteSource
  /// Bytes of the first chunk that were read from the source before.
  var readAhead: [UInt8] = []
  let write: @Sendable (UnsafeRawBufferPointer) throws -> Void

  /// Carries all of the source through the cipher.
  ///
  /// - Parameter written: How many bytes were given out; also right when an error is thrown.
  func run<Cipher: ChunkCipher>(_ cipher: Cipher, written: inout UInt64) throws {
    let workers = max(1, min(Self.workerLimit, ProcessInfo.processInfo.activeProcessorCount))
    let chunks = min(8, Self.chunkLimit / workers)
    let input = ChunkInput(source, chunkByteCount: Cipher.inputChunkByteCount, readAhead: readAhead)
    let output = OrderedOutput(write)
    DispatchQueue.concurrentPerform(iterations: workers) { _ in
      let source = UnsafeMutableRawBufferPointer.allocate(
        byteCount: input.bufferByteCount(chunks: chunks), alignment: 64)
      let target = UnsafeMutableRawBufferPointer.allocate(
        byteCount: Cipher.outputByteCount(of: source.count), alignment: 64)
      defer {
        source.deallocate()
        target.deallocate()
      }
      var cipher = cipher
      while let batch = input.next(into: source) {
        var (count, fault) = (0, batch.fault)
        if fault == nil {
          do {
            let result = try cipher.apply(
              to: UnsafeRawBufferPointer(rebasing: source[..<batch.byteCount]), firstChunk: batch.firstChunk,
              isLast: batch.isLast, into: target)
            (count, fault) = (result.byteCount, result.fault)
          } catch {
            fault = error
          }
        }
        let bytes = UnsafeRawBufferPointer(rebasing: target[..<count])
        guard output.deliver(bytes, of: batch.index, fault: fault) else { return }
      }
    }
    written = output.byteCount
    if let failure = output.failure { throw failure }
  }
}

/// Puts in order what workers finish out of order.
private final class OrderedOutput: @unchecked Sendable {
  private let write: @Sendable (UnsafeRawBufferPointer) throws -> Void
  // The condition guards what follows; only the worker whose turn it is changes it.
  private let condition = NSCondition()
  private var turn = 0
  private(set) var byteCount: UInt64 = 0
  private(set) var failure: (any Error)?

  init(_ write: @escaping @Sendable (UnsafeRawBufferPointer) throws -> Void) {
    self.write = write
  }

  /// Waits until all batches before are written, then writes this one, and notes what is wrong behind it.
  ///
  /// - Returns: Whether to go on: false once anything is wrong.
  func deliver(_ bytes: UnsafeRawBufferPointer, of index: Int, fault: (any Error)?) -> Bool {
    condition.lock()
    while turn != index, failure == nil { condition.wait() }
    let isStopped = failure != nil
    condition.unlock()
    if isStopped { return false }
    var fault = fault
    var written = 0
    do {
      if !bytes.isEmpty { try write(bytes) }
      written = bytes.count
    } catch {
      fault = error
    }
    condition.withLock {
      byteCount += UInt64(written)
      turn += 1
      failure = fault
      condition.broadcast()
    }
    return fault == nil
  }
}

extension ChunkSealer: ChunkCipher {
  static var inputChunkByteCount: Int { PayloadLayout.plainChunkByteCount }

  static func outputByteCount(of inputByteCount: Int) -> Int { sealedByteCount(of: inputByteCount) }

  mutating func apply(
    to input: UnsafeRawBufferPointer, firstChunk: UInt64, isLast: Bool,
    into output: UnsafeMutableRawBufferPointer
  ) throws(SealingError) -> (byteCount: Int, fault: SealingError?) {
    (try seal(input, firstChunk: firstChunk, isLast: isLast, into: output), nil)
  }
}

extension ChunkOpener: ChunkCipher {
  static var inputChunkByteCount: Int { PayloadLayout.sealedChunkByteCount }

  static func outputByteCount(of inputByteCount: Int) -> Int { inputByteCount }

  mutating func apply(
    to input: UnsafeRawBufferPointer, firstChunk: UInt64, isLast: Bool,
    into output: UnsafeMutableRawBufferPointer
  ) throws(SealingError) -> (byteCount: Int, fault: SealingError?) {
    try open(input, firstChunk: firstChunk, isLast: isLast, into: output)
  }
}
