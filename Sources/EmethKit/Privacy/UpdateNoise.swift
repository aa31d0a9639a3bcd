/// What a node adds to one round's update, fixed by public numbers alone: the bound of its own norm, and the
/// noise of every tensor.
///
/// Every one of the round's n parts adds discrete Gaussian noise of variance
/// σ_t² = max(1, ceil((noise · clip · 2^e_t)² / n)), in the quantiser's units 2^−e_t of tensor t, so that their
/// sum has standard deviation noise · clip or more. Docs/Decisions/0015 says what that is worth.
public struct UpdateNoise: Hashable, Sendable {
  /// The largest variance: with it 12 σ leave a fourth of the ring to the update.
  public static let largestVariance: UInt64 = 1 << 36

  /// What the manifest asks for.
  public let terms: TrainingManifest.Privacy
  /// n, the parts of a round, 1 to 511.
  public let parts: UInt32

  /// The noise of a training with so many parts.
  public init(terms: TrainingManifest.Privacy, parts: UInt32) {
    precondition(parts > 0, "a round has at least one part")
    self.terms = terms
    self.parts = parts
  }

  /// σ² of each part's noise in units of 2^−exponent, or nil when it is 2^63 or more.
  public func variance(exponent: Int32) -> UInt64? {
    // (noise · clip)² · 10^36 is below 2^180.
    let product = UInt256(terms.noiseBillionths) * UInt256(terms.clipBillionths)
    var numerator = product * product
    var denominator = Self.tenToThe36 * UInt256(UInt64(parts))
    if exponent >= 0 {
      guard numerator.leadingZeroBitCount > 2 * Int(exponent) else { return nil }
      numerator <<= 2 * Int(exponent)
    } else {
      // 10^36 · 511 is below 2^129: where the shift doesn't fit, the quotient is below 1.
      guard exponent >= -60 else { return 1 }
      denominator <<= 2 * Int(-exponent)
    }
    let (quotient, remainder) = numerator.quotientAndRemainder(dividingBy: denominator)
    guard quotient < UInt256(UInt64(1) << 63 - 1) else { return nil }
    return max(1, UInt64(truncatingIfNeeded: quotient) + (remainder > 0 ? 1 : 0))
  }

  /// The exponent that takes the place of one that the updates' size asks for: the same, or the largest at
  /// which the noise fits its part of the ring.
  public func exponent(atMost exponent: Int32) -> Int32 {
    var exponent = exponent
    while true {
      if let variance = variance(exponent: exponent), variance <= Self.largestVariance { return exponent }
      exponent -= 1
    }
  }

  /// The largest magnitude of an update's coordinate before the noise, so that with it the ring's limit holds.
  ///
  /// - Parameter variance: At most ``largestVariance``.
  public static func room(variance: UInt64) -> Int32 {
    UpdateRing.limit - DiscreteGaussian.bound(variance: min(variance, largestVariance))
  }

  /// Adds one tensor's noise to its quantised update.
  ///
  /// - Parameters:
  ///   - values: The tensor's coordinates, none beyond ``room(variance:)``.
  ///   - exponent: The tensor's; the variance follows from it.
  ///   - seed: The part's of this round.
  ///   - tensor: The tensor's place in the ascending order of names.
  /// - Throws: ``PrivacyError/variance(found:allowed:)`` for an exponent above what ``exponent(atMost:)``
  ///   allows, ``PrivacyError/crypto(_:)``.
  public func add(
    to values: UnsafeMutableBufferPointer<Int32>, exponent: Int32, seed: Bytes32, tensor: UInt32
  ) throws(PrivacyError) {
    let variance = variance(exponent: exponent) ?? .max
    guard variance <= Self.largestVariance else {
      throw .variance(found: variance, allowed: 1...Self.largestVariance)
    }
    let distribution = try DiscreteGaussian(variance: variance)
    let noise = UnsafeMutableBufferPointer<Int32>.allocate(capacity: DiscreteGaussian.blockCount)
    defer { noise.deallocate() }
    var start = 0
    var block: UInt32 = 0
    while start < values.count {
      let count = min(DiscreteGaussian.blockCount, values.count - start)
      try distribution.fill(
        block: block, of: UnsafeMutableBufferPointer(rebasing: noise[0..<count]), seed: seed, vector: tensor)
      for index in 0..<count { values[start + index] &+= noise[index] }
      start += count
      block += 1
    }
  }

  private static let tenToThe36: UInt256 = {
    let tenToThe18 = UInt256(1_000_000_000_000_000_000 as UInt64)
    return tenToThe18 * tenToThe18
  }()
}
