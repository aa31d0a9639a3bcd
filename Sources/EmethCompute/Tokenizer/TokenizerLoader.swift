import Foundation

/// Opens a tokenizer, whichever it is.
public enum TokenizerLoader {
  /// The tokenizer of a folder: the byte tokenizer where the files spell its 256 tokens and no merges, else
  /// the one that `tokenizer.json` names, else the byte-pair tokenizer of `vocab.json` and `merges.txt`.
  ///
  /// - Throws: `ComputeError.fileUnreadable` when the folder holds no tokenizer, `malformedFile` when it
  ///   can't be used.
  public static func load(folder: URL) throws(ComputeError) -> any Tokenizer {
    let file = folder.appendingPathComponent("tokenizer.json")
    if FileManager.default.fileExists(atPath: file.path) { return try load(file: file) }
    return bytesOrPairs(try BytePairTokenizer(folder: folder))
  }

  /// The tokenizer of a `tokenizer.json`, whatever the file's name.
  public static func load(file: URL) throws(ComputeError) -> any Tokenizer {
    try load(TokenizerDocument(contentsOf: file))
  }

  /// The tokenizer of a `tokenizer.json` that is at hand; `name` is what errors call it.
  public static func load(json: [UInt8], name: String) throws(ComputeError) -> any Tokenizer {
    try load(TokenizerDocument(JSONDocument(parsing: json, path: name), path: name))
  }

  private static func load(_ document: TokenizerDocument) throws(ComputeError) -> any Tokenizer {
    if document.modelType == "Unigram" { return try UnigramTokenizer(document) }
    return bytesOrPairs(try BytePairTokenizer(document))
  }

  private static func bytesOrPairs(_ tokenizer: BytePairTokenizer) -> any Tokenizer {
    let isBytes =
      tokenizer.vocabularySize == 256 && tokenizer.merges.count == 0
      && tokenizer.byteTokens.elementsEqual(0..<256)
    return isBytes ? ByteTokenizer() : tokenizer
  }
}
