extension ParameterLayout {
  /// The first tensor with an element that is infinite or not a number; nil when every element is finite.
  func firstNotFinite(in elements: UnsafeMutableBufferPointer<Float>) -> Tensor? {
    tensors.first { tensor in
      // One pass without branches: infinities and NaN have an exponent of ones.
      var found: UInt32 = 0
      for index in tensor.range {
        found |= elements[index].bitPattern & 0x7F80_0000 == 0x7F80_0000 ? 1 : 0
      }
      return found != 0
    }
  }
}
