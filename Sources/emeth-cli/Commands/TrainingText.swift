import EmethCompute
import Foundation

/// A data set as training reads it: the text, its held-out share, and both as token sequences.
struct TrainingText: Sendable {
  let corpus: TextCorpus
  let training: TokenSequences
  /// Nil when the text is too short to hold any back.
  let validation: TokenSequences?

  /// Reads a text, `-` from standard input, and refuses what can't be trained on: a folder, nothing, other
  /// bytes than UTF-8, less than one window.
  init(_ path: String, tokenizer: any Tokenizer, context: Int) throws {
    corpus = try Self.corpus(path)
    let tokens = try corpus.tokens(of: corpus.training, tokenizer: tokenizer)
    guard tokens.count > context else {
      throw CommandFailure(
        .badInput, code: "data.tooShort",
        "\(InputFile(path).name) is shorter than one window: found \(tokens.count) tokens to train on, "
          + "allowed at least \(context + 1)",
        hint: "take a longer text or a smaller --context",
        details: ["found": "\(tokens.count)", "allowed": "\(context + 1)"])
    }
    training = try TokenSequences(tokens: tokens, context: context)
    let heldOut = try corpus.tokens(of: corpus.validation, tokenizer: tokenizer)
    validation = heldOut.count > 1 ? try TokenSequences(tokens: heldOut, context: context) : nil
  }

  /// The text of a file, or of standard input for `-`.
  static func corpus(_ path: String) throws -> TextCorpus {
    let file = InputFile(path)
    do {
      // A regular file is mapped, so that a large one is not held twice.
      if try file.isRegularFile() { return try TextCorpus(contentsOf: URL(filePath: path)) }
      return try TextCorpus(bytes: Data(try file.bytes()))
    } catch let error as ComputeError {
      throw CommandFailure(
        .badInput, code: error.code, "\(file.name): \(error.message)", hint: error.hint)
    }
  }
}
