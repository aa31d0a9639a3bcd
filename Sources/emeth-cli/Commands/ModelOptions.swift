import EmethKit
import Foundation

/// The flags that say which model is trained and how, the same in `run`, `submit-job`, `quote` and `train`,
/// and the values that follow from them and the preset.
struct ModelOptions: Sendable {
  static let preset = Flag(
    "preset", .choice("NAME"), default: ModelPreset.tiny,
    help: "model shape and training length that the other flags override")
  static let layers = Flag(
    "layers", .integer(in: 1...1024), absent: "by the preset", help: "transformer blocks")
  static let heads = Flag(
    "heads", .integer(in: 1...1024), absent: "by the preset", help: "attention heads; they divide the width")
  static let width = Flag("width", .integer(in: 1...65_536), absent: "by the preset", help: "channels")
  static let context = Flag(
    "context", .integer(in: 1...1_048_576), absent: "by the preset", help: "tokens in a training sequence")
  static let batch = Flag(
    "batch", .integer(in: 1...65_536), absent: "by the preset", help: "sequences in an optimizer step")
  static let learningRate = Flag(
    "learning-rate", .decimal(above: "0", upTo: "1"), absent: "by the preset", help: "highest learning rate")
  static let seed = Flag(
    "seed", .seed, default: Seed("1"),
    help: "what everything random follows from: 0x and 64 digits, or any text, which is hashed")
  static let threads = Flag(
    "threads", .integer(in: 1...1024), absent: "all CPU cores", help: "threads; the result has the same bits")
  static let initialModel = Flag(
    "init", .folder.named("MODEL"), absent: "random weights", help: "model folder to start from: fine-tuning")

  /// Steps, in the words of a command that counts them in its own way.
  static func steps(_ help: String) -> Flag<Int?> {
    Flag("steps", .integer(in: 1...1_000_000), absent: "by the preset", help: help)
  }

  static let stepsInAll = steps("optimizer steps")
  static let stepsPerRound = steps("optimizer steps of each SubJob in a round")

  /// The group, with the command's own meaning of `--steps`.
  static func flags(steps: Flag<Int?>) -> [any CommandFlag] {
    [
      preset, layers, heads, width, context, batch, learningRate, steps, seed, threads,
      TokenizerOptions.tokenizer, initialModel,
    ]
  }

  /// Layers, heads, width and context, which an initial model fixes instead.
  struct Shape: Equatable, Sendable {
    var layers: Int
    var heads: Int
    var width: Int
    var context: Int
  }

  var preset: ModelPreset.Values
  /// The shape by flags and preset; with an initial model, that model's shape holds.
  var shape: Shape
  var batch: Int
  var learningRate: DecimalNumber
  /// What `--steps` said.
  var steps: Int?
  var seed: Seed
  var threads: Int
  /// The tokenizer's folder or file.
  var tokenizerPath: String?
  var initialModelFolder: String?

  /// Reads the group and checks what depends on more than one flag.
  ///
  /// - Parameter fetched: the folder of the job's model that `--init` names, where that may be a job.
  init(_ parsed: ParsedCommand, initialModel fetched: String? = nil) throws {
    let command = parsed.definition.name
    let values = parsed[Self.preset].values
    preset = values
    shape = Shape(
      layers: parsed[Self.layers] ?? values.layers, heads: parsed[Self.heads] ?? values.heads,
      width: parsed[Self.width] ?? values.width, context: parsed[Self.context] ?? values.context)
    batch = parsed[Self.batch] ?? values.batch
    learningRate = try parsed[Self.learningRate] ?? DecimalNumber(values.learningRate)
    steps = parsed[Self.stepsInAll]
    seed = parsed[Self.seed]
    threads = parsed[Self.threads] ?? ProcessInfo.processInfo.activeProcessorCount
    tokenizerPath = parsed[TokenizerOptions.tokenizer]
    initialModelFolder = fetched ?? parsed[Self.initialModel]
    if initialModelFolder != nil {
      let fixed: [any CommandFlag] = [
        Self.layers, Self.heads, Self.width, Self.context, TokenizerOptions.tokenizer,
      ]
      if let given = fixed.first(where: { parsed.isGiven($0) }) {
        throw UsageError.contradiction(
          rule: "\(given.definition.spelling) can't be given with --init: the model brings its own",
          command: command)
      }
    } else {
      guard shape.width.isMultiple(of: shape.heads) else {
        throw UsageError.contradiction(
          rule: "--heads must divide --width: found \(shape.heads) heads and width \(shape.width)",
          command: command)
      }
      guard values.vocabularySize != nil || tokenizerPath != nil else {
        throw UsageError.contradiction(
          rule: "--preset \(parsed[Self.preset].rawValue) needs --tokenizer FOLDER|FILE or --init MODEL",
          command: command)
      }
    }
  }
}
