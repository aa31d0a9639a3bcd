import EmethKit
import Testing

/// Quotes against PROTOCOL 3 told a second time in Python (Fixtures/money_model.py).
@Suite struct QuoteTests {
  struct Question: Codable {
    var kind = "quote"
    var rules: RuleSet
    var fuelLimit: Fuel
    var fuelPrice: FuelPrice
    var fuelUsed: Fuel
    var end: Quote.End

    /// The library's answer in the model's form.
    func answer() -> Answer {
      do throws(EconomicsError) {
        let quote = try Quote(
          by: rules, fuelLimit: fuelLimit, fuelPrice: fuelPrice, fuelUsed: fuelUsed, end: end)
        return Answer(amounts: Amounts(quote))
      } catch {
        return Answer(refused: [error.code])
      }
    }
  }

  struct Amounts: Codable, Equatable {
    var feeLimit: TokenAmount
    var verifierFee: TokenAmount
    var escrow: TokenAmount
    var deposit: TokenAmount
    var penalty: TokenAmount
    var requester: TokenAmount
    var node: TokenAmount
    var verifier: TokenAmount
    var burned: TokenAmount

    init(_ quote: Quote) {
      feeLimit = quote.feeLimit
      verifierFee = quote.verifierFee
      escrow = quote.escrow
      deposit = quote.deposit
      penalty = quote.penalty
      requester = quote.requester
      node = quote.node
      verifier = quote.verifier
      burned = quote.burned
    }
  }

  /// Amounts, or every reason for which there are none.
  struct Answer: Codable {
    var amounts: Amounts?
    var refused: [String]?

    /// Whether the library says what the model says: the same amounts, or one of its reasons.
    func agrees(with model: Answer) -> Bool {
      if let amounts { return amounts == model.amounts }
      return Set(refused ?? []).isSubset(of: model.refused ?? []) && refused?.isEmpty == false
    }
  }

  private struct Case: Codable {
    var question: Question
    var answer: Answer
  }

  @Test func recordedCasesOfTheModel() throws {
    let cases = try PythonModel.recorded("money-cases.jsonl", as: Case.self)
    #expect(cases.count == 150)
    #expect(cases.filter { $0.answer.refused != nil }.count == 41)
    for test in cases {
      let answer = test.question.answer()
      #expect(answer.agrees(with: test.answer), "\(test.question): \(answer), model \(test.answer)")
    }
    // The model's own table of the rule sets is the library's.
    for rules in RuleSet.all {
      #expect(cases.contains { $0.question.rules == rules })
    }
  }

  /// Which rules the cases follow: one of the protocol's sets, or new ones of a user's own for each case.
  enum Rules: CaseIterable {
    case standard, core2023, core2023Initial, round3_2, own

    func draw(_ random: inout RandomMoney) -> RuleSet {
      switch self {
      case .standard: .standard
      case .core2023: .core2023
      case .core2023Initial: .core2023Initial
      case .round3_2: .round3_2
      case .own: random.rules()
      }
    }
  }

  /// 10,000 cases for each rule set at scale 100.
  @Test(.enabled(if: PythonModel.isAvailable, PythonModel.reason), arguments: Rules.allCases)
  func agreeWithTheModel(rules: Rules) throws {
    var random = RandomMoney(SeededGenerator())
    let questions = (0..<max(400, scaled(100))).map { _ in
      let set = rules.draw(&random)
      let limit = random.fuel()
      var price = random.price()
      // Close to the point where a flat verifier fee begins to be covered.
      if case .flat(let fee) = set.verifierFee, Bool.random(using: &random.generator) {
        price = random.price(near: fee, for: limit)
      }
      let isTooMuch = limit < Fuel(units: .max) && UInt8.random(in: 0..<50, using: &random.generator) == 0
      return Question(
        rules: set, fuelLimit: limit, fuelPrice: price,
        fuelUsed: isTooMuch ? limit + Fuel(units: 1) : random.fuel(upTo: limit),
        end: Quote.End.allCases.randomElement(using: &random.generator) ?? .verified)
    }
    let model = try PythonModel.answers(of: "money_model.py", to: questions, as: Answer.self)
    var quoted = 0
    for (question, expected) in zip(questions, model) {
      let answer = question.answer()
      #expect(answer.agrees(with: expected), "\(question): \(answer), model \(expected)")
      quoted += answer.amounts == nil ? 0 : 1
    }
    // Neither all nor none are refused.
    #expect(quoted > questions.count / 4 && quoted < questions.count, "\(quoted) of \(questions.count)")
  }

  @Test func jsonHasTheMembersThatScriptsRead() throws {
    let quote = try Quote(
      by: .standard, fuelLimit: Fuel(units: 100), fuelPrice: FuelPrice(holonPerFuel: 100),
      fuelUsed: Fuel(units: 80), end: .verified)
    #expect(
      try jsonText(quote)
        == #"{"burned":"0","deposit":"10500","escrow":"10500","feeLimit":"10000","node":"18500","#
        + #""penalty":"0","requester":"2000","rules":"standard","verifier":"500","verifierFee":"500"}"#)
  }

  @Test func allOfTheLimitIsUsedUnlessSaid() throws {
    let price = FuelPrice(holonPerFuel: 3)
    let whole = try Quote(by: .standard, fuelLimit: Fuel(units: 40), fuelPrice: price, end: .verified)
    #expect(whole.requester == .zero)
    for end in Quote.End.allCases {
      #expect(
        throws: EconomicsError.fuelAboveLimit(found: Fuel(units: 41), allowed: Fuel(units: 40))
      ) {
        try Quote(
          by: .standard, fuelLimit: Fuel(units: 40), fuelPrice: price, fuelUsed: Fuel(units: 41), end: end)
      }
    }
  }
}
