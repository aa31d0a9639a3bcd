import EmethKit
import Foundation

/// What the rounds of a training reveal of one part, as (ε, δ): Rényi differential privacy of a sum of discrete
/// Gaussians, added up over the rounds.
///
/// Neighbours are two trainings that differ in one part, whose updates are all zero in the other. In round r the
/// parts' sum changes by at most C + ρ in L2 norm, ρ = ½ sqrt(Σ_t d_t 4^−e_t) for the rounding. With h noises
/// that the observer does not know, the Rényi divergence of order α is at most
/// α (C + ρ)² / 2V + Ω α / (α − 1), where V = min_t h σ_t² 4^−e_t, and Ω bounds how far a sum of h discrete
/// Gaussians is from one (both derived in Docs/Decisions/0015). Orders are turned into ε by
/// ε = RDP(α) + log((α − 1) / α) − (log δ + log α) / (α − 1), at the best α > 1.
///
/// ```swift
/// var accountant = PrivacyAccountant()
/// for round in rounds { accountant.add(noise: noise, tensors: round.tensors, hidden: noise.parts) }
/// print(accountant.epsilon(delta: 1e-6))
/// ```
public struct PrivacyAccountant: Sendable {
  /// One tensor of an update.
  public struct Tensor: Sendable, Hashable {
    /// Its coordinates.
    public var count: Int
    /// They are counted in units of 2^−exponent.
    public var exponent: Int32

    /// A tensor of so many coordinates.
    public init(count: Int, exponent: Int32) {
      self.count = count
      self.exponent = exponent
    }
  }

  /// Σ (C + ρ)² / 2V: the Rényi divergence grows by so much with every order.
  public private(set) var slope = 0.0
  /// Σ Ω: what sums of discrete Gaussians add to it.
  public private(set) var excess = 0.0
  /// The probability that any noise would have been beyond the sampler's bound.
  public private(set) var tail = 0.0

  /// An account of no rounds.
  public init() {}

  /// An account of a rate that is known: `slope` · α for the order α.
  init(slope: Double) { self.slope = slope }

  /// Adds one round.
  ///
  /// - Parameters:
  ///   - noise: what every part was cut to, and adds.
  ///   - tensors: those of the update.
  ///   - hidden: how many of the parts' noises the observer does not know, 1 to all.
  public mutating func add(noise: UpdateNoise, tensors: [Tensor], hidden: UInt32) {
    precondition((1...noise.parts).contains(hidden), "from one part's noise to all are hidden")
    var least = Double.infinity
    var rounding = 0.0
    var coordinates = 0.0
    for tensor in tensors {
      let unit = Double(sign: .plus, exponent: -Int(tensor.exponent), significand: 1)
      let variance = noise.variance(exponent: tensor.exponent).map { Double($0) } ?? 0
      least = min(least, Double(hidden) * variance * unit * unit)
      rounding += Double(tensor.count) * unit * unit / 4
      coordinates += Double(tensor.count)
      excess += Double(tensor.count) * Self.divergence(variance: variance, terms: hidden)
    }
    // A millionth of a millionth more than the clip, for the binary64 arithmetic that cuts to it.
    let clip = (Double(noise.terms.clip.text) ?? .infinity) * (1 + 1e-12)
    let sensitivity = clip + rounding.squareRoot()
    slope += sensitivity * sensitivity / (2 * least)
    tail += coordinates * Double(hidden) * 2 * exp(-72)
  }

  /// How far the logarithm of the ratio of two distributions swings: a sum of `terms` discrete Gaussians of this
  /// variance, and one discrete Gaussian of their variances' sum. Each further one adds
  /// log((1 + η) / (1 − η)), η = 2 Σ_j e^(−2π² s² j²), s² = variance · k / (k + 1).
  static func divergence(variance: Double, terms: UInt32) -> Double {
    var sum = 0.0
    for count in 1..<max(1, terms) {
      let square = variance * Double(count) / Double(count + 1)
      var eta = 0.0
      for harmonic in 1...8 {
        eta += 2 * exp(-2 * Double.pi * Double.pi * square * Double(harmonic * harmonic))
      }
      // Where even the first harmonic is nothing, the later terms are less.
      if eta == 0 { break }
      // So little noise proves nothing.
      guard eta < 1 else { return .infinity }
      sum += log1p(eta) - log1p(-eta)
    }
    return sum
  }

  /// The smallest ε that the account proves for this δ, rounded up to a millionth; nil when it proves none.
  public func epsilon(delta: Double) -> Double? {
    // Nothing was told, so nothing is known.
    if slope == 0, excess == 0 { return 0 }
    // Conditioning the noise on its bound costs (1 + e^ε) · tail of δ.
    for share in [1e-9, 0.5] {
      let epsilon = converted(delta: delta * (1 - share))
      guard epsilon.isFinite, epsilon < 1e9 else { return nil }
      if (1 + exp(epsilon)) * tail <= delta * share { return (epsilon * 1e6).rounded(.up) / 1e6 }
    }
    return nil
  }

  private func converted(delta: Double) -> Double {
    // The function of log(α − 1) has one valley; a grid finds it, and thirds narrow it down.
    func value(_ position: Double) -> Double {
      let above = exp(position)
      let order = 1 + above
      let divergence = order * slope + excess * order / above
      let epsilon = divergence - log1p(1 / above) - (log(delta) + log(order)) / above
      // What is no number proves nothing.
      return epsilon.isNaN ? .infinity : max(0, epsilon)
    }
    let grid = stride(from: -20.0, through: 40, by: 0.05).map { $0 }
    guard let best = grid.min(by: { value($0) < value($1) }) else { return .infinity }
    var (low, high) = (best - 0.05, best + 0.05)
    for _ in 0..<100 {
      let (left, right) = (low + (high - low) / 3, high - (high - low) / 3)
      if value(left) <= value(right) { high = right } else { low = left }
    }
    return value(low)
  }
}
