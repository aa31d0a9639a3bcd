import EmethCompute
import EmethNetwork

/// The flags that say how text is drawn, the same in `generate`, `run` and `submit-job`.
enum DrawingOptions {
  static let maxTokens = Flag(
    "max-tokens", .integer(in: 0...1_000_000), default: 200, help: "tokens to generate at most")
  static let temperature = Flag(
    "temperature", .real(in: 0...100), default: 0.8,
    help: "0 takes the likeliest token, 1 the model's own odds")
  static let topK = Flag(
    "top-k", .integer(in: 0...1_000_000), default: 40,
    help: "draw among so many of the likeliest tokens, 0 for all")
  static let topP = Flag(
    "top-p", .real(in: 0.0001...1), default: 1,
    help: "draw among the fewest likeliest tokens that have this share of the odds, 1 for all")
  static let repetitionPenalty = Flag(
    "repetition-penalty", .real(in: 0.01...100), default: 1,
    help: "above 1 makes tokens of prompt and text less likely to come again")
  static let stop = Flag(
    repeated: "stop", .text, help: "end the text before this one; may be given several times")

  static let flags: [any CommandFlag] = [
    maxTokens, temperature, topK, topP, repetitionPenalty, stop,
  ]

  static func sampler(_ parsed: ParsedCommand, text: UInt32) throws -> Sampler {
    try Sampler(
      temperature: parsed[temperature], topK: parsed[topK] == 0 ? nil : parsed[topK], topP: parsed[topP],
      repetitionPenalty: parsed[repetitionPenalty], seed: parsed[ModelOptions.seed].bytes.bytes, text: text)
  }
}

extension Drawing {
  /// How the flags draw.
  init(_ parsed: ParsedCommand) {
    self.init()
    maxTokens = UInt32(parsed[DrawingOptions.maxTokens])
    temperature = parsed[DrawingOptions.temperature]
    topK = UInt32(parsed[DrawingOptions.topK])
    topP = parsed[DrawingOptions.topP]
    repetitionPenalty = parsed[DrawingOptions.repetitionPenalty]
    seed = parsed[ModelOptions.seed].bytes
    stop = parsed[DrawingOptions.stop]
  }
}
