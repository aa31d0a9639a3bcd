/// Opens the chunks of one payload, in any order: the way to open with all cores, or only a part.
///
/// ```swift
/// var opener = try ChunkOpener(key, payloadStart: UInt64(header.byteCount + PayloadKey.nonceByteCount))
/// let (count, fault) = try opener.open(sealed, firstChunk: 8, isLast: false, into: plain)
/// ```
/// ``OpeningStream`` does the same for who has one thread, ``RangeOpener`` for who needs a part. A value: a
/// copy works by itself.
public struct ChunkOpener: Sendable {
  /// Where the first chunk lies in the file, for the errors.
  public let payloadStart: UInt64

  private var cipher: ChaCha20Poly1305

  /// An opener of the payload that a key belongs to.
  ///
  /// - Parameters:
  ///   - key: The payload's key.
  ///   - payloadStart: Where its first chunk lies in the file: behind header and nonce.
  /// - Throws: ``SealingError/library(_:)``.
  public init(_ key: PayloadKey, payloadStart: UInt64) throws(SealingError) {
    self.payloadStart = payloadStart
    do throws(CryptoError) {
      cipher = try ChaCha20Poly1305(.opening, key: key.secret)
    } catch {
      throw .library(error)
    }
  }

  /// Opens chunks that follow each other.
  ///
  /// What is written is genuine, and at its place: up to the first chunk that is not. Traps on parts of
  /// chunks that are not the last bytes.
  ///
  /// - Parameters:
  ///   - sealed: Whole sealed chunks, or the payload's last bytes, whatever they are.
  ///   - firstChunk: Which chunk of the payload begins with them, counted from 0.
  ///   - isLast: Whether the payload ends with them.
  ///   - plain: Has room for as many bytes as `sealed`, and does not overlap it.
  /// - Returns: How many bytes were written, and what is wrong behind them: `chunkAltered`, `payloadCut`,
  ///   `trailingBytes` or `emptyLastChunk`.
  /// - Throws: ``SealingError/library(_:)``.
  public mutating func open(
    _ sealed: UnsafeRawBufferPointer, firstChunk: UInt64, isLast: Bool,
    into plain: UnsafeMutableRawBufferPointer
  ) throws(SealingError) -> (byteCount: Int, fault: SealingError?) {
    let size = PayloadLayout.sealedChunkByteCount
    precondition(isLast || sealed.count % size == 0, "only the last chunk may be short")
    let count = isLast ? max(1, (sealed.count + size - 1) / size) : sealed.count / size
    var written = 0
    for index in 0..<count {
      let range = index * size..<min(sealed.count, (index + 1) * size)
      let place = Place(
        chunk: firstChunk + UInt64(index), start: payloadStart + (firstChunk + UInt64(index)) * UInt64(size),
        isLast: isLast && index == count - 1)
      let target = UnsafeMutableRawBufferPointer(rebasing: plain[written...])
      let (byteCount, fault) = try open(
        UnsafeRawBufferPointer(rebasing: sealed[range]), at: place, into: target)
      written += byteCount
      if let fault { return (written, fault) }
    }
    return (written, nil)
  }

  private struct Place {
    let chunk: UInt64
    /// Its first byte in the file.
    let start: UInt64
    let isLast: Bool
  }

  private mutating func open(
    _ sealed: UnsafeRawBufferPointer, at place: Place, into plain: UnsafeMutableRawBufferPointer
  ) throws(SealingError) -> (Int, SealingError?) {
    let end = place.start + UInt64(sealed.count)
    let byteCount = sealed.count - PayloadLayout.tagByteCount
    guard byteCount >= 0 else { return (0, .payloadCut(at: end)) }
    if byteCount == 0, place.chunk > 0 { return (0, .emptyLastChunk(at: place.start)) }
    let target = UnsafeMutableRawBufferPointer(rebasing: plain[..<byteCount])
    if try isGenuine(sealed, chunk: place.chunk, isLast: place.isLast, into: target) {
      return (byteCount, nil)
    }
    // A whole chunk may be genuine and yet not stand where it was sealed to stand: as the last one with
    // more behind it, or before others that are missing. It is given out, and the error says what is wrong.
    if sealed.count == PayloadLayout.sealedChunkByteCount,
      try isGenuine(sealed, chunk: place.chunk, isLast: !place.isLast, into: target)
    {
      return (byteCount, place.isLast ? .payloadCut(at: end) : .trailingBytes(at: end))
    }
    return (0, .chunkAltered(chunk: place.chunk, at: place.start))
  }

  private mutating func isGenuine(
    _ sealed: UnsafeRawBufferPointer, chunk: UInt64, isLast: Bool, into plain: UnsafeMutableRawBufferPointer
  ) throws(SealingError) -> Bool {
    let nonce = ChaCha20Poly1305.Nonce(counter: chunk, last: isLast ? 1 : 0)
    do throws(CryptoError) {
      return try cipher.open(sealed, nonce: nonce, into: plain)
    } catch {
      throw .library(error)
    }
  }
}
