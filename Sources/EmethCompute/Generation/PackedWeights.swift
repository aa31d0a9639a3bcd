import CEmethCompute

/// One matrix of weights in the order in which a product with few rows reads it, as one stream.
final class PackedWeights: Sendable {
  /// Number of outputs, n.
  let outputs: Int
  /// Number of inputs, k.
  let inputs: Int
  let format: WeightFormat
  /// Bytes that a product reads.
  var byteCount: Int { emeth_packed_bytes(format.raw, outputs, inputs) }

  private let arena: FloatArena
  var address: UnsafeRawPointer { UnsafeRawPointer(arena.base) }

  /// A copy of the weights at `weights`, stored (inputs, outputs), or (outputs, inputs) with `transposed`.
  ///
  /// - Throws: `ComputeError.invalidInput` naming the tensor when a weight has no place in the format,
  ///   `outOfMemory`.
  init(
    _ weights: UnsafePointer<Float>, name: String, outputs: Int, inputs: Int, transposed: Bool,
    format: WeightFormat, device: Device
  ) throws(ComputeError) {
    (self.outputs, self.inputs, self.format) = (outputs, inputs, format)
    arena = try FloatArena(
      count: (emeth_packed_bytes(format.raw, outputs, inputs) + 3) / 4, device: device)
    let status = emeth_pack_weights(
      device.handle, arena.base, format.raw, weights, outputs, inputs, transposed)
    guard status == EMETH_OK else {
      throw .invalidInput(
        what: "a weight of \(name)", found: "outside \(format.rawValue)", allowed: format.allowed)
    }
  }
}

extension Device {
  /// out (rows, n) = input (rows, k) · weights [+ bias], then GELU, then residual + that, as
  /// `emeth_packed_product` says. `residual` may be `out`.
  func multiply(
    _ out: UnsafeMutablePointer<Float>, _ input: UnsafePointer<Float>, _ weights: PackedWeights,
    bias: UnsafePointer<Float>? = nil, residual: UnsafePointer<Float>? = nil, gelu: Bool = false, rows: Int
  ) {
    var arguments = emeth_packed_product_arguments(
      out: out, a: input, weights: weights.address, bias: bias, residual: residual, m: rows,
      n: weights.outputs, k: weights.inputs, format: weights.format.raw, gelu: gelu)
    emeth_packed_product(handle, &arguments)
  }
}
