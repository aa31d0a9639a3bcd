import CEmethCompute

/// Measures the mean loss of a model over sequences; it changes nothing.
public final class Evaluator {
  /// Sequences at once.
  public let batch: Int
  private let configuration: ModelConfiguration
  private let device: Device
  private let forward: ForwardPass
  private let losses: FloatArena
  private let data: SequenceBatch
  private let parameters: FloatArena
  /// The state that the parameters belong to, where there is one.
  private let state: TrainingState?

  /// An evaluator of the parameters that `state` has at each call.
  ///
  /// - Parameter batch: sequences at once; it changes memory and speed, never a bit.
  /// - Throws: `ComputeError.invalidConfiguration`, `outOfMemory`.
  public convenience init(state: TrainingState, batch: Int, device: Device) throws(ComputeError) {
    try self.init(
      configuration: state.configuration, parameters: state.parameterArena, state: state, batch: batch,
      device: device)
  }

  /// An evaluator of a model's weights, which are not copied: beside them it needs only the activations of
  /// `batch` sequences.
  ///
  /// - Parameters:
  ///   - parameters: in the order of `ParameterLayout(configuration)`.
  ///   - batch: sequences at once; it changes memory and speed, never a bit.
  /// - Throws: `ComputeError.invalidConfiguration`, `outOfMemory`.
  public convenience init(
    configuration: ModelConfiguration, parameters: FloatArena, batch: Int, device: Device
  ) throws(ComputeError) {
    try self.init(
      configuration: configuration, parameters: parameters, state: nil, batch: batch, device: device)
  }

  private init(
    configuration shape: ModelConfiguration, parameters: FloatArena, state: TrainingState?, batch: Int,
    device: Device
  ) throws(ComputeError) {
    let layout = ParameterLayout(shape)
    precondition(parameters.elements.count == layout.count, "the arena does not fit the configuration")
    guard batch >= 1, batch <= (1 << 32) / shape.context else {
      throw .invalidConfiguration(
        what: "batch", found: "\(batch)", allowed: "1 to \((1 << 32) / shape.context) sequences")
    }
    self.state = state
    self.parameters = parameters
    self.batch = batch
    self.device = device
    configuration = shape
    forward = ForwardPass(
      configuration: shape, device: device,
      parameters: ModelPointers(parameters.base, layout: layout, layers: shape.layers),
      activations: try ActivationBuffers(
        configuration: shape, sequences: batch, forBackward: false, device: device))
    losses = try FloatArena(count: batch * shape.context, device: device)
    data = try SequenceBatch(configuration: shape, sequences: batch, device: device)
  }

  /// How many sequences at once take at most `byteCount` bytes of activations; at least 1.
  public static func batch(of configuration: ModelConfiguration, byteCount: Int, upTo limit: Int) -> Int {
    let perSequence = ActivationBuffers.byteCount(configuration: configuration, forBackward: false)
    return max(1, min(limit, byteCount / perSequence))
  }

  /// Mean loss in nats per counted token, and the number of these tokens.
  ///
  /// The losses of all rows are added in order in binary64, so neither batch nor threads change the result.
  /// Without any counted token the loss is 0.
  ///
  /// - Parameter sequences: T + 1 token ids each, `UInt32.max` is padding.
  /// - Throws: `ComputeError.invalidInput`, `notFinite`, `outOfMemory`.
  public func meanLoss(
    sequences: some RandomAccessCollection<[UInt32]>
  ) throws(ComputeError) -> (loss: Double, tokens: Int) {
    var total = 0.0
    var tokens = 0
    var rest = sequences[...]
    while !rest.isEmpty {
      let part = rest.prefix(batch)
      rest = rest.dropFirst(batch)
      try data.fill(part)
      tokens += data.counted
      let rows = part.count * configuration.context
      try forward.run(tokens: data.inputs.base, stride: configuration.context, sequences: part.count)
      emeth_cross_entropy(
        device.handle, losses.base, forward.activations.logits, data.targets.base, configuration.context,
        configuration.context, rows, configuration.vocabularySize, 1, false)
      try device.checkHealth()
      for row in 0..<rows { total += Double(losses.elements[row]) }
    }
    guard total.isFinite else { throw notFinite() }
    return (tokens == 0 ? 0 : total / Double(tokens), tokens)
  }

  /// The error for a loss that is not finite: a weight that is not, where there is one, is its cause.
  private func notFinite() -> ComputeError {
    let culprit = ParameterLayout(configuration).firstNotFinite(in: parameters.elements)
    return .notFinite(step: state?.step ?? 0, tensor: culprit?.name ?? "loss")
  }
}
