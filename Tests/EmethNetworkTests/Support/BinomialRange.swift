import Foundation

/// Which counts tries of a known probability leave, but for a known risk.
enum BinomialRange {
  /// The counts that are left when as many as possible are cut off at either end without cutting off more than `risk`
  /// there: sums of exact binomial terms, no approximation by another law.
  static func counts(tries: Int, probability: Double, risk: Double) -> ClosedRange<Int> {
    guard probability > 0, tries > 0 else { return 0...0 }
    guard probability < 1 else { return tries...tries }
    // Logarithms of factorials.
    let factorials = (1...tries).reduce(into: [0.0]) { $0.append(($0.last ?? 0) + log(Double($1))) }
    let terms = (0...tries).map { count in
      exp(
        factorials[tries] - factorials[count] - factorials[tries - count]
          + Double(count) * log(probability) + Double(tries - count) * log1p(-probability))
    }
    var (low, cut) = (0, terms[0])
    while cut <= risk {
      low += 1
      cut += terms[low]
    }
    var high = tries
    cut = terms[tries]
    while cut <= risk {
      high -= 1
      cut += terms[high]
    }
    return low...high
  }
}
