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
          + "prompt and seed alone, not on the machine."
      ],
      arguments: [GenerateArguments.model],
      flags: [
        GenerateArguments.prompt, GenerateArguments.maxTokens, GenerateArguments.temperature,
        GenerateArguments.topK, ModelOptions.seed, ModelOptions.threads, CommonFlags.json,
      ],
      examples: [
        CommandExample("emeth generate model --prompt 'ROMEO:'", "200 tokens that follow"),
        CommandExample(
          "emeth generate model --prompt - --temperature 0", "the likeliest end of standard input"),
      ])
  ) { parsed, context in
    let sampler = try Sampler(
      temperature: parsed[GenerateArguments.temperature],
      topK: parsed[GenerateArguments.topK] == 0 ? nil : parsed[GenerateArguments.topK],
      seed: parsed[ModelOptions.seed].bytes.bytes)
    let threads = parsed[ModelOptions.threads] ?? ProcessInfo.processInfo.activeProcessorCount
    let device = try Device.cpu(threads: threads)
    let model = try ModelFolder.read(from: URL(filePath: parsed[GenerateArguments.model]))
    let prompt = try parsed[GenerateArguments.prompt].map { text in
      text == "-" ? try InputFile("-").text(limit: 1 << 24) : text
    }
    let tokens = try startTokens(prompt, model.tokenizer)
    let generator = try TextGenerator(
      configuration: model.configuration, parameters: model.parameters, device: device)

    // What a model writes is not to be trusted with a terminal: no escape sequences.
    let isTerminal = context.outputTerminal.isTerminal
    func shown(_ text: String) -> String { isTerminal ? PlainText.visible(text) : text }
    let isStreamed = !parsed[CommonFlags.json]
    var stream = TokenTextStream(model.tokenizer)
    var text = prompt ?? ""
    var writeError: (any Error)?
    let began = ContinuousClock.now
    // The first token is drawn before anything is written: a model that can't generate leaves nothing.
    var unwritten = text
    let generated = try generator.generate(
      prompt: tokens, maxTokens: parsed[GenerateArguments.maxTokens], sampler: sampler,
      stopToken: model.tokenizer.endOfText
    ) { token in
      let piece = stream.append(token)
      text += piece
      unwritten += shown(piece)
      guard !context.cancellation.isRequested else { return false }
      guard isStreamed else { return true }
      do {
        try context.output.write(unwritten)
        unwritten = ""
        return true
      } catch {
        writeError = error
        return false
      }
    }
    if let writeError { throw writeError }
    let elapsed = ContinuousClock.now - began
    try context.cancellation.check()
    let rest = stream.finish()
    if isStreamed {
      try context.output.write(unwritten + shown(rest) + "\n")
    } else {
      try context.output.write(
        JSONText.pretty(
          GeneratedText(
            prompt: prompt ?? "", text: text + rest, tokens: generated,
            tokensPerSecond: Double(generated.count) / max(elapsed / .seconds(1), 1e-9))))
    }
    return .done
  }

  /// The tokens that the model reads first: the prompt's, or where there is none the end-of-text mark or a
  /// line end.
  private static func startTokens(_ prompt: String?, _ tokenizer: any Tokenizer) throws -> [UInt32] {
    if let prompt, !prompt.isEmpty { return try tokenizer.encode(prompt) }
    if let endOfText = tokenizer.endOfText { return [endOfText] }
    return try tokenizer.encode("\n")
  }

  private struct GeneratedText: Encodable {
    var prompt: String
    var text: String
    var tokens: [UInt32]
    var tokensPerSecond: Double
  }

  private enum GenerateArguments {
    static let model = Argument("MODEL", .folder, help: "model folder")
    static let prompt = Flag(
      "prompt", .text, absent: "a new document", help: "text to continue, `-` for standard input")
    static let maxTokens = Flag(
      "max-tokens", .integer(in: 0...1_000_000), default: 200, help: "tokens to generate at most")
    static let temperature = Flag(
      "temperature", .real(in: 0...100), default: 0.8,
      help: "0 takes the likeliest token, 1 the model's own odds")
    static let topK = Flag(
      "top-k", .integer(in: 0...1_000_000), default: 40,
      help: "draw among so many of the likeliest tokens, 0 for all")
  }
}
