import EmethCompute
import Foundation

/// The flag that names a tokenizer, by folder or by file.
enum TokenizerOptions {
  static let tokenizer = Flag(
    "tokenizer", .file.named("FOLDER|FILE"), absent: "bytes",
    help: "tokenizer.json, or a folder with it or with vocab.json and merges.txt")

  /// The tokenizer that was named, else bytes.
  static func load(_ parsed: ParsedCommand) throws -> any Tokenizer {
    guard let path = parsed[tokenizer] else { return ByteTokenizer() }
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw FileError.notFound(path: path)
    }
    let url = URL(filePath: path)
    return isFolder.boolValue ? try TokenizerLoader.load(folder: url) : try TokenizerLoader.load(file: url)
  }
}
