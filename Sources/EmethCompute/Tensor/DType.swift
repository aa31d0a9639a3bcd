import CEmethCompute

/// How the elements of a tensor lie in memory.
///
/// Arithmetic is always binary32: elements of the two-byte types are widened first, which is exact, and rounding
/// to one of them happens where ``Tensor/converted(to:)`` asks for it.
public enum DType: String, Sendable, Hashable, CaseIterable {
  /// IEEE-754 binary32.
  case float32
  /// IEEE-754 binary16: 11 significant bits, up to 65,504.
  case float16
  /// The upper half of a binary32: 8 significant bits, its whole range.
  case bfloat16

  /// Bytes of an element.
  public var byteCount: Int { self == .float32 ? 4 : 2 }

  /// Rounds to nearest, ties to even; what is too large becomes infinite, a NaN stays one. For the two-byte types.
  func rounded(_ value: Float) -> UInt16 {
    self == .float16 ? emeth_binary16_of(value) : emeth_bfloat16_of(value)
  }

  /// The exact value of two bytes.
  func widened(_ bits: UInt16) -> Float {
    self == .float16 ? Float(Float16(bitPattern: bits)) : Float(bitPattern: UInt32(bits) << 16)
  }
}
