import CEmethCompute
import Foundation

@testable import EmethCompute

/// A C device of any kernel set, the scalar reference and the sets for tests included.
final class KernelDevice {
  let handle: OpaquePointer

  /// Nil where this CPU lacks the set.
  init?(_ set: emeth_instruction_set, threads: Int = 1) {
    var handle: OpaquePointer?
    guard emeth_device_create(&handle, set, threads) == EMETH_OK, let handle else { return nil }
    self.handle = handle
  }

  deinit { emeth_device_destroy(handle) }
}

/// Every set that runs here, with the numbers of threads that tests use.
enum KernelSets {
  static let named: [(name: String, set: emeth_instruction_set)] = [
    ("portable", EMETH_SET_PORTABLE), ("avx2", EMETH_SET_AVX2), ("avx512", EMETH_SET_AVX512),
    ("neon", EMETH_SET_NEON), ("wide", EMETH_SET_WIDE),
  ].filter { emeth_instruction_set_available($0.1) }

  /// Devices of the sets that have products of bfloat16, which they use; WIDE runs the code of AVX-512 BF16 with
  /// fma.
  static var withBFloat16: [(name: String, device: KernelDevice)] {
    named.flatMap { name, set in
      [1, 3].compactMap { threads in
        guard let device = KernelDevice(set, threads: threads),
          emeth_device_use_bfloat16(device.handle) == EMETH_OK
        else { return nil }
        return ("\(name) with \(threads) threads", device)
      }
    }
  }

  /// Counts grow by EMETH_TEST_SCALE.
  static let scale = ProcessInfo.processInfo.environment["EMETH_TEST_SCALE"].flatMap(Int.init) ?? 1

  /// Names of the sets, tried with 1 and 3 threads, whose `operation` does not give the reference's bits.
  static func different(_ operation: (OpaquePointer) -> [Float]) -> [String] {
    guard let reference = KernelDevice(EMETH_SET_REFERENCE) else { return ["no reference"] }
    let expected = withExtendedLifetime(reference) { operation(reference.handle).map(bits) }
    var result: [String] = []
    for (name, set) in named {
      for threads in [1, 3] {
        guard let device = KernelDevice(set, threads: threads) else { continue }
        let found = withExtendedLifetime(device) { operation(device.handle).map(bits) }
        if found != expected {
          let first = zip(found, expected).enumerated().first { $0.element.0 != $0.element.1 }
          result.append("\(name) with \(threads) threads, first at \(first?.offset ?? -1)")
        }
      }
    }
    return result
  }

  /// The number's bits; all NaN are one, as their sign and payload are not specified.
  static func bits(_ x: Float) -> UInt32 { x.isNaN ? 0x7FC0_0000 : x.bitPattern }
}

/// Numbers of different kinds from a seed, so that ties, zeros of both signs, subnormal results and huge
/// ratios occur.
struct SampleNumbers {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  /// The seed of a test run: EMETH_TEST_SEED, else a fixed one; printed by the tests that use it.
  static let seed = ProcessInfo.processInfo.environment["EMETH_TEST_SEED"].flatMap(UInt64.init) ?? 20_261_121

  mutating func word() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
    return z ^ z >> 31
  }

  mutating func below(_ bound: Int) -> Int { Int(word() % UInt64(bound)) }

  mutating func unit() -> Float { Float(Double(word() >> 11) * 0x1p-52 - 1) }

  mutating func number(_ kind: Int) -> Float {
    switch kind {
    case 0: return unit()
    case 1: return Float(below(9) - 4) * 0.25
    case 2: return Float(sign: .plus, exponent: below(60) - 30, significand: unit())
    case 3: return Float(sign: .plus, exponent: -50 - below(40), significand: unit())
    default: return below(11) == 0 ? (below(2) == 0 ? 0 : -0.0) : number(below(4))
    }
  }

  /// Where masks find their step.
  nonisolated(unsafe) private static let step = {
    let step = UnsafeMutablePointer<UInt32>.allocate(capacity: 1)
    step.initialize(to: 0x9E37_79B9)
    return step
  }()

  mutating func mask(threshold: UInt32) -> emeth_dropout_mask {
    let k = (0..<9).map { _ in UInt32(truncatingIfNeeded: word()) }
    return emeth_dropout_mask(
      key: (k[0], k[1], k[2], k[3], k[4], k[5], k[6], k[7]), step: UnsafePointer(Self.step), site: k[8],
      threshold: threshold, scale: 1.25, first_row: word() >> 22)
  }

  mutating func numbers(_ count: Int, kind: Int = 0) -> [Float] {
    (0..<count).map { _ in number(kind) }
  }
}
