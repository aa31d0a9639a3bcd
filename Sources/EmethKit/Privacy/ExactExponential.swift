/// e^γ for a rational γ = numerator / denominator, to as many bits as a question needs, in integers alone.
///
/// e^γ is irrational for every rational γ above 0 (Lindemann), so each of these comparisons is decided by
/// finitely many bits, and the same way on every machine.
struct ExactExponential: Sendable {
  /// γ's numerator; with its denominator, γ is at most 128.
  let numerator: UInt64
  /// γ's denominator, at most 2^44.
  let denominator: UInt64

  /// A value between two bounds, both counted in 2^(−64 x words).
  private struct Bounds {
    var lower: BigNatural
    var upper: BigNatural
    var words: Int
  }

  /// e^γ by its power series with fractions of 64 x `words` bits.
  ///
  /// Every term is rounded down. What one rounding loses reaches the later terms multiplied by parts of γ, so
  /// it comes to at most e^γ < 2^192 of the last bit, and so much for each term is the distance of the bounds.
  private func bounds(words: Int) -> Bounds {
    precondition(numerator / denominator <= 128, "the series is summed for exponents up to 128")
    var term = BigNatural(1).shiftedLeft(byWords: words)
    var sum = term
    var count: UInt64 = 1
    while term > BigNatural(0) {
      term.multiply(by: numerator)
      term.divide(by: denominator * count)
      sum = sum + term
      count += 1
    }
    return Bounds(lower: sum, upper: sum + BigNatural(count).shiftedLeft(byWords: 3), words: words)
  }

  /// floor(factor · e^γ), or nil when that is 2^64 or more.
  func flooredProduct(_ factor: UInt64) -> UInt64? {
    if numerator == 0 { return factor }
    var words = 5
    while true {
      let bounds = bounds(words: words)
      var (lower, upper) = (bounds.lower, bounds.upper)
      lower.multiply(by: factor)
      upper.multiply(by: factor)
      guard let low = lower.word(shiftedRightByWords: words) else { return nil }
      if upper.word(shiftedRightByWords: words) == low { return low }
      words += 1
    }
  }

  /// Whether U < weight / scale · e^−γ, for the number U = 0.w₀w₁w₂… whose digits of 64 bits are `first` and
  /// then what `next` gives. It asks for a digit only when those before leave the answer open.
  func exceeds(
    first: UInt64, weight: UInt64, scale: UInt64, next: () throws(CryptoError) -> UInt64
  ) throws(CryptoError) -> Bool {
    if numerator == 0, weight >= scale { return true }
    var digits = BigNatural(first)
    var count = 1
    while true {
      // U · scale · e^γ against weight, both times 2^(64 (count + words)).
      let bounds = bounds(words: count + 4)
      let right = BigNatural(weight).shiftedLeft(byWords: count + bounds.words)
      var above = (digits + BigNatural(1)).multiplied(by: bounds.upper)
      above.multiply(by: scale)
      if above <= right { return true }
      var below = digits.multiplied(by: bounds.lower)
      below.multiply(by: scale)
      if below >= right { return false }
      digits = digits.shiftedLeft(byWords: 1) + BigNatural(try next())
      count += 1
    }
  }
}
