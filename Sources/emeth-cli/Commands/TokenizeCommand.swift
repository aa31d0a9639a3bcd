import EmethCompute
import Foundation

extension Command {
  /// `emeth tokenize FILE`: text to token ids.
  static let tokenize = Command(
    CommandDefinition(
      "tokenize", section: .models, summary: "print the token ids of a text",
      discussion: ["Prints the ids on one line, a space between them."],
      arguments: [TokenizeArguments.file],
      flags: [ModelOptions.tokenizer, TokenizeArguments.count, CommonFlags.json],
      examples: [
        CommandExample("emeth tokenize neko.txt --tokenizer gpt2 --count", "how many tokens"),
        CommandExample("emeth tokenize -", "of standard input, as bytes"),
      ])
  ) { parsed, context in
    let tokenizer: any Tokenizer =
      if let folder = parsed[ModelOptions.tokenizer] {
        try TokenizerLoader.load(folder: URL(filePath: folder))
      } else {
        ByteTokenizer()
      }
    let corpus = try TrainingText.corpus(parsed[TokenizeArguments.file])
    let tokens = try corpus.tokens(of: 0..<corpus.bytes.count, tokenizer: tokenizer)
    if parsed[CommonFlags.json] {
      let shown = TokenizedText(
        byteCount: corpus.bytes.count, tokenCount: tokens.count, vocabularySize: tokenizer.vocabularySize,
        tokens: parsed[TokenizeArguments.count] ? nil : tokens)
      try context.output.write(JSONText.line(shown))
    } else if parsed[TokenizeArguments.count] {
      try context.output.print("\(tokens.count)")
    } else {
      try context.output.print(tokens.map(String.init).joined(separator: " "))
    }
    return .done
  }

  private struct TokenizedText: Encodable {
    var byteCount: Int
    var tokenCount: Int
    var vocabularySize: Int
    var tokens: [UInt32]?
  }

  private enum TokenizeArguments {
    static let file = Argument("FILE", .file, help: "UTF-8 text, `-` for standard input")
    static let count = Flag(toggle: "count", help: "print the number of tokens instead")
  }
}
