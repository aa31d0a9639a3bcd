import CEmethCompute

/// The forward pass of generation: tokens of one or several sequences in, logits out.
///
/// Rows do not see each other but through a sequence's cache, and each is computed by the operations of
/// training in their order: logits have the same bits whether a text is read at once, in pieces, token by
/// token, or beside others.
final class GenerationPass {
  /// Tokens that one sequence reads next.
  struct Part {
    let cache: GenerationCache
    let tokens: ArraySlice<UInt32>
    /// The place of the sequence in the batch, for its logits.
    let place: Int
  }

  /// Rows of a forward pass at most.
  static let rowLimit = 64

  let model: GenerationModel
  /// Number of sequences that logits are kept of.
  let batch: Int
  private let device: Device
  private let stream, normalised, wide, mixed, statistics, outputs, logitArena: FloatArena
  /// Ids and places of the rows, and of each layer the sequences that they belong to.
  private let tokens, positions: DeviceArray<UInt32>
  private let sequences: DeviceArray<emeth_cached_sequence>
  /// The operations of a token of each sequence, by the first of the places.
  private var recorded: [Int: RecordedOperations] = [:]

  /// A pass for `batch` sequences.
  init(model: GenerationModel, batch: Int, device: Device) throws(ComputeError) {
    (self.model, self.batch, self.device) = (model, batch, device)
    let (rows, width) = (Self.rowLimit, model.configuration.width)
    stream = try FloatArena(count: rows * width, device: device)
    normalised = try FloatArena(count: rows * width, device: device)
    wide = try FloatArena(count: rows * 4 * width, device: device)
    mixed = try FloatArena(count: rows * width, device: device)
    statistics = try FloatArena(count: 2 * rows, device: device)
    tokens = try DeviceArray(count: rows, device: device)
    positions = try DeviceArray(count: rows, device: device)
    sequences = try DeviceArray(count: rows * model.configuration.layers, device: device)
    outputs = try FloatArena(count: batch * width, device: device)
    logitArena = try FloatArena(count: batch * model.configuration.vocabularySize, device: device)
  }

  /// The logits (V) of the sequence at `place`, as `project` left them.
  func logits(at place: Int) -> UnsafeMutableBufferPointer<Float> {
    let count = model.configuration.vocabularySize
    return UnsafeMutableBufferPointer(start: logitArena.base + place * count, count: count)
  }

  /// Reads the tokens of all parts, at least one of each and as many as their caches have room for at most.
  func read(_ parts: [Part]) throws(ComputeError) {
    var group: [Part] = []
    var rows = 0
    for part in parts {
      precondition(
        part.cache.position + part.tokens.count <= model.configuration.context, "the context is full")
      var rest = part.tokens
      while !rest.isEmpty {
        let piece = rest.prefix(Self.rowLimit - rows)
        group.append(Part(cache: part.cache, tokens: piece, place: part.place))
        rows += piece.count
        rest = rest.dropFirst(piece.count)
        if rows == Self.rowLimit {
          try forward(group)
          group.removeAll(keepingCapacity: true)
          rows = 0
        }
      }
    }
    if rows > 0 { try forward(group) }
  }

  /// The logits of the first `count` places, each after the last token read there.
  func project(_ count: Int) throws(ComputeError) {
    device.multiply(logitArena.base, outputs.base, model.tokenEmbedding, rows: count)
    try device.checkHealth()
  }

  private func forward(_ parts: [Part]) throws(ComputeError) {
    var rows = 0
    for (number, part) in parts.enumerated() {
      for layer in model.blocks.indices {
        sequences[layer * Self.rowLimit + number] = part.cache.sequence(
          layer: layer, rows: part.tokens.count, firstRow: rows)
      }
      for (offset, token) in part.tokens.enumerated() {
        tokens[rows] = token
        positions[rows] = UInt32(part.cache.position + offset)
        rows += 1
      }
    }
    if rows == parts.count, let first = parts.first {
      // A token of each: the same operations as of the tokens before.
      let operations = recorded[first.place] ?? RecordedOperations(device: device)
      recorded[first.place] = operations
      try operations.run(parts.map(\.place)) { () throws(ComputeError) in try queue(parts, rows: rows) }
    } else {
      try queue(parts, rows: rows)
    }
    for part in parts { part.cache.advance(by: part.tokens.count) }
  }

  /// How often a recording of a token's operations has run.
  var replayCount: Int { recorded.values.reduce(0) { $0 + $1.replayCount } }

  /// All operations from the ids to the outputs of the parts' last rows.
  private func queue(_ parts: [Part], rows: Int) throws(ComputeError) {
    let shape = model.configuration
    emeth_packed_embedding(
      device.handle, stream.base, tokens.base, positions.base, model.tokenEmbedding.address, model.format.raw,
      model.address(model.positionEmbedding), rows, shape.width)
    for (layer, block) in model.blocks.enumerated() {
      norm(rows, gain: block.attentionNormGain, offset: block.attentionNormOffset)
      device.multiply(
        wide.base, normalised.base, block.queryKeyValue, bias: model.address(block.queryKeyValueBias),
        rows: rows)
      try device.check(
        emeth_attention_cached(
          device.handle, mixed.base, sequences.base + layer * Self.rowLimit, parts.count, wide.base,
          shape.context, shape.width, shape.heads))
      device.multiply(
        stream.base, mixed.base, block.attentionProjection,
        bias: model.address(block.attentionProjectionBias),
        residual: stream.base, rows: rows)
      norm(rows, gain: block.feedForwardNormGain, offset: block.feedForwardNormOffset)
      device.multiply(
        wide.base, normalised.base, block.feedForward, bias: model.address(block.feedForwardBias), gelu: true,
        rows: rows)
      device.multiply(
        stream.base, wide.base, block.feedForwardProjection,
        bias: model.address(block.feedForwardProjectionBias), residual: stream.base, rows: rows)
    }
    var row = 0
    for part in parts {
      row += part.tokens.count
      emeth_layer_norm_forward(
        device.handle, outputs.base + part.place * shape.width, statistics.base, statistics.base + 1,
        stream.base + (row - 1) * shape.width, model.address(model.finalNormGain),
        model.address(model.finalNormOffset), 1, shape.width)
    }
  }

  private func norm(_ rows: Int, gain: Int, offset: Int) {
    emeth_layer_norm_forward(
      device.handle, normalised.base, statistics.base, statistics.base + rows, stream.base,
      model.address(gain), model.address(offset), rows, model.configuration.width)
  }
}
