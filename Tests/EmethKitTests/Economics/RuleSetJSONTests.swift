import EmethKit
import Testing

/// Rules from a user's own JSON: what is good is kept, what is not is refused with the place.
@Suite struct RuleSetJSONTests {
  private static let own = """
    {"name":"own","verifierFee":{"rate":5000},"verifierFeeSource":"escrow","depositRate":100000,
    "depositIncludesVerifierFee":true,"penaltyBase":"feeLimit","timeoutPenaltyRate":25000,
    "declinePenaltyRate":10000,"failedPenaltyRate":50000,"flatFee":false,"rewardCapRate":null}
    """

  private func problem(_ text: String) -> (code: String?, place: String) {
    do {
      _ = try fromJSON(RuleSet.self, text)
      return ("none", "")
    } catch let error as DecodingError {
      switch error {
      case .keyNotFound(let key, _): return ("missing", key.stringValue)
      case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
        let cause = context.underlyingError as? EconomicsError
        guard case .ruleSetInvalid(let field, _)? = cause else {
          return (nil, context.codingPath.map(\.stringValue).joined(separator: "."))
        }
        return (cause?.code, field)
      @unknown default: return (nil, "?")
      }
    } catch {
      return (nil, "\(error)")
    }
  }

  @Test func aUsersOwnRules() throws {
    let rules = try fromJSON(RuleSet.self, Self.own)
    #expect(rules.name == "own" && rules.rewardCapRate == nil)
    #expect(rules.declinePenaltyRate == Rate(percent: 10))
    #expect(try fromJSON(RuleSet.self, jsonText(rules)) == rules)
    #expect(try jsonText(rules).contains(#""rewardCapRate":null"#))
    // Integers are read as decimal strings too, and members of later versions are not in the way.
    let other = Self.own.replacing("25000", with: #""25000""#).replacing(
      #"{"name""#, with: #"{"note":[1],"name""#)
    #expect(try fromJSON(RuleSet.self, other) == rules)
    let cut = Self.own.replacing(#"{"rate":5000}"#, with: #"{"flat":"7"}"#)
    #expect(try fromJSON(RuleSet.self, cut).verifierFee == .flat(TokenAmount(holon: 7)))
  }

  @Test(arguments: [
    "name", "verifierFee", "verifierFeeSource", "depositRate", "depositIncludesVerifierFee", "penaltyBase",
    "timeoutPenaltyRate", "declinePenaltyRate", "failedPenaltyRate", "flatFee", "rewardCapRate",
  ])
  func aMisspeltMemberIsNoDefault(member: String) {
    let (code, place) = problem(Self.own.replacing("\"\(member)\"", with: "\"\(member)s\""))
    #expect(code == "missing" && place == member)
  }

  @Test(arguments: [
    (#""name":"own""#, #""name":"""#, "name"), (#""name":"own""#, #""name":"my rules""#, "name"),
    (#""name":"own""#, #""name":"standard""#, "name"), (#""name":"own""#, #""name":"ö""#, "name"),
    (#"{"rate":5000}"#, #"{"rate":5000,"flat":"1"}"#, "verifierFee"),
    (#"{"rate":5000}"#, "{}", "verifierFee"),
    (#""escrow""#, #""escro""#, "verifierFeeSource"), (#""escrow""#, #""fee""#, "verifierFeeSource"),
    (#""feeLimit""#, #""fee""#, "penaltyBase"),
    (
      #""depositRate":100000,"# + "\n" + #""depositIncludesVerifierFee":true"#,
      #""depositRate":4999,"depositIncludesVerifierFee":false"#, "depositRate"
    ),
    (
      #"{"rate":5000},"verifierFeeSource":"escrow","depositRate":100000,"# + "\n"
        + #""depositIncludesVerifierFee":true"#,
      #"{"flat":"5000"},"verifierFeeSource":"escrow","depositRate":0,"depositIncludesVerifierFee":false"#,
      "depositRate"
    ),
  ])
  func rulesThatCanNotBeKeptAreRefused(from: String, to: String, place: String) {
    let text = Self.own.replacing(from, with: to)
    #expect(text != Self.own)
    let (code, found) = problem(text)
    #expect(code == "economics.ruleSetInvalid" && found == place)
  }

  @Test(arguments: [
    (#""depositRate":100000"#, #""depositRate":-1"#),
    (#""depositRate":100000"#, #""depositRate":4294967296"#),
    (#""depositRate":100000"#, #""depositRate":0.5"#), (#""depositRate":100000"#, #""depositRate":"5 %""#),
    (#""depositRate":100000"#, #""depositRate":null"#), (#""flatFee":false"#, #""flatFee":0"#),
    (#""rewardCapRate":null"#, #""rewardCapRate":"all""#), (#"{"rate":5000}"#, "5000"),
    (#"{"rate":5000}"#, "null"),
    (#"{"rate":5000}"#, #"{"flat":"1.5"}"#),
    (
      #"{"rate":5000}"#,
      #"{"flat":"115792089237316195423570985008687907853269984665640564039457584007913129639936"}"#
    ),
    (#""name":"own""#, #""name":7"#),
  ])
  func valuesOfTheWrongKindAreRefused(from: String, to: String) {
    let text = Self.own.replacing(from, with: to)
    #expect(text != Self.own)
    #expect(throws: DecodingError.self) { try fromJSON(RuleSet.self, text) }
  }

  @Test func numbersOfAnotherKindAreNamedWithTheirPlace() {
    for number in ["-1", "0.5", "1e30", "4294967296"] {
      let text = Self.own.replacing(#""depositRate":100000"#, with: #""depositRate":\#(number)"#)
      #expect(problem(text).place == "depositRate", "\(number)")
    }
  }

  @Test func namesHaveALimit() throws {
    let longest = String(repeating: "a", count: RuleSet.nameByteLimit)
    #expect(problem(Self.own.replacing("own", with: longest)).code == "none")
    #expect(problem(Self.own.replacing("own", with: longest + "a")).place == "name")
    // The protocol's own rules are read under their names, and no others are.
    for rules in RuleSet.all { #expect(try fromJSON(RuleSet.self, jsonText(rules)) == rules) }
  }

  /// A verifier fee of the fee must be no more than all of it, and of a fee that is flat.
  @Test func feesOutOfTheFee() throws {
    func rules(_ fee: RuleSet.VerifierFee, flat: Bool) throws -> RuleSet {
      try RuleSet(
        name: "own", verifierFee: fee, verifierFeeSource: .fee, depositRate: .whole,
        depositIncludesVerifierFee: true, penaltyBase: .deposit, timeoutPenaltyRate: .zero,
        declinePenaltyRate: .zero, failedPenaltyRate: .zero, flatFee: flat, rewardCapRate: nil)
    }
    #expect(throws: Never.self) { try rules(.rate(.whole), flat: true) }
    #expect(throws: Never.self) { try rules(.rate(.zero), flat: false) }
    #expect(throws: EconomicsError.self) { try rules(.rate(Rate(per100000: 100_001)), flat: true) }
    #expect(throws: EconomicsError.self) { try rules(.flat(TokenAmount(holon: 1)), flat: false) }
  }

  /// Every rule set that is accepted settles some job that is worth something, at every end.
  @Test func acceptedRulesCanBeKept() throws {
    var random = RandomMoney(SeededGenerator())
    for _ in 0..<scaled(3_000) {
      let rules = random.rules()
      // A flat fee is covered once 1/100,000 of the fee limit is as large.
      let fee: UInt256 =
        switch rules.verifierFee {
        case .rate: 1
        case .flat(let amount): max(amount.holon, 1)
        }
      let price = FuelPrice(holonPerFuel: fee * 1_000_000)
      for end in Quote.End.allCases {
        #expect(throws: Never.self, "\(rules)") {
          try Quote(by: rules, fuelLimit: Fuel(units: 100_000), fuelPrice: price, end: end)
        }
      }
    }
  }
}
