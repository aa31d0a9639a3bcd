/// How a device calculates (PROTOCOL 6).
///
/// ```swift
/// let device = try Device.cpu(threads: 2, profile: .fast)
/// print(device.productType)  // bfloat16 where the CPU has instructions for it, else binary32
/// ```
public enum NumericProfile: String, CaseIterable, Sendable, Hashable, Codable {
  /// The same bits on every machine: what can be verified by replay.
  case reproducible
  /// As fast as this machine can: matrix products of operands rounded to bfloat16, summed in binary32, where
  /// the CPU has instructions for it. Parameters, moments and everything between products stay in binary32.
  /// Elsewhere it calculates as `reproducible` does, whose products are no slower than those of a library.
  case fast
}
