import CEmethCompute

extension Device {
  /// Replaces each element x by the project's own exp(x), the same bits everywhere.
  func exp(_ elements: UnsafeMutableBufferPointer<Float>) {
    emeth_exp(handle, elements.baseAddress, elements.baseAddress, elements.count)
  }
}
