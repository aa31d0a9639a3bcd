import CEmethCompute

extension Tensor {
  /// The sum, element by element. `right` has the same shape, or the shape that the left one's ends with and is
  /// repeated: (B, T, C) + (C).
  ///
  /// - Throws: `ComputeError.shapeMismatch`, `invalidInput` for two devices, `outOfMemory`.
  public static func + (left: Tensor, right: Tensor) throws(ComputeError) -> Tensor {
    try left.combined(with: right, "sum", +) { gradient in (gradient, gradient) }
  }

  /// The difference, element by element; shapes as for the sum.
  ///
  /// - Throws: as the sum.
  public static func - (left: Tensor, right: Tensor) throws(ComputeError) -> Tensor {
    try left.combined(with: right, "difference", -) { gradient throws(ComputeError) in
      (gradient, try gradient * -1)
    }
  }

  /// The product, element by element; shapes as for the sum. ``matmul(_:bias:transposed:)`` is the matrix product.
  ///
  /// - Throws: as the sum.
  public static func * (left: Tensor, right: Tensor) throws(ComputeError) -> Tensor {
    let (plainLeft, plainRight) = (left.untracked, right.untracked)
    return try left.combined(with: right, "product", *) { gradient throws(ComputeError) in
      (try gradient * plainRight, try gradient * plainLeft)
    }
  }

  /// The product with one number.
  ///
  /// - Throws: `ComputeError.outOfMemory`.
  public static func * (left: Tensor, right: Float) throws(ComputeError) -> Tensor {
    try left.mapped({ $0 * right }) { gradient throws(ComputeError) in try gradient * right }
  }

  /// e to the power of each element, by the project's own exp.
  ///
  /// - Throws: `ComputeError.outOfMemory`.
  public func exp() throws(ComputeError) -> Tensor {
    try throughKernel(emeth_exp) { gradient, result throws(ComputeError) in try gradient * result }
  }

  /// The natural logarithm of each element, by the project's own log.
  ///
  /// - Throws: `ComputeError.outOfMemory`.
  public func log() throws(ComputeError) -> Tensor {
    let input = untracked
    return try throughKernel(emeth_log) { gradient, _ throws(ComputeError) in
      try gradient.combined(with: input, "quotient", /) { gradient in (gradient, nil) }
    }
  }

  /// The hyperbolic tangent of each element, by the project's own tanh.
  ///
  /// - Throws: `ComputeError.outOfMemory`.
  public func tanh() throws(ComputeError) -> Tensor {
    try throughKernel(emeth_tanh) { gradient, result throws(ComputeError) in
      try gradient * (try (result * result).mapped({ 1 - $0 }) { gradient in gradient })
    }
  }

  /// This tensor without its gradient.
  var untracked: Tensor {
    switch storage {
    case .binary32(let arena): Tensor(arena, shape: shape, on: device)
    case .twoBytes(let elements): Tensor(elements, dtype: dtype, shape: shape, on: device, node: nil)
    }
  }

  typealias KernelOfElements = (
    OpaquePointer?, UnsafeMutablePointer<Float>?, UnsafePointer<Float>?, Int
  ) -> Void

  private func throughKernel(
    _ kernel: KernelOfElements,
    _ backward: @escaping @Sendable (_ gradient: Tensor, _ result: Tensor) throws(ComputeError) -> Tensor
  ) throws(ComputeError) -> Tensor {
    let (input, output) = (try floats(), try FloatArena(count: shape.count))
    kernel(device.handle, output.base, input.base, shape.count)
    let result = Tensor(output, shape: shape, on: device)
    let node = GradientNode(node) { gradient throws(ComputeError) in try backward(gradient, result) }
    return Tensor(output, shape: shape, on: device, node: node)
  }

  /// A function of each element; `backward` gives this tensor's gradient.
  func mapped(
    _ function: (Float) -> Float,
    _ backward: @escaping @Sendable (Tensor) throws(ComputeError) -> Tensor
  ) throws(ComputeError) -> Tensor {
    let (input, output) = (try floats(), try FloatArena(count: shape.count))
    for index in 0..<shape.count { output.base[index] = function(input.base[index]) }
    return Tensor(output, shape: shape, on: device, node: GradientNode(node, backward: backward))
  }

  /// A function of pairs of elements, `right` repeated; `backward` gives both gradients, that of `right` still in
  /// the shape of the left.
  func combined(
    with right: Tensor, _ operation: String, _ function: (Float, Float) -> Float,
    _ backward: @escaping @Sendable (Tensor) throws(ComputeError) -> (Tensor?, Tensor?)
  ) throws(ComputeError) -> Tensor {
    try check(sameDeviceAs: right)
    guard shape.ends(with: right.shape) else {
      throw .shapeMismatch(
        operation: operation, left: shape.dimensions, right: right.shape.dimensions,
        rule: "the first shape ends with the second")
    }
    let (a, b, output) = (try floats(), try right.floats(), try FloatArena(count: shape.count))
    let count = right.shape.count
    for start in stride(from: 0, to: shape.count, by: max(count, 1)) {
      for index in 0..<count { output.base[start + index] = function(a.base[start + index], b.base[index]) }
    }
    let smaller = right.shape
    let node = GradientNode(inputs: [node, right.node]) { gradient throws(ComputeError) in
      let (left, right) = try backward(gradient)
      return [left, try right?.summed(to: smaller)]
    }
    return Tensor(output, shape: shape, on: device, node: node)
  }

  /// The sum of the repetitions of a smaller shape, ascending.
  private func summed(to smaller: TensorShape) throws(ComputeError) -> Tensor {
    if smaller == shape { return self }
    let output = try FloatArena(count: smaller.count)
    if smaller.count > 0 {
      emeth_column_sum(
        device.handle, output.base, try floats().base, shape.count / smaller.count, smaller.count)
    }
    return Tensor(output, shape: smaller, on: device)
  }
}
