/// A model's weights as generation reads them: a copy, packed in one format.
///
/// Packing costs one pass over the parameters and as much memory as the format needs; then the parameters can
/// be let go. Reading them where they lie would save the copy, but a linear layer's weights are stored (in,
/// out): the outputs of one task lie in short pieces far apart, which memory delivers at a fraction of its
/// speed.
///
/// Several generators may read one model, each with texts of its own.
public final class GenerationModel: Sendable {
  struct Block: Sendable {
    /// Indices in `vectors`.
    let attentionNormGain, attentionNormOffset, queryKeyValueBias, attentionProjectionBias: Int
    let feedForwardNormGain, feedForwardNormOffset, feedForwardBias, feedForwardProjectionBias: Int
    let queryKeyValue, attentionProjection, feedForward, feedForwardProjection: PackedWeights
  }

  /// The model's shape.
  public let configuration: ModelConfiguration
  /// How its matrices are stored.
  public let format: WeightFormat
  let tokenEmbedding: PackedWeights
  let positionEmbedding: Int
  let finalNormGain, finalNormOffset: Int
  let blocks: [Block]
  /// Biases, norms and position embeddings.
  private let vectors: FloatArena

  /// Bytes of weights that a token takes: all matrices, but of the position embedding one row.
  var bytesPerToken: Int {
    let vectors = (vectors.elements.count - (configuration.context - 1) * configuration.width) * 4
    return blocks.reduce(tokenEmbedding.byteCount + vectors) { sum, block in
      sum + block.queryKeyValue.byteCount + block.attentionProjection.byteCount + block.feedForward.byteCount
        + block.feedForwardProjection.byteCount
    }
  }

  /// Packs parameters that lie in the order of `ParameterLayout(configuration)`.
  ///
  /// - Throws: `ComputeError.invalidInput` naming the tensor when a weight has no place in the format,
  ///   `outOfMemory`.
  public init(
    configuration: ModelConfiguration, parameters: FloatArena, format: WeightFormat = .f32, device: Device
  ) throws(ComputeError) {
    let source = try Source(
      layout: ParameterLayout(configuration), parameters: parameters, format: format, device: device)
    var blocks: [Block] = []
    for layer in 0..<configuration.layers {
      func name(_ part: BlockTensor) -> String { part.name(layer: layer) }
      blocks.append(
        Block(
          attentionNormGain: source.place(name(.attentionNormGain)),
          attentionNormOffset: source.place(name(.attentionNormOffset)),
          queryKeyValueBias: source.place(name(.queryKeyValueBias)),
          attentionProjectionBias: source.place(name(.attentionProjectionBias)),
          feedForwardNormGain: source.place(name(.feedForwardNormGain)),
          feedForwardNormOffset: source.place(name(.feedForwardNormOffset)),
          feedForwardBias: source.place(name(.feedForwardBias)),
          feedForwardProjectionBias: source.place(name(.feedForwardProjectionBias)),
          queryKeyValue: try source.packed(name(.queryKeyValueWeight)),
          attentionProjection: try source.packed(name(.attentionProjectionWeight)),
          feedForward: try source.packed(name(.feedForwardWeight)),
          feedForwardProjection: try source.packed(name(.feedForwardProjectionWeight))))
    }
    tokenEmbedding = try source.packed(Source.tokenEmbedding, transposed: true)
    positionEmbedding = source.place(Source.positionEmbedding)
    finalNormGain = source.place("ln_f.weight")
    finalNormOffset = source.place("ln_f.bias")
    vectors = source.vectors
    self.configuration = configuration
    self.format = format
    self.blocks = blocks
  }

  /// Where a vector begins.
  func address(_ vector: Int) -> UnsafePointer<Float> { UnsafePointer(vectors.base + vector) }

  /// The parameters on their way into a model.
  private struct Source {
    static let tokenEmbedding = "wte.weight"
    static let positionEmbedding = "wpe.weight"

    let layout: ParameterLayout
    let parameters: FloatArena
    let format: WeightFormat
    let device: Device
    /// Copies of the tensors that are not packed, and where each begins.
    let vectors: FloatArena
    let places: [String: Int]

    init(
      layout: ParameterLayout, parameters: FloatArena, format: WeightFormat, device: Device
    ) throws(ComputeError) {
      precondition(parameters.elements.count == layout.count, "the arena does not fit the configuration")
      let kept = layout.tensors.filter { !$0.isMatrix || $0.name == Self.positionEmbedding }
      vectors = try FloatArena(count: kept.reduce(0) { $0 + $1.count }, device: device)
      var places: [String: Int] = [:]
      var place = 0
      for tensor in kept {
        places[tensor.name] = place
        (vectors.base + place).update(from: parameters.base + tensor.offset, count: tensor.count)
        place += tensor.count
      }
      (self.layout, self.parameters, self.format, self.device) = (layout, parameters, format, device)
      self.places = places
    }

    /// Where a tensor begins in `vectors`.
    func place(_ name: String) -> Int {
      guard let place = places[name] else { preconditionFailure("\(name) is not kept as it is") }
      return place
    }

    /// A matrix, stored (in, out), or (out, in) with `transposed`.
    func packed(_ name: String, transposed: Bool = false) throws(ComputeError) -> PackedWeights {
      guard let tensor = layout[name] else { preconditionFailure("no tensor \(name)") }
      let (first, second) = (tensor.shape[0], tensor.shape[1])
      return try PackedWeights(
        parameters.base + tensor.offset, name: name, outputs: transposed ? first : second,
        inputs: transposed ? second : first, transposed: transposed, format: format, device: device)
    }
  }
}
