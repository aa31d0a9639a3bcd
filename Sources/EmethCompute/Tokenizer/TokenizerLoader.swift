import Foundation

/// Opens the tokenizer of a folder, whichever it is.
public enum TokenizerLoader {
  /// The byte tokenizer where the files spell its 256 tokens and no merges, else the byte-pair tokenizer.
  ///
  /// - Throws: `ComputeError.fileUnreadable` when the folder holds no tokenizer, `malformedFile` when it can't be
  ///   used.
  public static func load(folder: URL) throws(ComputeError) -> any Tokenizer {
    let tokenizer = try BytePairTokenizer(folder: folder)
    let isBytes =
      tokenizer.vocabularySize == 256 && tokenizer.merges.count == 0
      && tokenizer.byteTokens.elementsEqual(0..<256)
    return isBytes ? ByteTokenizer() : tokenizer
  }
}
