/// Where each tensor of a model begins in one arena of the model's layout: parameters or gradients.
struct ModelPointers {
  /// One transformer block.
  struct Block {
    let attentionNormGain, attentionNormOffset, queryKeyValueWeight,
      queryKeyValueBias: UnsafeMutablePointer<Float>
    let attentionProjectionWeight, attentionProjectionBias: UnsafeMutablePointer<Float>
    let feedForwardNormGain, feedForwardNormOffset, feedForwardWeight,
      feedForwardBias: UnsafeMutablePointer<Float>
    let feedForwardProjectionWeight, feedForwardProjectionBias: UnsafeMutablePointer<Float>
  }

  let tokenEmbedding, positionEmbedding, finalNormGain, finalNormOffset: UnsafeMutablePointer<Float>
  let blocks: [Block]

  /// The tensors of `layout` in the arena that begins at `base`.
  init(_ base: UnsafeMutablePointer<Float>, layout: ParameterLayout, layers: Int) {
    func at(_ name: String) -> UnsafeMutablePointer<Float> {
      guard let tensor = layout[name] else { preconditionFailure("no tensor \(name) in this layout") }
      return base + tensor.offset
    }
    tokenEmbedding = at("wte.weight")
    positionEmbedding = at("wpe.weight")
    finalNormGain = at("ln_f.weight")
    finalNormOffset = at("ln_f.bias")
    blocks = (0..<layers).map { layer in
      func part(_ tensor: BlockTensor) -> UnsafeMutablePointer<Float> { at(tensor.name(layer: layer)) }
      return Block(
        attentionNormGain: part(.attentionNormGain), attentionNormOffset: part(.attentionNormOffset),
        queryKeyValueWeight: part(.queryKeyValueWeight), queryKeyValueBias: part(.queryKeyValueBias),
        attentionProjectionWeight: part(.attentionProjectionWeight),
        attentionProjectionBias: part(.attentionProjectionBias),
        feedForwardNormGain: part(.feedForwardNormGain), feedForwardNormOffset: part(.feedForwardNormOffset),
        feedForwardWeight: part(.feedForwardWeight), feedForwardBias: part(.feedForwardBias),
        feedForwardProjectionWeight: part(.feedForwardProjectionWeight),
        feedForwardProjectionBias: part(.feedForwardProjectionBias))
    }
  }
}
