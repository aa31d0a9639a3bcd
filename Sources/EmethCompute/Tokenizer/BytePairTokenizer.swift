import Foundation

/// GPT-2's tokenizer: bytes merged pair by pair within words, the merge learned earliest first.
///
/// Gives the ids of Hugging Face's `tokenizers` on the same files, but that text is never read as a special
/// token. Words are split by the letters, numbers and spaces of Unicode 16. Encoding is O(n log w) for words
/// of at most w bytes; short words seen before are not merged again. Any number of threads may encode at
/// once.
///
/// ```swift
/// let tokenizer = try BytePairTokenizer(folder: URL(filePath: "gpt2"))
/// let tokens = try tokenizer.encode("Hello world")  // [15496, 995] with GPT-2's files
/// ```
public struct BytePairTokenizer: Tokenizer {
  /// The id that separates documents, of the token `<|endoftext|>`.
  public let endOfText: UInt32?
  /// SHA-256(vocab.json ‖ merges.txt) as ``write(to:)`` writes them, whatever form they were read in.
  ///
  /// Where `ignore_merges` is set its name follows as ASCII, since the tokens are others.
  public let hash: [UInt8]

  /// What is written to files.
  let files: BytePairFiles
  /// The id of each single byte.
  let byteTokens: [UInt32]
  let merges: MergeTable
  let encoders: EncoderPool
  private let tokenBytes: [[UInt8]]

  /// A tokenizer from the texts of its tokens and merges.
  ///
  /// - Parameter source: the file's path, for errors.
  /// - Throws: `ComputeError.malformedFile` when a byte or a merge has no token, or a text stands twice.
  init(_ files: BytePairFiles, source: String) throws(ComputeError) {
    let texts = files.texts
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
    let merges = try Self.mergeTable(files.merges, id, source: source)
    tokenBytes = texts.map { ByteAlphabet.bytes(of: $0) ?? Array($0.utf8) }
    var wholeWords: [[UInt8]: UInt32]?
    if files.ignoresMerges {
      let special = Set(files.specialTokens)
      let words = texts.enumerated().compactMap { id, text in
        special.contains(UInt32(id)) ? nil : ByteAlphabet.bytes(of: text).map { ($0, UInt32(id)) }
      }
      wholeWords = Dictionary(words) { first, _ in first }
    }
    encoders = EncoderPool { [wholeWords, byteTokens] in
      BytePairEncoder(byteTokens: byteTokens, index: merges.index, wholeWords: wholeWords)
    }
    self.files = files
    self.byteTokens = byteTokens
    self.merges = merges
    endOfText = ids[Array(BytePairFiles.endOfText.utf8)]
    hash = try files.hash
  }

  private static func mergeTable(
    _ merges: [(String, String)], _ id: (String) throws(ComputeError) -> UInt32, source: String
  ) throws(ComputeError) -> MergeTable {
    var (left, right, merged): ([UInt32], [UInt32], [UInt32]) = ([], [], [])
    var seen: Set<UInt64> = []
    seen.reserveCapacity(merges.count)
    for pair in merges {
      let (first, second) = (try id(pair.0), try id(pair.1))
      guard seen.insert(UInt64(first) << 32 | UInt64(second)).inserted else {
        throw .malformedFile(
          path: source, what: "merge \(pair.0) \(pair.1)", found: "twice", allowed: "each pair once")
      }
      left.append(first)
      right.append(second)
      merged.append(try id(pair.0 + pair.1))
    }
    return MergeTable(left: left, right: right, merged: merged)
  }

  /// V, the number of token ids.
  public var vocabularySize: Int { tokenBytes.count }

  /// Number of merges.
  public var mergeCount: Int { merges.count }

  /// The bytes of the token, nil outside the vocabulary.
  public func bytes(of token: UInt32) -> [UInt8]? {
    Int(token) < tokenBytes.count ? tokenBytes[Int(token)] : nil
  }

  /// Writes `vocab.json` and `merges.txt` in the one form the ``hash`` is taken of, and `tokenizer.json`.
  public func write(to folder: URL) throws(ComputeError) { try files.write(to: folder) }
}
