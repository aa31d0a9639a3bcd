/// Seals the chunks of one payload, in any order: the way to seal with all cores.
///
/// ```swift
/// var sealer = try ChunkSealer(key)                       // one for each thread
/// let count = try sealer.seal(plain, firstChunk: 8, isLast: false, into: sealed)
/// ```
/// ``SealingStream`` does the same for who has one thread. A value: a copy works by itself.
public struct ChunkSealer: Sendable {
  private var cipher: ChaCha20Poly1305

  /// A sealer of the payload that a key belongs to.
  ///
  /// - Throws: ``SealingError/library(_:)``.
  public init(_ key: PayloadKey) throws(SealingError) {
    do throws(CryptoError) {
      cipher = try ChaCha20Poly1305(.sealing, key: key.secret)
    } catch {
      throw .library(error)
    }
  }

  /// How many bytes ``seal(_:firstChunk:isLast:into:)`` writes for so many bytes of data.
  public static func sealedByteCount(of plainByteCount: Int) -> Int {
    plainByteCount + chunkCount(of: plainByteCount) * PayloadLayout.tagByteCount
  }

  private static func chunkCount(of plainByteCount: Int) -> Int {
    max(1, (plainByteCount + PayloadLayout.plainChunkByteCount - 1) / PayloadLayout.plainChunkByteCount)
  }

  /// Seals whole chunks that follow each other.
  ///
  /// Traps unless the plain bytes are whole chunks, or the payload's last ones; data without bytes is one
  /// last chunk, and else a payload's last chunk has data. No chunk may be sealed twice with other data.
  ///
  /// - Parameters:
  ///   - plain: The data.
  ///   - firstChunk: Which chunk of the payload begins with it, counted from 0.
  ///   - isLast: Whether the payload ends with it.
  ///   - sealed: Has room for ``sealedByteCount(of:)`` bytes and does not overlap the data.
  /// - Returns: How many bytes were written.
  /// - Throws: ``SealingError/library(_:)``.
  public mutating func seal(
    _ plain: UnsafeRawBufferPointer, firstChunk: UInt64, isLast: Bool,
    into sealed: UnsafeMutableRawBufferPointer
  ) throws(SealingError) -> Int {
    let size = PayloadLayout.plainChunkByteCount
    precondition(isLast || (!plain.isEmpty && plain.count % size == 0), "only the last chunk may be short")
    precondition(!plain.isEmpty || firstChunk == 0, "a last chunk without data stands only alone")
    let count = Self.chunkCount(of: plain.count)
    var written = 0
    for index in 0..<count {
      let chunk = UnsafeRawBufferPointer(rebasing: plain[index * size..<min(plain.count, (index + 1) * size)])
      let target = UnsafeMutableRawBufferPointer(
        rebasing: sealed[written..<written + chunk.count + PayloadLayout.tagByteCount])
      let nonce = ChaCha20Poly1305.Nonce(
        counter: firstChunk + UInt64(index), last: isLast && index == count - 1 ? 1 : 0)
      do throws(CryptoError) {
        try cipher.seal(chunk, nonce: nonce, into: target)
      } catch {
        throw .library(error)
      }
      written += target.count
    }
    return written
  }
}
