import Foundation

/// Text to token ids and back.
///
/// Ids are 0 ..< `vocabularySize`. Text is never turned into special tokens: `<|endoftext|>` in a text is
/// text, so nobody who writes a data set can end a document in somebody else's model.
///
/// ```swift
/// let tokenizer = try TokenizerLoader.load(folder: modelFolder)
/// let tokens = try tokenizer.encode("吾輩は猫である")
/// let text = tokenizer.decode(tokens)
/// ```
public protocol Tokenizer: Sendable {
  /// V, the number of token ids.
  var vocabularySize: Int { get }
  /// The id that separates documents, where there is one.
  var endOfText: UInt32? { get }
  /// 32 bytes that name this tokenizer in a training manifest: SHA-256 over its files as ``write(to:)``
  /// writes them (`cat vocab.json merges.txt | sha256sum`), of the ASCII word "byte" for ``ByteTokenizer``.
  var hash: [UInt8] { get }

  /// The token ids of UTF-8 text.
  ///
  /// - Throws: `ComputeError.invalidInput` with the byte offset when the bytes are not UTF-8 and the
  ///   tokenizer has to read characters.
  func encode(utf8: UnsafeBufferPointer<UInt8>) throws(ComputeError) -> [UInt32]

  /// The first place after `start` where the text may be parted: the tokens of both parts, one after the
  /// other, are those of the whole. Nil when the tokenizer knows of none.
  ///
  /// - Parameter text: UTF-8; `start` and the end may lie within a character.
  func partingPlace(in text: UnsafeBufferPointer<UInt8>, after start: Int) -> Int?

  /// The bytes that `token` stands for, not always whole characters; nil outside the vocabulary.
  func bytes(of token: UInt32) -> [UInt8]?

  /// The text of all tokens; what is not UTF-8, and ids outside the vocabulary, show as U+FFFD.
  func decode(_ tokens: some Sequence<UInt32>) -> String

  /// Writes `tokenizer.json` and what else Hugging Face tools read of such a tokenizer into a folder. Each
  /// file appears whole or not at all.
  ///
  /// - Throws: `ComputeError.fileUnwritable`.
  func write(to folder: URL) throws(ComputeError)
}

extension Tokenizer {
  /// The token ids of a text.
  public func encode(_ text: String) throws(ComputeError) -> [UInt32] {
    try encode(bytes: Array(text.utf8))
  }

  /// The token ids of UTF-8 bytes.
  public func encode(bytes: [UInt8]) throws(ComputeError) -> [UInt32] {
    try bytes.withUnsafeBufferPointer { buffer throws(ComputeError) in try encode(utf8: buffer) }
  }

  /// The bytes of all tokens one after another.
  ///
  /// - Throws: `ComputeError.invalidInput` for an id outside the vocabulary.
  public func decodeBytes(_ tokens: some Sequence<UInt32>) throws(ComputeError) -> [UInt8] {
    var result: [UInt8] = []
    for token in tokens {
      guard let bytes = bytes(of: token) else {
        throw .invalidInput(what: "token id", found: "\(token)", allowed: "0 to \(vocabularySize - 1)")
      }
      result += bytes
    }
    return result
  }

  /// The text of all tokens; what is not UTF-8, and ids outside the vocabulary, show as U+FFFD.
  public func decode(_ tokens: some Sequence<UInt32>) -> String {
    var result: [UInt8] = []
    for token in tokens { result += bytes(of: token) ?? [0xEF, 0xBF, 0xBD] }
    return String(decoding: result, as: UTF8.self)
  }
}
