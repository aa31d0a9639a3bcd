/// The settings of a checkpoint as the text that stands in its file: one JSON object, keys in ascending
/// order, numbers so that they read as the same binary64.
extension TrainingCheckpoint {
  /// The JSON text.
  var settings: String {
    let o = optimizer
    let c = configuration
    let losses = evaluations.map { "[\($0.step),\($0.loss)]" }.joined(separator: ",")
    return """
      {"batch":\(batch),"dataSetHash":"\(HexText.encode(dataSetHash))",\
      "dropout":\(dropout?.probability ?? 0),"evaluations":[\(losses)],\
      "model":{"context":\(c.context),"heads":\(c.heads),"layers":\(c.layers),\
      "vocabularySize":\(c.vocabularySize),"width":\(c.width)},\
      "optimizer":{"beta1":\(o.beta1),"beta2":\(o.beta2),"epsilon":\(o.epsilon),\
      "gradientClip":\(o.gradientClip),"learningRate":\(o.learningRate),"minimumRatio":\(o.minimumRatio),\
      "momentsStart":\(o.momentsStart),"schedule":"\(o.schedule.rawValue)","totalSteps":\(o.totalSteps),\
      "warmupSteps":\(o.warmupSteps),"weightDecay":\(o.weightDecay)},\
      "profile":"\(profile.rawValue)",\
      "seed":"\(HexText.encode(seed))","sequencesTaken":\(sequencesTaken),"step":\(step),\
      "tokenizerHash":"\(HexText.encode(tokenizerHash))","trainingByteCount":\(trainingByteCount)}
      """
  }

  /// Reads the text, checking every field; `path` names the file in errors.
  ///
  /// - Returns: the checkpoint without its training losses, and the number of those.
  static func decode(settings: String, path: String) throws(ComputeError) -> (TrainingCheckpoint, steps: Int)
  {
    let fields = CheckpointFields(
      try JSONDocument(parsing: Array(settings.utf8), path: path), name: "settings", path: path)
    try fields.demand([
      "batch", "dataSetHash", "dropout", "evaluations", "model", "optimizer", "profile", "seed",
      "sequencesTaken",
      "step",
      "tokenizerHash", "trainingByteCount",
    ])
    guard let profile = try NumericProfile(rawValue: fields.text("profile")) else {
      throw fields.refuse("profile", NumericProfile.allCases.map(\.rawValue).joined(separator: ", "))
    }
    let model = try fields.object("model")
    try model.demand(["context", "heads", "layers", "vocabularySize", "width"])
    let optimizer = try optimizer(of: fields.object("optimizer"))
    let batch = try fields.integer("batch")
    let step = try fields.integer("step")
    var checkpoint: TrainingCheckpoint
    do {
      checkpoint = try TrainingCheckpoint(
        configuration: ModelConfiguration(
          layers: model.integer("layers"), heads: model.integer("heads"), width: model.integer("width"),
          context: model.integer("context"), vocabularySize: model.integer("vocabularySize")),
        optimizer: optimizer, dropout: fields.real("dropout"), profile: profile, batch: batch,
        seed: fields.bytes("seed"),
        dataSetHash: fields.bytes("dataSetHash"), tokenizerHash: fields.bytes("tokenizerHash"),
        trainingByteCount: fields.integer("trainingByteCount"))
    } catch {
      switch error {
      case .invalidConfiguration(let what, let found, let allowed),
        .invalidInput(let what, let found, let allowed):
        throw .malformedFile(path: path, what: what, found: found, allowed: allowed)
      default: throw error
      }
    }
    let limit = max(optimizer.totalSteps, 0)
    guard (0...limit).contains(step) else { throw fields.refuse("step", "0 to \(limit)") }
    let (taken, overflow) = step.multipliedReportingOverflow(by: batch)
    guard !overflow, try fields.integer("sequencesTaken") == taken else {
      throw fields.refuse("sequencesTaken", "step x batch")
    }
    checkpoint.evaluations = try evaluations(of: fields, upTo: step)
    return (checkpoint, step)
  }

  private static func optimizer(of fields: CheckpointFields) throws(ComputeError) -> OptimizerConfiguration {
    try fields.demand([
      "beta1", "beta2", "epsilon", "gradientClip", "learningRate", "minimumRatio", "momentsStart", "schedule",
      "totalSteps", "warmupSteps", "weightDecay",
    ])
    guard let schedule = try LearningRateSchedule(rawValue: fields.text("schedule")) else {
      let names = LearningRateSchedule.allCases.map(\.rawValue)
      throw fields.refuse("schedule", names.joined(separator: ", "))
    }
    // Nothing but a training from its first step is written, so its moments started there.
    guard try fields.integer("momentsStart") == 0 else { throw fields.refuse("momentsStart", "0") }
    return OptimizerConfiguration(
      learningRate: try fields.real("learningRate"), beta1: try fields.real("beta1"),
      beta2: try fields.real("beta2"), epsilon: try fields.real("epsilon"),
      weightDecay: try fields.real("weightDecay"), gradientClip: try fields.real("gradientClip"),
      warmupSteps: try fields.integer("warmupSteps"), totalSteps: try fields.integer("totalSteps"),
      minimumRatio: try fields.real("minimumRatio"), schedule: schedule)
  }

  private static func evaluations(
    of fields: CheckpointFields, upTo step: Int
  ) throws(ComputeError) -> [Evaluation] {
    var evaluations: [Evaluation] = []
    for pair in try fields.array("evaluations") {
      guard case .array(let values) = pair, values.count == 2, let at = values[0].integer,
        let loss = values[1].double, loss.isFinite, at >= 0, at <= step, at > evaluations.last?.step ?? -1
      else { throw fields.refuse("evaluations", "ascending steps up to \(step), each with its loss") }
      evaluations.append(Evaluation(step: at, loss: loss))
    }
    return evaluations
  }
}

/// The members of one JSON object in a checkpoint, read by name and type.
struct CheckpointFields {
  private let document: JSONDocument
  private let name: String
  private let path: String

  init(_ document: JSONDocument, name: String, path: String) {
    self.document = document
    self.name = name
    self.path = path
  }

  func refuse(_ key: String, _ allowed: String) -> ComputeError {
    .malformedFile(
      path: path, what: "\(key) in \(name)", found: document[key]?.brief ?? "missing", allowed: allowed)
  }

  /// Refuses other members than these, and other values than an object.
  func demand(_ keys: [String]) throws(ComputeError) {
    guard case .object(let members) = document else {
      throw .malformedFile(path: path, what: name, found: document.brief, allowed: "an object")
    }
    for (key, _) in members where !keys.contains(key) {
      throw .malformedFile(
        path: path, what: "\(key.prefix(40)) in \(name)", found: "a member", allowed: "none")
    }
  }

  func integer(_ key: String) throws(ComputeError) -> Int {
    guard let value = document[key]?.integer else { throw refuse(key, "an integer") }
    return value
  }

  func real(_ key: String) throws(ComputeError) -> Double {
    guard let value = document[key]?.double, value.isFinite else { throw refuse(key, "a finite number") }
    return value
  }

  func text(_ key: String) throws(ComputeError) -> String {
    guard let value = document[key]?.string else { throw refuse(key, "a text") }
    return value
  }

  func bytes(_ key: String) throws(ComputeError) -> [UInt8] {
    guard let bytes = try HexText.decode(text(key)), bytes.count == 32 else {
      throw refuse(key, "64 hexadecimal digits")
    }
    return bytes
  }

  func array(_ key: String) throws(ComputeError) -> [JSONDocument] {
    guard case .array(let elements)? = document[key] else { throw refuse(key, "an array") }
    return elements
  }

  func object(_ key: String) throws(ComputeError) -> CheckpointFields {
    guard let value = document[key], case .object = value else { throw refuse(key, "an object") }
    return CheckpointFields(value, name: key, path: path)
  }
}
