import EmethKit
import Foundation
import Testing

@Suite struct QuoteCommandTests {
  private struct Money: Decodable {
    var fuelLimit: Fuel
    var feeLimit: TokenAmount
  }

  private struct Job: Decodable {
    struct Verification: Decodable {
      var segments: Int
      var replayed: Int
      var fuelPerSubJob: Fuel
      var fuel: Fuel
      var detection: Detection
    }

    struct Detection: Decodable {
      var badPercent: Double
      var job: Double
      var subJob: Double
    }

    var parameters: UInt64
    var records: Int
    var parts: Int
    var recordsPerPart: Int
    var subJobs: Int
    var job: Money
    var subJob: Money
    var verification: Verification
  }

  private let scratch: ScratchFolder

  init() throws { scratch = try ScratchFolder() }

  private func quote(_ arguments: String...) throws -> ProgramResult {
    try Program.run(executable: Program.url, ["quote"] + arguments, in: scratch.url)
  }

  /// The ten members that scripts read, as the texts that they see.
  private func members(_ quote: Quote) -> [String: String] {
    let amounts = [
      "feeLimit": quote.feeLimit, "verifierFee": quote.verifierFee, "escrow": quote.escrow,
      "deposit": quote.deposit, "penalty": quote.penalty, "requester": quote.requester, "node": quote.node,
      "verifier": quote.verifier, "burned": quote.burned,
    ]
    return amounts.mapValues { "\($0.holon)" }.merging(["rules": quote.rules]) { $1 }
  }

  @Test func theWhitePapersExample() throws {
    for price in [
      "120gholon", "120Gholon", "120.0gholon", "120000000000holon", "120000000000", "0.00000012emeth",
    ] {
      let result = try quote(
        "--fuel-limit", "120000", "--fuel-used", "100000", "--fuel-price", price, "--end", "verified",
        "--json")
      #expect(
        try result.json([String: String].self) == [
          "rules": "standard", "feeLimit": "14400000000000000", "verifierFee": "720000000000000",
          "escrow": "15120000000000000", "deposit": "15120000000000000", "penalty": "0",
          "requester": "2400000000000000", "node": "27120000000000000", "verifier": "720000000000000",
          "burned": "0",
        ])
    }
    let text = try quote("--fuel-limit=120000").output
    #expect(text.contains("fee (at most)        0.0144 EMETH\n"))
    #expect(text.contains("failed       0.01512   0.0108   0.00072  0.0036\n"))
  }

  /// Every rule set, one of a user's own too, at every end, through the real program.
  @Test func everyEndOfEveryRuleSet() throws {
    let own = try RuleSet(
      name: "own", verifierFee: .flat(TokenAmount(holon: 7)), verifierFeeSource: .escrow,
      depositRate: Rate(per100000: 33_333), depositIncludesVerifierFee: false, penaltyBase: .deposit,
      timeoutPenaltyRate: Rate(percent: 1), declinePenaltyRate: Rate(percent: 50),
      failedPenaltyRate: Rate(percent: 300), flatFee: false, rewardCapRate: nil)
    try scratch.writeJSON(own, to: "own.json")
    let cases = RuleSet.all.map { ($0.name, $0) } + [("own.json", own), ("./own.json", own)]
    let (limit, used) = (Fuel(units: 41), Fuel(units: 13))
    let price = FuelPrice(holonPerFuel: 1_234_567_890_123_456_789)
    for (name, rules) in cases {
      let flags = [
        "quote", "--rules", name, "--fuel-limit", "41", "--fuel-used", "13", "--fuel-price",
        "1234567890123456789", "--json",
      ]
      let all = try Program.run(executable: Program.url, flags, in: scratch.url).json(
        [String: [String: String]].self)
      #expect(Set(all.keys) == Set(Quote.End.allCases.map(\.rawValue)))
      for end in Quote.End.allCases {
        let expected = try Quote(by: rules, fuelLimit: limit, fuelPrice: price, fuelUsed: used, end: end)
        let one = try Program.run(
          executable: Program.url, flags + ["--end", end.rawValue], in: scratch.url)
        #expect(one.exitCode == 0 && one.errors == "")
        #expect(try one.json([String: String].self) == members(expected))
        #expect(all[end.rawValue] == members(expected))
      }
    }
    let stream = try Program.run(
      "quote", "--rules", "-", "--fuel-limit", "41", "--json", input: jsonText(own), in: scratch.url)
    #expect(try stream.json([String: [String: String]].self)["failed"]?["rules"] == "own")
  }

  private func jsonText(_ value: some Encodable) throws -> String {
    String(decoding: try JSONEncoder().encode(value), as: UTF8.self)
  }

  /// A script's own reading of a quote: what comes out of one command goes into the next.
  @Test func amountsGoFromJSONIntoFlags() throws {
    let escrow = try #require(
      try quote("--fuel-limit", "120000", "--end", "canceled", "--json").json([String: String].self)["escrow"]
    )
    let again = try quote("--fuel-limit", "1", "--fuel-price", escrow, "--end", "canceled", "--json")
    #expect(try again.json([String: String].self)["feeLimit"] == escrow)
  }

  @Test func rulesThatDoNotFitAreRefused() throws {
    let good = try jsonText(RuleSet.standard)
    try scratch.write(
      good.replacing("\"standard\"", with: "\"mine\"").replacing("\"escrow\"", with: "\"fee\""),
      to: "open.json")
    try scratch.write(good.replacing("25000", with: "-1"), to: "negative.json")
    try scratch.write(good.replacing("5000", with: "6000"), to: "false-name.json")
    try scratch.write("{", to: "broken.json")
    try scratch.write("{\"name\":\"a\",\"name\":\"a\"}", to: "twice.json")
    try scratch.write(String(repeating: "[", count: 100_000), to: "deep.json")
    let most = "115792089237316195423570985008687907853269984665640564039457584007913129639935"
    let cases: [([String], Int32, String)] = [
      (["--rules", "round3-2"], 3, "does not cover the verifier fee of 10 EMETH"),
      (["--fuel-price", most], 3, "the fee of 1000 fuel at \(most) holon per fuel"),
      (["--rules", "standart"], 2, "did you mean 'standard'?"), (["--rules", ""], 2, "--rules"),
      (["--rules", "none.json"], 4, "none.json"), (["--rules", "."], 3, "is a folder"),
      (["--rules", "open.json"], 3, "verifierFeeSource"),
      (["--rules", "negative.json"], 3, "PenaltyRate: found neither an integer from 0 to"),
      (["--rules", "false-name.json"], 3, "\"standard\" is the protocol's"),
      (["--rules", "broken.json"], 3, "broken at byte 1"), (["--rules", "twice.json"], 3, "twice"),
      (["--rules", "deep.json"], 3, "nested deeper"),
      (["--fuel-used", "1001"], 2, "found 1001, allowed at most the --fuel-limit of 1000"),
      (["--end", "finished"], 2, "allowed verified, canceled, timeout"),
    ]
    for (arguments, exitCode, text) in cases {
      for form in [[], ["--json"]] {
        let result = try Program.run(
          executable: Program.url, ["quote", "--fuel-limit", "1000"] + arguments + form, in: scratch.url)
        #expect(result.exitCode == exitCode, "\(arguments): \(result.errors)")
        #expect(result.output == "")
        let message =
          form.isEmpty
          ? result.errors
          : try JSONDecoder().decode(ErrorObject.self, from: Data(result.errors.utf8)).readable
        #expect(message.contains(text), "\(arguments): \(result.errors)")
      }
    }
  }

  @Test func aDataSetsFuelFollowsTheFormula() throws {
    try scratch.write(String(repeating: "All work and no play.\n", count: 400), to: "text")
    let job = try quote(
      "text", "--parallel", "3", "--rounds", "5", "--steps", "40", "--batch", "6", "--json"
    ).json(Job.self)
    let shape = try ModelShape(layers: 4, heads: 4, width: 128, context: 64, vocabularySize: 256)
    let fuel = try FuelFormula.training(model: shape, tokens: 40 * 6 * 64)
    #expect(job.parameters == shape.parameterCount)
    #expect(job.subJobs == 15)
    #expect(job.subJob.fuelLimit == fuel)
    #expect(job.job.fuelLimit.units == fuel.units * 15)
    #expect(job.recordsPerPart == (job.records + 2) / 3)
    // 8 segments of 5 steps; two drawn and the last.
    #expect(job.verification.segments == 8 && job.verification.replayed == 3)
    #expect(job.verification.fuelPerSubJob == (try FuelFormula.training(model: shape, tokens: 15 * 6 * 64)))
    let all = try quote("text", "--steps", "40", "--check-segments", "all", "--json").json(Job.self)
    #expect(all.verification.fuelPerSubJob == all.subJob.fuelLimit)
    #expect(all.verification.detection.job == 1)
  }

  @Test func aGoalBecomesDrawsAndItsPriceIsTold() throws {
    try scratch.write(String(repeating: "All work and no play.\n", count: 400), to: "text")
    func job(_ goal: String) throws -> Job {
      try quote("text", "--parallel", "4", "--rounds", "4", "--steps", "40", "--detect", goal, "--json")
        .json(Job.self)
    }
    // 16 SubJobs of 10 segments: 1 − 0.9^16 = 0.8146 with one draw each, 1 − 0.8^16 = 0.9718 with two.
    let strict = try job("10%@95%").verification
    #expect(strict.replayed == 3 && strict.detection.badPercent == 10)
    #expect(strict.detection.job == 0.971852 && strict.detection.subJob == 0.2)
    let lenient = try job("10%@80%").verification
    #expect(lenient.replayed == 2 && lenient.detection.job == 0.814697)
    #expect(lenient.fuel < strict.fuel)
    let text = try quote("text", "--parallel", "4", "--rounds", "4", "--steps", "40", "--detect", "10%@95%")
      .output
    #expect(text.contains("97.2 % of cheats on 10.0 % of the job's segments"))
  }

  @Test func badInputAndUsage() throws {
    try scratch.write("short", to: "short")
    try scratch.write("", to: "empty")
    try scratch.write(String(repeating: "some text\n", count: 100), to: "text")
    try Data([0x41, 0xFF, 0x42]).write(to: scratch.url.appending(path: "binary"))
    let cases: [([String], Int32, String)] = [
      (["none"], 4, "no such file"), (["."], 3, "is a folder"), (["empty"], 3, "is empty"),
      (["binary"], 3, "binary"), (["short"], 3, "shorter than one window: found"),
      (["text", "--parallel", "200"], 3, "found --parallel 200, allowed at most 15"),
      (["text", "--parallel", "0"], 2, "found 0, allowed 1...511"),
      (["text", "--fuel-limit", "1"], 2, "--fuel-limit"),
      (["text", "--fuel-used", "1"], 2, "--fuel-used belongs to --fuel-limit"),
      (["text", "--end", "failed"], 2, "--end belongs to --fuel-limit"),
      ([], 2, "found neither"), (["text", "--heads", "3"], 2, "--heads must divide --width"),
      (["text", "--preset", "gpt2"], 2, "needs --tokenizer"),
      (["text", "--preset", "tiney"], 2, "did you mean 'tiny'?"),
      (["text", "--learning-rate", "0"], 2, "out of range"),
      (["text", "--learning-rate", "1e-400"], 2, "not allowed"),
      (["text", "--init", "none"], 4, "none"),
      (["text", "--init", "m", "--layers", "2"], 2, "--layers can't be given with --init"),
      (["--fuel-limit", "18446744073709551616"], 2, "--fuel-limit"),
      (["--fuel-limit", "-1"], 2, "--fuel-limit"),
      (["--fuel-limit", "1", "--fuel-price", "0.0000000001gholon"], 2, "a whole number of holon"),
      (["--fuel-limit", "1", "--fuel-price", "0.5"], 2, "did you mean '0.5gholon'?"),
      (["--fuel-limit", "1", "--fuel-price", "5eth"], 2, "1.5emeth, 120gholon, 7holon"),
    ]
    for (arguments, exitCode, text) in cases {
      let result = try Program.run(executable: Program.url, ["quote"] + arguments, in: scratch.url)
      #expect(result.exitCode == exitCode, "\(arguments): \(result.errors)")
      #expect(result.output == "")
      #expect(result.errors.hasPrefix("emeth: error: "))
      #expect(result.errors.contains(text), "\(arguments): \(result.errors)")
    }
  }
}
