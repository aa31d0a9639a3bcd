/// Everything the forward pass of one micro-batch writes and the backward pass reads, in one arena.
///
/// `rows` = sequences x T; per row and layer 16 C + 4 + 2 NH numbers with a backward pass. Without one, all
/// layers share the buffers of one.
final class ActivationBuffers {
  /// What one block keeps.
  struct Block {
    let input, attentionNorm, attentionNormMean, attentionNormReciprocal: UnsafeMutablePointer<Float>
    let queryKeyValue, attention, attentionMaximum, attentionSum: UnsafeMutablePointer<Float>
    let middle, feedForwardNorm, feedForwardNormMean, feedForwardNormReciprocal: UnsafeMutablePointer<Float>
    let feedForward, activation: UnsafeMutablePointer<Float>
  }

  let blocks: [Block]
  /// Residual stream behind the last block, its norm, the norm's statistics.
  let output, finalNorm, finalNormMean, finalNormReciprocal: UnsafeMutablePointer<Float>
  /// (rows, V); their gradients after the backward half of cross-entropy.
  let logits: UnsafeMutablePointer<Float>
  /// (rows, C) for a product before it is added to the residual stream.
  let product: UnsafeMutablePointer<Float>
  private let arena: FloatArena

  /// Buffers for `sequences` sequences of the configuration's context.
  init(
    configuration: ModelConfiguration, sequences: Int, forBackward: Bool, device: Device
  ) throws(ComputeError) {
    let c = configuration.width
    let rows = sequences * configuration.context
    let layers = configuration.layers
    var slots = ArenaSlots()
    let perBlock = [c, c, 1, 1, 3 * c, c, configuration.heads, configuration.heads, c, c, 1, 1, 4 * c, 4 * c]
    let blockSlots = (0..<(forBackward ? layers : 1)).map { _ in perBlock.map { slots.take(rows * $0) } }
    // Two residual buffers take turns where layers share a block's.
    let spare = forBackward ? 0 : slots.take(rows * c)
    let last = slots.take(rows * c)
    let rest = [c, 1, 1, configuration.vocabularySize, c].map { slots.take(rows * $0) }
    arena = try FloatArena(count: slots.count, device: device)
    let base = arena.base
    blocks = (0..<layers).map { layer in
      let s = blockSlots[forBackward ? layer : 0].map { base + $0 }
      let input = forBackward || layer % 2 == 0 ? s[0] : base + spare
      return Block(
        input: input, attentionNorm: s[1], attentionNormMean: s[2], attentionNormReciprocal: s[3],
        queryKeyValue: s[4], attention: s[5], attentionMaximum: s[6], attentionSum: s[7], middle: s[8],
        feedForwardNorm: s[9], feedForwardNormMean: s[10], feedForwardNormReciprocal: s[11],
        feedForward: s[12],
        activation: s[13])
    }
    output = base + last
    finalNorm = base + rest[0]
    finalNormMean = base + rest[1]
    finalNormReciprocal = base + rest[2]
    logits = base + rest[3]
    product = base + rest[4]
  }

  /// Bytes of the buffers for one sequence; those of several are no more for each.
  static func byteCount(configuration: ModelConfiguration, forBackward: Bool) -> Int {
    let c = configuration.width
    let layers = forBackward ? configuration.layers : 1
    let perRow =
      (16 * c + 4 + 2 * configuration.heads) * layers + (forBackward ? 3 : 4) * c + 2
      + configuration.vocabularySize
    // Each of the slots is rounded up.
    return perRow * configuration.context * MemoryLayout<Float>.stride + (14 * layers + 7) * 64
  }
}

/// Offsets inside an arena, each on a 64-byte border.
struct ArenaSlots {
  private(set) var count = 0

  /// The offset of the next `elements` elements.
  mutating func take(_ elements: Int) -> Int {
    defer { count += (elements + 15) / 16 * 16 }
    return count
  }
}
