import EmethCompute
import EmethKit
import Foundation

extension Command {
  /// `emeth train-tokenizer FILE...`: learns a byte-level BPE.
  static let trainTokenizer = Command(
    CommandDefinition(
      "train-tokenizer", section: .models, summary: "learn a tokenizer from texts",
      discussion: [
        "Learns a byte-level BPE as GPT-2's: the most frequent pair of neighbouring tokens within words "
          + "becomes a token, again and again. The files may be larger than memory: what is kept are the "
          + "different words, which must fit into half of it. Lines are read one by one; no word reaches "
          + "over the end of a line.",
        "Writes tokenizer.json, vocab.json, merges.txt and tokenizer_config.json, which Hugging Face tools "
          + "open. The folder appears whole or not at all, and doesn't depend on the number of threads.",
      ],
      arguments: [TrainTokenizerArguments.files],
      flags: [
        TrainTokenizerArguments.vocabulary, TrainTokenizerArguments.out, TrainTokenizerArguments.minimumCount,
        TrainTokenizerArguments.endOfText, ModelOptions.threads, CommonFlags.json,
      ],
      examples: [
        CommandExample(
          "emeth train-tokenizer shakespeare.txt neko.txt --vocabulary 8000 --out tokenizer",
          "one vocabulary for two languages"),
        CommandExample(
          "emeth train-tokenizer texts/a.txt texts/b.txt --vocabulary 32000 --end-of-text --out bpe",
          "with an id between documents; `emeth train --tokenizer bpe` uses it"),
      ])
  ) { parsed, context in
    let start = ContinuousClock.now
    let device = try Device.cpu(
      threads: parsed[ModelOptions.threads] ?? ProcessInfo.processInfo.activeProcessorCount)
    var trainer = try BytePairTrainer(
      vocabularySize: parsed[TrainTokenizerArguments.vocabulary],
      minimumCount: parsed[TrainTokenizerArguments.minimumCount],
      endOfText: parsed[TrainTokenizerArguments.endOfText], device: device)
    let files = parsed[TrainTokenizerArguments.files]
    guard files.count(where: { $0 == "-" }) < 2 else {
      throw UsageError.contradiction(rule: "standard input can be read once", command: "train-tokenizer")
    }
    let folder = try AtomicFolder(at: parsed[TrainTokenizerArguments.out])
    defer { folder.discard() }
    defer { context.talk.clear() }
    for file in files { try read(file, into: &trainer, context) }
    let tokenizer = try trainer.train { tokens in
      context.talk.show([
        "\(NumberText.grouped(tokens)) of \(NumberText.grouped(trainer.vocabularySize)) tokens"
      ])
      return !context.cancellation.isRequested
    }
    guard let tokenizer else { throw Interruption() }
    try tokenizer.write(to: URL(filePath: folder.workingPath))
    try folder.commit()
    let summary = LearnedTokenizer(
      byteCount: trainer.byteCount, hash: Hex.encode(tokenizer.hash),
      mergeCount: tokenizer.mergeCount, seconds: (ContinuousClock.now - start) / .seconds(1),
      tokenizer: folder.path, vocabularySize: tokenizer.vocabularySize, wordCount: trainer.wordCount)
    try context.output.write(parsed[CommonFlags.json] ? JSONText.pretty(summary) : summary.text)
    return .done
  }

  private static func read(
    _ file: String, into trainer: inout BytePairTrainer, _ context: CommandContext
  ) throws {
    let text = try TextInput(file, context)
    let before = trainer.byteCount
    while let chunk = try text.next() {
      try text.naming { try trainer.append(chunk) }
      let read = trainer.byteCount
      context.talk.show(["\(file): \(NumberText.grouped(read - before)) bytes read"])
    }
    try text.naming { try trainer.endText() }
    try text.refuseNothing(byteCount: trainer.byteCount - before)
  }

  private struct LearnedTokenizer: Encodable {
    /// Bytes of text read.
    var byteCount: Int
    var hash: String
    var mergeCount: Int
    var seconds: Double
    var tokenizer: String
    var vocabularySize: Int
    /// Different words in the texts.
    var wordCount: Int

    var text: String {
      LabelledLines.text([
        ("tokenizer", tokenizer), ("tokens", NumberText.grouped(vocabularySize)),
        ("merges", NumberText.grouped(mergeCount)), ("text", "\(NumberText.grouped(byteCount)) bytes"),
        ("different words", NumberText.grouped(wordCount)),
        ("time", "\(NumberText.fixed(seconds, decimals: 1)) s"), ("hash", hash),
      ])
    }
  }

  private enum TrainTokenizerArguments {
    static let files = Argument(repeated: "FILE", .file, help: "UTF-8 text, `-` for standard input")
    static let vocabulary = Flag(
      required: "vocabulary", .integer(in: BytePairTrainer.vocabularySizes),
      help: "tokens, the 256 bytes among them; a short text gives fewer")
    static let out = Flag(
      required: "out", short: "o", .folder, help: "folder to make; it must not exist or be empty")
    static let minimumCount = Flag(
      "minimum-count", .integer(in: 1...1_000_000_000), default: 2,
      help: "how often a pair has to occur to become a token")
    static let endOfText = Flag(
      toggle: "end-of-text", help: "make <|endoftext|>, which separates documents, the first token")
  }
}
