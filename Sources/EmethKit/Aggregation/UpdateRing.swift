/// The numbers that updates are made of, and how their vectors lie in memory.
///
/// A vector is words of 4 bytes, little-endian: an update's as signed numbers of at most 2^22 − 1, a masked
/// one's as any numbers mod 2^32.
public enum UpdateRing {
  /// The largest magnitude of an update's coordinate, 2^22 − 1 (PROTOCOL 6).
  public static let limit: Int32 = (1 << 22) - 1
  /// The bytes of one coordinate.
  public static let wordByteCount = 4

  /// Coordinates that are worked on at a time, so that they and a stream of masks stay in a core's cache.
  static let blockWords = 1024

  /// The number of coordinates of a buffer.
  ///
  /// - Throws: ``AggregationError/vectorLength(found:)`` unless it is whole words.
  static func wordCount(of buffer: UnsafeRawBufferPointer) throws(AggregationError) -> Int {
    guard buffer.count % wordByteCount == 0 else { throw .vectorLength(found: UInt64(buffer.count)) }
    return buffer.count / wordByteCount
  }

  /// The words of a buffer in place. Traps unless it is aligned to 4 bytes.
  static func words(_ buffer: UnsafeRawBufferPointer) -> UnsafeBufferPointer<UInt32> {
    requireAlignment(of: buffer.baseAddress)
    return buffer.bindMemory(to: UInt32.self)
  }

  /// The words of a buffer in place. Traps unless it is aligned to 4 bytes.
  static func words(_ buffer: UnsafeMutableRawBufferPointer) -> UnsafeMutableBufferPointer<UInt32> {
    requireAlignment(of: UnsafeRawPointer(buffer.baseAddress))
    return buffer.bindMemory(to: UInt32.self)
  }

  private static func requireAlignment(of start: UnsafeRawPointer?) {
    precondition(UInt(bitPattern: start) % 4 == 0, "a vector is aligned to its words of 4 bytes")
  }

  /// The place of the first number beyond ±limit in a block; nil when there is none.
  static func firstOutside(
    _ words: UnsafeBufferPointer<UInt32>, limit: UInt32
  ) -> Int? {
    // Without a branch in the loop, so that it takes several words at a time.
    var outside: UInt32 = 0
    for index in 0..<words.count {
      outside |= UInt32(littleEndian: words[index]) &+ limit > 2 &* limit ? 1 : 0
    }
    guard outside != 0 else { return nil }
    return words.firstIndex { UInt32(littleEndian: $0) &+ limit > 2 &* limit }
  }
}
