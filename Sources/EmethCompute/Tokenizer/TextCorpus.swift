import Foundation

/// A text to train on: checked to be UTF-8, with its validation share cut off at the end.
///
/// The file is mapped into memory, so that it is read once and never held twice. The validation share is the
/// last 7 % of the bytes, 10 % when more than 20 % of the characters are of Japanese or Chinese writing,
/// moved to the first line end at or after that place; without one, to the last line end before it, and in a
/// text of one line to the next character.
///
/// ```swift
/// let corpus = try TextCorpus(contentsOf: URL(filePath: "shakespeare.txt"))
/// let tokens = try corpus.tokens(of: corpus.training, tokenizer: ByteTokenizer())
/// ```
public struct TextCorpus: Sendable {
  /// The whole text.
  public let bytes: Data
  /// Whether more than a fifth of the characters are of Japanese or Chinese writing.
  public let isEastAsian: Bool
  /// The bytes to train on.
  public let training: Range<Int>
  /// The bytes held back, after the training share; empty when the text is too short to hold any back.
  public let validation: Range<Int>

  /// Reads a file.
  ///
  /// - Throws: `ComputeError.fileUnreadable` when it is missing, a folder or not readable; `invalidInput`
  ///   when it is empty or not UTF-8, with the byte offset.
  public init(contentsOf file: URL) throws(ComputeError) {
    try self.init(bytes: WholeFile.map(file))
  }

  /// Takes text that is at hand.
  ///
  /// - Throws: `ComputeError.invalidInput` when it is empty or not UTF-8, with the byte offset.
  public init(bytes: Data) throws(ComputeError) {
    // Indices count from 0 below, which those of a slice need not.
    let bytes = bytes.startIndex == 0 ? bytes : Data(bytes)
    guard !bytes.isEmpty else { throw .invalidInput(what: "text", found: "empty", allowed: "UTF-8 text") }
    var check = UTF8Check()
    let (fault, cut) = Self.withBytes(of: bytes) { buffer -> (Int?, Int) in
      if let offset = check.read(buffer) { return (offset, 0) }
      let share = check.eastAsianCount * 5 > check.scalarCount ? 10 : 7
      return (nil, Self.validationStart(of: buffer, percent: share))
    }
    if let fault { throw .notUTF8(offset: fault, byte: bytes[fault]) }
    self.bytes = bytes
    isEastAsian = check.eastAsianCount * 5 > check.scalarCount
    training = 0..<cut
    validation = cut..<bytes.count
  }

  /// The tokens of a part of the text.
  ///
  /// The text goes to the tokenizer in pieces of about 1 MiB that end where the tokenizer says that the
  /// tokens are those of the whole.
  public func tokens(of range: Range<Int>, tokenizer: any Tokenizer) throws(ComputeError) -> [UInt32] {
    var tokens: [UInt32] = []
    var start = range.lowerBound
    while start < range.upperBound {
      let end = Self.withBytes(of: bytes) { buffer in
        let rest = UnsafeBufferPointer(rebasing: buffer[start..<range.upperBound])
        return start + (tokenizer.partingPlace(in: rest, after: TextPieces.pieceByteCount) ?? rest.count)
      }
      // Each piece is copied, so that the mapping is not pinned by a closure that may throw.
      tokens += try tokenizer.encode(bytes: [UInt8](bytes[start..<end]))
      start = end
    }
    return tokens
  }

  static func validationStart(of bytes: UnsafeBufferPointer<UInt8>, percent: Int) -> Int {
    let wanted = bytes.count / 100 * percent + bytes.count % 100 * percent / 100
    guard wanted > 0 else { return bytes.count }
    let target = bytes.count - wanted
    let lineFeed = UInt8(ascii: "\n")
    if let end = bytes[(target - 1)..<(bytes.count - 1)].firstIndex(of: lineFeed) { return end + 1 }
    if let end = bytes[..<(target - 1)].lastIndex(of: lineFeed) { return end + 1 }
    var cut = target
    while cut < bytes.count, bytes[cut] & 0xC0 == 0x80 { cut += 1 }
    return cut
  }

  private static func withBytes<Result>(
    of data: Data, _ body: (UnsafeBufferPointer<UInt8>) -> Result
  ) -> Result {
    data.withUnsafeBytes { body($0.bindMemory(to: UInt8.self)) }
  }
}
