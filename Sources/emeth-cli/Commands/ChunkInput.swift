import Foundation
import Synchronization

/// Bytes that come one after another.
protocol ByteSource: Sendable {
  /// Reads what there is, and waits until there is something; 0 at the end.
  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int
  /// Whether a read would not wait.
  var isReady: Bool { get }
}

extension StreamInput: ByteSource {}

/// Hands out a source's bytes in batches of whole chunks, and says which is the last.
///
/// A batch is given as soon as there is a chunk and something behind it: from a slow source no data waits
/// for a batch to be full.
final class ChunkInput: Sendable {
  struct Batch {
    /// Counts from 0 without a gap.
    var index: Int
    var firstChunk: UInt64
    var byteCount = 0
    var isLast = false
    /// Why there are no bytes.
    var fault: (any Error)?
  }

  private struct State {
    var index = 0
    var chunk: UInt64 = 0
    /// What was read behind the last batch: a chunk at most.
    var carried: [UInt8]
    var hasEnded = false
  }

  private let source: any ByteSource
  private let chunkByteCount: Int
  private let state: Mutex<State>

  /// - Parameter readAhead: Bytes that stand before those of the source, of any number.
  init(_ source: any ByteSource, chunkByteCount: Int, readAhead: [UInt8] = []) {
    self.source = source
    self.chunkByteCount = chunkByteCount
    state = Mutex(State(carried: readAhead))
  }

  /// The size of a buffer for batches of so many chunks: one byte more shows that there is something behind.
  func bufferByteCount(chunks: Int) -> Int { chunks * chunkByteCount + 1 }

  /// Fills a buffer with the next batch; nil when there was a last one.
  func next(into buffer: UnsafeMutableRawBufferPointer) -> Batch? {
    state.withLock { state in
      guard !state.hasEnded else { return nil }
      var batch = Batch(index: state.index, firstChunk: state.chunk)
      do {
        let (count, isEnd) = try fill(buffer, carried: &state.carried)
        batch.isLast = isEnd
        batch.byteCount = isEnd ? count : (count - 1) / chunkByteCount * chunkByteCount
        state.carried.insert(contentsOf: buffer[batch.byteCount..<count], at: 0)
      } catch {
        batch.fault = error
      }
      state.hasEnded = batch.isLast || batch.fault != nil
      state.index += 1
      state.chunk += UInt64(batch.byteCount / chunkByteCount)
      return batch
    }
  }

  /// Reads until there is more than a chunk and no more to be had without waiting.
  private func fill(
    _ buffer: UnsafeMutableRawBufferPointer, carried: inout [UInt8]
  ) throws -> (count: Int, isEnd: Bool) {
    var count = min(carried.count, buffer.count)
    buffer.copyBytes(from: carried[..<count])
    carried.removeFirst(count)
    while count < buffer.count, count <= chunkByteCount || source.isReady {
      let read = try source.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[count...]))
      if read == 0 { return (count, true) }
      count += read
    }
    return (count, false)
  }
}
