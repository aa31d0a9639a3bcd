import EmethCompute
import Foundation

extension TrainingSession {
  /// A training's parts as it begins or goes on.
  struct Preparation {
    var checkpoint: TrainingCheckpoint
    var state: TrainingState
    var tokenizer: any Tokenizer
    var text: TrainingText
    var folder: CheckpointFolder
    var plan: MemoryPlan
  }

  /// A new training by the flags: its folder is made when everything else is known to be sound.
  static func begin(
    _ parsed: ParsedCommand, _ options: TrainingOptions, team: DeviceTeam, context: CommandContext
  ) throws -> Preparation {
    let tokenizer = try options.model.loadTokenizer()
    let configuration = try options.model.configuration(for: tokenizer)
    try team.check(batch: options.model.batch)
    let plan = try MemoryPlan(configuration: configuration, batch: options.model.batch, team: team)
    plan.show(context, team: team)
    let path = parsed[NetworkOptions.dataset]
    let corpus = try TrainingText.corpus(path)
    let cut = (options.validationShare.map { corpus.split(holdingBack: $0).training } ?? corpus.training)
      .upperBound
    let text = try TrainingText(
      corpus, name: InputFile(path).name, trainingByteCount: cut, tokenizer: tokenizer,
      context: configuration.context, device: team.lead)
    let checkpoint = try TrainingCheckpoint(
      configuration: configuration, optimizer: options.optimizer, dropout: options.dropout,
      profile: options.profile,
      batch: options.model.batch, seed: options.model.seed.bytes.bytes, dataSetHash: corpus.hash,
      tokenizerHash: tokenizer.hash,
      trainingByteCount: cut)
    let state = try TrainingState(configuration: configuration, device: team.lead)
    if let folder = options.model.initialModelFolder {
      try ModelFolder.readParameters(
        from: URL(filePath: folder), configuration: configuration, into: state.parameters)
    } else {
      try state.initializeWeights(seed: checkpoint.seed)
    }
    let folder = try CheckpointFolder(creating: options.checkpointFolder, tokenizer: tokenizer)
    try folder.write(checkpoint, state, device: team.lead)
    return Preparation(
      checkpoint: checkpoint, state: state, tokenizer: tokenizer, text: text, folder: folder, plan: plan)
  }

  /// A training from its last checkpoint; refuses another text and flags that contradict it.
  static func resume(
    _ parsed: ParsedCommand, _ options: TrainingOptions, team: DeviceTeam, context: CommandContext
  ) throws -> Preparation {
    let folder = try CheckpointFolder(opening: options.checkpointFolder)
    let (checkpoint, state) = try folder.read(device: team.lead)
    try options.check(parsed, against: checkpoint)
    let tokenizer = try folder.tokenizer(of: checkpoint)
    let plan = try MemoryPlan(
      configuration: checkpoint.configuration, batch: checkpoint.batch, team: team,
      held: TrainingState.encodedByteCount(of: checkpoint.configuration))
    plan.show(context, team: team)
    let path = parsed[NetworkOptions.dataset]
    let corpus = try TrainingText.corpus(path)
    let cut = options.validationShare.map { corpus.split(holdingBack: $0).training.upperBound }
    try checkpoint.check(
      dataSetHash: corpus.hash, trainingByteCount: cut ?? checkpoint.trainingByteCount)
    let text = try TrainingText(
      corpus, name: InputFile(path).name, trainingByteCount: checkpoint.trainingByteCount,
      tokenizer: tokenizer, context: checkpoint.configuration.context, device: team.lead)
    return Preparation(
      checkpoint: checkpoint, state: state, tokenizer: tokenizer, text: text, folder: folder, plan: plan)
  }
}

extension MemoryPlan {
  /// Such as `250 MB of memory: 171 MB for the model, 8 MB for the batch, 71 MB for activations`.
  var text: String {
    let parts = [
      (modelByteCount, "the model"), (batchByteCount, "the batch"), (activationByteCount, "activations"),
      (operationByteCount, "operations"),
    ]
    return NumberText.bytes(byteCount) + " of memory: "
      + parts.filter { $0.0 > 0 }.map { "\(NumberText.bytes($0.0)) for \($0.1)" }.joined(separator: ", ")
  }

  /// Says it where someone watches.
  func show(_ context: CommandContext, team: DeviceTeam) {
    let place = team.devices.count > 1 ? " on each of \(team)" : ""
    if context.talk.isLive { context.talk.note("the training takes \(text)\(place)") }
  }
}
