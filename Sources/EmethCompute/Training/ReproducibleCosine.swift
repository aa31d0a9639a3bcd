/// cos(π p) in binary64 from + and x alone, so that the learning rate has the same bits everywhere.
///
/// At most 2 ulp from the true value. The polynomials are minimax fits of this project in y², y = π·z, for z
/// up to 1/4; the argument is brought there by exact subtractions.
enum ReproducibleCosine {
  /// cos(π p) for p from 0 to 1.
  static func ofHalfTurns(_ p: Double) -> Double {
    precondition((0...1).contains(p), "the schedule's progress is from 0 to 1")
    if p <= 0.25 { return cosine(p) }
    if p < 0.75 { return sine(0.5 - p) }
    return -cosine(1 - p)
  }

  /// cos(π z) for |z| up to 1/4: 1 − y²/2 + y⁴ c(y²).
  private static func cosine(_ z: Double) -> Double {
    let y = Double.pi * z
    let square = y * y
    var c = -0x1.8faeb60d11520p-37
    c = c * square + 0x1.1ee9ec18e0584p-29
    c = c * square + -0x1.27e4f80a34227p-22
    c = c * square + 0x1.a01a019cb2174p-16
    c = c * square + -0x1.6c16c16c15181p-10
    c = c * square + 0x1.555555555554cp-5
    return 1 - (0.5 * square - square * square * c)
  }

  /// sin(π z) for |z| up to 1/4: y + y³ s(y²).
  private static func sine(_ z: Double) -> Double {
    let y = Double.pi * z
    let square = y * y
    var s = 0x1.5d93179642ab2p-33
    s = s * square + -0x1.ae5e668595033p-26
    s = s * square + 0x1.71de3578125d0p-19
    s = s * square + -0x1.a01a019c11fe1p-13
    s = s * square + 0x1.111111110f87dp-7
    s = s * square + -0x1.5555555555549p-3
    return y + y * square * s
  }
}
