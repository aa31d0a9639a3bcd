/// Opens any part of a sealed file whose bytes can be fetched by position, without reading the rest.
///
/// ```swift
/// let start = try RangeOpener.Start(read(0..<4096), fileByteCount: size, identities: [identity])
/// var opener = try RangeOpener(start, lastChunk: read(start.lastChunk))
/// let range: Range<UInt64> = 1_000_000..<1_000_100
/// let part = try opener.open(range, from: read(opener.fileRange(of: range)))
/// ```
/// The last chunk is authenticated first: only it proves how long the data is, so that a file that was cut
/// between two chunks is refused.
public struct RangeOpener: Sendable {
  /// Where the chunks lie, counted from the first one; the length of the data is proven.
  public let layout: PayloadLayout

  private var opener: ChunkOpener

  /// An opener of a file, once its last chunk is authenticated.
  ///
  /// - Parameters:
  ///   - start: The file's beginning.
  ///   - lastChunk: The bytes of the file at ``Start/lastChunk``.
  /// - Throws: ``SealingError``: `chunkAltered`, `payloadCut`, `library`.
  public init(_ start: Start, lastChunk: some Collection<UInt8>) throws(SealingError) {
    layout = start.layout
    opener = try ChunkOpener(start.key, payloadStart: start.payloadStart)
    try check(lastChunk.count, of: start.lastChunk)
    _ = try open(lastChunk, firstChunk: layout.chunkCount - 1)
  }

  /// The bytes of the file that a range of the data needs: the chunks that hold it. None for an empty range.
  ///
  /// - Throws: ``SealingError/rangeOutside(found:byteCount:)``.
  public func fileRange(of range: Range<UInt64>) throws(SealingError) -> Range<UInt64> {
    try check(range)
    let (_, bytes) = layout.sealed(range)
    return opener.payloadStart + bytes.lowerBound..<opener.payloadStart + bytes.upperBound
  }

  /// The data of a range.
  ///
  /// - Parameters:
  ///   - range: Positions in the data.
  ///   - sealed: The bytes of the file at ``fileRange(of:)``.
  /// - Throws: ``SealingError``: `rangeOutside`, `chunkAltered`, `payloadCut` for other bytes than those,
  ///   `library`. Nothing is given then.
  public mutating func open(
    _ range: Range<UInt64>, from sealed: some Collection<UInt8>
  ) throws(SealingError) -> [UInt8] {
    try check(sealed.count, of: fileRange(of: range))
    let (chunks, _) = layout.sealed(range)
    guard !range.isEmpty else { return [] }
    let data = try open(sealed, firstChunk: chunks.lowerBound)
    let start = Int(range.lowerBound - chunks.lowerBound * UInt64(PayloadLayout.plainChunkByteCount))
    return Array(data[start..<start + Int(range.upperBound - range.lowerBound)])
  }

  private func check(_ range: Range<UInt64>) throws(SealingError) {
    guard range.upperBound <= layout.plainByteCount else {
      throw .rangeOutside(found: range, byteCount: layout.plainByteCount)
    }
  }

  /// Refuses bytes that a file which changed in the meantime no longer has.
  private func check(_ byteCount: Int, of range: Range<UInt64>) throws(SealingError) {
    guard UInt64(byteCount) == range.upperBound - range.lowerBound else {
      throw .payloadCut(at: range.lowerBound + UInt64(byteCount))
    }
  }

  private mutating func open(
    _ sealed: some Collection<UInt8>, firstChunk: UInt64
  ) throws(SealingError) -> [UInt8] {
    var data = [UInt8](repeating: 0, count: sealed.count)
    let chunks = (sealed.count + PayloadLayout.sealedChunkByteCount - 1) / PayloadLayout.sealedChunkByteCount
    let isLast = firstChunk + UInt64(chunks) == layout.chunkCount
    let opened = try sealed.withRawBytes { source throws(SealingError) in
      data.withUnsafeMutableBytes { target -> Result<(Int, SealingError?), SealingError> in
        do throws(SealingError) {
          return .success(try opener.open(source, firstChunk: firstChunk, isLast: isLast, into: target))
        } catch {
          return .failure(error)
        }
      }
    }
    let (count, fault) = try opened.get()
    if let fault { throw fault }
    data.removeLast(data.count - count)
    return data
  }
}

extension RangeOpener {
  /// What stands before the chunks of a file, and the key that follows from it.
  public struct Start: Sendable {
    /// The header.
    public let header: SealedHeader
    /// Where the first chunk lies in the file.
    public let payloadStart: UInt64
    /// Where the chunks lie, counted from the first one, if the file is as long as it is said to be.
    public let layout: PayloadLayout

    let key: PayloadKey

    /// Reads header and nonce.
    ///
    /// - Parameters:
    ///   - file: The beginning of the file; 4 KiB are mostly enough, and always 16 bytes more than
    ///     ``SealedHeaderReader/byteCountLimit``.
    ///   - fileByteCount: The length of the file.
    ///   - identities: The first one that fits opens.
    /// - Throws: ``SealingError``: `headerCut` when more bytes are needed, `payloadLength` when the file was
    ///   cut, and whatever a header can have.
    public init(
      _ file: some Collection<UInt8>, fileByteCount: UInt64, identities: [SealingIdentity]
    ) throws(SealingError) {
      var reader = SealedHeaderReader()
      _ = try file.withRawBytes { buffer throws(SealingError) in try reader.read(buffer) }
      guard let header = reader.header else { throw .headerCut(at: UInt64(file.count)) }
      let fileKey = try header.fileKey(for: identities)
      let nonce = file.dropFirst(reader.byteCount).prefix(PayloadKey.nonceByteCount)
      guard let key = PayloadKey(fileKey: fileKey, nonce: nonce) else {
        throw .headerCut(at: UInt64(file.count))
      }
      self.header = header
      self.key = key
      payloadStart = UInt64(reader.byteCount + PayloadKey.nonceByteCount)
      guard fileByteCount >= payloadStart else { throw .headerCut(at: fileByteCount) }
      layout = try PayloadLayout(sealedByteCount: fileByteCount - payloadStart)
    }

    /// The bytes of the file that hold the last chunk.
    public var lastChunk: Range<UInt64> {
      payloadStart + layout.lastChunk.lowerBound..<payloadStart + layout.lastChunk.upperBound
    }
  }
}
