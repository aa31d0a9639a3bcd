/// Opens an age file as it arrives: its bytes in, data out, none of it before it is authenticated.
///
/// ```swift
/// var stream = OpeningStream(identities: [identity])
/// var data: [UInt8] = []
/// try stream.append(part, to: &data)      // as often as there are parts
/// try stream.finish(to: &data)            // without this, the end may be missing
/// ```
/// When an error is thrown, all that was appended is genuine, but cut; ``plainByteCount`` says where, and all
/// further calls throw the same error. Memory stays at two chunks of 64 KiB (and a header of 1 MiB at most),
/// however long the file is. It can't be copied.
public struct OpeningStream: ~Copyable, Sendable {
  /// How many bytes of data were given out.
  public private(set) var plainByteCount: UInt64 = 0

  private let identities: [SealingIdentity]
  private var reader = SealedHeaderReader()
  private var fileKey: FileKey?
  private var opener: ChunkOpener?
  /// Bytes of the nonce, then of a chunk: a whole one too, since it may turn out to be the last one.
  private var waiting: [UInt8] = []
  private var chunk: UInt64 = 0
  private let scratch = ChunkBuffer()
  /// What ended the stream before its end.
  private var failure: SealingError?

  /// Opens with the first identity that fits.
  public init(identities: [SealingIdentity]) {
    self.identities = identities
  }

  /// Takes in bytes and appends the data that they authenticate.
  ///
  /// - Throws: ``SealingError``.
  public mutating func append(_ file: some Collection<UInt8>, to data: inout [UInt8]) throws(SealingError) {
    try file.withRawBytes { buffer throws(SealingError) in try append(buffer, to: &data) }
  }

  /// Takes in the bytes of a buffer and appends the data that they authenticate.
  ///
  /// - Throws: ``SealingError``.
  public mutating func append(
    _ file: UnsafeRawBufferPointer, to data: inout [UInt8]
  ) throws(SealingError) {
    if let failure { throw failure }
    do throws(SealingError) {
      try take(file, to: &data)
    } catch {
      failure = error
      throw error
    }
  }

  /// Ends the file: opens the last chunk, and checks that it is the last one.
  ///
  /// - Throws: ``SealingError``.
  public consuming func finish(to data: inout [UInt8]) throws(SealingError) {
    if let failure { throw failure }
    try reader.finish()
    guard opener != nil else { throw .headerCut(at: UInt64(reader.byteCount + waiting.count)) }
    try openWaiting(isLast: true, to: &data)
  }

  /// The data of an age file that is in memory: all of it, or an error.
  ///
  /// - Throws: ``SealingError``.
  public static func open(
    _ file: some Collection<UInt8>, with identities: [SealingIdentity]
  ) throws(SealingError) -> [UInt8] {
    var stream = OpeningStream(identities: identities)
    var data: [UInt8] = []
    data.reserveCapacity(file.count)
    try stream.append(file, to: &data)
    try stream.finish(to: &data)
    return data
  }

  private mutating func take(_ file: UnsafeRawBufferPointer, to data: inout [UInt8]) throws(SealingError) {
    var rest = file[...]
    if opener == nil { try readStart(&rest) }
    guard opener != nil else { return }
    let size = PayloadLayout.sealedChunkByteCount
    if !waiting.isEmpty {
      fill(to: size, from: &rest)
      guard !rest.isEmpty else { return }
      try openWaiting(isLast: false, to: &data)
    }
    // Whole chunks with more behind them are not the last, and need not wait.
    while rest.count > size {
      try open(UnsafeRawBufferPointer(rebasing: rest.prefix(size)), isLast: false, to: &data)
      rest = rest.dropFirst(size)
    }
    waiting += UnsafeRawBufferPointer(rebasing: rest)
  }

  /// Reads the header and the nonce behind it, as far as they have come.
  private mutating func readStart(_ rest: inout Slice<UnsafeRawBufferPointer>) throws(SealingError) {
    if fileKey == nil {
      let used = try reader.read(UnsafeRawBufferPointer(rebasing: rest))
      rest = rest.dropFirst(used)
      guard let header = reader.header else { return }
      fileKey = try header.fileKey(for: identities)
    }
    fill(to: PayloadKey.nonceByteCount, from: &rest)
    guard let fileKey, let key = PayloadKey(fileKey: fileKey, nonce: waiting) else { return }
    opener = try ChunkOpener(key, payloadStart: UInt64(reader.byteCount + waiting.count))
    waiting.removeAll(keepingCapacity: true)
  }

  private mutating func fill(to count: Int, from rest: inout Slice<UnsafeRawBufferPointer>) {
    let taken = rest.prefix(count - waiting.count)
    waiting += UnsafeRawBufferPointer(rebasing: taken)
    rest = rest.dropFirst(taken.count)
  }

  private mutating func openWaiting(isLast: Bool, to data: inout [UInt8]) throws(SealingError) {
    // Out of the stream and back, so that its storage is used again.
    var chunk: [UInt8] = []
    swap(&chunk, &waiting)
    try chunk.withRawBytes { buffer throws(SealingError) in
      try open(buffer, isLast: isLast, to: &data)
    }
    chunk.removeAll(keepingCapacity: true)
    swap(&chunk, &waiting)
  }

  private mutating func open(
    _ sealed: UnsafeRawBufferPointer, isLast: Bool, to data: inout [UInt8]
  ) throws(SealingError) {
    guard
      let (count, fault) = try opener?.open(sealed, firstChunk: chunk, isLast: isLast, into: scratch.buffer)
    else { return }
    data += UnsafeRawBufferPointer(rebasing: scratch.buffer[..<count])
    plainByteCount += UInt64(count)
    chunk += 1
    if let fault { throw fault }
  }
}
