import EmethCompute
import Foundation

extension Command {
  /// `emeth evaluate MODEL FILE`: how well a model knows a text.
  static let evaluate = Command(
    CommandDefinition(
      "evaluate", section: .models, summary: "measure a model's loss on a text",
      discussion: [
        "Reads the text in windows of the model's context, one after the other; every token but the "
          + "first is predicted once. With --share validation only what training holds back is read: the "
          + "last 7 % of the text, 10 % of a Japanese or Chinese one."
      ],
      arguments: [EvaluateArguments.model, EvaluateArguments.file],
      flags: [
        EvaluateArguments.share, EvaluateArguments.batch, ModelOptions.threads, CommonFlags.json,
      ],
      examples: [CommandExample("emeth evaluate model neko.txt --json", "loss, perplexity, bits per byte")])
  ) { parsed, context in
    let threads = parsed[ModelOptions.threads] ?? ProcessInfo.processInfo.activeProcessorCount
    let device = try Device.cpu(threads: threads)
    let corpus = try TrainingText.corpus(parsed[EvaluateArguments.file])
    let folder = URL(filePath: parsed[EvaluateArguments.model])
    let tokenizer = try TokenizerLoader.load(folder: folder)
    let model = try TrainingState(configuration: ModelFolder.readConfiguration(from: folder))
    try ModelFolder.readParameters(
      from: folder, configuration: model.configuration, into: model.parameters)
    let range =
      switch parsed[EvaluateArguments.share] {
      case .all: 0..<corpus.bytes.count
      case .training: corpus.training
      case .validation: corpus.validation
      }
    let tokens = try corpus.tokens(of: range, tokenizer: tokenizer)
    guard tokens.count > 1 else {
      throw CommandFailure(
        .badInput, code: "data.tooShort",
        "too little text to evaluate on: found \(tokens.count) tokens, allowed at least 2",
        details: ["found": "\(tokens.count)", "allowed": "2"])
    }
    let sequences = try TokenSequences(tokens: tokens, context: model.configuration.context)
    let meter = try LossMeter(state: model, batch: parsed[EvaluateArguments.batch], device: device)
    let evaluation = try meter.measure(sequences, context: context)
    let predictedBytes = range.count - (tokenizer.bytes(of: tokens[0])?.count ?? 0)
    let result = Evaluation(
      loss: evaluation.loss, perplexity: exp(evaluation.loss),
      bitsPerByte: evaluation.loss * Double(evaluation.tokens) / Double(max(1, predictedBytes)) / log(2),
      tokens: evaluation.tokens, bytes: predictedBytes, context: model.configuration.context)
    try context.output.write(parsed[CommonFlags.json] ? JSONText.pretty(result) : result.text)
    return .done
  }

  private struct Evaluation: Encodable {
    /// Mean loss in nats per predicted token.
    var loss: Double
    var perplexity: Double
    var bitsPerByte: Double
    /// Tokens predicted.
    var tokens: Int
    /// Bytes that the predicted tokens stand for.
    var bytes: Int
    var context: Int

    var text: String {
      LabelledLines.text([
        ("loss", "\(NumberText.fixed(loss, decimals: 4)) nats per token"),
        ("perplexity", NumberText.fixed(perplexity, decimals: 2)),
        ("bits per byte", NumberText.fixed(bitsPerByte, decimals: 4)),
        ("tokens", NumberText.grouped(tokens)), ("bytes", NumberText.grouped(bytes)),
      ])
    }
  }

  private enum EvaluateArguments {
    enum Share: String, CaseIterable, Sendable {
      case all, training, validation
    }

    static let model = Argument("MODEL", .folder, help: "model folder")
    static let file = Argument("FILE", .file, help: "UTF-8 text, `-` for standard input")
    static let share = Flag(
      "share", .choice("SHARE"), default: Share.all, help: "the part of the text to read")
    static let batch = Flag("batch", .integer(in: 1...4096), default: 8, help: "windows at a time")
  }
}
