import EmethKit
import Foundation
import Synchronization

/// Work on whole vectors of updates (PROTOCOL 8), shared by threads: masking, adding, roots and projections.
/// The bytes that come out never depend on the number of threads.
///
/// ```swift
/// let work = VectorWork(threads: 2)
/// let root = try work.mask(&update, with: mask)     // the update is masked now
/// let sum = try work.sum(of: vectors)
/// ```
public struct VectorWork: Sendable {
  /// How many threads share a vector.
  public let threads: Int

  /// Work on so many threads.
  public init(threads: Int) { self.threads = max(1, threads) }

  /// Masks an update in place, in one pass over memory, and returns its root.
  ///
  /// - Parameter vector: The update, which becomes the masked vector; no second one is made. After an error it is
  ///   neither: a part of it may be masked.
  /// - Throws: ``NetworkError/refused(code:message:hint:)`` for a coordinate out of the ring.
  public func mask(_ vector: inout Data, with mask: UpdateMask) throws(NetworkError) -> Bytes32 {
    try asNetworkError {
      try vector.withUnsafeMutableBytes { bytes in
        nonisolated(unsafe) let bytes = bytes
        let ranges = try map(bytes.count) { range in
          var hasher = MaskedHasher(firstChunk: UInt64(range.lowerBound / MaskedHasher.chunkByteCount))
          // Chunk by chunk, so that what was masked is hashed while it is still in the core's cache.
          for start in stride(from: range.lowerBound, to: range.upperBound, by: MaskedHasher.chunkByteCount) {
            let piece = start..<min(range.upperBound, start + MaskedHasher.chunkByteCount)
            let chunk = UnsafeMutableRawBufferPointer(rebasing: bytes[piece])
            try mask.mask(
              UnsafeRawBufferPointer(chunk), at: UInt64(piece.lowerBound / UpdateRing.wordByteCount),
              into: chunk)
            hasher.update(UnsafeRawBufferPointer(chunk))
          }
          return hasher.finish()
        }
        return Self.root(of: ranges)
      }
    }
  }

  /// The sum of vectors mod 2^32: exact when there is nothing masked in it any more.
  ///
  /// - Throws: ``NetworkError/refused(code:message:hint:)`` when they are not equally long.
  public func sum(of vectors: [Data]) throws(NetworkError) -> Data {
    let byteCount = vectors.first?.count ?? 0
    for vector in vectors where vector.count != byteCount {
      throw NetworkError(
        AggregationError.vectorMismatch(found: UInt64(vector.count), expected: UInt64(byteCount)))
    }
    return try Self.vector(byteCount) { target in
      try Self.withBytes(of: vectors[...], []) { sources in
        nonisolated(unsafe) let (sources, target) = (sources, target)
        _ = try map(byteCount) { range in
          try MaskedSum.add(
            sources.map { UnsafeRawBufferPointer(rebasing: $0[range]) },
            into: UnsafeMutableRawBufferPointer(rebasing: target[range]))
        }
      }
    }
  }

  /// The root of a masked vector or of a sum.
  public func root(of vector: Data) -> Bytes32 {
    vector.withUnsafeBytes { bytes in
      nonisolated(unsafe) let bytes = bytes
      let ranges = map(bytes.count) { range in
        var hasher = MaskedHasher(firstChunk: UInt64(range.lowerBound / MaskedHasher.chunkByteCount))
        hasher.update(UnsafeRawBufferPointer(rebasing: bytes[range]))
        return hasher.finish()
      }
      return Self.root(of: ranges)
    }
  }

  /// The number that stands for a vector under a beacon.
  public func projection(of vector: Data, beacon: Bytes32) throws(NetworkError) -> SumProjection {
    try Self.withBytes(of: vector) { bytes in
      nonisolated(unsafe) let bytes = bytes
      let ranges = try map(bytes.count) { range in
        var part = SumProjection(
          beacon: beacon, firstCoordinate: UInt64(range.lowerBound / UpdateRing.wordByteCount))
        try part.update(UnsafeRawBufferPointer(rebasing: bytes[range]))
        return part
      }
      var whole: SumProjection? = SumProjection(beacon: beacon)
      for part in ranges { whole = whole?.appended(by: part) }
      if let whole { return whole }
      // A number of the stream was skipped, so that all later places moved: one chance in 2^61 each.
      var again = SumProjection(beacon: beacon)
      try again.update(bytes)
      return again
    }
  }

  // MARK: - Threads and memory

  /// Runs `body` on runs of whole chunks, one for each thread.
  private func map<Part: Sendable, Failure: Error>(
    _ byteCount: Int, _ body: @Sendable (Range<Int>) throws(Failure) -> Part
  ) throws(Failure) -> [Part] {
    let chunk = MaskedHasher.chunkByteCount
    let chunks = max(1, (byteCount + chunk - 1) / chunk)
    let runs = min(threads, chunks)
    let ranges = (0..<runs).map { run in
      min(byteCount, chunks * run / runs * chunk)..<min(byteCount, chunks * (run + 1) / runs * chunk)
    }
    let parts = Mutex([Int: Result<Part, Failure>]())
    DispatchQueue.concurrentPerform(iterations: runs) { run in
      let part = Result { () throws(Failure) in try body(ranges[run]) }
      parts.withLock { $0[run] = part }
    }
    return try parts.withLock { $0 }.sorted { $0.key < $1.key }.map { part throws(Failure) in
      try part.value.get()
    }
  }

  private static func root(of ranges: [StateTreeRange]) -> Bytes32 {
    var whole = StateTreeRange()
    for range in ranges { whole.append(range) }
    return whole.root
  }

  private static func withBytes<Result>(
    of vector: Data, _ body: (UnsafeRawBufferPointer) throws -> Result
  ) throws(NetworkError) -> Result {
    try asNetworkError { try vector.withUnsafeBytes(body) }
  }

  /// The bytes of all vectors at once, for as long as `body` runs.
  private static func withBytes(
    of vectors: ArraySlice<Data>, _ open: [UnsafeRawBufferPointer],
    _ body: ([UnsafeRawBufferPointer]) throws -> Void
  ) throws(NetworkError) {
    guard let first = vectors.first else { return try asNetworkError { try body(open) } }
    try withBytes(of: first) { bytes in try withBytes(of: vectors.dropFirst(), open + [bytes], body) }
  }

  /// A vector of zeros that `body` fills.
  ///
  /// Its memory comes as zeros from the system, in large pages where it has them: the threads that fill it fault
  /// it in, a few hundred times instead of a hundred thousand.
  private static func vector(
    _ byteCount: Int, _ body: (UnsafeMutableRawBufferPointer) throws -> Void
  ) throws(NetworkError) -> Data {
    guard byteCount > 0 else { return Data() }
    let memory = mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let memory, memory != MAP_FAILED else { throw .compute(.outOfMemory(bytes: byteCount)) }
    #if os(Linux)
      _ = madvise(memory, byteCount, MADV_HUGEPAGE)
    #endif
    do {
      try body(UnsafeMutableRawBufferPointer(start: memory, count: byteCount))
    } catch {
      munmap(memory, byteCount)
      throw NetworkError(error)
    }
    // Not before: a short vector is copied, and its memory given back at once.
    return Data(bytesNoCopy: memory, count: byteCount, deallocator: .unmap)
  }
}
