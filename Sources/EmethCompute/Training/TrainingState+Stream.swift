import Foundation

/// The state stream of PROTOCOL 7: parameters, first moments, second moments (binary32, little-endian,
/// tensors in ascending byte order of names), then step and round (u64, little-endian).
extension TrainingState {
  /// Size of a leaf of the state tree: 1 MiB. The last one may be shorter.
  public static let leafByteCount = 1 << 20

  /// Length of the stream of a model of this shape.
  public static func encodedByteCount(of configuration: ModelConfiguration) -> Int {
    configuration.parameterCount * 12 + 16
  }

  /// Number of 1 MiB leaves.
  public var leafCount: Int {
    (Self.encodedByteCount(of: configuration) + Self.leafByteCount - 1) / Self.leafByteCount
  }

  /// Calls `body` with the bytes `range` of the stream, in one or more pieces in order.
  func forEachPiece(
    of range: Range<Int>, _ body: (UnsafeRawBufferPointer) throws -> Void
  ) rethrows {
    var start = 0
    func visit(_ bytes: UnsafeRawBufferPointer) throws {
      let wanted = range.clamped(to: start..<(start + bytes.count))
      if !wanted.isEmpty {
        try body(
          UnsafeRawBufferPointer(rebasing: bytes[(wanted.lowerBound - start)..<(wanted.upperBound - start)]))
      }
      start += bytes.count
    }
    for arena in arenas { try visit(UnsafeRawBufferPointer(arena.elements)) }
    try withUnsafeBytes(of: (step.littleEndian, round.littleEndian), visit)
  }

  /// The bytes of leaf `index`, copied.
  public func leaf(_ index: Int) -> [UInt8] {
    let total = Self.encodedByteCount(of: configuration)
    precondition((0..<leafCount).contains(index), "leaf out of range")
    let lower = index * Self.leafByteCount
    let range = lower..<min(lower + Self.leafByteCount, total)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(range.count)
    forEachPiece(of: range) { bytes.append(contentsOf: $0) }
    return bytes
  }

  /// Calls `body` with the whole stream, in a few large pieces in order, none of them copied.
  ///
  /// ```swift
  /// var data = Data(capacity: TrainingState.encodedByteCount(of: state.configuration))
  /// state.forEachPiece { data.append(contentsOf: $0) }
  /// ```
  public func forEachPiece(_ body: (UnsafeRawBufferPointer) throws -> Void) rethrows {
    try forEachPiece(of: 0..<Self.encodedByteCount(of: configuration), body)
  }

  /// Reads a state from its stream.
  ///
  /// - Throws: `ComputeError.malformedFile` when the length is not exactly that of the configuration,
  ///   `outOfMemory`.
  public convenience init(configuration: ModelConfiguration, encoded: some Collection<UInt8>)
    throws(ComputeError)
  {
    let expected = Self.encodedByteCount(of: configuration)
    guard encoded.count == expected else {
      throw .malformedFile(
        path: "state", what: "length", found: "\(encoded.count) bytes", allowed: "\(expected) bytes")
    }
    try self.init(configuration: configuration)
    var rest = encoded[...]
    for arena in arenas {
      let target = UnsafeMutableRawBufferPointer(arena.elements)
      target.copyBytes(from: rest.prefix(target.count))
      rest = rest.dropFirst(target.count)
    }
    readCounters(rest)
  }

  /// Reads a state from a file handle at its current position; the handle must end where the stream ends.
  ///
  /// - Throws: `ComputeError.fileUnreadable`, `malformedFile` when it is shorter or longer, `outOfMemory`.
  public convenience init(configuration: ModelConfiguration, reading handle: FileHandle) throws(ComputeError)
  {
    try self.init(configuration: configuration)
    let expected = Self.encodedByteCount(of: configuration)
    func read(_ count: Int) throws(ComputeError) -> Data {
      let data: Data
      do {
        data = try handle.read(upToCount: count) ?? Data()
      } catch {
        throw .fileUnreadable(path: "state", reason: error.localizedDescription)
      }
      guard data.count == count else {
        throw .malformedFile(path: "state", what: "length", found: "too short", allowed: "\(expected) bytes")
      }
      return data
    }
    for arena in arenas {
      let target = UnsafeMutableRawBufferPointer(arena.elements)
      var offset = 0
      while offset < target.count {
        let piece = try read(min(Self.leafByteCount, target.count - offset))
        UnsafeMutableRawBufferPointer(rebasing: target[offset...]).copyBytes(from: piece)
        offset += piece.count
      }
    }
    readCounters(try read(16))
    if let more = try? handle.read(upToCount: 1), !more.isEmpty {
      throw .malformedFile(path: "state", what: "length", found: "too long", allowed: "\(expected) bytes")
    }
  }

  private func readCounters(_ bytes: some Collection<UInt8>) {
    let words = bytes.reversed().reduce(into: UInt128(0)) { $0 = $0 << 8 | UInt128($1) }
    step = UInt64(truncatingIfNeeded: words)
    round = UInt64(truncatingIfNeeded: words >> 64)
  }
}
