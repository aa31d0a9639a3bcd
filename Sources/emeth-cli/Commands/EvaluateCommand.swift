import EmethCompute
import Foundation

extension Command {
  /// `emeth evaluate FILE --model FOLDER`: how well a model knows a text.
  static let evaluate = Command(
    CommandDefinition(
      "evaluate", section: .models, summary: "measure a model's loss on a text",
      discussion: [
        "Reads the text in windows of the model's context that do not overlap; each predicts the tokens "
          + "that follow its own, and a last window that is not full is left out. A folder without tokenizer "
          + "files whose model has 256 token ids reads bytes. With --share validation only what `emeth train` "
          + "holds back is read: --validation-share of the text, or 7 % (10 % of a Japanese or Chinese one)."
      ],
      arguments: [EvaluateArguments.file],
      flags: [
        EvaluateArguments.model, EvaluateArguments.share, TrainingOptions.validationShare,
        EvaluateArguments.batch, DeviceOptions.device, ModelOptions.threads, CommonFlags.json,
      ],
      examples: [
        CommandExample("emeth evaluate neko.txt --model model --json", "loss, perplexity, bits per byte")
      ])
  ) { parsed, context in
    let device = try DeviceOptions.open(parsed, context)
    let file = parsed[EvaluateArguments.file]
    let corpus = try TrainingText.corpus(file)
    let model = try ModelFolder.read(
      from: URL(filePath: parsed[EvaluateArguments.model]), device: device)
    let range = EvaluateArguments.range(of: corpus, parsed)
    let store = try TokenStore(of: corpus, range: range, tokenizer: model.tokenizer, device: device)
    let length = model.configuration.context
    guard store.count > length else {
      throw CommandFailure(
        .badInput, code: "data.tooShort",
        "\(InputFile(file).name) is shorter than one window: found \(store.count) tokens to evaluate on, "
          + "allowed at least \(length + 1)",
        details: ["found": "\(store.count)", "allowed": "\(length + 1)"])
    }
    let windows = try TokenWindows(store, context: length, remainder: .dropped)
    let evaluator = try Evaluator(
      configuration: model.configuration, parameters: model.parameters,
      batch: Evaluator.batch(
        of: model.configuration, byteCount: 1 << 28, upTo: min(parsed[EvaluateArguments.batch], windows.count)
      ),
      device: device)
    let evaluation = try LossMeter(evaluator).measure(windows, context: context)
    let bytes = (1...evaluation.tokens).reduce(0) {
      $0 + (model.tokenizer.bytes(of: store[$1])?.count ?? 0)
    }
    let result = Evaluation(
      loss: evaluation.loss, perplexity: exp(evaluation.loss),
      bitsPerByte: evaluation.loss * Double(evaluation.tokens) / Double(max(1, bytes)) / log(2),
      tokens: evaluation.tokens, bytes: bytes, context: length, windows: windows.count)
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
    /// Windows read, of `context` tokens each.
    var windows: Int

    var text: String {
      LabelledLines.text([
        ("loss", "\(NumberText.fixed(loss, decimals: 4)) nats per token"),
        ("perplexity", NumberText.fixed(perplexity, decimals: 2)),
        ("bits per byte", NumberText.fixed(bitsPerByte, decimals: 4)),
        ("tokens", NumberText.grouped(tokens)), ("bytes", NumberText.grouped(bytes)),
        ("windows", NumberText.grouped(windows)),
      ])
    }
  }

  private enum EvaluateArguments {
    enum Share: String, CaseIterable, Sendable {
      case all, training, validation
    }

    static let file = Argument("FILE", .file, help: "UTF-8 text, `-` for standard input")
    static let model = Flag(required: "model", .folder.named("MODEL"), help: "model folder")
    static let share = Flag(
      "share", .choice("SHARE"), default: Share.all, help: "the part of the text to read")
    static let batch = Flag(
      "batch", .integer(in: 1...4096), default: 8,
      help: "windows at a time, fewer where they would take more than 256 MiB")

    /// The bytes of the text that the flags ask for.
    static func range(of corpus: TextCorpus, _ parsed: ParsedCommand) -> Range<Int> {
      let (training, validation) =
        parsed[TrainingOptions.validationShare].map { corpus.split(holdingBack: $0) }
        ?? (corpus.training, corpus.validation)
      return switch parsed[share] {
      case .all: 0..<corpus.bytes.count
      case .training: training
      case .validation: validation
      }
    }
  }
}
