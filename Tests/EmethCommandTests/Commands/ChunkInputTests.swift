import Foundation
import Synchronization
import Testing

@testable import emeth_cli

/// Batches of whole chunks out of whatever a source gives.
@Suite struct ChunkInputTests {
  /// Gives its bytes in pieces; `isReady` says so between them.
  private final class Pieces: ByteSource {
    struct Failure: Error {}

    private let pieces: Mutex<[[UInt8]]>
    private let isAlwaysReady: Bool
    private let fails: Bool

    init(_ pieces: [[UInt8]], isAlwaysReady: Bool, fails: Bool = false) {
      self.pieces = Mutex(pieces)
      self.isAlwaysReady = isAlwaysReady
      self.fails = fails
    }

    var isReady: Bool { isAlwaysReady }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
      try pieces.withLock { pieces in
        guard let piece = pieces.first else {
          if fails { throw Failure() }
          return 0
        }
        let count = min(piece.count, buffer.count)
        buffer.copyBytes(from: piece[..<count])
        if count == piece.count { pieces.removeFirst() } else { pieces[0].removeFirst(count) }
        return count
      }
    }
  }

  private func batches(_ input: ChunkInput, chunks: Int) -> [(batch: ChunkInput.Batch, bytes: [UInt8])] {
    let buffer = UnsafeMutableRawBufferPointer.allocate(
      byteCount: input.bufferByteCount(chunks: chunks), alignment: 1)
    defer { buffer.deallocate() }
    var batches: [(ChunkInput.Batch, [UInt8])] = []
    while let batch = input.next(into: buffer) { batches.append((batch, Array(buffer[..<batch.byteCount]))) }
    return batches
  }

  @Test(arguments: [1, 3, 4, 5, 40], [true, false]) func everyLengthInEveryPiece(piece: Int, isReady: Bool) {
    for count in 0...40 {
      let bytes = (0..<count).map { UInt8($0) }
      for readAhead in [0, 3, 4, 5, 30] where readAhead <= count {
        let pieces = stride(from: readAhead, to: count, by: piece).map {
          Array(bytes[$0..<min(count, $0 + piece)])
        }
        let input = ChunkInput(
          Pieces(pieces, isAlwaysReady: isReady), chunkByteCount: 4, readAhead: Array(bytes[..<readAhead]))
        let batches = batches(input, chunks: 3)
        #expect(batches.flatMap(\.bytes) == bytes)
        #expect(batches.map(\.batch.index) == Array(batches.indices))
        #expect(batches.map(\.batch.isLast) == batches.indices.map { $0 == batches.count - 1 })
        var before = 0
        for (batch, bytes) in batches {
          #expect(batch.firstChunk == UInt64(before / 4) && batch.fault == nil && bytes.count <= 13)
          // Only the last batch may be short, and only data of no bytes has an empty one.
          #expect(batch.isLast || bytes.count.isMultiple(of: 4) && !bytes.isEmpty)
          #expect(!bytes.isEmpty || count == 0)
          before += bytes.count
        }
      }
    }
  }

  @Test func aSlowSourceIsNotWaitedForWhenThereIsAChunk() throws {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 41, alignment: 1)
    defer { buffer.deallocate() }
    let pieces = [[UInt8](repeating: 1, count: 4), [2], [3, 4, 5]]
    let input = ChunkInput(Pieces(pieces, isAlwaysReady: false), chunkByteCount: 4)
    let first = try #require(input.next(into: buffer))
    #expect(first.byteCount == 4 && !first.isLast)
    let last = try #require(input.next(into: buffer))
    #expect(last.byteCount == 4 && last.isLast && last.firstChunk == 1)
    #expect(input.next(into: buffer) == nil)
  }

  @Test func aSourceThatFailsEndsTheInput() throws {
    let input = ChunkInput(
      Pieces([[UInt8](repeating: 1, count: 9)], isAlwaysReady: false, fails: true), chunkByteCount: 4)
    let batches = batches(input, chunks: 3)
    #expect(batches.map(\.batch.byteCount) == [8, 0])
    #expect(batches.last?.batch.fault is Pieces.Failure)
  }
}
