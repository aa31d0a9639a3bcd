import EmethCompute
import Foundation

/// The flag that names a tokenizer, by folder or by file.
enum TokenizerOptions {
  static let tokenizer = Flag(
    "tokenizer", .file.named("FOLDER|FILE"), absent: "bytes",
    help: "tokenizer.json, or a folder with it or with vocab.json and merges.txt")

  /// The tokenizer that was named, else bytes.
  static func load(_ parsed: ParsedCommand) throws -> any Tokenizer { try load(parsed[tokenizer]) }

  /// The tokenizer of a folder or of a `tokenizer.json`, whatever its name; bytes for nil. What is wrong with
  /// it is told with the flag.
  static func load(_ path: String?) throws -> any Tokenizer {
    guard let path else { return ByteTokenizer() }
    return try CommandFailure.naming(tokenizer) {
      let url = URL(filePath: path)
      return try FolderPath.isFolder(path)
        ? TokenizerLoader.load(folder: url) : TokenizerLoader.load(file: url)
    }
  }
}
