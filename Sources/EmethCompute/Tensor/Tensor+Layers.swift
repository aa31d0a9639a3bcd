import CEmethCompute

extension Tensor {
  /// The matrix product (…, n) of (…, k) and (k, n), each element one fma chain over k ascending; then the bias
  /// (n) is added.
  ///
  /// - Parameter transposed: `other` is stored (n, k).
  /// - Throws: `ComputeError.shapeMismatch`, `invalidInput` for two devices, `outOfMemory`.
  public func matmul(
    _ other: Tensor, bias: Tensor? = nil, transposed: Bool = false
  ) throws(ComputeError) -> Tensor {
    try check(sameDeviceAs: other)
    let sizes = other.shape.dimensions
    let (m, k) = (shape.rows, shape.last)
    guard !shape.dimensions.isEmpty, sizes.count == 2, k == sizes[transposed ? 1 : 0] else {
      throw .shapeMismatch(
        operation: transposed ? "matmul with the transposed" : "matmul", left: shape.dimensions, right: sizes,
        rule:
          "the second has two dimensions, its \(transposed ? "last" : "first") the size of the first's last")
    }
    let n = sizes[transposed ? 0 : 1]
    // Two shapes without elements may ask for more than fits: checked before it is multiplied.
    let product = try TensorShape(shape.dimensions.dropLast() + [n])
    let output = try FloatArena(count: product.count)
    let (a, b) = (try floats(), try other.floats())
    device.multiply(output.base, a.base, b.base, m: m, n: n, k: k, bTransposed: transposed)
    let (shape, otherShape, device) = (shape, other.shape, device)
    let node = GradientNode(inputs: [node, other.node]) { gradient throws(ComputeError) in
      let d = try gradient.floats()
      let (da, db) = (try FloatArena(count: m * k), try FloatArena(count: k * n))
      device.multiply(da.base, d.base, b.base, m: m, n: k, k: n, bTransposed: !transposed)
      if transposed {
        device.multiply(db.base, d.base, a.base, m: n, n: k, k: m, aTransposed: true)
      } else {
        device.multiply(db.base, a.base, d.base, m: k, n: n, k: m, aTransposed: true)
      }
      return [Tensor(da, shape: shape, on: device), Tensor(db, shape: otherShape, on: device)]
    }
    let chains = Tensor(output, shape: product, on: device, node: node)
    guard let bias else { return chains }
    guard bias.shape.dimensions == [n] else {
      throw .shapeMismatch(
        operation: "bias of matmul", left: product.dimensions, right: bias.shape.dimensions,
        rule: "the second is a vector of the first's last size")
    }
    return try chains + bias
  }

  /// GELU in its tanh form, element by element.
  ///
  /// - Throws: `ComputeError.outOfMemory`.
  public func gelu() throws(ComputeError) -> Tensor {
    let (input, output) = (try floats(), try FloatArena(count: shape.count))
    emeth_gelu_forward(device.handle, output.base, input.base, shape.count)
    let (shape, device) = (shape, device)
    let node = GradientNode(node) { gradient throws(ComputeError) in
      let (d, result) = (try gradient.floats(), try FloatArena(count: shape.count))
      emeth_gelu_backward(device.handle, result.base, d.base, input.base, shape.count)
      return Tensor(result, shape: shape, on: device)
    }
    return Tensor(output, shape: shape, on: device, node: node)
  }

  /// The softmax of each row.
  ///
  /// - Throws: `ComputeError.outOfMemory`.
  public func softmax() throws(ComputeError) -> Tensor {
    let (input, output) = (try floats(), try FloatArena(count: shape.count))
    emeth_softmax(device.handle, output.base, input.base, shape.rows, shape.last)
    let result = Tensor(output, shape: shape, on: device)
    let node = GradientNode(node) { gradient throws(ComputeError) in
      // dx = p · (dy − rowsum(dy · p))
      let weighted = try gradient * result
      let sums = try weighted.rowSums().floats()
      let (d, p) = (try gradient.floats().base, output.base)
      let (shape, dx) = (result.shape, try FloatArena(count: result.shape.count))
      for row in 0..<shape.rows {
        for index in row * shape.last..<(row + 1) * shape.last {
          dx.base[index] = p[index] * (d[index] - sums.base[row])
        }
      }
      return Tensor(dx, shape: shape, on: result.device)
    }
    return Tensor(output, shape: shape, on: device, node: node)
  }

  /// Each row with mean 0 and variance 1 (epsilon 1e-5), times `gain` (n), plus `offset` (n).
  ///
  /// - Throws: `ComputeError.shapeMismatch`, `invalidInput` for two devices or rows without elements, `outOfMemory`.
  public func layerNorm(gain: Tensor, offset: Tensor) throws(ComputeError) -> Tensor {
    let (rows, n) = (shape.rows, shape.last)
    for vector in [gain, offset] {
      try check(sameDeviceAs: vector)
      guard !shape.dimensions.isEmpty, vector.shape.dimensions == [n] else {
        throw .shapeMismatch(
          operation: "layerNorm", left: shape.dimensions, right: vector.shape.dimensions,
          rule: "gain and offset are vectors of the first's last size")
      }
    }
    guard n > 0 else {
      throw .invalidInput(what: "number of elements of a row", found: "0", allowed: "at least 1")
    }
    let (input, weights, output) = (try floats(), try gain.floats(), try FloatArena(count: shape.count))
    let (mean, reciprocal) = (try FloatArena(count: rows), try FloatArena(count: rows))
    emeth_layer_norm_forward(
      device.handle, output.base, mean.base, reciprocal.base, input.base, weights.base,
      try offset.floats().base, rows, n)
    let (shape, device) = (shape, device)
    let node = GradientNode(inputs: [node, gain.node, offset.node]) { gradient throws(ComputeError) in
      let (dx, dGain, dOffset) = (
        try FloatArena(count: rows * n), try FloatArena(count: n), try FloatArena(count: n)
      )
      emeth_layer_norm_backward(
        device.handle, dx.base, dGain.base, dOffset.base, try gradient.floats().base, input.base,
        weights.base, mean.base, reciprocal.base, rows, n)
      return [
        Tensor(dx, shape: shape, on: device), Tensor(dGain, shape: [n], on: device),
        Tensor(dOffset, shape: [n], on: device),
      ]
    }
    return Tensor(output, shape: shape, on: device, node: node)
  }
}
