/// All that decides the bits of a language-model training (programs 1 and 11, PROTOCOL 6).
///
/// Its canonical JSON is the job's parameters, and the SHA-256 of it is the ``programHash`` that a node
/// signs. Two manifests are equal when their canonical JSON is.
///
/// ```swift
/// let manifest = try TrainingManifest(
///   model: ModelShape(layers: 4, heads: 4, width: 128, context: 64, vocabularySize: 256),
///   tokenizerHash: hash, seed: seed, batch: 12, stepsPerRound: 50, rounds: 3, segmentLength: 10)
/// print(manifest.programHash)
/// ```
/// Fields of a later version that this one does not know are kept, and are part of the hash.
public struct TrainingManifest: Sendable {
  /// The version that this library writes and reads.
  public static let version: UInt32 = 1

  /// The model's shape.
  public let model: ModelShape
  /// SHA-256 of the tokenizer's files.
  public let tokenizerHash: Bytes32
  /// Where everything random comes from.
  public let seed: Bytes32
  /// Sequences in a step, 1 to 65,536.
  public let batch: UInt32
  /// The inner optimizer.
  public let optimizer: Optimizer
  /// The learning rate's course.
  public let schedule: Schedule
  /// What training starts from.
  public let initialWeights: InitialWeights
  /// H, the optimizer steps of a SubJob, 1 to 1,000,000.
  public let stepsPerRound: UInt32
  /// The number of rounds, 1 to 1,000,000; in all at most 2^32 − 1 steps.
  public let rounds: UInt32
  /// S, the steps of a segment, 1 to H; the last segment of a round may be shorter.
  public let segmentLength: UInt32
  /// The numeric profile.
  public let profile: Profile
  /// The outer optimizer.
  public let outer: OuterOptimizer
  /// e of round 0 for all tensors: updates are counted in units of 2^−e; −126 to 126.
  public let quantiserExponent: Int32
  /// Whether the inner optimizer's moments travel with the result instead of starting at zero in every
  /// SubJob.
  public let carryMoments: Bool
  /// Differential privacy of the parts' updates; nil without.
  public let privacy: Privacy?
  /// Whether the token ids are relabelled by a secret of the Splitter; only from random weights.
  public let masksVocabulary: Bool

  /// The canonical text (RFC 8785), unknown fields included.
  public let canonicalJSON: String

  /// A manifest within the limits that its fields state.
  ///
  /// - Throws: ``ProgramError/fieldOutOfRange(field:found:allowed:)``.
  public init(
    model: ModelShape, tokenizerHash: Bytes32, seed: Bytes32, batch: UInt32, optimizer: Optimizer = .standard,
    schedule: Schedule = .standard, initialWeights: InitialWeights = .seed, stepsPerRound: UInt32,
    rounds: UInt32, segmentLength: UInt32, profile: Profile = .reproducible, outer: OuterOptimizer = .diloco,
    quantiserExponent: Int32 = 30, carryMoments: Bool = false, privacy: Privacy? = nil,
    masksVocabulary: Bool = false
  ) throws(ProgramError) {
    try self.init(
      model: model, tokenizerHash: tokenizerHash, seed: seed, batch: batch, optimizer: optimizer,
      schedule: schedule, initialWeights: initialWeights, stepsPerRound: stepsPerRound, rounds: rounds,
      segmentLength: segmentLength, profile: profile, outer: outer, quantiserExponent: quantiserExponent,
      carryMoments: carryMoments, privacy: privacy, masksVocabulary: masksVocabulary, readFrom: nil)
  }

  /// - Parameter text: The canonical JSON that the fields were read from; nil: it is made from them.
  init(
    model: ModelShape, tokenizerHash: Bytes32, seed: Bytes32, batch: UInt32, optimizer: Optimizer,
    schedule: Schedule, initialWeights: InitialWeights, stepsPerRound: UInt32, rounds: UInt32,
    segmentLength: UInt32, profile: Profile, outer: OuterOptimizer, quantiserExponent: Int32,
    carryMoments: Bool, privacy: Privacy?, masksVocabulary: Bool, readFrom text: String?
  ) throws(ProgramError) {
    try checkRange("batch", batch, 1...65_536)
    try checkRange("stepsPerRound", stepsPerRound, 1...1_000_000)
    try checkRange("rounds", rounds, 1...1_000_000)
    try checkRange("segmentLength", segmentLength, 1...stepsPerRound)
    try checkRange("quantiserExponent", quantiserExponent, -126...126)
    let steps = UInt64(stepsPerRound) * UInt64(rounds)
    try checkRange("rounds x stepsPerRound", steps, 1...UInt64(UInt32.max))
    try checkRange("schedule.warmupSteps", UInt64(schedule.warmupSteps), 0...steps)
    try optimizer.check()
    try schedule.check()
    try outer.check()
    guard !masksVocabulary || initialWeights == .seed else {
      throw .fieldOutOfRange(
        field: "maskVocabulary", found: "true", allowed: "false where training starts from a given model")
    }
    self.model = model
    self.tokenizerHash = tokenizerHash
    self.seed = seed
    self.batch = batch
    self.optimizer = optimizer
    self.schedule = schedule
    self.initialWeights = initialWeights
    self.stepsPerRound = stepsPerRound
    self.rounds = rounds
    self.segmentLength = segmentLength
    self.profile = profile
    self.outer = outer
    self.quantiserExponent = quantiserExponent
    self.carryMoments = carryMoments
    self.privacy = privacy
    self.masksVocabulary = masksVocabulary
    if let text {
      canonicalJSON = text
    } else {
      let json = TrainingManifest.json(
        model: model, tokenizerHash: tokenizerHash, seed: seed, batch: batch, optimizer: optimizer,
        schedule: schedule, initialWeights: initialWeights, stepsPerRound: stepsPerRound, rounds: rounds,
        segmentLength: segmentLength, profile: profile, outer: outer, quantiserExponent: quantiserExponent,
        carryMoments: carryMoments, privacy: privacy, masksVocabulary: masksVocabulary)
      do throws(FormatError) {
        canonicalJSON = try json.canonical
      } catch {
        throw .malformed(field: "manifest", cause: error)
      }
    }
  }

  /// SHA-256 of the canonical JSON's bytes: what a submission names as the program.
  public var programHash: Bytes32 { SHA256.hash(canonicalJSON.utf8) }

  /// The number of segments of a SubJob: H / S, rounded up.
  public var segmentCount: UInt32 { (stepsPerRound - 1) / segmentLength + 1 }

  /// The first step of a segment and the step after its last, both counted within the SubJob.
  ///
  /// Traps when there is no such segment.
  public func steps(ofSegment segment: UInt32) -> Range<UInt32> {
    precondition(segment < segmentCount, "the manifest has \(segmentCount) segments")
    let first = segment * segmentLength
    return first..<(first + min(segmentLength, stepsPerRound - first))
  }

  /// Refuses segments of one step where a SubJob has more: their ends are opened, so that a verifier could sign the state
  /// root that its verdict has to name without computing anything. Who takes a job asks this; manifests that were taken
  /// before can be read.
  ///
  /// A SubJob of one step is its own only segment, and its verdict proves no work. A segment reads at most
  /// ``segmentReadLimit`` sequences and a SubJob fewer than 2^32, whose order nodes and verifiers lay out.
  ///
  /// - Throws: ``ProgramError/fieldOutOfRange(field:found:allowed:)``.
  public func checkSegments() throws(ProgramError) {
    try checkRange("stepsPerRound", stepsPerRound, 1...(UInt32.max / batch))
    try checkRange(
      "segmentLength", segmentLength,
      min(2, stepsPerRound)...min(stepsPerRound, Self.segmentReadLimit / batch))
  }

  /// The most sequences that a segment may read, S x batch.
  public static let segmentReadLimit: UInt32 = 1 << 28

  /// The optimizer steps of the whole training, over which the learning rate's course is counted.
  public var totalSteps: UInt32 { stepsPerRound * rounds }

  /// The tokens that one SubJob trains on: H x batch x context.
  public var tokensPerSubJob: UInt64 {
    // At most 10^6 x 2^16 x 2^20 < 2^57.
    UInt64(stepsPerRound) * UInt64(batch) * UInt64(model.context)
  }
}

extension TrainingManifest: Hashable {
  /// Whether the canonical JSON is equal.
  public static func == (left: TrainingManifest, right: TrainingManifest) -> Bool {
    left.canonicalJSON.utf8.elementsEqual(right.canonicalJSON.utf8)
  }

  /// Feeds the canonical JSON to the hasher.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(canonicalJSON)
  }
}
