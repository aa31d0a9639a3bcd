import CEmethCompute

/// The forward pass of a micro-batch of `sequences` sequences: token ids in, logits out.
struct ForwardPass {
  let configuration: ModelConfiguration
  let device: Device
  let parameters: ModelPointers
  let activations: ActivationBuffers

  /// Fills the activations and the logits.
  ///
  /// - Parameters:
  ///   - tokens: rows of `stride` ids below V; the first T of each are the inputs.
  ///   - dropout: what is dropped; nil for nothing.
  ///   - trace: takes down what each operator put out.
  /// - Throws: `ComputeError.outOfMemory` when attention finds no memory.
  func run(
    tokens: UnsafePointer<UInt32>, stride: Int, sequences: Int, dropout: Dropout.Pass? = nil,
    trace: OperationTrace? = nil
  ) throws(ComputeError) {
    let (c, t, heads) = (configuration.width, configuration.context, configuration.heads)
    let rows = sequences * t
    let handle = device.handle
    emeth_embedding_forward(
      handle, activations.blocks[0].input, tokens, stride, parameters.tokenEmbedding,
      parameters.positionEmbedding, sequences, t, c)
    drop(activations.blocks[0].input, rows: rows, by: dropout?.mask(.embedding, rows: t))
    trace?.record("embedding", activations.blocks[0].input, count: rows * c)
    for (layer, (block, a)) in zip(parameters.blocks, activations.blocks).enumerated() {
      if layer == 0 {
        emeth_layer_norm_forward(
          handle, a.attentionNorm, a.attentionNormMean, a.attentionNormReciprocal, a.input,
          block.attentionNormGain, block.attentionNormOffset, rows, c)
        trace?.record("layer 0: attention norm", a.attentionNorm, count: rows * c)
      }
      device.multiply(
        a.queryKeyValue, a.attentionNorm, block.queryKeyValueWeight, bias: block.queryKeyValueBias, m: rows,
        n: 3 * c, k: c)
      trace?.record("layer \(layer): queries, keys, values", a.queryKeyValue, count: rows * 3 * c)
      let status = emeth_attention_forward(
        handle, a.attention, a.attentionMaximum, a.attentionSum, a.queryKeyValue, sequences, t, c, heads,
        dropout?.mask(.attentionProbabilities, layer: layer, rows: heads * t) ?? emeth_dropout_mask())
      try device.check(status)
      trace?.record("layer \(layer): attention", a.attention, count: rows * c)
      device.multiply(
        activations.product, a.attention, block.attentionProjectionWeight,
        bias: block.attentionProjectionBias,
        m: rows, n: c, k: c)
      drop(activations.product, rows: rows, by: dropout?.mask(.attentionOutput, layer: layer, rows: t))
      trace?.record("layer \(layer): attention projection", activations.product, count: rows * c)
      emeth_add_layer_norm_forward(
        handle, a.feedForwardNorm, a.feedForwardNormMean, a.feedForwardNormReciprocal, a.middle, a.input,
        activations.product, block.feedForwardNormGain, block.feedForwardNormOffset, rows, c)
      trace?.record("layer \(layer): feed-forward norm", a.feedForwardNorm, count: rows * c)
      device.multiply(
        a.feedForward, a.feedForwardNorm, block.feedForwardWeight, bias: block.feedForwardBias,
        activation: a.activation, m: rows, n: 4 * c, k: c)
      trace?.record("layer \(layer): feed-forward", a.activation, count: rows * 4 * c)
      device.multiply(
        activations.product, a.activation, block.feedForwardProjectionWeight,
        bias: block.feedForwardProjectionBias, m: rows, n: c, k: 4 * c)
      drop(activations.product, rows: rows, by: dropout?.mask(.feedForwardOutput, layer: layer, rows: t))
      trace?.record("layer \(layer): feed-forward projection", activations.product, count: rows * c)
      if layer + 1 < configuration.layers {
        let next = activations.blocks[layer + 1]
        let nextBlock = parameters.blocks[layer + 1]
        emeth_add_layer_norm_forward(
          handle, next.attentionNorm, next.attentionNormMean, next.attentionNormReciprocal, next.input,
          a.middle,
          activations.product, nextBlock.attentionNormGain, nextBlock.attentionNormOffset, rows, c)
        trace?.record("layer \(layer + 1): attention norm", next.attentionNorm, count: rows * c)
      } else {
        emeth_add_layer_norm_forward(
          handle, activations.finalNorm, activations.finalNormMean, activations.finalNormReciprocal,
          activations.output, a.middle, activations.product, parameters.finalNormGain,
          parameters.finalNormOffset, rows, c)
        trace?.record("final norm", activations.finalNorm, count: rows * c)
      }
    }
    device.multiply(
      activations.logits, activations.finalNorm, parameters.tokenEmbedding, m: rows,
      n: configuration.vocabularySize, k: c, bTransposed: true)
    trace?.record("logits", activations.logits, count: rows * configuration.vocabularySize)
  }

  private func drop(_ matrix: UnsafeMutablePointer<Float>, rows: Int, by mask: emeth_dropout_mask?) {
    guard let mask else { return }
    emeth_dropout(device.handle, matrix, matrix, rows, configuration.width, mask)
  }
}
