import CEmethCompute

extension Tensor {
  /// The embedding (B, T, C) of token ids: `tokenTable` (V, C) at each id plus `positionTable` (at least T, C) at its
  /// place in the sequence.
  ///
  /// - Parameter sequences: B sequences of T ids each.
  /// - Throws: `ComputeError.invalidInput` for sequences of several lengths, an id outside the table or two
  ///   devices; `shapeMismatch`, `outOfMemory`.
  public static func embedding(
    _ sequences: [[UInt32]], tokenTable: Tensor, positionTable: Tensor
  ) throws(ComputeError) -> Tensor {
    try tokenTable.check(sameDeviceAs: positionTable)
    let (tokenShape, positionShape) = (tokenTable.shape, positionTable.shape)
    let (b, t, c) = (sequences.count, sequences.first?.count ?? 0, tokenShape.last)
    guard tokenShape.dimensions.count == 2, positionShape.dimensions.count == 2, positionShape.last == c
    else {
      throw .shapeMismatch(
        operation: "embedding", left: tokenShape.dimensions, right: positionShape.dimensions,
        rule: "both tables have two dimensions and the same last size")
    }
    let v = tokenShape.dimensions[0]
    guard t <= positionShape.dimensions[0], sequences.allSatisfy({ $0.count == t }) else {
      throw .invalidInput(
        what: "lengths of the sequences", found: "\(Set(sequences.map(\.count)).sorted())",
        allowed: "one length of at most \(positionShape.dimensions[0]) tokens")
    }
    let tokens = sequences.flatMap { $0 }
    if let token = tokens.first(where: { Int($0) >= v }) {
      throw .invalidInput(what: "token id", found: "\(token)", allowed: "below the table's \(v) rows")
    }
    let output = try FloatArena(count: b * t * c)
    emeth_embedding_forward(
      tokenTable.device.handle, output.base, tokens, t, try tokenTable.floats().base,
      try positionTable.floats().base, b, t, c)
    let device = tokenTable.device
    let node = GradientNode(inputs: [tokenTable.node, positionTable.node]) { gradient throws(ComputeError) in
      let (dTokens, dPositions) = (
        try FloatArena(count: tokenShape.count), try FloatArena(count: positionShape.count)
      )
      emeth_embedding_backward(
        device.handle, dTokens.base, dPositions.base, try gradient.floats().base, tokens, t, b, t, c)
      return [
        Tensor(dTokens, shape: tokenShape, on: device), Tensor(dPositions, shape: positionShape, on: device),
      ]
    }
    return Tensor(output, shape: TensorShape(checked: [b, t, c]), on: device, node: node)
  }

  /// Causal attention (B, T, C) of this tensor (B, T, 3C), which holds queries, keys and values: every token
  /// sees itself and those before it.
  ///
  /// - Parameter heads: how many heads share the C channels.
  /// - Throws: `ComputeError.invalidInput` for another number of dimensions or heads that don't divide the
  ///   channels, `outOfMemory`.
  public func attention(heads: Int) throws(ComputeError) -> Tensor {
    let sizes = shape.dimensions
    guard sizes.count == 3, shape.last % 3 == 0, heads > 0, (shape.last / 3) % heads == 0 else {
      throw .invalidInput(
        what: "shape for attention with \(heads) heads", found: "\(shape)",
        allowed: "(B, T, 3C) with C a multiple of the heads")
    }
    let (b, t, c) = (sizes[0], sizes[1], shape.last / 3)
    let (input, output) = (try floats(), try FloatArena(count: b * t * c))
    let (maximum, sum) = (try FloatArena(count: b * heads * t), try FloatArena(count: b * heads * t))
    try device.check(
      emeth_attention_forward(
        device.handle, output.base, maximum.base, sum.base, input.base, b, t, c, heads, emeth_dropout_mask()))
    let (shape, device) = (shape, device)
    let node = GradientNode(node) { gradient throws(ComputeError) in
      let result = try FloatArena(count: shape.count)
      try device.check(
        emeth_attention_backward(
          device.handle, result.base, try gradient.floats().base, input.base, maximum.base, sum.base, b, t, c,
          heads, emeth_dropout_mask()))
      return Tensor(result, shape: shape, on: device)
    }
    return Tensor(output, shape: shape.replacingLast(with: c), on: device, node: node)
  }

  /// The mean cross-entropy of this tensor's rows (…, V), in nats: a single number.
  ///
  /// - Parameter targets: the right column of each row; `UInt32.max` is a row that does not count.
  /// - Throws: `ComputeError.invalidInput` for another number of targets, a target outside the row, or when no row
  ///   counts; `outOfMemory`.
  public func crossEntropy(targets: [UInt32]) throws(ComputeError) -> Tensor {
    let (rows, v) = (shape.rows, shape.last)
    guard targets.count == rows else {
      throw .invalidInput(
        what: "number of targets for shape \(shape)", found: "\(targets.count)", allowed: "\(rows)")
    }
    if let target = targets.first(where: { Int($0) >= v && $0 != .max }) {
      throw .invalidInput(what: "target", found: "\(target)", allowed: "below \(v)")
    }
    let counted = targets.count { $0 != .max }
    guard counted > 0 else {
      throw .invalidInput(what: "number of rows that count", found: "0", allowed: "at least 1")
    }
    // The kernel turns logits into gradients in place.
    let (losses, slopes) = (try FloatArena(count: rows), try FloatArena(count: shape.count))
    _ = slopes.elements.update(fromContentsOf: try floats().elements)
    emeth_cross_entropy(
      device.handle, losses.base, slopes.base, targets, rows, rows, rows, v, 1 / Float(counted), true)
    let output = try FloatArena(count: 1)
    output.base[0] = try device.sum(UnsafeBufferPointer(losses.elements)) / Float(counted)
    let gradientOfLoss = Tensor(slopes, shape: shape, on: device)
    let node = GradientNode(node) { gradient throws(ComputeError) in
      let factor = try gradient.scalar()
      return factor == 1 ? gradientOfLoss : try gradientOfLoss * factor
    }
    return Tensor(output, shape: [], on: device, node: node)
  }
}
