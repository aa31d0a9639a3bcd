extension RuleSet {
  /// The longest name in bytes.
  public static let nameByteLimit = 64

  /// Refuses rules by which no job that is worth something could be settled at every end.
  func check() throws(EconomicsError) {
    try checkName()
    let isFree =
      switch verifierFee {
      case .rate(let rate): rate == .zero
      case .flat(let amount): amount == .zero
      }
    guard !isFree else { return }
    if verifierFeeSource == .fee {
      guard flatFee else {
        throw .ruleSetInvalid(
          field: "verifierFeeSource",
          problem: "\"fee\" needs a flatFee, because a fee by the fuel used may not cover the verifier fee")
      }
      if case .rate(let rate) = verifierFee, rate > .whole {
        throw .ruleSetInvalid(
          field: "verifierFee", problem: "\(rate) of the fee can't be taken out of it, allowed is 100 %")
      }
    }
    guard !depositIncludesVerifierFee else { return }
    switch verifierFee {
    case .rate(let rate):
      guard depositRate >= rate else {
        throw .ruleSetInvalid(
          field: "depositRate", problem: "\(depositRate) does not cover the verifier fee of \(rate)")
      }
    case .flat(let amount):
      guard depositRate > .zero else {
        throw .ruleSetInvalid(
          field: "depositRate", problem: "\(depositRate) does not cover the verifier fee of \(amount)")
      }
    }
  }

  private func checkName() throws(EconomicsError) {
    let allowed = name.utf8.allSatisfy { character in
      switch character {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
        true
      default: false
      }
    }
    guard allowed, (1...Self.nameByteLimit).contains(name.utf8.count) else {
      throw .ruleSetInvalid(
        field: "name",
        problem: "\(quoted(name)) is no name of 1 to \(Self.nameByteLimit) letters, digits, -, _ and .")
    }
    // Records name their rules: another set under a known name would be taken for it.
    if let known = Self.all.first(where: { $0.name == name }), known != self {
      throw .ruleSetInvalid(
        field: "name", problem: "\(quoted(name)) is the protocol's, and these rules differ from it")
    }
  }
}
