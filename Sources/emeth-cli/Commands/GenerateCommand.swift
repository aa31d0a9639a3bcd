import EmethCompute
import EmethKit
import Foundation

extension Command {
  /// `emeth generate MODEL`: continues a text.
  static let generate = Command(
    CommandDefinition(
      "generate", section: .models, summary: "continue a text with a model",
      discussion: [
        "Writes the prompt and what follows it to standard output as it is drawn. The text depends on model, "
          + "--dtype, prompt, seed and the flags of drawing alone, not on the machine.",
        "Drawing: the repetition penalty first, then --temperature, --top-k and --top-p. A --stop text ends "
          + "the text right before it and is never written; without one the text ends at the tokenizer's "
          + "end-of-text mark or after --max-tokens.",
        "--count draws several texts of one prompt side by side, in little more time than one; the first is "
          + "the one that is drawn without it. They are written in order, a line --- between them: each as it "
          + "comes once those before it have ended. With --json they are an array. Where memory does not hold "
          + "all of them at once, they are drawn in groups, to the same texts.",
      ],
      arguments: [GenerateArguments.model],
      flags: [
        GenerateArguments.prompt, DrawingOptions.maxTokens, DrawingOptions.temperature,
        DrawingOptions.topK, DrawingOptions.topP, DrawingOptions.repetitionPenalty,
        DrawingOptions.stop, GenerateArguments.count, GenerateArguments.dtype, ModelOptions.seed,
        DeviceOptions.device, ModelOptions.threads, CommonFlags.json,
      ],
      examples: [
        CommandExample("emeth generate model --prompt 'ROMEO:'", "200 tokens that follow"),
        CommandExample(
          "emeth generate model --prompt - --temperature 0", "the likeliest end of standard input"),
        CommandExample(
          "emeth generate model --prompt 'Q: why?' --stop 'Q:' --top-p 0.9", "up to the next question"),
      ])
  ) { parsed, context in
    let count = parsed[GenerateArguments.count]
    let samplers = try (0..<UInt32(count)).map { text in try DrawingOptions.sampler(parsed, text: text) }
    let device = try DeviceOptions.open(parsed, context)
    let folder = URL(filePath: parsed[GenerateArguments.model])
    let configuration = try ModelFolder.readConfiguration(from: folder)
    let plan = try GenerationPlan(
      configuration: configuration, format: parsed[GenerateArguments.dtype], texts: count,
      available: device.availableByteCount().map {
        $0 - device.operationByteCount(generating: configuration, texts: count)
      })
    let model = try ModelFolder.read(from: folder)
    let prompt = try parsed[GenerateArguments.prompt].map { text in
      text == "-" ? try InputFile("-").text(limit: 1 << 24) : text
    }
    let tokens = try model.tokenizer.startTokens(of: prompt)
    let generator = try TextGenerator(
      configuration: model.configuration, parameters: model.parameters,
      format: parsed[GenerateArguments.dtype],
      device: device)

    // What a model writes is not to be trusted with a terminal: no escape sequences.
    let isTerminal = context.outputTerminal.isTerminal
    func shown(_ text: String) -> String { isTerminal ? PlainText.visible(text) : text }
    let isStreamed = !parsed[CommonFlags.json]
    var streams = Array(
      repeating: TokenTextStream(model.tokenizer, stops: parsed[DrawingOptions.stop]), count: count)
    var texts = Array(repeating: prompt ?? "", count: count)
    // The first token is drawn before anything is written: a model that can't generate leaves nothing.
    var sequence = TextSequence(count: count, start: shown(prompt ?? ""))
    var writeError: (any Error)?
    func write(_ text: String) {
      guard isStreamed, !text.isEmpty, writeError == nil, !context.cancellation.isRequested else { return }
      do {
        try context.output.write(text)
      } catch {
        writeError = error
      }
    }
    let began = ContinuousClock.now
    var generated: [[UInt32]] = []
    while generated.count < count {
      let first = generated.count
      let group = first..<min(count, first + plan.batch)
      generated += try generator.generate(
        prompts: Array(repeating: tokens, count: group.count),
        maxTokens: parsed[DrawingOptions.maxTokens], samplers: Array(samplers[group]),
        stopToken: model.tokenizer.endOfText,
        onToken: { place, token in
          let index = first + place
          let piece = streams[index].append(token)
          texts[index] += piece
          write(sequence.append(shown(piece), to: index))
          return writeError == nil && !context.cancellation.isRequested && !streams[index].isStopped
        },
        onEnd: { place in
          let rest = streams[first + place].finish()
          texts[first + place] += rest
          write(sequence.end(first + place, with: shown(rest)))
        })
      if let writeError { throw writeError }
      try context.cancellation.check()
    }
    let elapsed = ContinuousClock.now - began
    if !isStreamed {
      let drawn = generated.reduce(0) { $0 + $1.count }
      let reports = texts.indices.map { index in
        GeneratedText(
          prompt: prompt ?? "", text: texts[index], tokens: generated[index],
          tokensPerSecond: Double(drawn) / max(elapsed / .seconds(1), 1e-9),
          ending: streams[index].isStopped
            ? .stop : generated[index].count < parsed[DrawingOptions.maxTokens] ? .endOfText : .maxTokens)
      }
      try context.output.write(count == 1 ? JSONText.pretty(reports[0]) : JSONText.pretty(reports))
    }
    return .done
  }

  private struct GeneratedText: Encodable {
    /// Why a text ends.
    enum Ending: String, Encodable {
      case maxTokens, endOfText, stop
    }

    var prompt: String
    /// The prompt and what follows it, up to a stop text.
    var text: String
    /// All tokens drawn, those of a stop text too.
    var tokens: [UInt32]
    /// Of all texts together.
    var tokensPerSecond: Double
    var ending: Ending
  }

  private enum GenerateArguments {
    static let model = Argument("MODEL", .folder, help: "model folder")
    static let prompt = Flag(
      "prompt", .text, absent: "a new document", help: "text to continue, `-` for standard input")
    static let count = Flag(
      "count", .integer(in: 1...1024), default: 1, help: "texts to draw, side by side where they fit")
    static let dtype = Flag(
      "dtype", .choice("DTYPE"), default: WeightFormat.f32,
      help: "how the model's matrices are stored: f32, f16, int8; smaller is faster and less exact")
  }
}
