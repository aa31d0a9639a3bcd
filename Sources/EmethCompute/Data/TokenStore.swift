import Foundation

/// The token ids of a text, in a file that is mapped into memory: any number of them in constant memory.
///
/// Ids take one byte each where the tokenizer is the byte tokenizer (the text itself is then the file), two
/// where the vocabulary has at most 65,536 ids, else four, little-endian. The system reads what is looked at
/// and drops it again when memory is short. A file that someone else cuts off while it is mapped ends the
/// process, as with every mapped file.
///
/// ```swift
/// let corpus = try TextCorpus(contentsOf: URL(filePath: "shakespeare.txt"))
/// let tokens = try TokenStore(of: corpus, range: corpus.training, tokenizer: tokenizer, device: device)
/// let windows = try TokenWindows(tokens, context: 64)
/// ```
public struct TokenStore: Sendable {
  /// Number of tokens.
  public let count: Int
  /// Bytes of one id: 1, 2 or 4.
  public let bytesPerToken: Int

  private let data: Data
  /// Where the first id lies in `data`.
  private let start: Int

  /// Text goes to the tokenizer in chunks of so many bytes.
  private static let chunkByteCount = 4 << 20

  /// The tokens of a part of a text.
  ///
  /// The byte tokenizer's are the text. Any other tokenizer reads the text once, on all threads of the device;
  /// the ids go to a temporary file that loses its name at once, so that nothing is left of it, however the
  /// process ends.
  ///
  /// - Parameters:
  ///   - range: bytes of the text, cut between two characters.
  ///   - folder: where the temporary file is made; it needs two or four bytes a token.
  /// - Throws: `ComputeError.invalidInput`, `fileUnwritable`.
  public init(
    of corpus: TextCorpus, range: Range<Int>, tokenizer: any Tokenizer, device: Device,
    folder: URL = FileManager.default.temporaryDirectory
  ) throws(ComputeError) {
    precondition(range.lowerBound >= 0 && range.upperBound <= corpus.bytes.count, "bytes out of range")
    guard !(tokenizer is ByteTokenizer) else {
      self.init(data: corpus.bytes, start: range.lowerBound, count: range.count, bytesPerToken: 1)
      return
    }
    let width = tokenizer.vocabularySize <= 1 << 16 ? 2 : 4
    let file = try ScratchFile(in: folder)
    var stream = TextTokenStream(tokenizer: tokenizer, device: device)
    for start in stride(from: range.lowerBound, to: range.upperBound, by: Self.chunkByteCount) {
      let chunk = corpus.bytes[start..<min(start + Self.chunkByteCount, range.upperBound)]
      for ids in try stream.append(chunk) { try file.append(Self.encode(ids, bytesPerToken: width)) }
    }
    for ids in try stream.finish() { try file.append(Self.encode(ids, bytesPerToken: width)) }
    let count = stream.tokenCount
    self.init(data: try file.map(), start: 0, count: count, bytesPerToken: width)
  }

  /// Tokens at hand, four bytes each.
  public init(_ tokens: [UInt32]) {
    self.init(
      data: Data(Self.encode(tokens, bytesPerToken: 4)), start: 0, count: tokens.count, bytesPerToken: 4)
  }

  private init(data: Data, start: Int, count: Int, bytesPerToken: Int) {
    self.data = data
    self.start = start
    self.count = count
    self.bytesPerToken = bytesPerToken
  }

  /// The token at `index`. O(1).
  public subscript(index: Int) -> UInt32 {
    precondition((0..<count).contains(index), "token out of range")
    return data.withUnsafeBytes { token(at: index, of: $0) }
  }

  /// The tokens of a range, copied. O(range).
  public subscript(range: Range<Int>) -> [UInt32] {
    precondition(range.lowerBound >= 0 && range.upperBound <= count, "tokens out of range")
    return data.withUnsafeBytes { bytes in range.map { token(at: $0, of: bytes) } }
  }

  @inline(__always)
  private func token(at index: Int, of bytes: UnsafeRawBufferPointer) -> UInt32 {
    let offset = start + index * bytesPerToken
    switch bytesPerToken {
    case 1: return UInt32(bytes[offset])
    case 2:
      return UInt32(UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt16.self)))
    default: return UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }
  }

  private static func encode(_ ids: [UInt32], bytesPerToken: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(ids.count * bytesPerToken)
    for id in ids {
      for shift in 0..<bytesPerToken { bytes.append(UInt8(truncatingIfNeeded: id >> (8 * UInt32(shift)))) }
    }
    return bytes
  }
}
