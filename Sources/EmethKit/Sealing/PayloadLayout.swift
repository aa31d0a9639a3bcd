/// Where the chunks of a payload lie: 64 KiB of data each but the last, a tag of 16 bytes behind each
/// (age v1).
///
/// ```swift
/// let layout = try PayloadLayout(plainByteCount: 100_000)
/// print(layout.chunkCount, layout.sealedByteCount)                // 2 100032
/// let (chunks, bytes) = layout.sealed(70_000..<70_010)            // 1..<2, 65552..<100032
/// ```
/// Sealed positions count from the first chunk: behind the header and the 16 bytes of nonce.
public struct PayloadLayout: Hashable, Sendable {
  /// The bytes of data in every chunk but the last.
  public static let plainChunkByteCount = 65_536
  /// The bytes that sealing adds to a chunk.
  public static let tagByteCount = 16
  /// The bytes of every sealed chunk but the last.
  public static let sealedChunkByteCount = plainChunkByteCount + tagByteCount

  /// The bytes of data.
  public let plainByteCount: UInt64
  /// The chunks; data of no bytes has one too.
  public let chunkCount: UInt64

  private static let plain = UInt64(plainChunkByteCount)
  private static let sealed = UInt64(sealedChunkByteCount)
  private static let tag = UInt64(tagByteCount)

  /// The layout of data.
  ///
  /// - Throws: ``SealingError/payloadTooLong`` when the sealed length does not fit 64 bits.
  public init(plainByteCount: UInt64) throws(SealingError) {
    let count = max(1, plainByteCount / Self.plain + (plainByteCount % Self.plain > 0 ? 1 : 0))
    // 2^48 tags at most: only the sum can overflow.
    guard !plainByteCount.addingReportingOverflow(count * Self.tag).overflow else { throw .payloadTooLong }
    self.plainByteCount = plainByteCount
    chunkCount = count
  }

  /// The layout of chunks that have so many bytes in all, header and nonce not counted.
  ///
  /// - Throws: ``SealingError/payloadLength(found:)`` when no data gives this length.
  public init(sealedByteCount: UInt64) throws(SealingError) {
    let (whole, rest) = sealedByteCount.quotientAndRemainder(dividingBy: Self.sealed)
    // A last chunk without data stands only alone.
    guard rest == 0 ? whole > 0 : rest > Self.tag || (rest == Self.tag && whole == 0) else {
      throw .payloadLength(found: sealedByteCount)
    }
    chunkCount = whole + (rest > 0 ? 1 : 0)
    plainByteCount = sealedByteCount - chunkCount * Self.tag
  }

  /// The bytes of all sealed chunks.
  public var sealedByteCount: UInt64 { plainByteCount + chunkCount * Self.tag }

  /// The bytes of the last sealed chunk.
  public var lastChunk: Range<UInt64> { (chunkCount - 1) * Self.sealed..<sealedByteCount }

  /// The chunks that hold a range of data, and their sealed bytes; none for an empty range.
  ///
  /// Traps on a range that reaches beyond the data.
  public func sealed(_ range: Range<UInt64>) -> (chunks: Range<UInt64>, bytes: Range<UInt64>) {
    precondition(range.upperBound <= plainByteCount, "the range reaches beyond the data")
    let first = range.lowerBound / Self.plain
    guard !range.isEmpty else { return (first..<first, 0..<0) }
    let end = (range.upperBound - 1) / Self.plain + 1
    return (first..<end, first * Self.sealed..<(end == chunkCount ? sealedByteCount : end * Self.sealed))
  }
}
