/// Text that arrives in chunks of any size, checked to be UTF-8 and parted where the tokens allow it.
///
/// Holds what has not been taken: a few mebibytes, or more where the text can't be parted.
struct TextPieces {
  /// About how long a piece is, in bytes.
  static let pieceByteCount = 1 << 20

  private var buffer: [UInt8] = []
  /// Bytes of the buffer that are known to be UTF-8.
  private var checked = 0
  /// Where the pieces that are ready end.
  private var ends: [Int] = []
  /// Up to here no further place to part the text was found.
  private var searched = 0
  /// Bytes of the text in front of the buffer.
  private var offset = 0
  private let partingPlace: (UnsafeBufferPointer<UInt8>, Int) -> Int?

  /// Pieces that end where `partingPlace`, given text and a start, allows it: see
  /// ``Tokenizer/partingPlace(in:after:)``.
  init(_ partingPlace: @escaping (UnsafeBufferPointer<UInt8>, Int) -> Int?) {
    self.partingPlace = partingPlace
  }

  /// Number of pieces that are ready.
  var count: Int { ends.count }

  /// Adds bytes of the text.
  ///
  /// - Throws: `ComputeError.invalidInput` with the offset in the text of the first byte that is not UTF-8.
  mutating func append(_ bytes: UnsafeRawBufferPointer) throws(ComputeError) {
    buffer.append(contentsOf: bytes)
    try check(upTo: buffer.count - Self.unfinishedCount(buffer))
    part()
  }

  /// Makes the rest of the text a piece.
  ///
  /// - Throws: as ``append(_:)``, also for a character that is cut off.
  mutating func finish() throws(ComputeError) {
    try check(upTo: buffer.count)
    if buffer.count > ends.last ?? 0 { ends.append(buffer.count) }
  }

  /// Takes out the first `limit` pieces, or as many as are ready: their bytes and where each lies in them.
  mutating func take(_ limit: Int) -> (bytes: [UInt8], ranges: [Range<Int>]) {
    let taken = ends.prefix(limit)
    let length = taken.last ?? 0
    let bytes = Array(buffer[..<length])
    let ranges = zip([0] + taken, taken).map { $0..<$1 }
    buffer.removeFirst(length)
    ends = ends.dropFirst(taken.count).map { $0 - length }
    checked -= length
    searched = max(0, searched - length)
    offset += length
    return (bytes, ranges)
  }

  private mutating func check(upTo end: Int) throws(ComputeError) {
    guard end > checked else { return }
    var check = UTF8Check()
    let fault = buffer.withUnsafeBufferPointer { check.read(.init(rebasing: $0[checked..<end])) }
    if let fault { throw .notUTF8(offset: offset + checked + fault, byte: buffer[checked + fault]) }
    checked = end
  }

  private mutating func part() {
    while true {
      let start = max(searched, (ends.last ?? 0) + Self.pieceByteCount)
      guard start < checked else { return }
      let place = buffer.withUnsafeBufferPointer { partingPlace(.init(rebasing: $0[..<checked]), start) }
      guard let place else {
        // The last characters are looked at again when it is known what follows them.
        searched = max(start, checked - 8)
        return
      }
      ends.append(place)
    }
  }

  /// How many bytes at the end may be a character whose rest is still to come.
  private static func unfinishedCount(_ bytes: [UInt8]) -> Int {
    for count in 1...3 where count <= bytes.count {
      let byte = bytes[bytes.count - count]
      if byte & 0xC0 == 0x80 { continue }
      let length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1
      return length > count ? count : 0
    }
    return 0
  }
}
