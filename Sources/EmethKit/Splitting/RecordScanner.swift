/// Finds where records end in a data set that arrives in buffers of any size.
///
/// Where the buffers begin and end makes no difference, to the records or to the errors. The scanner keeps
/// three bytes at most, and no record: what lies between two ends is the caller's to hold.
///
/// A sentence ends with a run of `.`, `?` and `!`, with the quotes and brackets that close it
/// (`" ' ) ] }`, ’ ” » ›) and the white space behind: the English rule of Round 3-2 without its losses. It
/// knows no abbreviations: `e.g. this` are three records. Every record that is scanned by itself is one
/// record again, so that whoever holds a part cuts it as the whole was cut.
///
/// ```swift
/// var scanner = RecordScanner(.line)
/// try scanner.scan(buffer) { end in print("a record ends before byte \(end)") }
/// try scanner.finish { end in print("the last one ends before byte \(end)") }
/// ```
/// - Complexity: linear in the bytes, with one call for every record.
public struct RecordScanner: Sendable {
  /// The most bytes that a record of any kind may have: 64 MiB.
  public static let recordByteLimit = 64 << 20

  /// What counts as a record.
  public let kind: RecordKind
  /// The number of records that have ended, those before the first byte included.
  public private(set) var recordCount: UInt64
  /// The offset of the first byte of the record that has not ended.
  public private(set) var recordStart: UInt64
  /// The offset behind all bytes that were scanned: whole characters of text.
  public private(set) var position: UInt64

  private var text = UTF8Stream()
  private var sentence = SentenceState.body

  /// A scanner before the first byte of a record.
  ///
  /// - Parameters:
  ///   - kind: What counts as a record.
  ///   - offset: Where that byte stands in the data set.
  ///   - record: The record's place in the data set.
  public init(_ kind: RecordKind, at offset: UInt64 = 0, record: UInt64 = 0) {
    self.kind = kind
    recordCount = record
    recordStart = offset
    position = offset
  }

  /// Takes in the next bytes.
  ///
  /// - Parameter recordEnd: Called with the offset behind each record that ends, in order. A sentence ends
  ///   when the next one begins.
  /// - Throws: ``SplittingError/notText(at:)``, ``SplittingError/recordTooLong(record:at:allowed:)``, and what
  ///   `recordEnd` throws; the scanner is of no use after that.
  public mutating func scan(
    _ bytes: UnsafeRawBufferPointer, recordEnd: (UInt64) throws(SplittingError) -> Void
  ) throws(SplittingError) {
    guard kind.isText else { return try scanBinary(bytes.count, recordEnd) }
    var rest = bytes
    while !rest.isEmpty {
      let step = text.take(rest)
      if step.completesCarried {
        let character = text.takeCarried()
        try character.withUnsafeBytes { (bytes) throws(SplittingError) in try scanText(bytes, recordEnd) }
      }
      try scanText(UnsafeRawBufferPointer(rebasing: rest[step.wellFormed]), recordEnd)
      guard !step.isBroken else { throw .notText(at: position) }
      rest = UnsafeRawBufferPointer(rebasing: rest[step.taken...])
    }
  }

  /// Ends the data set; a last record that nothing ended ends here.
  ///
  /// - Throws: ``SplittingError/notText(at:)`` for a cut character,
  ///   ``SplittingError/leftOver(byteCount:records:recordByteCount:)``, and what `recordEnd` throws.
  public mutating func finish(
    recordEnd: (UInt64) throws(SplittingError) -> Void
  ) throws(SplittingError) {
    guard !text.isInsideCharacter else { throw .notText(at: position) }
    guard recordStart < position else { return }
    if case .binary(let byteCount) = kind {
      throw .leftOver(
        byteCount: position - recordStart, records: recordCount, recordByteCount: byteCount)
    }
    try end(at: position, recordEnd)
  }

  private mutating func end(
    at offset: UInt64, _ recordEnd: (UInt64) throws(SplittingError) -> Void
  ) throws(SplittingError) {
    try refuseTooLong(endingAt: offset)
    recordStart = offset
    recordCount += 1
    try recordEnd(offset)
  }

  private func refuseTooLong(endingAt offset: UInt64) throws(SplittingError) {
    guard offset - recordStart <= UInt64(kind.recordByteLimit) else {
      throw .recordTooLong(record: recordCount, at: recordStart, allowed: kind.recordByteLimit)
    }
  }

  private mutating func scanBinary(
    _ count: Int, _ recordEnd: (UInt64) throws(SplittingError) -> Void
  ) throws(SplittingError) {
    guard case .binary(let byteCount) = kind else { return }
    let size = UInt64(byteCount)
    position += UInt64(count)
    while position - recordStart >= size {
      try end(at: recordStart + size, recordEnd)
    }
  }

  /// Scans whole characters.
  private mutating func scanText(
    _ bytes: UnsafeRawBufferPointer, _ recordEnd: (UInt64) throws(SplittingError) -> Void
  ) throws(SplittingError) {
    guard let start = bytes.baseAddress else { return }
    let base = position
    position += UInt64(bytes.count)
    var index = 0
    if kind == .sentence {
      while let boundary = sentence.nextBoundary(start, from: &index, count: bytes.count) {
        try end(at: base + UInt64(boundary), recordEnd)
      }
    } else {
      while let feed = ByteSearch.first(0x0A, in: start, from: index, count: bytes.count) {
        index = feed + 1
        try end(at: base + UInt64(index), recordEnd)
      }
    }
    try refuseTooLong(endingAt: position)
  }
}
