/// AdamW's 1 / (1 − βᵗ), the powers by repeated multiplication in binary64 from 1 on, rounded once.
struct BiasCorrections {
  private let beta1, beta2: Double
  private var power1 = 1.0
  private var power2 = 1.0
  private var count: UInt64 = 0

  init(beta1: Double, beta2: Double) {
    self.beta1 = beta1
    self.beta2 = beta2
  }

  /// Goes to step `t`, counted from 1. A step back starts over.
  mutating func advance(to t: UInt64) {
    if t < count { (power1, power2, count) = (1, 1, 0) }
    while count < t {
      power1 *= beta1
      power2 *= beta2
      count += 1
    }
  }

  /// 1 / (1 − β₁ᵗ)
  var first: Float { Float(1 / (1 - power1)) }
  /// 1 / (1 − β₂ᵗ)
  var second: Float { Float(1 / (1 - power2)) }
}
