import EmethKit
import Foundation
import Testing

@Suite struct QuoteCommandTests {
  private struct Money: Decodable {
    var rules: String
    var fuel: Fuel
    var fee: TokenAmount
    var verifierFee: TokenAmount
    var escrow: TokenAmount
    var deposit: TokenAmount
    var timeoutPenalty: TokenAmount
    var failedPenalty: TokenAmount
  }

  private struct Job: Decodable {
    struct Verification: Decodable {
      var segments: Int
      var replayed: Int
      var fuelPerSubJob: Fuel
      var fuel: Fuel
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

  @Test func theWhitePapersExample() throws {
    for price in ["120", "120Gholon", "120.0", "120000000000holon"] {
      let money = try quote("--fuel", "120000", "--fuel-price", price, "--json").json(Money.self)
      #expect(money.fee == (try TokenAmount(emeth: "0.0144")))
      #expect(money.verifierFee == (try TokenAmount(emeth: "0.00072")))
      #expect(money.escrow == (try TokenAmount(emeth: "0.01512")))
      #expect(money.deposit == money.escrow)
      #expect(money.failedPenalty == (try TokenAmount(emeth: "0.0036")))
    }
    let text = try quote("--fuel=120000").output
    #expect(text.contains("fee (at most)        0.0144 EMETH\n"))
  }

  @Test func ruleSets() throws {
    let initial = try quote("--fuel", "1000", "--rules", "core-2023-initial", "--json").json(Money.self)
    #expect(initial.deposit == .zero && initial.failedPenalty == .zero)
    let tooSmall = try quote("--fuel", "1000", "--rules", "round3-2")
    #expect(tooSmall.exitCode == 3)
    #expect(tooSmall.output == "")
    let wrong = try quote("--fuel", "1", "--rules", "standart")
    #expect(wrong.exitCode == 2)
    #expect(wrong.errors.contains("did you mean 'standard'?"))
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
    #expect(job.subJob.fuel == fuel)
    #expect(job.job.fuel.units == fuel.units * 15)
    #expect(job.recordsPerPart == (job.records + 2) / 3)
    // 10 segments of 4 steps; two drawn and the last.
    #expect(job.verification.segments == 10 && job.verification.replayed == 3)
    #expect(job.verification.fuelPerSubJob == (try FuelFormula.training(model: shape, tokens: 12 * 6 * 64)))
    let all = try quote("text", "--steps", "40", "--check-segments", "all", "--json").json(Job.self)
    #expect(all.verification.fuelPerSubJob == all.subJob.fuel)
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
      (["text", "--parallel", "0"], 2, "found 0, allowed 1...511"), (["text", "--fuel", "1"], 2, "--fuel"),
      ([], 2, "found neither"), (["text", "--heads", "3"], 2, "--heads must divide --width"),
      (["text", "--preset", "gpt2"], 2, "needs --tokenizer"),
      (["text", "--preset", "tiney"], 2, "did you mean 'tiny'?"),
      (["text", "--learning-rate", "0"], 2, "out of range"),
      (["text", "--learning-rate", "1e-400"], 2, "not allowed"),
      (["text", "--init", "none"], 4, "none"),
      (["text", "--init", "m", "--layers", "2"], 2, "--layers can't be given with --init"),
      (["--fuel", "18446744073709551616"], 2, "--fuel"),
      (["--fuel", "1", "--fuel-price", "0.0000000001"], 2, "--fuel-price"),
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
