import EmethCompute
import EmethKit
import Foundation

extension Command {
  /// `emeth quote`: what a job would cost, before anyone pays.
  static let quote = Command(
    CommandDefinition(
      "quote", section: .requester, summary: "say what a job would cost before anyone pays",
      discussion: [
        "From --fuel-limit: all that a job locks by a rule set, and what requester, node and verifier have "
          + "of it at each end, or at the one of --end. With --json and --end one object of rules, feeLimit, "
          + "verifierFee, escrow, deposit, penalty, requester, node, verifier and burned, all in holon; "
          + "without --end an object of such objects under the names of the ends. The penalty is what the node is "
          + "fined at that end. The four shares add up to the escrow, and the deposit unless no node had "
          + "taken the job (canceled, unclaimed).",
        "From a DATASET and the flags of `submit-job`: what that job and each of its SubJobs lock, with the "
          + "fuel computed by formula and what it costs to verify it.",
        "Rules of one's own are a JSON file: rates are integers over 100,000, amounts strings of holon; "
          + "verifierFee is {\"rate\"} or {\"flat\"}, verifierFeeSource escrow or fee, penaltyBase feeLimit "
          + "or deposit, rewardCapRate may be null. For example: "
          + "{\"name\": \"mine\", \"verifierFee\": {\"rate\": 5000}, \"verifierFeeSource\": \"escrow\", "
          + "\"depositRate\": 100000, \"depositIncludesVerifierFee\": true, \"penaltyBase\": \"feeLimit\", "
          + "\"timeoutPenaltyRate\": 25000, \"declinePenaltyRate\": 25000, \"failedPenaltyRate\": 25000, "
          + "\"flatFee\": false, \"rewardCapRate\": null}",
      ],
      arguments: [QuoteArguments.dataset],
      flags: [
        NetworkOptions.rules, QuoteArguments.fuelLimit, NetworkOptions.fuelPrice, QuoteArguments.fuelUsed,
        QuoteArguments.end, NetworkOptions.parts, NetworkOptions.rounds,
      ] + ModelOptions.flags(steps: ModelOptions.stepsPerRound) + [
        NetworkOptions.checkSegments, NetworkOptions.detect,
      ] + PrivacyOptions.flags + [CommonFlags.json],
      examples: [
        CommandExample(
          "emeth quote --fuel-limit 120000 --fuel-price 120gholon",
          "0.0144 EMETH, and who has what at each end"),
        CommandExample(
          "emeth quote --rules mine.json --fuel-limit 120000 --fuel-used 100000 --end failed --json",
          "one end by rules of one's own"),
        CommandExample("emeth quote neko.txt --preset small --parallel 8", "a training job in eight parts"),
        CommandExample(
          "emeth quote neko.txt --privacy-noise 4 --privacy-clip 0.5",
          "and what noise would promise of a part"),
      ])
  ) { parsed, context in
    let isJSON = parsed[CommonFlags.json]
    let price = parsed[NetworkOptions.fuelPrice]
    switch (parsed[QuoteArguments.dataset], parsed[QuoteArguments.fuelLimit]) {
    case (nil, let fuelLimit?):
      let quotes = try EndQuotes(
        rules: parsed[NetworkOptions.rules].load(), fuelLimit: fuelLimit, fuelPrice: price,
        fuelUsed: parsed[QuoteArguments.fuelUsed],
        ends: parsed[QuoteArguments.end].map { [$0] } ?? Quote.End.allCases)
      try context.output.write(isJSON ? quotes.json : quotes.text)
    case (let dataset?, nil):
      try refuseFlagsOfEnds(parsed)
      let quote = try JobQuote(
        dataset: dataset, options: ModelOptions(parsed), parts: parsed[NetworkOptions.parts],
        rounds: parsed[NetworkOptions.rounds], check: NetworkOptions.check(parsed),
        privacy: PrivacyOptions(parsed), price: price, rules: parsed[NetworkOptions.rules].load())
      try context.output.write(isJSON ? JSONText.pretty(quote) : quote.text)
    case (nil, nil):
      throw UsageError.contradiction(
        rule: "either DATASET or --fuel-limit is needed, found neither", command: "quote")
    case (.some, .some):
      throw UsageError.contradiction(
        rule: "the fuel of a DATASET is computed: --fuel-limit can't be given with it", command: "quote")
    }
    return .done
  }

  private static func refuseFlagsOfEnds(_ parsed: ParsedCommand) throws {
    let given =
      parsed.isGiven(QuoteArguments.fuelUsed)
      ? QuoteArguments.fuelUsed.definition
      : parsed.isGiven(QuoteArguments.end) ? QuoteArguments.end.definition : nil
    guard let given else { return }
    throw UsageError.contradiction(
      rule:
        "\(given.spelling) belongs to --fuel-limit: a DATASET becomes many SubJobs, each with its own end",
      command: "quote")
  }

  private enum QuoteArguments {
    static let dataset = Argument(
      optional: "DATASET", .file, help: "text of a training job, `-` for standard input")
    static let fuelLimit = Flag("fuel-limit", .fuel, absent: nil, help: "most fuel of a job that is paid")
    static let fuelUsed = Flag(
      "fuel-used", .fuel, absent: "all of the limit",
      help: "fuel that the node uses, where the end pays for it")
    static let end = Flag(
      "end", ValueType<Quote.End>.choice("END"), absent: "every end", help: "how the job ends")
  }
}
