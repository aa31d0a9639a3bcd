import Foundation

/// GPT-2's tokenizer: bytes merged pair by pair within words, the merge learned earliest first.
///
/// Gives the ids of Hugging Face's `GPT2Tokenizer` on the same files (up to letters newer than its Unicode
/// tables, and text is never read as a special token). Encoding is O(n log w) for words of at most w bytes; a
/// word seen shortly before is not merged again.
///
/// ```swift
/// let tokenizer = try BytePairTokenizer(folder: URL(filePath: "gpt2"))
/// let tokens = try tokenizer.encode("Hello world")  // [15496, 995] with GPT-2's files
/// ```
public struct BytePairTokenizer: Tokenizer {
  /// The id that separates documents, of the token `<|endoftext|>`.
  public let endOfText: UInt32?
  /// SHA-256(vocab.json ‖ merges.txt) as ``write(to:)`` writes them, whatever form they were read in.
  public let hash: [UInt8]

  let texts: [String]
  /// The id of each single byte.
  let byteTokens: [UInt32]
  let merges: MergeTable
  private let tokenBytes: [[UInt8]]

  /// A tokenizer from its vocabulary and merges.
  ///
  /// - Parameters:
  ///   - texts: the token of each id, spelt in GPT-2's byte alphabet; all 256 bytes have one.
  ///   - merges: pairs of token texts, the first has rank 0; their joined text is a token too.
  ///   - source: the file's path, for errors.
  /// - Throws: `ComputeError.malformedFile` when a byte or a merge has no token, or a text stands twice.
  init(texts: [String], merges: [(String, String)], source: String) throws(ComputeError) {
    var ids: [[UInt8]: UInt32] = [:]
    ids.reserveCapacity(texts.count)
    for (id, text) in texts.enumerated() {
      guard ids.updateValue(UInt32(id), forKey: Array(text.utf8)) == nil else {
        throw .malformedFile(
          path: source, what: "token \(text)", found: "two ids", allowed: "one id for each token")
      }
    }
    func id(_ text: String) throws(ComputeError) -> UInt32 {
      guard let id = ids[Array(text.utf8)] else {
        throw .malformedFile(
          path: source, what: "token \(text)", found: "not in the vocabulary",
          allowed: "a token for each byte and each merge")
      }
      return id
    }
    var byteTokens: [UInt32] = []
    for text in ByteAlphabet.texts { byteTokens.append(try id(text)) }
    var table = MergeTable(capacity: merges.count)
    for (left, right) in merges {
      guard table.append(left: try id(left), right: try id(right), merged: try id(left + right)) else {
        throw .malformedFile(
          path: source, what: "merge \(left) \(right)", found: "twice", allowed: "each pair once")
      }
    }
    self.texts = texts
    self.byteTokens = byteTokens
    self.merges = table
    tokenBytes = texts.map { ByteAlphabet.bytes(of: $0) ?? Array($0.utf8) }
    endOfText = ids[Array(Self.endOfTextToken.utf8)]
    hash = try BytePairFiles(texts: texts, merges: merges, endOfText: nil).hash
  }

  static let endOfTextToken = "<|endoftext|>"

  /// V, the number of token ids.
  public var vocabularySize: Int { texts.count }

  /// The bytes of the token, nil outside the vocabulary.
  public func bytes(of token: UInt32) -> [UInt8]? {
    Int(token) < tokenBytes.count ? tokenBytes[Int(token)] : nil
  }

  /// Writes the tokenizer in the one form its ``hash`` is taken of.
  public func write(to folder: URL) throws(ComputeError) {
    let pairs = (0..<merges.count).map { rank in
      (texts[Int(merges.left[rank])], texts[Int(merges.right[rank])])
    }
    try BytePairFiles(
      texts: texts, merges: pairs, endOfText: endOfText.map { texts[Int($0)] }
    ).write(to: folder)
  }
}
