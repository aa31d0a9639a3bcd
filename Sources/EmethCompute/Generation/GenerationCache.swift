import CEmethCompute

/// What a model remembers of the tokens it has read (keys and values), and the forward pass that adds to it.
///
/// The rows are computed by the same operations as in training, so logits have the same bits whether a text is
/// read at once, in pieces, or token by token.
final class GenerationCache {
  private static let rowLimit = 64

  let configuration: ModelConfiguration
  /// Number of tokens read, at most the context.
  private(set) var position = 0
  /// The logits (V) after the last token read.
  var logits: UnsafeBufferPointer<Float> { UnsafeBufferPointer(logitArena.elements) }

  private let layout: ParameterLayout
  private let parameters: FloatArena
  private let device: Device
  private let keys: [FloatArena]
  private let values: [FloatArena]
  private let stream: FloatArena
  private let normalised: FloatArena
  private let wide: FloatArena
  private let mixed: FloatArena
  private let statistics: FloatArena
  private let logitArena: FloatArena

  /// An empty cache of a model.
  init(configuration: ModelConfiguration, parameters: FloatArena, device: Device) throws(ComputeError) {
    layout = ParameterLayout(configuration)
    precondition(parameters.elements.count == layout.count, "the arena does not fit the configuration")
    self.configuration = configuration
    self.parameters = parameters
    self.device = device
    let (context, width) = (configuration.context, configuration.width)
    let cacheCount = emeth_attention_cache_count(context, width)
    func caches() throws(ComputeError) -> [FloatArena] {
      var arenas: [FloatArena] = []
      for _ in 0..<configuration.layers { arenas.append(try FloatArena(count: cacheCount)) }
      return arenas
    }
    keys = try caches()
    values = try caches()
    let rows = min(Self.rowLimit, context)
    stream = try FloatArena(count: rows * width)
    normalised = try FloatArena(count: rows * width)
    wide = try FloatArena(count: rows * 4 * width)
    mixed = try FloatArena(count: rows * width)
    statistics = try FloatArena(count: 2 * rows)
    logitArena = try FloatArena(count: configuration.vocabularySize)
    guard emeth_attention_reserve(device.handle, context, configuration.headWidth) == EMETH_OK else {
      throw .outOfMemory(bytes: cacheCount * 4)
    }
  }

  /// Forgets everything read.
  func clear() { position = 0 }

  /// Reads tokens, as many as there is room for at most, and leaves the logits after the last one.
  ///
  /// - Throws: `ComputeError.invalidInput` for an id outside the vocabulary, before anything is read.
  func read(_ tokens: ArraySlice<UInt32>) throws(ComputeError) {
    precondition(position + tokens.count <= configuration.context, "the context is full")
    if let token = tokens.first(where: { Int($0) >= configuration.vocabularySize }) {
      throw .invalidInput(
        what: "token id", found: "\(token)", allowed: "0 to \(configuration.vocabularySize - 1)")
    }
    var rest = tokens
    while !rest.isEmpty {
      let piece = rest.prefix(min(Self.rowLimit, configuration.context))
      try forward(Array(piece))
      rest = rest.dropFirst(piece.count)
      if rest.isEmpty { project(row: piece.count - 1) }
    }
  }

  private func forward(_ tokens: [UInt32]) throws(ComputeError) {
    let (rows, width) = (tokens.count, configuration.width)
    let positions = address("wpe.weight") + position * width
    emeth_embedding_forward(
      device.handle, stream.base, tokens, rows, address("wte.weight"), positions, 1, rows, width)
    for layer in 0..<configuration.layers {
      let tensor = { (part: BlockTensor) in self.address(part.name(layer: layer)) }
      norm(rows, gain: tensor(.attentionNormGain), offset: tensor(.attentionNormOffset))
      multiply(
        rows, wide, normalised, tensor(.queryKeyValueWeight), tensor(.queryKeyValueBias), 3 * width, width)
      let status = emeth_attention_cached(
        device.handle, mixed.base, keys[layer].base, values[layer].base, wide.base, position, rows,
        configuration.context, width, configuration.heads)
      guard status == EMETH_OK else { throw .outOfMemory(bytes: configuration.context * 4) }
      multiply(
        rows, normalised, mixed, tensor(.attentionProjectionWeight), tensor(.attentionProjectionBias), width,
        width)
      emeth_add(device.handle, stream.base, stream.base, normalised.base, rows * width)
      norm(rows, gain: tensor(.feedForwardNormGain), offset: tensor(.feedForwardNormOffset))
      multiply(rows, wide, normalised, tensor(.feedForwardWeight), tensor(.feedForwardBias), 4 * width, width)
      emeth_gelu_forward(device.handle, wide.base, wide.base, rows * 4 * width)
      multiply(
        rows, normalised, wide, tensor(.feedForwardProjectionWeight), tensor(.feedForwardProjectionBias),
        width,
        4 * width)
      emeth_add(device.handle, stream.base, stream.base, normalised.base, rows * width)
    }
    position += rows
  }

  /// The logits of one row of the stream.
  private func project(row: Int) {
    let width = configuration.width
    emeth_layer_norm_forward(
      device.handle, normalised.base, statistics.base, statistics.base + 1, stream.base + row * width,
      address("ln_f.weight"), address("ln_f.bias"), 1, width)
    var arguments = emeth_matmul_arguments()
    arguments.out = logitArena.base
    arguments.a = UnsafePointer(normalised.base)
    arguments.b = address("wte.weight")
    (arguments.m, arguments.n, arguments.k) = (1, configuration.vocabularySize, width)
    arguments.b_transposed = true
    emeth_matmul(device.handle, &arguments)
  }

  private func norm(_ rows: Int, gain: UnsafePointer<Float>, offset: UnsafePointer<Float>) {
    emeth_layer_norm_forward(
      device.handle, normalised.base, statistics.base, statistics.base + rows, stream.base, gain, offset,
      rows,
      configuration.width)
  }

  private func multiply(
    _ rows: Int, _ out: FloatArena, _ input: FloatArena, _ weight: UnsafePointer<Float>,
    _ bias: UnsafePointer<Float>, _ columns: Int, _ inner: Int
  ) {
    var arguments = emeth_matmul_arguments()
    arguments.out = out.base
    arguments.a = UnsafePointer(input.base)
    arguments.b = weight
    arguments.bias = bias
    (arguments.m, arguments.n, arguments.k) = (rows, columns, inner)
    emeth_matmul(device.handle, &arguments)
  }

  /// Where a tensor starts; the layout has every name asked for here.
  private func address(_ name: String) -> UnsafePointer<Float> {
    guard let tensor = layout[name] else { preconditionFailure("no tensor \(name)") }
    return UnsafePointer(parameters.base + tensor.offset)
  }
}
