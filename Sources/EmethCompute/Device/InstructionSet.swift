import CEmethCompute

/// Which kernels run: every set gives the same bits, only the speed differs.
public enum InstructionSet: String, CaseIterable, Sendable, Hashable, Codable, CustomStringConvertible {
  /// Portable C, on every CPU.
  case portable
  /// x86-64 with AVX2 and FMA: 8 lanes.
  case avx2
  /// x86-64 with AVX-512 F, DQ, BW and VL: 16 lanes.
  case avx512
  /// 64-bit ARM: 4 lanes.
  case neon

  /// The name used by EMETH_CPU.
  public var description: String { rawValue }

  /// Whether this CPU and operating system can run it.
  public var isAvailable: Bool { emeth_instruction_set_available(raw) }

  /// The C library's number of it.
  var raw: emeth_instruction_set {
    switch self {
    case .portable: EMETH_SET_PORTABLE
    case .avx2: EMETH_SET_AVX2
    case .avx512: EMETH_SET_AVX512
    case .neon: EMETH_SET_NEON
    }
  }
}
