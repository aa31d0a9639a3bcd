import EmethCompute
import Foundation

extension Command {
  /// `emeth tokenize FILE`: text to token ids.
  static let tokenize = Command(
    CommandDefinition(
      "tokenize", section: .models, summary: "turn a text into token ids",
      discussion: [
        "Prints the ids on one line, a space between them, or writes them to a file as 32-bit little-endian "
          + "numbers. The text may be of any size; the tokens don't depend on the number of threads. Special "
          + "tokens are never read in text."
      ],
      arguments: [TokenizeArguments.file],
      flags: [
        TokenizerOptions.tokenizer, TokenizeArguments.out, TokenizeArguments.count, ModelOptions.threads,
        CommonFlags.json,
      ],
      examples: [
        CommandExample("emeth tokenize neko.txt --tokenizer gpt2 --count", "how many tokens"),
        CommandExample("emeth tokenize book.txt --tokenizer gpt2 -o book.ids", "ids for other programs"),
        CommandExample("emeth tokenize -", "of standard input, as bytes"),
      ])
  ) { parsed, context in
    if parsed[TokenizeArguments.count], parsed[TokenizeArguments.out] != nil {
      throw UsageError.contradiction(rule: "--count and --out can't both be given", command: "tokenize")
    }
    let tokenizer = try TokenizerOptions.load(parsed)
    let device = try Device.cpu(
      threads: parsed[ModelOptions.threads] ?? ProcessInfo.processInfo.activeProcessorCount)
    let text = try TextInput(parsed[TokenizeArguments.file], context)
    let output = try TokenOutput(
      file: parsed[TokenizeArguments.out], isCountOnly: parsed[TokenizeArguments.count],
      asJSON: parsed[CommonFlags.json], context: context)
    defer { output.discard() }
    var stream = TextTokenStream(tokenizer: tokenizer, device: device)
    while let chunk = try text.next() {
      for tokens in try text.naming({ try stream.append(chunk) }) { try output.append(tokens) }
    }
    try text.refuseNothing(byteCount: stream.byteCount)
    for tokens in try text.naming({ try stream.finish() }) { try output.append(tokens) }
    let summary = TokenOutput.Summary(
      byteCount: stream.byteCount, out: parsed[TokenizeArguments.out], tokenCount: stream.tokenCount,
      vocabularySize: tokenizer.vocabularySize)
    try output.finish(summary)
    return .done
  }

  private enum TokenizeArguments {
    static let file = Argument("FILE", .file, help: "UTF-8 text, `-` for standard input")
    static let count = Flag(toggle: "count", help: "print the number of tokens instead")
    static let out = Flag(
      "out", short: "o", .file.named("IDS"), absent: "standard output, as text",
      help: "file for the ids as 32-bit little-endian numbers")
  }
}
