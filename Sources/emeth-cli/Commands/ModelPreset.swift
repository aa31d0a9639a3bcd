/// A named choice of model shape and training length, so that a first run needs no flag.
enum ModelPreset: String, CaseIterable, Sendable {
  case tiny, small, gpt2

  /// What a preset stands for; each value has a flag of its own that overrides it.
  struct Values: Equatable, Sendable {
    var layers: Int
    var heads: Int
    var width: Int
    var context: Int
    /// The vocabulary when no tokenizer is named; nil where one must be.
    var vocabularySize: Int?
    var batch: Int
    /// Decimal text, because it goes into the manifest as text.
    var learningRate: String
    /// Steps of each SubJob in a round of `run`.
    var stepsPerRound: Int
    var rounds: Int
    /// Steps of `train`.
    var trainingSteps: Int
  }

  var values: Values {
    switch self {
    case .tiny:
      Values(
        layers: 4, heads: 4, width: 128, context: 64, vocabularySize: 256, batch: 12, learningRate: "0.002",
        stepsPerRound: 50, rounds: 10, trainingSteps: 2000)
    case .small:
      Values(
        layers: 6, heads: 6, width: 384, context: 256, vocabularySize: 256, batch: 12, learningRate: "0.0006",
        stepsPerRound: 100, rounds: 20, trainingSteps: 5000)
    case .gpt2:
      Values(
        layers: 12, heads: 12, width: 768, context: 1024, vocabularySize: nil, batch: 8,
        learningRate: "0.0006", stepsPerRound: 500, rounds: 20, trainingSteps: 10_000)
    }
  }
}
