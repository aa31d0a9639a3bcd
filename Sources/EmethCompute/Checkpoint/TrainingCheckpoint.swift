/// Everything beside the state that a training needs to go on where it stopped, to the same bits: its
/// settings, the place in its data, and what it has measured.
///
/// In a file it stands with the parameters and both moments (``CheckpointFolder``).
public struct TrainingCheckpoint: Sendable, Hashable {
  /// A validation loss.
  public struct Evaluation: Sendable, Hashable {
    /// Optimizer steps done before it.
    public let step: Int
    /// Mean loss in nats per token.
    public let loss: Double

    /// A loss after `step` steps.
    public init(step: Int, loss: Double) {
      self.step = step
      self.loss = loss
    }
  }

  /// The model's shape.
  public let configuration: ModelConfiguration
  /// AdamW's settings and the schedule.
  public let optimizer: OptimizerConfiguration
  /// What steps drop; nil for nothing.
  public let dropout: Dropout?
  /// Sequences of a step.
  public let batch: Int
  /// How the steps are calculated.
  public let profile: NumericProfile
  /// The 32 bytes that the order of the data and the dropout follow from.
  public let seed: [UInt8]
  /// SHA-256 of the text, whole.
  public let dataSetHash: [UInt8]
  /// The tokenizer's ``Tokenizer/hash``.
  public let tokenizerHash: [UInt8]
  /// Bytes of the text that are trained on, from its beginning.
  public let trainingByteCount: Int
  /// Training losses so far, one a step: their number is the number of steps done.
  public var losses: [Float] = []
  /// Validation losses so far, in the order of their steps.
  public var evaluations: [Evaluation] = []

  /// Optimizer steps done.
  public var step: Int { losses.count }
  /// The place in the data: sequences taken from the order so far.
  public var sequencesTaken: Int { losses.count * batch }

  /// The beginning of a training.
  ///
  /// - Parameter dropout: the probability of ``Dropout``, 0 for none.
  /// - Throws: `ComputeError.invalidConfiguration` or `invalidInput` for a number or hash that can't be.
  public init(
    configuration: ModelConfiguration, optimizer: OptimizerConfiguration, dropout: Double = 0,
    profile: NumericProfile = .reproducible, batch: Int,
    seed: [UInt8], dataSetHash: [UInt8], tokenizerHash: [UInt8], trainingByteCount: Int
  ) throws(ComputeError) {
    try optimizer.validate()
    guard (1...(1 << 32) / configuration.context).contains(batch) else {
      throw .invalidConfiguration(
        what: "batch", found: "\(batch)", allowed: "1 to \((1 << 32) / configuration.context) sequences")
    }
    for (what, bytes) in [
      ("seed", seed), ("data set's hash", dataSetHash), ("tokenizer's hash", tokenizerHash),
    ]
    where bytes.count != 32 {
      throw .invalidInput(what: what, found: "\(bytes.count) bytes", allowed: "32 bytes")
    }
    guard trainingByteCount > 0 else {
      throw .invalidInput(what: "bytes to train on", found: "\(trainingByteCount)", allowed: "1 or more")
    }
    self.configuration = configuration
    self.optimizer = optimizer
    self.profile = profile
    self.dropout = dropout == 0 ? nil : try Dropout(probability: dropout, seed: seed)
    self.batch = batch
    self.seed = seed
    self.dataSetHash = dataSetHash
    self.tokenizerHash = tokenizerHash
    self.trainingByteCount = trainingByteCount
  }

  /// Refuses to go on with other data than the training began with.
  ///
  /// - Throws: `ComputeError.resumeMismatch` naming what has changed.
  public func check(dataSetHash found: [UInt8], trainingByteCount count: Int) throws(ComputeError) {
    guard found == dataSetHash else {
      throw .resumeMismatch(
        what: "hash of the data set", found: HexText.encode(found), expected: HexText.encode(dataSetHash))
    }
    guard count == trainingByteCount else {
      throw .resumeMismatch(
        what: "bytes of the data set to train on", found: "\(count)", expected: "\(trainingByteCount)")
    }
  }
}
