import CEmethCompute

/// A device's part in a training: a state, the sequences of each batch that it takes, their gradients.
///
/// All replicas of a training take the same steps: their gradients are added up before.
final class TrainerReplica {
  let device: Device
  /// The first replica's is the training's; others have a copy.
  let state: TrainingState
  /// Its sequences of a batch.
  let share: Range<Int>
  let gradients: FloatArena
  /// Sum of the losses, sum of the squares of the gradient.
  let sums: FloatArena
  let data: SequenceBatch
  private let microBatch: Int
  private let dropout: Dropout?
  private let embeddingGradients: FloatArena
  private let losses: FloatArena
  private let recorded: RecordedOperations
  /// AdamW's numbers for the next step, where a recording reads them.
  let scalars: DeviceArray<emeth_adamw_scalars>
  /// The low 32 bits of the next step's number: what is dropped follows from them.
  let stepNumber: DeviceArray<UInt32>
  private let decaySpans: DeviceArray<emeth_decay_span>
  private let forward: ForwardPass
  private let backward: BackwardPass

  init(
    state: TrainingState, share: Range<Int>, microBatch: Int, dropout: Dropout?, weightDecay: Float,
    device: Device
  ) throws(ComputeError) {
    let shape = state.configuration
    self.device = device
    self.state = state
    self.share = share
    self.microBatch = min(microBatch, share.count)
    self.dropout = dropout
    gradients = try FloatArena(count: state.layout.count, device: device)
    embeddingGradients = try FloatArena(count: share.count * shape.context * shape.width, device: device)
    losses = try FloatArena(count: share.count * shape.context, device: device)
    sums = try FloatArena(count: 2, device: device)
    recorded = RecordedOperations(device: device)
    scalars = try DeviceArray(count: 1, device: device)
    stepNumber = try DeviceArray(count: 1, device: device)
    decaySpans = try DeviceArray(count: state.layout.tensors.count, device: device)
    for (index, tensor) in state.layout.tensors.enumerated() {
      decaySpans[index] = emeth_decay_span(
        offset: tensor.offset, count: tensor.count, decay: tensor.isMatrix ? weightDecay : 0)
    }
    let activations = try ActivationBuffers(
      configuration: shape, sequences: self.microBatch, forBackward: true, device: device)
    let parameters = ModelPointers(state.parameterArena.base, layout: state.layout, layers: shape.layers)
    forward = ForwardPass(
      configuration: shape, device: device, parameters: parameters, activations: activations)
    backward = BackwardPass(
      configuration: shape, device: device, parameters: parameters,
      gradients: ModelPointers(gradients.base, layout: state.layout, layers: shape.layers),
      activations: activations,
      scratch: try BackwardBuffers(configuration: shape, sequences: self.microBatch, device: device))
    data = try SequenceBatch(configuration: shape, sequences: share.count, device: device)
    try device.check(emeth_attention_reserve(device.handle, shape.context, shape.headWidth))
  }

  /// How far the operations of one call go.
  enum Extent: Int {
    /// The gradient of its own sequences.
    case gradient
    /// The gradient is whole with these sequences: its sum of squares, too.
    case norm
    /// And AdamW, which changes nothing where a loss or the norm is not finite.
    case update
  }

  /// The gradient of its sequences and the sum of their losses, and what follows from them.
  ///
  /// - Parameter counted: targets of the whole batch that count.
  func computeGradients(
    counted: Int, through extent: Extent, trace: OperationTrace?
  ) throws(ComputeError) {
    func queue() throws(ComputeError) {
      try queueGradients(counted: counted, trace: trace)
      if extent != .gradient { try queueNorm() }
      if extent == .update { queueUpdate() }
    }
    // A trace reads between operations.
    if trace == nil {
      try recorded.run([counted, extent.rawValue]) { () throws(ComputeError) in try queue() }
    } else {
      try queue()
    }
    try device.checkHealth()
  }

  /// All operations from the sequences' ids to the gradient and the sum of the losses, which a GPU may run much
  /// later.
  private func queueGradients(counted: Int, trace: OperationTrace?) throws(ComputeError) {
    let shape = state.configuration
    let (t, c) = (shape.context, shape.width)
    // The first micro-batch overwrites the gradients of the weights: half a gigabyte of zeros less for GPT-2.
    for tensor in state.layout.tensors where !tensor.isMatrix || tensor.name == "wpe.weight" {
      gradients.clear(tensor.range)
    }
    for first in stride(from: 0, to: share.count, by: microBatch) {
      let count = min(microBatch, share.count - first)
      trace?.place = "sequence \(first), "
      let dropout = dropout.map {
        Dropout.Pass(dropout: $0, step: stepNumber.base, firstSequence: share.lowerBound + first)
      }
      try forward.run(
        tokens: data.inputs.base + first * t, stride: t, sequences: count, dropout: dropout, trace: trace)
      emeth_cross_entropy(
        device.handle, losses.base + first * t, forward.activations.logits, data.targets.base + first * t, t,
        t, count * t, shape.vocabularySize, 1 / Float(counted), true)
      trace?.record(
        "gradient of the logits", forward.activations.logits, count: count * t * shape.vocabularySize)
      try backward.run(
        sequences: count, residual: embeddingGradients.base + first * t * c,
        accumulate: first > 0, dropout: dropout, trace: trace)
    }
    trace?.place = ""
    emeth_embedding_backward(
      device.handle, backward.gradients.tokenEmbedding, backward.gradients.positionEmbedding,
      embeddingGradients.base, data.inputs.base, t, share.count, t, c)
    trace?.record("gradient of all weights", gradients.base, count: state.layout.count)
    try device.check(emeth_sum(device.handle, sums.base, losses.base, losses.elements.count))
  }

  /// The sum of the squares of the gradient.
  func queueNorm() throws(ComputeError) {
    try device.check(
      emeth_sum_of_squares(device.handle, sums.base + 1, gradients.base, gradients.elements.count))
  }

  /// AdamW's step.
  private func queueUpdate() {
    emeth_adamw(
      device.handle, state.parameterArena.base, state.firstMomentArena.base, state.secondMomentArena.base,
      gradients.base, sums.base, decaySpans.base, decaySpans.count, scalars.base)
  }

  /// Takes AdamW's step.
  func update() throws(ComputeError) {
    queueUpdate()
    try device.checkHealth()
  }
}
