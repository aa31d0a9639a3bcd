import EmethCompute
import EmethKit
import Foundation

extension ModelOptions {
  /// The tokenizer: the named one, the initial model's, or bytes.
  func loadTokenizer() throws -> any Tokenizer {
    if let folder = initialModelFolder {
      return try Self.naming("--init", folder) {
        let url = URL(filePath: folder)
        return try ModelFolder.readTokenizer(
          from: url, configuration: ModelFolder.readConfiguration(from: url))
      }
    }
    guard let folder = tokenizerFolder else { return ByteTokenizer() }
    return try Self.naming("--tokenizer", folder) { try TokenizerLoader.load(folder: URL(filePath: folder)) }
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

  /// Reads a folder; what is wrong with it is told with the flag that named it.
  private static func naming<Result>(_ flag: String, _ folder: String, _ read: () throws -> Result) throws
    -> Result
  {
    do {
      var isFolder: ObjCBool = false
      guard FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder) else {
        throw FileError.notFound(path: folder)
      }
      guard isFolder.boolValue else { throw FileError.isNotFolder(path: folder) }
      return try read()
    } catch {
      var report = ErrorReport(describing: error)
      report.message = "\(flag): \(report.message)"
      throw CommandFailure(report)
    }
  }

  /// Steps of warm-up of a training: a twentieth of all steps, at most 100.
  static func warmupSteps(of totalSteps: Int) -> Int { min(100, totalSteps / 20) }

  /// Steps of a segment, S: a tenth of the steps of a round, rounded up.
  static func segmentLength(of stepsPerRound: Int) -> Int { (stepsPerRound + 9) / 10 }
}

extension ModelConfiguration {
  /// The same shape as a manifest writes it.
  func modelShape() throws(ProgramError) -> ModelShape {
    try ModelShape(
      layers: UInt32(clamping: layers), heads: UInt32(clamping: heads), width: UInt32(clamping: width),
      context: UInt32(clamping: context), vocabularySize: UInt32(clamping: vocabularySize))
  }
}
