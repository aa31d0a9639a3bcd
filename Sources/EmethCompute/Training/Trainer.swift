import CEmethCompute

/// What one optimizer step saw.
public struct StepReport: Sendable, Hashable {
  /// Mean loss in nats per counted token, before the step.
  public let loss: Float
  /// Norm of the whole gradient, before clipping.
  public let gradientNorm: Float
  /// Targets that counted.
  public let tokens: Int
  /// Wall-clock time.
  public let seconds: Double
}

/// Trains a state in place by AdamW, one batch a step, with the same bits on every CPU, for every number of
/// threads and every size of micro-batch (PROTOCOL 6).
///
/// A step allocates nothing: all buffers are made here. One thread at a time uses a trainer and its state.
///
/// ```swift
/// let trainer = try Trainer(state: state, optimizer: optimizer, batch: 12, device: device)
/// let report = try trainer.step(sequences: sequences)
/// ```
public final class Trainer {
  /// The state that steps change.
  public let state: TrainingState
  /// Settings of AdamW and the schedule.
  public let optimizer: OptimizerConfiguration
  /// What steps drop; nil for nothing.
  public let dropout: Dropout?
  /// Sequences of a step.
  public let batch: Int
  /// Sequences that pass through the model at once; it changes memory and speed, never a bit.
  public let microBatch: Int
  /// Where the work is done.
  public let device: Device

  private let gradients: FloatArena
  private let embeddingGradients: FloatArena
  private let losses: FloatArena
  /// Sum of the losses, sum of the squares of the gradient.
  private let sums: FloatArena
  private let recorded: RecordedOperations
  private let forward: ForwardPass
  private let backward: BackwardPass
  private let decaySpans: [emeth_decay_span]
  private let data: SequenceBatch
  private var corrections: BiasCorrections

  /// Memory that the activations of a micro-batch may take unless `microBatch` says otherwise.
  static let defaultActivationBytes = 1 << 30

  /// Prepares training of `state`.
  ///
  /// - Parameters:
  ///   - dropout: what steps drop; nil for nothing.
  ///   - batch: sequences of a step, at least 1.
  ///   - microBatch: sequences at once; nil takes as many as fit into 1 GiB.
  /// - Throws: `ComputeError.invalidConfiguration`, `outOfMemory`.
  public init(
    state: TrainingState, optimizer: OptimizerConfiguration, dropout: Dropout? = nil, batch: Int,
    microBatch: Int? = nil, device: Device
  ) throws(ComputeError) {
    try optimizer.validate()
    let shape = state.configuration
    guard batch >= 1, batch <= (1 << 32) / shape.context else {
      throw .invalidConfiguration(
        what: "batch", found: "\(batch)", allowed: "1 to \((1 << 32) / shape.context) sequences")
    }
    let perSequence = ActivationBuffers.byteCount(configuration: shape, forBackward: true)
    let micro = microBatch ?? max(1, min(batch, Self.defaultActivationBytes / perSequence))
    guard (1...batch).contains(micro) else {
      throw .invalidConfiguration(what: "micro-batch", found: "\(micro)", allowed: "1 to \(batch) sequences")
    }
    self.state = state
    self.optimizer = optimizer
    self.dropout = dropout
    self.batch = batch
    self.microBatch = micro
    self.device = device
    gradients = try FloatArena(count: state.layout.count, device: device)
    embeddingGradients = try FloatArena(count: batch * shape.context * shape.width, device: device)
    losses = try FloatArena(count: batch * shape.context, device: device)
    sums = try FloatArena(count: 2, device: device)
    recorded = RecordedOperations(device: device)
    let activations = try ActivationBuffers(
      configuration: shape, sequences: micro, forBackward: true, device: device)
    let parameters = ModelPointers(state.parameterArena.base, layout: state.layout, layers: shape.layers)
    forward = ForwardPass(
      configuration: shape, device: device, parameters: parameters, activations: activations)
    backward = BackwardPass(
      configuration: shape, device: device, parameters: parameters,
      gradients: ModelPointers(gradients.base, layout: state.layout, layers: shape.layers),
      activations: activations,
      scratch: try BackwardBuffers(configuration: shape, sequences: micro, device: device))
    decaySpans = state.layout.tensors.map {
      emeth_decay_span(
        offset: $0.offset, count: $0.count, decay: $0.isMatrix ? Float(optimizer.weightDecay) : 0)
    }
    data = try SequenceBatch(configuration: shape, sequences: batch, device: device)
    corrections = BiasCorrections(beta1: optimizer.beta1, beta2: optimizer.beta2)
    try device.check(emeth_attention_reserve(device.handle, shape.context, shape.headWidth))
  }

  /// Takes one step.
  ///
  /// - Parameter sequences: `batch` sequences of T + 1 token ids; `UInt32.max` is padding: not counted as a
  ///   target, read as 0 as an input.
  /// - Parameter trace: takes down what each operator put out; it changes no bit, and costs the time to hash
  ///   all of it.
  /// - Throws: `ComputeError.notFinite` when the loss or the gradient is not finite: the state is then
  ///   unchanged. `invalidInput` for wrong sequences or when no token counts.
  @discardableResult
  public func step(
    sequences: [[UInt32]], trace: OperationTrace? = nil
  ) throws(ComputeError) -> StepReport {
    let clock = ContinuousClock()
    let start = clock.now
    guard state.step >= optimizer.momentsStart else {
      throw .invalidConfiguration(
        what: "start of the moments", found: "step \(optimizer.momentsStart)",
        allowed: "at most \(state.step)")
    }
    let loss = try computeGradients(sequences: sequences, trace: trace)
    let norm = try gradientNorm()
    if let trace { withUnsafePointer(to: norm) { trace.record("norm of the gradient", $0, count: 1) } }
    update(norm: norm)
    try device.checkHealth()
    trace?.record("AdamW", state.parameterArena.base, count: state.layout.count)
    state.step += 1
    let time = (clock.now - start).components
    return StepReport(
      loss: loss, gradientNorm: norm, tokens: data.counted,
      seconds: Double(time.seconds) + Double(time.attoseconds) * 1e-18)
  }

  /// Loss and gradient of a batch at the state's parameters, in the order of the state's layout, without a
  /// step: what the next step would see, its dropout included.
  ///
  /// - Throws: as `step(sequences:)`.
  public func lossAndGradient(sequences: [[UInt32]]) throws(ComputeError) -> (loss: Float, gradient: [Float])
  {
    let loss = try computeGradients(sequences: sequences)
    return (loss, Array(gradients.elements))
  }

  private func computeGradients(
    sequences: [[UInt32]], trace: OperationTrace? = nil
  ) throws(ComputeError) -> Float {
    guard sequences.count == batch else {
      throw .invalidInput(what: "number of sequences", found: "\(sequences.count)", allowed: "\(batch)")
    }
    try data.fill(sequences)
    guard data.counted > 0 else {
      throw .invalidInput(what: "number of tokens in a batch", found: "0", allowed: "at least 1")
    }
    if let trace { sequences.joined().map(\.littleEndian).withUnsafeBytes { trace.record("sequences", $0) } }
    let counted = Float(data.counted)
    // What is dropped differs from step to step, and a trace reads between operations.
    if trace == nil, dropout == nil {
      try recorded.run([data.counted]) { () throws(ComputeError) in try queueGradients() }
    } else {
      try queueGradients(trace: trace)
    }
    try device.checkHealth()
    let loss = sums.elements[0] / counted
    if let trace { withUnsafePointer(to: loss) { trace.record("loss", $0, count: 1) } }
    guard loss.isFinite else {
      // A weight that is not finite, where there is one, is the cause.
      let culprit = state.layout.firstNotFinite(in: state.parameters)
      throw .notFinite(step: state.step, tensor: culprit?.name ?? "loss")
    }
    return loss
  }

  /// All operations from the batch's ids to the gradient and both sums, which a GPU may run much later.
  private func queueGradients(trace: OperationTrace? = nil) throws(ComputeError) {
    let shape = state.configuration
    let (t, c) = (shape.context, shape.width)
    // The first micro-batch overwrites the gradients of the weights: half a gigabyte of zeros less for GPT-2.
    for tensor in state.layout.tensors where !tensor.isMatrix || tensor.name == "wpe.weight" {
      gradients.clear(tensor.range)
    }
    for first in stride(from: 0, to: batch, by: microBatch) {
      let count = min(microBatch, batch - first)
      trace?.place = "sequence \(first), "
      let dropout = dropout.map { Dropout.Pass(dropout: $0, step: state.step, firstSequence: first) }
      try forward.run(
        tokens: data.inputs.base + first * t, stride: t, sequences: count, dropout: dropout, trace: trace)
      emeth_cross_entropy(
        device.handle, losses.base + first * t, forward.activations.logits, data.targets.base + first * t, t,
        t, count * t, shape.vocabularySize, 1 / Float(data.counted), true)
      trace?.record(
        "gradient of the logits", forward.activations.logits, count: count * t * shape.vocabularySize)
      try backward.run(
        sequences: count, residual: embeddingGradients.base + first * t * c,
        accumulate: first > 0, dropout: dropout, trace: trace)
    }
    trace?.place = ""
    emeth_embedding_backward(
      device.handle, backward.gradients.tokenEmbedding, backward.gradients.positionEmbedding,
      embeddingGradients.base, data.inputs.base, t, batch, t, c)
    trace?.record("gradient of all weights", gradients.base, count: state.layout.count)
    try device.check(emeth_sum(device.handle, sums.base, losses.base, losses.elements.count))
    try device.check(
      emeth_sum_of_squares(device.handle, sums.base + 1, gradients.base, gradients.elements.count))
  }

  private func gradientNorm() throws(ComputeError) -> Float {
    let norm = sums.elements[1].squareRoot()
    guard norm.isFinite else {
      let culprit = state.layout.tensors.first { tensor in
        tensor.range.contains { !gradients.elements[$0].isFinite }
      }
      throw .notFinite(
        step: state.step, tensor: culprit.map { "gradient of \($0.name)" } ?? "norm of the gradient")
    }
    return norm
  }

  private func update(norm: Float) {
    let limit = Float(optimizer.gradientClip)
    corrections.advance(to: state.step - optimizer.momentsStart + 1)
    let scalars = emeth_adamw_scalars(
      learning_rate: Float(optimizer.learningRate(atStep: Int(clamping: state.step))),
      beta1: Float(optimizer.beta1), one_minus_beta1: Float(1 - optimizer.beta1),
      beta2: Float(optimizer.beta2),
      one_minus_beta2: Float(1 - optimizer.beta2), correction1: corrections.first,
      correction2: corrections.second, epsilon: Float(optimizer.epsilon),
      gradient_scale: norm > limit ? limit / norm : 1)
    emeth_adamw(
      device.handle, state.parameterArena.base, state.firstMomentArena.base, state.secondMomentArena.base,
      gradients.base, decaySpans, decaySpans.count, scalars)
  }
}
