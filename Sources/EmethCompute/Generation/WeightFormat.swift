import CEmethCompute

/// How the matrices of a model are stored for generation. Biases, norms and positions stay binary32.
///
/// The smaller formats round each weight once, when the model is taken over; what is computed with the
/// rounded weights is the same in all formats and has the same bits on every machine. Arithmetic:
/// Docs/Decisions/0010-generation.md.
public enum WeightFormat: String, CaseIterable, Sendable, Hashable, Codable {
  /// binary32, as trained: 4 bytes a weight.
  case f32
  /// binary16, rounded half to even: 2 bytes a weight.
  case f16
  /// An integer from −127 to 127 times a scale of 8 significant bits, one for 32 inputs of an output: 1.0625
  /// bytes a weight.
  case int8

  /// The C library's number of it.
  var raw: emeth_weight_format {
    switch self {
    case .f32: EMETH_WEIGHTS_F32
    case .f16: EMETH_WEIGHTS_F16
    case .int8: EMETH_WEIGHTS_INT8
    }
  }

  /// What a weight must be, for error messages.
  var allowed: String { self == .f16 ? "finite numbers below 65520 in size" : "finite numbers" }
}
