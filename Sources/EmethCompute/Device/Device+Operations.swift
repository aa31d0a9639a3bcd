import CEmethCompute

extension Device {
  /// out (m, n) = a (m, k) · b (k, n) [+ bias], then GELU of it or times GELU' of something, as `emeth_matmul`
  /// says.
  func multiply(
    _ out: UnsafeMutablePointer<Float>, _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>,
    bias: UnsafePointer<Float>? = nil, activation: UnsafeMutablePointer<Float>? = nil,
    slopeOf: UnsafePointer<Float>? = nil, m: Int, n: Int, k: Int, aTransposed: Bool = false,
    bTransposed: Bool = false, accumulate: Bool = false
  ) {
    var arguments = emeth_matmul_arguments(
      out: out, a: a, b: b, bias: bias, activation: activation, slope_of: slopeOf, m: m, n: n, k: k,
      a_transposed: aTransposed, b_transposed: bTransposed, accumulate: accumulate)
    emeth_matmul(handle, &arguments)
  }

  /// Sum of all elements by the row rule of PROTOCOL 6.
  func sum(_ values: UnsafeBufferPointer<Float>) throws(ComputeError) -> Float {
    guard let base = values.baseAddress else { return 0 }
    var result: Float = 0
    try check(emeth_sum(handle, &result, base, values.count))
    return result
  }

  /// Sum of the squares of all elements by the row rule of PROTOCOL 6.
  func sumOfSquares(_ values: UnsafeBufferPointer<Float>) throws(ComputeError) -> Float {
    guard let base = values.baseAddress else { return 0 }
    var result: Float = 0
    try check(emeth_sum_of_squares(handle, &result, base, values.count))
    return result
  }

  /// Maps a status of the C library.
  func check(_ status: emeth_status) throws(ComputeError) {
    guard status != EMETH_OK else { return }
    try checkHealth()
    throw .outOfMemory(bytes: 0)
  }

  /// Whether it is a GPU of which an operation failed: it will not work again. One that found no memory will.
  public var hasFailed: Bool {
    guard gpu != nil else { return false }
    return ![EMETH_OK, EMETH_NO_MEMORY].contains(emeth_device_failure(handle, nil))
  }

  /// Refuses a GPU of which an operation failed since it was opened: what its memory holds is nothing to go by.
  /// Where an operation found no memory it is told once: what operations held for themselves is given back, and
  /// the device works again.
  ///
  /// - Throws: `ComputeError.deviceFailed`, `outOfMemory`.
  func checkHealth() throws(ComputeError) {
    guard let gpu else { return }
    let (status, message) = withCUDAMessage { emeth_device_failure(handle, $0) }
    switch status {
    case EMETH_OK: return
    case EMETH_NO_MEMORY:
      emeth_device_recover(handle)
      throw .outOfMemory(bytes: 0)
    default: throw .deviceFailed(device: "cuda:\(gpu.ordinal)", reason: message)
    }
  }
}
