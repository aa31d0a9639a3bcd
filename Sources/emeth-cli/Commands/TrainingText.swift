import EmethCompute
import Foundation

/// A data set as training reads it: the text, its held-out share, and both as windows of tokens.
struct TrainingText: Sendable {
  let corpus: TextCorpus
  let training: TokenWindows
  /// Nil when the text is too short to hold any back. Whole windows, as `emeth evaluate` counts them; a share
  /// shorter than one is one window all the same.
  let validation: TokenWindows?

  /// Reads a text, `-` from standard input, and holds back what its language asks for.
  init(_ path: String, tokenizer: any Tokenizer, context: Int, device: Device) throws {
    let corpus = try Self.corpus(path)
    try self.init(
      corpus, name: InputFile(path).name, trainingByteCount: corpus.training.upperBound, tokenizer: tokenizer,
      context: context, device: device)
  }

  /// Takes a text that was read; refuses less than one window to train on.
  init(
    _ corpus: TextCorpus, name: String, trainingByteCount: Int, tokenizer: any Tokenizer, context: Int,
    device: Device
  ) throws {
    self.corpus = corpus
    let tokens = try TokenStore(
      of: corpus, range: 0..<trainingByteCount, tokenizer: tokenizer, device: device)
    guard tokens.count > context else {
      throw CommandFailure(
        .badInput, code: "data.tooShort",
        "\(name) is shorter than one window: found \(tokens.count) tokens to train on, "
          + "allowed at least \(context + 1)",
        hint: "take a longer text or a smaller --context",
        details: ["found": "\(tokens.count)", "allowed": "\(context + 1)"])
    }
    training = try TokenWindows(tokens, context: context)
    let rest = try TokenStore(
      of: corpus, range: trainingByteCount..<corpus.bytes.count, tokenizer: tokenizer, device: device)
    validation =
      rest.count < 2
      ? nil : try TokenWindows(rest, context: context, remainder: rest.count > context ? .dropped : .padded)
  }

  /// The text of a file, or of standard input for `-`; refused are folders, nothing, other bytes than UTF-8.
  static func corpus(_ path: String) throws -> TextCorpus {
    let file = InputFile(path)
    do {
      // A regular file is mapped, so that a large one is not held in memory.
      if try file.isRegularFile() { return try TextCorpus(contentsOf: URL(filePath: path)) }
      return try TextCorpus(bytes: Data(try file.bytes()))
    } catch let error as ComputeError {
      throw CommandFailure(
        .badInput, code: error.code, "\(file.name): \(error.message)", hint: error.hint)
    }
  }
}
