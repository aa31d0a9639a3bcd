import CEmethCompute

/// What a model remembers of the tokens of one sequence: keys and values of each layer.
final class GenerationCache {
  /// Number of tokens read, at most the context.
  private(set) var position = 0

  private let arena: FloatArena
  private let layerCount: Int

  /// An empty cache for sequences of a model.
  init(_ configuration: ModelConfiguration, device: Device) throws(ComputeError) {
    layerCount = emeth_attention_cache_count(configuration.context, configuration.width)
    arena = try FloatArena(count: 2 * configuration.layers * layerCount, device: device)
  }

  /// Forgets everything read.
  func clear() { position = 0 }

  func advance(by rows: Int) { position += rows }

  /// `rows` tokens after the position, for attention in a layer; their rows begin with `firstRow`.
  func sequence(layer: Int, rows: Int, firstRow: Int) -> emeth_cached_sequence {
    let keys = arena.base + 2 * layer * layerCount
    return emeth_cached_sequence(
      keys: keys, values: keys + layerCount, position: position, rows: rows, first_row: firstRow)
  }
}
