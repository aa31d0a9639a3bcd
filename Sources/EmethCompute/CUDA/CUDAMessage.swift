import CEmethCompute

/// Calls `body` with room for the line that a function of the C library leaves where it fails, and gives both.
func withCUDAMessage<Result>(_ body: (UnsafeMutablePointer<CChar>) -> Result) -> (Result, message: String) {
  withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(EMETH_MESSAGE_BYTES)) { buffer in
    buffer.initialize(repeating: 0)
    guard let base = buffer.baseAddress else {
      preconditionFailure("a buffer of \(EMETH_MESSAGE_BYTES) bytes")
    }
    let result = body(base)
    return (result, String(cString: base))
  }
}
