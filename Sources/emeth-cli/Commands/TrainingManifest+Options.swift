import EmethCompute
import EmethKit

extension TrainingManifest {
  /// The manifest that the flags describe. Round 0 counts updates in units of 2^-22, so that none up to 1 is
  /// clipped; later rounds follow the updates' own size.
  init(
    _ options: ModelOptions, tokenizer: any Tokenizer, rounds: Int?, initialParameters: Bytes32?
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
    try self.init(
      model: try configuration.modelShape(), tokenizerHash: tokenizerHash, seed: options.seed.bytes,
      batch: UInt32(options.batch),
      optimizer: Optimizer(
        learningRate: options.learningRate, beta1: known.beta1, beta2: known.beta2, epsilon: known.epsilon,
        weightDecay: known.weightDecay, gradientClip: known.gradientClip),
      schedule: .init(
        warmupSteps: UInt32(ModelOptions.warmupSteps(of: steps * rounds)),
        minimumRatio: try DecimalNumber("0.1")),
      initialWeights: initialParameters.map { .model($0) } ?? .seed,
      stepsPerRound: UInt32(steps), rounds: UInt32(rounds),
      segmentLength: UInt32(ModelOptions.segmentLength(of: steps)), quantiserExponent: 22)
  }
}
