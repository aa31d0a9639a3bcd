import EmethCompute
import EmethKit
import Foundation

extension ModelOptions {
  /// The tokenizer: the named one, the initial model's, or bytes.
  func loadTokenizer() throws -> any Tokenizer {
    if let folder = initialModelFolder {
      return try CommandFailure.naming(Self.initialModel) {
        guard try FolderPath.isFolder(folder) else { throw FileError.isNotFolder(path: folder) }
        let url = URL(filePath: folder)
        return try ModelFolder.readTokenizer(
          from: url, configuration: ModelFolder.readConfiguration(from: url))
      }
    }
    return try TokenizerOptions.load(tokenizerPath)
  }

  /// The model's shape: the initial model's, or that of the flags with the tokenizer's vocabulary.
  func configuration(for tokenizer: any Tokenizer) throws -> ModelConfiguration {
    if let initialModelFolder {
      return try ModelFolder.readConfiguration(from: URL(filePath: initialModelFolder))
    }
    return try ModelConfiguration(
      layers: shape.layers, heads: shape.heads, width: shape.width, context: shape.context,
      vocabularySize: tokenizer.vocabularySize)
  }

  /// Steps of warm-up of a training: a twentieth of all steps, at most 100.
  static func warmupSteps(of totalSteps: Int) -> Int { min(100, totalSteps / 20) }
}
