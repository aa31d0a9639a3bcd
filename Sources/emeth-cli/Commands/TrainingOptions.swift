import EmethCompute
import EmethKit
import Foundation

/// The flags of `train` beside those that say which model is trained.
struct TrainingOptions: Sendable {
  static let warmup = Flag(
    "warmup", .integer(in: 0...1_000_000), absent: "a twentieth of the steps, at most 100",
    help: "steps in which the learning rate rises")
  static let schedule = Flag(
    "schedule", .choice("NAME"), default: LearningRateSchedule.cosine,
    help: "the learning rate after them: down to a tenth, or constant")
  static let dropout = Flag(
    "dropout", .real(in: 0..<1), default: 0,
    help: "probability with which a step drops an element, in GPT-2's places; for texts read many times")
  static let validationShare = Flag(
    "validation-share", .real(in: 0...0.9), absent: "0.07, or 0.1 of a Japanese or Chinese text",
    help: "part of the text, from its end, held back to measure the validation loss; 0 for none")
  static let profile = Flag(
    "profile", .choice("NAME"), default: NumericProfile.reproducible,
    help: "the arithmetic: the same bits on every machine, or as fast as this one can (fast)")
  static let out = Flag(
    required: "out", short: "o", .folder.named("MODEL"), help: "model folder to write; must not exist")
  static let checkpointInterval = Flag(
    "checkpoint-interval", .integer(in: 1...1_000_000), absent: "a tenth of the steps, or ten minutes",
    help: "steps from one checkpoint to the next, kept in MODEL.checkpoint until the model is written")
  static let resume = Flag(toggle: "resume", help: "go on from the checkpoint in MODEL.checkpoint")

  /// All flags of the command but `--json`.
  static let flags: [any CommandFlag] =
    ModelOptions.flags(steps: ModelOptions.stepsInAll) + [
      warmup, schedule, dropout, validationShare, profile, out, checkpointInterval, resume,
      DeviceOptions.devices,
    ]

  let model: ModelOptions
  let steps: Int
  let warmupSteps: Int
  let schedule: LearningRateSchedule
  let profile: NumericProfile
  /// The probability that an element is dropped.
  let dropout: Double
  /// What is held back; nil leaves it to the text's language.
  let validationShare: Double?
  let out: String
  /// Steps between two checkpoints; nil leaves it to steps and time.
  let checkpointInterval: Int?
  let isResuming: Bool

  /// Reads the flags and checks what depends on more than one.
  init(_ parsed: ParsedCommand) throws {
    model = try ModelOptions(parsed)
    steps = model.steps ?? model.preset.trainingSteps
    warmupSteps = parsed[Self.warmup] ?? ModelOptions.warmupSteps(of: steps)
    schedule = parsed[Self.schedule]
    profile = parsed[Self.profile]
    dropout = parsed[Self.dropout]
    validationShare = parsed[Self.validationShare]
    out = parsed[Self.out]
    checkpointInterval = parsed[Self.checkpointInterval]
    isResuming = parsed[Self.resume]
  }

  /// Where the checkpoint lies until the model is written.
  var checkpointFolder: URL {
    URL(filePath: (out.count > 1 && out.hasSuffix("/") ? String(out.dropLast()) : out) + ".checkpoint")
  }

  /// AdamW's settings as the flags say.
  var optimizer: OptimizerConfiguration {
    var optimizer = OptimizerConfiguration(
      warmupSteps: warmupSteps, totalSteps: steps, schedule: schedule)
    optimizer.learningRate = Double(model.learningRate.text) ?? optimizer.learningRate
    return optimizer
  }
}

extension TrainingOptions {
  /// Refuses flags that were typed and say something else than the checkpoint; the others follow it.
  ///
  /// `--init` is not looked at: a checkpoint has its own weights.
  func check(
    _ parsed: ParsedCommand, against checkpoint: TrainingCheckpoint
  ) throws {
    let values = model.preset
    let named = parsed.isGiven(ModelOptions.preset)
    func compare<Value: Equatable>(
      _ flag: any CommandFlag, _ given: Value?, _ preset: Value?, _ kept: Value
    ) throws(ComputeError) {
      guard let wanted = given ?? (named ? preset : nil), wanted != kept else { return }
      throw .resumeMismatch(what: flag.definition.spelling, found: "\(wanted)", expected: "\(kept)")
    }
    let shape = checkpoint.configuration
    if model.initialModelFolder == nil {
      try compare(ModelOptions.layers, parsed[ModelOptions.layers], values.layers, shape.layers)
      try compare(ModelOptions.heads, parsed[ModelOptions.heads], values.heads, shape.heads)
      try compare(ModelOptions.width, parsed[ModelOptions.width], values.width, shape.width)
      try compare(ModelOptions.context, parsed[ModelOptions.context], values.context, shape.context)
    }
    try compare(ModelOptions.batch, parsed[ModelOptions.batch], values.batch, checkpoint.batch)
    let kept = checkpoint.optimizer
    try compare(ModelOptions.stepsInAll, model.steps, values.trainingSteps, kept.totalSteps)
    try compare(
      ModelOptions.learningRate, parsed[ModelOptions.learningRate].flatMap { Double($0.text) },
      Double(values.learningRate), kept.learningRate)
    try compare(Self.warmup, parsed[Self.warmup], nil, kept.warmupSteps)
    if parsed.isGiven(Self.profile) {
      try compare(Self.profile, profile.rawValue, nil, checkpoint.profile.rawValue)
    }
    if parsed.isGiven(Self.dropout) {
      try compare(Self.dropout, dropout, nil, checkpoint.dropout?.probability ?? 0)
    }
    if parsed.isGiven(Self.schedule) { try compare(Self.schedule, schedule, nil, kept.schedule) }
    if parsed.isGiven(ModelOptions.seed) {
      try compare(ModelOptions.seed, Hex.encode(model.seed.bytes.bytes), nil, Hex.encode(checkpoint.seed))
    }
    if let path = model.tokenizerPath {
      let hash = try TokenizerOptions.load(path).hash
      try compare(TokenizerOptions.tokenizer, Hex.encode(hash), nil, Hex.encode(checkpoint.tokenizerHash))
    }
  }
}
