import Foundation
import Testing

/// --privacy-noise, --privacy-clip, --privacy-delta and --mask-vocabulary.
@Suite struct PrivacyCommandTests {
  private let scratch: ScratchFolder

  init() throws {
    scratch = try ScratchFolder()
    try scratch.write(SmallJob.text, to: "text.txt")
  }

  private func emeth(_ arguments: [String]) throws -> ProgramResult {
    try Program.run(executable: Program.url, arguments, in: scratch.url)
  }

  private struct Output: Decodable {
    struct Privacy: Decodable, Equatable {
      var epsilon: Double
      var epsilonOneThirdHonest: Double
      var delta: Double
      var noise: Double
      var clip: Double
      var rounds: Int
    }

    var privacy: Privacy?
  }

  @Test func aRunTellsWhatItsNoisePromises() throws {
    let noise = SmallJob.words("--privacy-noise 4 --privacy-clip 0.5 --privacy-delta 1e-5")
    let first = try emeth(["run", "text.txt"] + SmallJob.flags + noise + ["--out", "a", "--json"])
    let privacy = try #require(try first.json(Output.self).privacy)
    #expect(privacy.delta == 1e-5 && privacy.noise == 4 && privacy.clip == 0.5 && privacy.rounds == 2)
    // Two Gaussians of multiplier 4 at δ 10^-5 are worth ε 1.6, and the rounding of little.
    #expect(privacy.epsilon > 1.4 && privacy.epsilon < 1.7)
    #expect(privacy.epsilonOneThirdHonest > privacy.epsilon)
    #expect(first.errors.contains("privacy of a part: ε "))
    let second = try emeth(
      ["run", "text.txt"] + SmallJob.flags + noise + ["--out", "b", "--threads", "1", "--json"])
    #expect(try second.comparable() == first.comparable())
    #expect(try emeth(["verify", "a"]).exitCode == 0)

    let quote = try emeth(["quote", "text.txt"] + SmallJob.flags + noise + ["--json"])
    let expected = try #require(try quote.json(Output.self).privacy)
    #expect(abs(expected.epsilon - privacy.epsilon) < 0.05 && expected.rounds == 2)
    #expect(try emeth(["quote", "text.txt"] + SmallJob.flags + noise).output.contains("privacy "))
    let plain = try emeth(["quote", "text.txt"] + SmallJob.flags + ["--json"])
    #expect(try plain.json(Output.self).privacy == nil && !plain.output.contains("privacy"))
  }

  @Test func aMaskedRunLeavesAModelThatItsTokenizerFits() throws {
    let result = try emeth(
      ["run", "text.txt"] + SmallJob.longerFlags + ["--mask-vocabulary", "--out", "model", "--json"])
    #expect(result.exitCode == 0, "\(result.errors)")
    let run = try result.run()
    let key = scratch.url.appending(path: "model/job/vocabulary-mask")
    #expect(FileManager.default.fileExists(atPath: key.path))
    #expect(try emeth(["verify", "model"]).exitCode == 0)
    // The model that was written has the loss of the masked one, on the text as it stands.
    let whole = try emeth(["evaluate", "text.txt", "--model", "model", "--json"])
    struct Evaluation: Decodable { var loss: Double }
    let loss = try whole.json(Evaluation.self).loss
    #expect(abs(loss - run.validationLoss) < 0.5 && loss < run.initialLoss - 0.2)
    let written = try emeth(["generate", "model", "--prompt", "the ", "--max-tokens", "20"])
    #expect(written.exitCode == 0 && written.output.hasPrefix("the "))
    // Another key is another model; no key leaves the nodes' model to check, which this is not.
    try Data(("0x" + String(repeating: "12", count: 32) + "\n").utf8).write(to: key)
    #expect(try emeth(["verify", "model"]).exitCode == 1)
    try FileManager.default.removeItem(at: key)
    #expect(try emeth(["verify", "model"]).exitCode == 1)
  }

  @Test(arguments: [
    ("--privacy-noise 4", "--privacy-noise needs --privacy-clip"),
    ("--privacy-clip 4", "--privacy-clip belongs to --privacy-noise"),
    ("--privacy-delta 0.01", "--privacy-delta belongs to --privacy-noise"),
    ("--privacy-noise 0 --privacy-clip 1", "above 0"),
    ("--privacy-noise 1001 --privacy-clip 1", "at most 1000"),
    ("--privacy-noise x --privacy-clip 1", "decimal number"),
    ("--privacy-noise 0.0001 --privacy-clip 1", "0.001 to 1000"),
    ("--privacy-noise 1 --privacy-clip 0.12345678901", "9 decimals at most"),
    ("--privacy-noise 1 --privacy-clip 1 --privacy-delta 0.5", "at most 0.1"),
    ("--mask-vocabulary=yes", "mask-vocabulary"),
  ])
  func badFlagsAreRefusedAndNothingIsLeft(flags: String, reason: String) throws {
    for command in ["run", "submit-job", "quote"] {
      let result = try emeth([command, "text.txt"] + SmallJob.flags + SmallJob.words(flags))
      #expect(result.exitCode == 2 && result.output.isEmpty)
      #expect(result.errors.contains(reason), "\(result.errors)")
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.url.path) == ["text.txt"])
  }

  @Test func aMaskIsRefusedWithAGivenModelAndInAQueue() throws {
    let made = try emeth(["run", "text.txt"] + SmallJob.flags + ["--out", "model"])
    #expect(made.exitCode == 0)
    let given = try emeth(["run", "text.txt", "--init", "model", "--mask-vocabulary", "--out", "other"])
    #expect(given.exitCode == 2 && given.errors.contains("--mask-vocabulary can't be given with --init"))
    let queue = try emeth(["run", "--network", "net", "--mask-vocabulary"])
    #expect(queue.exitCode == 2 && queue.errors.contains("--mask-vocabulary belongs to a DATASET"))
  }
}
