/// Seals data as it arrives: bytes in, the bytes of an age file out.
///
/// ```swift
/// var stream = try SealingStream(to: [recipient], using: &random)
/// var file: [UInt8] = []
/// try stream.append(part, to: &file)      // as often as there are parts
/// try stream.finish(to: &file)
/// ```
/// Memory stays at two chunks of 64 KiB, however long the data is. It can't be copied: two ends of one
/// beginning would be encrypted with the same nonces.
public struct SealingStream: ~Copyable, Sendable {
  /// Header and nonce, until they are written.
  private var start: [UInt8]
  private var sealer: ChunkSealer
  /// The end of the data so far: a whole chunk too, since it may turn out to be the last one.
  private var waiting: [UInt8] = []
  private var chunk: UInt64 = 0
  private let scratch = ChunkBuffer()

  /// Seals under a fresh file key.
  ///
  /// - Parameters:
  ///   - recipients: At least one.
  ///   - random: A source fit for keys: file key, nonce and a key for each recipient come from it.
  /// - Throws: As ``SealedHeader/init(of:to:using:)``.
  public init(
    to recipients: [SealingRecipient], using random: inout some RandomNumberGenerator
  ) throws(SealingError) {
    let fileKey = FileKey(using: &random)
    let header = try SealedHeader(of: fileKey, to: recipients, using: &random)
    try self.init(header: header, key: PayloadKey(fileKey: fileKey, using: &random))
  }

  /// Seals the payload of a key behind a header that was made for the same file key.
  ///
  /// - Parameters:
  ///   - header: nil to write the payload alone, which any number of headers may be put before.
  ///   - key: A fresh one.
  /// - Throws: ``SealingError/library(_:)``.
  public init(header: SealedHeader?, key: PayloadKey) throws(SealingError) {
    start = (header?.encoded ?? []) + key.nonce
    sealer = try ChunkSealer(key)
  }

  /// Takes in bytes and appends what is sealed of them.
  ///
  /// - Throws: ``SealingError/library(_:)``.
  public mutating func append(_ plain: some Collection<UInt8>, to file: inout [UInt8]) throws(SealingError) {
    try plain.withRawBytes { buffer throws(SealingError) in try append(buffer, to: &file) }
  }

  /// Takes in the bytes of a buffer and appends what is sealed of them.
  ///
  /// - Throws: ``SealingError/library(_:)``.
  public mutating func append(
    _ plain: UnsafeRawBufferPointer, to file: inout [UInt8]
  ) throws(SealingError) {
    writeStart(to: &file)
    let size = PayloadLayout.plainChunkByteCount
    var rest = plain[...]
    if !waiting.isEmpty {
      let count = min(rest.count, size - waiting.count)
      waiting += UnsafeRawBufferPointer(rebasing: rest.prefix(count))
      rest = rest.dropFirst(count)
      guard !rest.isEmpty else { return }
      try sealWaiting(isLast: false, to: &file)
    }
    // Whole chunks with more behind them are not the last, and need not wait.
    while rest.count > size {
      try seal(UnsafeRawBufferPointer(rebasing: rest.prefix(size)), isLast: false, to: &file)
      rest = rest.dropFirst(size)
    }
    waiting += UnsafeRawBufferPointer(rebasing: rest)
  }

  /// Ends the data and appends the last chunk.
  ///
  /// - Throws: ``SealingError/library(_:)``.
  public consuming func finish(to file: inout [UInt8]) throws(SealingError) {
    writeStart(to: &file)
    try sealWaiting(isLast: true, to: &file)
  }

  /// The age file of data that is in memory.
  ///
  /// - Throws: As ``init(to:using:)``.
  public static func seal(
    _ plain: some Collection<UInt8>, to recipients: [SealingRecipient],
    using random: inout some RandomNumberGenerator
  ) throws(SealingError) -> [UInt8] {
    var stream = try SealingStream(to: recipients, using: &random)
    var file: [UInt8] = []
    file.reserveCapacity(stream.start.count + ChunkSealer.sealedByteCount(of: plain.count))
    try stream.append(plain, to: &file)
    try stream.finish(to: &file)
    return file
  }

  private mutating func writeStart(to file: inout [UInt8]) {
    file += start
    start = []
  }

  private mutating func sealWaiting(isLast: Bool, to file: inout [UInt8]) throws(SealingError) {
    // Out of the stream and back, so that its storage is used again.
    var chunk: [UInt8] = []
    swap(&chunk, &waiting)
    try chunk.withRawBytes { buffer throws(SealingError) in
      try seal(buffer, isLast: isLast, to: &file)
    }
    chunk.removeAll(keepingCapacity: true)
    swap(&chunk, &waiting)
  }

  private mutating func seal(
    _ plain: UnsafeRawBufferPointer, isLast: Bool, to file: inout [UInt8]
  ) throws(SealingError) {
    let count = try sealer.seal(plain, firstChunk: chunk, isLast: isLast, into: scratch.buffer)
    file += UnsafeRawBufferPointer(rebasing: scratch.buffer[..<count])
    chunk += 1
  }
}
