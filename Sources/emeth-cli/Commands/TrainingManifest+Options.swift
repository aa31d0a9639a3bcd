import EmethCompute
import EmethKit
import EmethNetwork

extension TrainingManifest {
  /// The manifest that the flags describe, its segments such that checking `parts` a round costs least. Round 0
  /// counts updates in units of 2^-22, so that none up to 1 is clipped; later rounds follow the updates' own size.
  init(
    _ options: ModelOptions, tokenizer: any Tokenizer, rounds: Int?, parts: Int, check: SegmentCheck,
    initialParameters: Bytes32?, privacy: PrivacyOptions
  ) throws {
    let configuration = try options.configuration(for: tokenizer)
    let steps = options.steps ?? options.preset.stepsPerRound
    let rounds = rounds ?? options.preset.rounds
    let known = Optimizer.standard
    guard let tokenizerHash = Bytes32(tokenizer.hash) else {
      throw CommandFailure(
        .internalError, code: "tokenizer.hash", "tokenizer: its hash is not 32 bytes", hint: nil, details: [:]
      )
    }
    let shape = try configuration.modelShape()
    let segments = try check.segmentPlan(
      model: shape, tokensPerStep: UInt64(options.batch) * UInt64(configuration.context),
      stepsPerRound: UInt32(steps), subJobs: rounds * parts)
    try self.init(
      model: shape, tokenizerHash: tokenizerHash, seed: options.seed.bytes,
      batch: UInt32(options.batch),
      optimizer: Optimizer(
        learningRate: options.learningRate, beta1: known.beta1, beta2: known.beta2, epsilon: known.epsilon,
        weightDecay: known.weightDecay, gradientClip: known.gradientClip),
      schedule: .init(
        warmupSteps: UInt32(ModelOptions.warmupSteps(of: steps * rounds)),
        minimumRatio: try DecimalNumber("0.1")),
      initialWeights: initialParameters.map { .model($0) } ?? .seed,
      stepsPerRound: UInt32(steps), rounds: UInt32(rounds),
      segmentLength: segments.length, quantiserExponent: 22,
      privacy: privacy.terms, masksVocabulary: privacy.masksVocabulary)
  }
}
