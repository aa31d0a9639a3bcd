import EmethCompute
import EmethKit
import Foundation

extension Command {
  /// `emeth quote`: what a job would cost, before anyone pays.
  static let quote = Command(
    CommandDefinition(
      "quote", section: .requester, summary: "say what a job would cost before anyone pays",
      discussion: [
        "From --fuel: the fee and all that is locked and paid by a rule set. From a DATASET and the "
          + "flags of `submit-job`: the same for that job and each of its SubJobs, with the fuel computed by "
          + "formula and what it costs to verify it."
      ],
      arguments: [QuoteArguments.dataset],
      flags: [
        QuoteArguments.fuel, NetworkOptions.fuelPrice, NetworkOptions.rules, NetworkOptions.parts,
        NetworkOptions.rounds,
      ] + ModelOptions.flags(steps: ModelOptions.stepsPerRound) + [
        NetworkOptions.checkSegments, CommonFlags.json,
      ],
      examples: [
        CommandExample("emeth quote --fuel 120000 --fuel-price 120", "0.0144 EMETH and what comes with it"),
        CommandExample("emeth quote neko.txt --preset small --parallel 8", "a training job in eight parts"),
      ])
  ) { parsed, context in
    let price = parsed[NetworkOptions.fuelPrice]
    let rules = parsed[NetworkOptions.rules]
    switch (parsed[QuoteArguments.dataset], parsed[QuoteArguments.fuel]) {
    case (nil, let fuel?):
      let quote = try MoneyQuote(
        rules: rules.name, fuelPrice: price, fuel: fuel, terms: rules.terms(fuelLimit: fuel, fuelPrice: price)
      )
      try context.output.write(parsed[CommonFlags.json] ? JSONText.pretty(quote) : quote.text)
    case (let dataset?, nil):
      let quote = try JobQuote(
        dataset: dataset, options: ModelOptions(parsed), parts: parsed[NetworkOptions.parts],
        rounds: parsed[NetworkOptions.rounds], check: parsed[NetworkOptions.checkSegments], price: price,
        rules: rules)
      try context.output.write(parsed[CommonFlags.json] ? JSONText.pretty(quote) : quote.text)
    case (nil, nil):
      throw UsageError.contradiction(
        rule: "either DATASET or --fuel is needed, found neither", command: "quote")
    case (.some, .some):
      throw UsageError.contradiction(
        rule: "the fuel of a DATASET is computed: --fuel can't be given with it", command: "quote")
    }
    return .done
  }

  private enum QuoteArguments {
    static let dataset = Argument(
      optional: "DATASET", .file, help: "text of a training job, `-` for standard input")
    static let fuel = Flag("fuel", .fuel, absent: nil, help: "fuel limit of a job")
  }
}
