/// Turns a SubJob's update into integers that add up exactly, whoever adds them and in whatever order.
///
/// q = clamp(roundHalfEven(x · 2^e), ±(2^22 − 1)) with x = binary32(start − end) and one public exponent e for
/// each tensor (PROTOCOL 6). x · 2^e is taken in binary64, where it is exact. 511 such numbers fit an i32.
///
/// ```swift
/// let quantiser = try Quantiser(layout: layout, exponent: 20)
/// let (values, clipped) = try quantiser.quantise(start: before, end: after)
/// ```
public struct Quantiser: Sendable {
  /// The largest magnitude of a quantised value, 2^22 − 1.
  public static let limit: Int32 = (1 << 22) - 1
  /// The largest number of parts whose values are added: 511 · (2^22 − 1) < 2^31.
  public static let largestPartCount = 511
  /// The exponents that can be asked for: none of them lets a mean overflow binary32.
  public static let allowedExponents: ClosedRange<Int32> = -100...170

  /// The tensors and their places.
  public let layout: ParameterLayout
  /// One exponent for each tensor, in the layout's order.
  public let exponents: [Int32]

  /// A quantiser with an exponent for each tensor.
  ///
  /// - Throws: `ComputeError.invalidConfiguration` when their number or one of them is not allowed.
  public init(layout: ParameterLayout, exponents: [Int32]) throws(ComputeError) {
    guard exponents.count == layout.tensors.count else {
      throw .invalidConfiguration(
        what: "number of quantiser exponents", found: "\(exponents.count)", allowed: "\(layout.tensors.count)"
      )
    }
    for (tensor, exponent) in zip(layout.tensors, exponents)
    where !Self.allowedExponents.contains(exponent) {
      throw .invalidConfiguration(
        what: "quantiser exponent of \(tensor.name)", found: "\(exponent)",
        allowed: "\(Self.allowedExponents.lowerBound) to \(Self.allowedExponents.upperBound)")
    }
    self.layout = layout
    self.exponents = exponents
  }

  /// A quantiser with the same exponent for all tensors, as round 0 has it from the manifest.
  public init(layout: ParameterLayout, exponent: Int32) throws(ComputeError) {
    try self.init(layout: layout, exponents: Array(repeating: exponent, count: layout.tensors.count))
  }

  /// The quantised update of a SubJob that went from `start` to `end`, and how many values were clipped.
  ///
  /// - Throws: `ComputeError.invalidInput` naming the tensor when a difference is not finite.
  public func quantise(
    start: UnsafeBufferPointer<Float>, end: UnsafeBufferPointer<Float>
  ) throws(ComputeError) -> (values: [Int32], clipped: Int) {
    var values = [Int32](repeating: 0, count: layout.count)
    var clipped = 0
    try values.withUnsafeMutableBufferPointer { buffer throws(ComputeError) in
      clipped = try quantise(start: start, end: end, into: buffer)
    }
    return (values, clipped)
  }

  /// Writes the quantised update into `values` and returns how many values were clipped.
  ///
  /// - Parameters:
  ///   - start: the parameters before, `layout.count` elements; `end` and `values` have as many.
  /// - Throws: `ComputeError.invalidInput` naming the tensor when a difference is not finite.
  public func quantise(
    start: UnsafeBufferPointer<Float>, end: UnsafeBufferPointer<Float>,
    into values: UnsafeMutableBufferPointer<Int32>
  ) throws(ComputeError) -> Int {
    precondition(
      start.count == layout.count && end.count == layout.count && values.count == layout.count,
      "the arenas do not fit the layout")
    var clipped = 0
    for (tensor, exponent) in zip(layout.tensors, exponents) {
      let scale = Double(sign: .plus, exponent: Int(exponent), significand: 1)
      let count = Self.quantise(
        start: .init(rebasing: start[tensor.range]), end: .init(rebasing: end[tensor.range]), scale: scale,
        into: .init(rebasing: values[tensor.range]))
      guard let count else {
        throw .invalidInput(
          what: "update of \(tensor.name)", found: "not finite", allowed: "finite binary32 numbers")
      }
      clipped += count
    }
    return clipped
  }

  /// One tensor; nil when a difference is not finite.
  private static func quantise(
    start: UnsafeBufferPointer<Float>, end: UnsafeBufferPointer<Float>, scale: Double,
    into values: UnsafeMutableBufferPointer<Int32>
  ) -> Int? {
    // Beyond 2^23 every value is clipped, and below 2^51 adding and taking away 1.5 · 2^52 rounds to the
    // nearest integer, ties to even: the loop needs no call and no branch.
    let ceiling = 0x1p23
    let rounder = 0x1.8p52
    let limit = Double(Self.limit)
    var clipped = 0
    var notFinite: UInt32 = 0
    for index in 0..<values.count {
      let difference = start[index] - end[index]
      notFinite |= difference.bitPattern & Self.exponentBits == Self.exponentBits ? 1 : 0
      let scaled = Double(difference) * scale
      let bounded = scaled > ceiling ? ceiling : (scaled < -ceiling ? -ceiling : scaled)
      let rounded = (bounded + rounder) - rounder
      let clamped = rounded > limit ? limit : (rounded < -limit ? -limit : rounded)
      clipped &+= clamped == rounded ? 0 : 1
      values[index] = Int32(truncatingIfNeeded: Int64((clamped + rounder).bitPattern) &- Self.rounderBits)
    }
    return notFinite == 0 ? clipped : nil
  }

  /// All ones in an infinity and in what is not a number.
  private static let exponentBits: UInt32 = 0x7f80_0000

  /// 1.5 · 2^52 as bits: an integer added to it stands in the low bits, so no conversion can trap.
  private static let rounderBits = Int64((0x1.8p52).bitPattern)

  /// The next exponent of a tensor from its last mean update G: 21 − ceil(log2(8 · RMS)).
  ///
  /// The RMS is the square root (IEEE) of the row-rule sum of squares divided by the number of elements, in
  /// binary64; log2 is read off the number's exponent, so its ceiling is exact. `current` stays when the RMS is
  /// 0; the result is brought into ``allowedExponents``.
  public static func nextExponent(after current: Int32, meanUpdate: UnsafeBufferPointer<Float>) -> Int32 {
    guard meanUpdate.count > 0 else { return current }
    let squares = RowSum.sum(count: meanUpdate.count) { index in
      let value = Double(meanUpdate[index])
      return value * value
    }
    let spread = 8 * (squares / Double(meanUpdate.count)).squareRoot()
    guard spread > 0, spread.isFinite else { return current }
    let ceiling = Int32(spread.exponent) + (spread.significand == 1 ? 0 : 1)
    return min(max(21 - ceiling, allowedExponents.lowerBound), allowedExponents.upperBound)
  }
}
