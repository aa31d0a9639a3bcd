import EmethKit

/// The money of one job by a rule set before it ends: a part of the quote of a data set.
struct MoneyQuote: Encodable, Sendable {
  var rules: String
  var fuelPrice: FuelPrice
  var fuelLimit: Fuel
  /// L, the most that is paid for the computing.
  var feeLimit: TokenAmount
  /// V.
  var verifierFee: TokenAmount
  /// E, what the requester pays at the request.
  var escrow: TokenAmount
  /// D, what a node locks.
  var deposit: TokenAmount
  var timeoutPenalty: TokenAmount
  var declinePenalty: TokenAmount
  var failedPenalty: TokenAmount

  init(rules: String, fuelPrice: FuelPrice, fuelLimit: Fuel, terms: JobTerms) {
    self.rules = rules
    self.fuelPrice = fuelPrice
    self.fuelLimit = fuelLimit
    feeLimit = terms.feeLimit
    verifierFee = terms.verifierFee
    escrow = terms.escrow
    deposit = terms.deposit
    timeoutPenalty = terms.timeoutPenalty
    declinePenalty = terms.declinePenalty
    failedPenalty = terms.failedPenalty
  }

  /// The lines of the amounts, label and value.
  var amounts: [(String, String)] {
    [
      ("fee (at most)", "\(feeLimit)"), ("verifier fee", "\(verifierFee)"),
      ("escrow", "\(escrow)"), ("deposit of the node", "\(deposit)"),
      ("penalty, timeout", "\(timeoutPenalty)"), ("penalty, declined", "\(declinePenalty)"),
      ("penalty, failed", "\(failedPenalty)"),
    ]
  }
}

/// Lines of a label and a value, the values below each other.
enum LabelledLines {
  static func text(_ lines: [(String, String)]) -> String {
    let width = lines.map { DisplayWidth.of($0.0) }.max() ?? 0
    return lines.map { label, value in
      label + String(repeating: " ", count: width + 2 - DisplayWidth.of(label)) + value + "\n"
    }.joined()
  }
}
