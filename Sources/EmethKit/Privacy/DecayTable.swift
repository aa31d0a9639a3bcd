/// e^−γ as a fraction of 2^64, by tables and integers: what decides nearly every question of a sampler
/// before ``ExactExponential`` is asked.
struct DecayTable: Sendable {
  /// The largest distance of ``value(_:)`` from 2^64 · e^−γ, for γ in [g, g + 1) · 2^−56.
  ///
  /// Dropping γ's bits below 2^−56 makes at most 2^8; each of the three tables is off by 2 at most, the
  /// series by 4, each of three products by 1.
  static let margin: UInt64 = 300

  /// The table of this process.
  static let shared = DecayTable()

  private let wholes: [UInt64]
  private let byte: [UInt64]
  private let secondByte: [UInt64]

  private init() {
    byte = (0..<256).map { Self.power($0, shift: 8) }
    secondByte = (0..<256).map { Self.power($0, shift: 16) }
    let unit = Self.power(1, shift: 0)
    var wholes: [UInt64] = [.max]
    for _ in 1..<128 { wholes.append(wholes[wholes.count - 1].multipliedFullWidth(by: unit).high) }
    self.wholes = wholes
  }

  /// 2^64 · e^−(count / 2^shift), rounded down, at most 2^64 − 1; for exponents up to 1.
  private static func power(_ count: Int, shift: Int) -> UInt64 {
    if count == 0 { return .max }
    // The alternating series with 116 bits behind the point.
    var term = UInt128(1) << 116
    var sum = term
    var index: UInt128 = 1
    while term > 0 {
      term = ((term * UInt128(count)) >> UInt128(shift)) / index
      sum = index.isMultiple(of: 2) ? sum + term : sum - term
      index += 1
    }
    return UInt64(truncatingIfNeeded: sum >> 52)
  }

  /// About 2^64 · e^−γ, within ``margin``, for γ = g / 2^56 below 128.
  @inline(__always)
  func value(_ g: UInt64) -> UInt64 {
    let fraction = (g & 0xFF_FFFF_FFFF) << 8
    let square = fraction.multipliedFullWidth(by: fraction).high
    let cube = square.multipliedFullWidth(by: fraction).high
    let series = (UInt64.max - fraction) + (square / 2 - cube / 6)
    let high = wholes[Int(g >> 56 & 127)].multipliedFullWidth(by: byte[Int(g >> 48 & 255)]).high
    let low = secondByte[Int(g >> 40 & 255)].multipliedFullWidth(by: series).high
    return high.multipliedFullWidth(by: low).high
  }
}
