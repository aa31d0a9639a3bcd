import Foundation

/// The tokenizer whose tokens are the 256 bytes: any text in any language, no files, nothing to train.
///
/// ```swift
/// let tokens = try ByteTokenizer().encode("hi")  // [104, 105]
/// ```
public struct ByteTokenizer: Tokenizer {
  /// SHA-256 of the ASCII word "byte".
  public let hash: [UInt8] = [
    0x1c, 0x31, 0x62, 0x6f, 0x56, 0x8a, 0x07, 0x5d, 0x2f, 0xd6, 0x93, 0x48, 0x28, 0xba, 0x67, 0x8f,
    0xe6, 0x46, 0x55, 0xef, 0x4e, 0x78, 0xe4, 0x2c, 0x49, 0x36, 0x7c, 0xbb, 0xfc, 0xaf, 0x42, 0xf5,
  ]

  /// The byte tokenizer.
  public init() {}

  /// 256.
  public var vocabularySize: Int { 256 }

  /// None: every id is a byte of text.
  public var endOfText: UInt32? { nil }

  /// The bytes as they stand, UTF-8 or not. O(n).
  public func encode(utf8: UnsafeBufferPointer<UInt8>) -> [UInt32] { utf8.map { UInt32($0) } }

  /// Before any character.
  public func partingPlace(in text: UnsafeBufferPointer<UInt8>, after start: Int) -> Int? {
    let place = max(start + 1, 1)
    return text.indices.dropFirst(place).first { text[$0] & 0xC0 != 0x80 }
  }

  /// The one byte of the id.
  public func bytes(of token: UInt32) -> [UInt8]? { UInt8(exactly: token).map { [$0] } }

  /// Writes it as the byte-level BPE that it is, with the bytes for a vocabulary and no merges.
  public func write(to folder: URL) throws(ComputeError) {
    try BytePairFiles(texts: ByteAlphabet.texts, merges: []).write(to: folder)
  }
}
