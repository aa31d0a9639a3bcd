import CEmethCompute

/// The backward pass of a micro-batch: adds to the gradients, except those that the embedding's rows get,
/// which wait until the chains of the output head have gone over all micro-batches (PROTOCOL 6).
struct BackwardPass {
  let configuration: ModelConfiguration
  let device: Device
  let parameters: ModelPointers
  let gradients: ModelPointers
  let activations: ActivationBuffers
  let scratch: BackwardBuffers

  /// Reads the activations and the logits' gradients, adds to `gradients`. The activations' `product`, which
  /// nothing reads any more, takes the residual stream's gradient behind a dropout.
  ///
  /// - Parameters:
  ///   - residual: (rows, C) the gradient of the embeddings' sum, written.
  ///   - accumulate: whether the gradients of the weights hold something; else they are overwritten, as if
  ///     they held +0. Those of vectors are added to in any case.
  ///   - dropout: that of the forward pass.
  ///   - trace: takes down the gradient of the residual stream behind each operator.
  /// - Throws: `ComputeError.outOfMemory` when attention finds no memory.
  func run(
    sequences: Int, residual: UnsafeMutablePointer<Float>, accumulate: Bool, dropout: Dropout.Pass? = nil,
    trace: OperationTrace? = nil
  ) throws(ComputeError) {
    let c = configuration.width
    let rows = sequences * configuration.context
    let handle = device.handle
    let d = scratch.narrow
    device.multiply(
      gradients.tokenEmbedding, activations.logits, activations.finalNorm, m: configuration.vocabularySize,
      n: c, k: rows, aTransposed: true, accumulate: accumulate)
    device.multiply(
      d, activations.logits, parameters.tokenEmbedding, m: rows, n: c, k: configuration.vocabularySize)
    device.clear(residual, count: rows * c)
    emeth_layer_norm_backward(
      handle, residual, gradients.finalNormGain, gradients.finalNormOffset, d, activations.output,
      parameters.finalNormGain, activations.finalNormMean, activations.finalNormReciprocal, rows, c)
    trace?.record("backward, final norm", residual, count: rows * c)
    for layer in (0..<configuration.layers).reversed() {
      feedForward(layer: layer, rows: rows, residual: residual, accumulate: accumulate, dropout: dropout)
      trace?.record("backward, layer \(layer): feed-forward", residual, count: rows * c)
      try attention(
        layer: layer, rows: rows, sequences: sequences, residual: residual, accumulate: accumulate,
        dropout: dropout)
      trace?.record("backward, layer \(layer): attention", residual, count: rows * c)
    }
    if let mask = dropout?.mask(.embedding, rows: configuration.context) {
      emeth_dropout(handle, residual, residual, rows, c, mask)
    }
  }

  /// The gradient of what was added to the residual stream: the stream's own, or that behind a dropout.
  private func dropped(
    _ residual: UnsafeMutablePointer<Float>, rows: Int, by mask: emeth_dropout_mask?
  ) -> UnsafeMutablePointer<Float> {
    guard let mask else { return residual }
    emeth_dropout(device.handle, activations.product, residual, rows, configuration.width, mask)
    return activations.product
  }

  private func feedForward(
    layer: Int, rows: Int, residual: UnsafeMutablePointer<Float>, accumulate: Bool, dropout: Dropout.Pass?
  ) {
    let c = configuration.width
    let mask = dropout?.mask(.feedForwardOutput, layer: layer, rows: configuration.context)
    let (p, g, a) = (parameters.blocks[layer], gradients.blocks[layer], activations.blocks[layer])
    linear(
      input: a.activation, d: dropped(residual, rows: rows, by: mask), weight: p.feedForwardProjectionWeight,
      dWeight: g.feedForwardProjectionWeight, dBias: g.feedForwardProjectionBias, dInput: scratch.wide,
      slopeOf: a.feedForward, rows: rows, inputs: 4 * c, outputs: c, accumulate: accumulate)
    linear(
      input: a.feedForwardNorm, d: scratch.wide, weight: p.feedForwardWeight, dWeight: g.feedForwardWeight,
      dBias: g.feedForwardBias, dInput: scratch.narrow, rows: rows, inputs: c, outputs: 4 * c,
      accumulate: accumulate)
    emeth_layer_norm_backward(
      device.handle, residual, g.feedForwardNormGain, g.feedForwardNormOffset, scratch.narrow, a.middle,
      p.feedForwardNormGain, a.feedForwardNormMean, a.feedForwardNormReciprocal, rows, c)
  }

  private func attention(
    layer: Int, rows: Int, sequences: Int, residual: UnsafeMutablePointer<Float>, accumulate: Bool,
    dropout: Dropout.Pass?
  ) throws(ComputeError) {
    let c = configuration.width
    let (t, heads) = (configuration.context, configuration.heads)
    let (p, g, a) = (parameters.blocks[layer], gradients.blocks[layer], activations.blocks[layer])
    linear(
      input: a.attention,
      d: dropped(residual, rows: rows, by: dropout?.mask(.attentionOutput, layer: layer, rows: t)),
      weight: p.attentionProjectionWeight,
      dWeight: g.attentionProjectionWeight,
      dBias: g.attentionProjectionBias, dInput: scratch.narrow, rows: rows, inputs: c, outputs: c,
      accumulate: accumulate)
    let status = emeth_attention_backward(
      device.handle, scratch.wide, scratch.narrow, a.queryKeyValue, a.attentionMaximum, a.attentionSum,
      sequences, t, c, heads,
      dropout?.mask(.attentionProbabilities, layer: layer, rows: heads * t) ?? emeth_dropout_mask())
    try device.check(status)
    linear(
      input: a.attentionNorm, d: scratch.wide, weight: p.queryKeyValueWeight, dWeight: g.queryKeyValueWeight,
      dBias: g.queryKeyValueBias, dInput: scratch.narrow, rows: rows, inputs: c, outputs: 3 * c,
      accumulate: accumulate)
    emeth_layer_norm_backward(
      device.handle, residual, g.attentionNormGain, g.attentionNormOffset, scratch.narrow, a.input,
      p.attentionNormGain, a.attentionNormMean, a.attentionNormReciprocal, rows, c)
  }

  /// The gradients of y = input · weight + bias; that of the input times GELU' of `slopeOf`, if there is one.
  private func linear(
    input: UnsafePointer<Float>, d: UnsafePointer<Float>, weight: UnsafePointer<Float>,
    dWeight: UnsafeMutablePointer<Float>, dBias: UnsafeMutablePointer<Float>,
    dInput: UnsafeMutablePointer<Float>, slopeOf: UnsafePointer<Float>? = nil, rows: Int, inputs: Int,
    outputs: Int, accumulate: Bool
  ) {
    device.multiply(
      dInput, d, weight, slopeOf: slopeOf, m: rows, n: inputs, k: outputs, bTransposed: true)
    device.multiply(
      dWeight, input, d, m: inputs, n: outputs, k: rows, aTransposed: true, accumulate: accumulate)
    emeth_column_sum(device.handle, dBias, d, rows, outputs)
  }
}

/// What the backward pass needs besides activations: (rows, C) and (rows, 4C).
final class BackwardBuffers {
  let narrow, wide: UnsafeMutablePointer<Float>
  private let arena: FloatArena

  init(configuration: ModelConfiguration, sequences: Int, device: Device) throws(ComputeError) {
    let rows = sequences * configuration.context
    var slots = ArenaSlots()
    let offsets = [slots.take(rows * configuration.width), slots.take(rows * 4 * configuration.width)]
    arena = try FloatArena(count: slots.count, device: device)
    narrow = arena.base + offsets[0]
    wide = arena.base + offsets[1]
  }
}
