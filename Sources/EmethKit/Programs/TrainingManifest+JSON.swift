extension TrainingManifest {
  /// The most bytes of a manifest's text.
  public static let maximumBytes = Job.maximumParametersBytes

  /// The manifest of a JSON text, canonical or not.
  ///
  /// Unknown fields are kept in ``canonicalJSON``; every known field must be there but `privacy` and
  /// `maskVocabulary`.
  ///
  /// - Throws: ``ProgramError/malformed(field:cause:)``, ``ProgramError/unknownVersion(found:allowed:)``,
  ///   ``ProgramError/fieldOutOfRange(field:found:allowed:)``.
  public init(json text: String) throws(ProgramError) {
    let json: JSONValue
    do throws(FormatError) {
      json = try JSONValue(parsing: text, byteLimit: TrainingManifest.maximumBytes, depthLimit: 16)
    } catch {
      throw .malformed(field: "manifest", cause: error)
    }
    try self.init(ManifestFields(json))
  }

  init(_ fields: ManifestFields) throws(ProgramError) {
    let version: UInt32 = try fields.number("version")
    guard version == TrainingManifest.version else {
      throw .unknownVersion(found: "\(version)", allowed: "\(TrainingManifest.version)")
    }
    let model = try fields.object("model")
    let optimizer = try fields.object("optimizer")
    let schedule = try fields.object("schedule")
    let outer = try fields.object("outer")
    let initialWeights = try fields.string("initialWeights")
    try self.init(
      model: ModelShape(
        layers: model.number("layers"), heads: model.number("heads"), width: model.number("width"),
        context: model.number("context"), vocabularySize: model.number("vocabularySize")),
      tokenizerHash: fields.bytes32("tokenizerHash"), seed: fields.bytes32("seed"),
      batch: fields.number("batch"),
      optimizer: Optimizer(
        learningRate: optimizer.decimal("learningRate"), beta1: optimizer.decimal("beta1"),
        beta2: optimizer.decimal("beta2"), epsilon: optimizer.decimal("epsilon"),
        weightDecay: optimizer.decimal("weightDecay"), gradientClip: optimizer.decimal("gradientClip")),
      schedule: Schedule(
        warmupSteps: schedule.number("warmupSteps"), minimumRatio: schedule.decimal("minimumRatio")),
      initialWeights: initialWeights == "seed" ? .seed : .model(fields.bytes32("initialWeights")),
      stepsPerRound: fields.number("stepsPerRound"), rounds: fields.number("rounds"),
      segmentLength: fields.number("segmentLength"), profile: fields.word("profile"),
      outer: OuterOptimizer(preset: outer.word("preset"), eta: outer.decimal("eta"), mu: outer.decimal("mu")),
      quantiserExponent: fields.signed("quantiserExponent"), carryMoments: fields.truth("carryMoments"),
      privacy: fields.optionalObject("privacy").map { fields throws(ProgramError) in try Privacy(fields) },
      masksVocabulary: fields.optionalTruth("maskVocabulary") ?? false,
      readFrom: fields.canonical())
  }

  /// The members in the order in which they are declared; ``JSONValue/canonical`` sorts them.
  static func json(
    model: ModelShape, tokenizerHash: Bytes32, seed: Bytes32, batch: UInt32, optimizer: Optimizer,
    schedule: Schedule, initialWeights: InitialWeights, stepsPerRound: UInt32, rounds: UInt32,
    segmentLength: UInt32, profile: Profile, outer: OuterOptimizer, quantiserExponent: Int32,
    carryMoments: Bool, privacy: Privacy?, masksVocabulary: Bool
  ) -> JSONValue {
    // What is new stands there only where it is asked for, so that other manifests keep their hash.
    var members: [JSONValue.Member] = [
      .init("version", .integer(version)),
      .init("model", model.json),
      .init("tokenizerHash", .string(tokenizerHash.description)),
      .init("seed", .string(seed.description)),
      .init("batch", .integer(batch)),
      .init("optimizer", optimizer.json),
      .init("schedule", schedule.json),
      .init("initialWeights", .string(initialWeights.text)),
      .init("stepsPerRound", .integer(stepsPerRound)),
      .init("rounds", .integer(rounds)),
      .init("segmentLength", .integer(segmentLength)),
      .init("profile", .string(profile.rawValue)),
      .init("outer", outer.json),
      .init("quantiserExponent", .number(String(quantiserExponent))),
      .init("carryMoments", .bool(carryMoments)),
    ]
    if let privacy { members.append(.init("privacy", privacy.json)) }
    if masksVocabulary { members.append(.init("maskVocabulary", .bool(true))) }
    return .object(members)
  }
}

extension ModelShape {
  fileprivate var json: JSONValue {
    .object([
      .init("layers", .integer(layers)), .init("heads", .integer(heads)), .init("width", .integer(width)),
      .init("context", .integer(context)), .init("vocabularySize", .integer(vocabularySize)),
    ])
  }
}

extension TrainingManifest.Optimizer {
  fileprivate var json: JSONValue {
    .object([
      .init("learningRate", .string(learningRate.text)), .init("beta1", .string(beta1.text)),
      .init("beta2", .string(beta2.text)), .init("epsilon", .string(epsilon.text)),
      .init("weightDecay", .string(weightDecay.text)), .init("gradientClip", .string(gradientClip.text)),
    ])
  }
}

extension TrainingManifest.Schedule {
  fileprivate var json: JSONValue {
    .object([
      .init("warmupSteps", .integer(warmupSteps)), .init("minimumRatio", .string(minimumRatio.text)),
    ])
  }
}

extension TrainingManifest.InitialWeights {
  fileprivate var text: String {
    switch self {
    case .seed: "seed"
    case .model(let root): root.description
    }
  }
}

extension TrainingManifest.OuterOptimizer {
  fileprivate var json: JSONValue {
    .object([
      .init("preset", .string(preset.rawValue)), .init("eta", .string(eta.text)),
      .init("mu", .string(mu.text)),
    ])
  }
}
