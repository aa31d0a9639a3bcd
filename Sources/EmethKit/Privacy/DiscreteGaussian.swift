/// The discrete Gaussian N_Z(0, σ²), conditioned on |x| <= ``bound`` = ceil(12 σ): every integer x there has a
/// probability proportional to e^(−x² / 2σ²), exactly (Canonne, Kamath, Steinke 2020).
///
/// What lies beyond the bound has less than 2 e^−72 < 2^−102 of the whole distribution. The samples follow from
/// a seed alone, by integers alone, so they are the same on every machine.
///
/// ```swift
/// let noise = try DiscreteGaussian(variance: 1 << 20)
/// try noise.fill(values, seed: seed, vector: 0)       // 4,096 of them from each block of the seed's streams
/// ```
/// Rejection from strips: [0, bound] is cut into strips of widths w_i from a_i on, one is drawn uniformly, a
/// place x in it uniformly, and x stays with probability (w_i / m) e^(−x² / 2σ²), m the scale. Where
/// w_i = floor(m e^(a_i² / 2σ²)) that is at most 1, and x comes out in proportion to e^(−x² / 2σ²) whatever the
/// widths. Docs/Decisions/0015 has every step, for who would write it again.
public struct DiscreteGaussian: Sendable {
  /// The variances that can be asked for.
  public static let allowedVariances: ClosedRange<UInt64> = 1...(1 << 40)
  /// The samples that one stream gives; each block of so many has its own.
  public static let blockCount = 4_096

  /// σ².
  public let variance: UInt64
  /// The largest magnitude of a sample: ceil(12 σ).
  public let bound: Int32

  /// m: what the strips' widths are counted against.
  let scale: UInt64
  /// As many as a power of two; those at the end may be empty.
  let strips: [Strip]

  /// A run of places that are proposed alike.
  struct Strip: Sendable, Hashable {
    /// Its first place.
    var start: UInt32
    /// Its places; 0 refuses every proposal.
    var width: UInt32
    /// Products below this are refused, so that all places are equally likely: 2^32 mod width.
    var refusedBelow: UInt32
    /// U · 2^32 below this accepts every place of the strip.
    var acceptedBelow: UInt32
  }

  /// The distribution with this variance.
  ///
  /// - Throws: ``PrivacyError/variance(found:allowed:)``.
  /// - Complexity: some 300 powers of e, a few milliseconds.
  public init(variance: UInt64) throws(PrivacyError) {
    guard Self.allowedVariances.contains(variance) else {
      throw .variance(found: variance, allowed: Self.allowedVariances)
    }
    self.variance = variance
    bound = Self.bound(variance: variance)
    scale = Self.squareRoot(variance) / 200 + 1
    strips = Self.strips(variance: variance, bound: UInt64(bound), scale: scale)
  }

  /// ceil(12 σ): the largest magnitude of a sample of this variance, which is one that is allowed.
  public static func bound(variance: UInt64) -> Int32 {
    let square = 144 * variance
    let root = squareRoot(square)
    return Int32(root * root == square ? root : root + 1)
  }

  /// The square root, rounded down, of a number below 2^62.
  static func squareRoot(_ number: UInt64) -> UInt64 {
    var root: UInt64 = 0
    var bit: UInt64 = 1 << 30
    while bit > 0 {
      if (root + bit) * (root + bit) <= number { root += bit }
      bit >>= 1
    }
    return root
  }

  /// e^(x² / 2σ²).
  func inverseWeight(_ x: UInt64) -> ExactExponential {
    ExactExponential(numerator: x * x, denominator: 2 * variance)
  }

  private static func strips(variance: UInt64, bound: UInt64, scale: UInt64) -> [Strip] {
    var strips: [Strip] = []
    var start: UInt64 = 0
    while start <= bound {
      let weight = ExactExponential(numerator: start * start, denominator: 2 * variance)
      let left = bound + 1 - start
      let width = min(weight.flooredProduct(scale) ?? left, left)
      let last = start + width - 1
      let (least, _) = width.multipliedReportingOverflow(
        by: decay(last, variance: variance).subtractingFloored(DecayTable.margin) >> 32)
      strips.append(
        Strip(
          start: UInt32(start), width: UInt32(width),
          refusedBelow: UInt32((1 << 32) % width),
          acceptedBelow: UInt32(min(least / scale, UInt64(UInt32.max)))))
      start += width
    }
    let empty = Strip(start: 0, width: 0, refusedBelow: .max, acceptedBelow: 0)
    var count = 1
    while count < strips.count { count *= 2 }
    return strips + Array(repeating: empty, count: count - strips.count)
  }

  /// About 2^64 · e^(−x² / 2σ²), within ``DecayTable/margin``.
  @inline(__always)
  static func decay(_ x: UInt64, variance: UInt64) -> UInt64 {
    // x² / 2σ² · 2^56, at most 85 · 2^56.
    let (high, low) = (x * x).multipliedFullWidth(by: 1 << 55)
    return DecayTable.shared.value(variance.dividingFullWidth((high, low)).quotient)
  }
}

extension UInt64 {
  /// The difference, or 0 when there is less.
  @inline(__always)
  fileprivate func subtractingFloored(_ other: UInt64) -> UInt64 { self > other ? self - other : 0 }
}
