import EmethKit
import Foundation
import Testing

/// train, evaluate, generate, tokenize and devices on the real binary, with a model of a few thousand
/// parameters.
@Suite struct ModelCommandTests {
  private let scratch: ScratchFolder

  init() throws {
    scratch = try ScratchFolder()
    try scratch.write(String(repeating: "the cat sat on the mat.\n", count: 120), to: "text")
  }

  private static let tinyFlags = [
    "--layers", "1", "--heads", "2", "--width", "16", "--context", "16", "--batch", "4", "--learning-rate",
    "0.01",
  ]

  private struct Training: Decodable {
    var model: String
    var parameters: Int
    var steps: Int
    var initialLoss: Double?
    var trainLoss: Double
    var validationLoss: Double?
    var tokensPerSecond: Double
    var stateRoot: String
  }

  private struct Evaluation: Decodable {
    var loss: Double
    var perplexity: Double
    var bitsPerByte: Double
    var tokens: Int
    var windows: Int
    var bytes: Int
  }

  private struct Generation: Decodable {
    var prompt: String
    var text: String
    var tokens: [UInt32]
    var ending: String
  }

  private func emeth(
    _ arguments: [String], input: String = "", environment: [String: String] = [:]
  ) throws -> ProgramResult {
    try Program.run(
      executable: Program.url, arguments, input: input, environment: environment, in: scratch.url)
  }

  private func train(
    _ out: String, steps: Int = 60, _ flags: [String] = [], environment: [String: String] = [:]
  ) throws -> Training {
    let result = try emeth(
      ["train", "text", "--out", out, "--steps", "\(steps)", "--json"] + Self.tinyFlags + flags,
      environment: environment)
    #expect(result.exitCode == 0, "\(result.errors)")
    #expect(result.errors == "", "quiet when not on a terminal")
    return try result.json(Training.self)
  }

  @Test func trainingLearnsAndIsTheSameOnEveryMachine() throws {
    let first = try train("model")
    #expect(first.parameters == 7664)
    #expect(try #require(first.validationLoss) < (try #require(first.initialLoss)) - 1.5)
    #expect(first.stateRoot.wholeMatch(of: /0x[0-9a-f]{64}/) != nil)
    #expect(Set(try scratch.names()) == ["model", "text"], "no working folder and no checkpoint is left")
    for name in ["config.json", "model.safetensors", "loss.svg", "loss.png"] {
      #expect(FileManager.default.fileExists(atPath: scratch.path("model/\(name)")))
    }
    #expect(try train("threads", ["--threads", "1"]).stateRoot == first.stateRoot)
    #expect(try train("portable", environment: ["EMETH_CPU": "portable"]).stateRoot == first.stateRoot)
    #expect(try train("seed", ["--seed", "2"]).stateRoot != first.stateRoot)

    // What is read back is what was trained, measured in the same windows.
    let evaluated = try emeth(["evaluate", "text", "--model", "model", "--share", "validation", "--json"])
      .json(
        Evaluation.self)
    #expect(abs(evaluated.loss - (first.validationLoss ?? 0)) < 1e-9)
    #expect(abs(evaluated.perplexity - exp(evaluated.loss)) < 1e-9)
    #expect(abs(evaluated.bitsPerByte - evaluated.loss / log(2)) < 1e-9)
    let whole = try emeth(["evaluate", "text", "--model", "model", "--json"]).json(Evaluation.self)
    // 2,880 bytes are 179 whole windows of 16, each with the byte that follows it.
    #expect(whole.windows == 179 && whole.tokens == 179 * 16 && whole.bytes == whole.tokens)
    #expect(
      try emeth(["evaluate", "-", "--model", "model", "--json"], input: scratch.read("text")).json(
        Evaluation.self
      ).loss
        == whole.loss)
  }

  @Test func fineTuningStartsFromAModel() throws {
    let base = try train("base")
    let result = try emeth([
      "train", "text", "--init", "base", "--out", "tuned", "--steps", "5", "--batch", "4", "--json",
    ])
    let tuned = try result.json(Training.self)
    #expect(tuned.initialLoss == base.validationLoss)
    #expect(tuned.parameters == base.parameters)
  }

  @Test func generationFollowsPromptAndSeed() throws {
    _ = try train("model")
    let flags = ["generate", "model", "--prompt", "the cat", "--max-tokens", "30"]
    let streamed = try emeth(flags)
    #expect(streamed.exitCode == 0)
    #expect(streamed.output.hasPrefix("the cat"))
    #expect(streamed.errors == "")
    let generated = try emeth(flags + ["--json"]).json(Generation.self)
    #expect(generated.tokens.count == 30)
    #expect(streamed.output == generated.text + "\n")
    #expect(try emeth(flags).output == streamed.output)
    #expect(try emeth(flags + ["--seed", "2"]).output != streamed.output)
    let greedy = try emeth(flags + ["--temperature", "0"]).output
    #expect(try emeth(flags + ["--temperature", "0", "--seed", "9"]).output == greedy)
    #expect(try emeth(flags + ["--top-k", "1"]).output == greedy)
    #expect(
      try emeth(["generate", "model", "--prompt", "-", "--max-tokens", "0"], input: "吾輩は").output == "吾輩は\n")
    #expect(try emeth(["generate", "model", "--max-tokens", "5"]).exitCode == 0)
    let line = "\"$EMETH\" generate model --max-tokens 2000 | head -c 5 > /dev/null; echo ${PIPESTATUS[0]}"
    #expect(try Program.shell(line, in: scratch.url).output == "0\n")
  }

  @Test func stopTextsEndTheTextBeforeThem() throws {
    _ = try train("model")
    let flags = ["generate", "model", "--prompt", "the cat", "--max-tokens", "60", "--top-k", "3"]
    let whole = try emeth(flags + ["--json"]).json(Generation.self)
    #expect(whole.ending == "maxTokens")
    let tail = whole.text.dropFirst(20)
    let stop = String(tail.prefix(3))
    let stops = flags + ["--stop", "neither this", "--stop", stop]
    let cut = try emeth(stops + ["--json"]).json(Generation.self)
    let drawn = whole.text.dropFirst("the cat".count)
    let expected = "the cat" + drawn[..<(drawn.range(of: stop)?.lowerBound ?? drawn.endIndex)]
    #expect(cut.text == expected && cut.ending == "stop")
    #expect(whole.tokens.starts(with: cut.tokens) && cut.tokens.count < whole.tokens.count)
    #expect(try emeth(stops).output == expected + "\n")
  }

  @Test func severalTextsAreDrawnSideBySide() throws {
    _ = try train("model")
    let flags = ["generate", "model", "--prompt", "the ", "--max-tokens", "20", "--top-p", "0.95"]
    let one = try emeth(flags + ["--json"]).json(Generation.self)
    let three = try emeth(flags + ["--count", "3", "--json"]).json([Generation].self)
    #expect(three.count == 3 && three[0].tokens == one.tokens)
    #expect(Set(three.map(\.tokens)).count == 3)
    #expect(
      try emeth(flags + ["--count", "3"]).output == three.map { $0.text + "\n" }.joined(separator: "---\n"))
    #expect(
      try emeth(["generate", "model", "--prompt", "the ", "--count", "3", "--max-tokens", "0"]).output
        == "the \n---\nthe \n---\nthe \n")
    for dtype in ["f16", "int8"] {
      let small = try emeth(flags + ["--dtype", dtype, "--json"]).json(Generation.self)
      #expect(small.tokens.count == 20)
      #expect(
        try emeth(
          flags + ["--dtype", dtype, "--threads", "3", "--json"], environment: ["EMETH_CPU": "portable"]
        )
        .json(Generation.self).tokens == small.tokens)
    }
    let penalised = try emeth(flags + ["--repetition-penalty", "1.5", "--json"]).json(Generation.self)
    #expect(penalised.tokens != one.tokens)
  }

  private struct GenerationSpeed: Decodable {
    var tokensPerSecond: Double
    var bytesPerSecond: Double
    var ratio: Double
  }

  @Test(arguments: ["f32", "f16", "int8"])
  func generationIsMeasured(dtype: String) throws {
    let flags = ["benchmark", "generate", "--preset", "tiny", "--dtype", dtype, "--tokens", "16"]
    let speed = try emeth(flags + ["--batch", "2", "--json"]).json(GenerationSpeed.self)
    #expect(speed.tokensPerSecond > 0 && speed.bytesPerSecond > 0 && speed.ratio > 0)
    // Weights are read once for both texts.
    let weights = speed.bytesPerSecond / (speed.tokensPerSecond / 2)
    let matrices = Double(4 * 12 * 128 * 128 + 256 * 128)
    let sizes: [String: Double] = ["f32": 4, "f16": 2, "int8": 1.0625]
    let size = try #require(sizes[dtype])
    #expect(weights >= matrices * size && weights < matrices * size * 1.2)
    #expect(try emeth(flags).output.contains("tokens per second"))
  }

  @Test func badInputLeavesNothing() throws {
    try scratch.write("tiny", to: "short")
    try scratch.write("", to: "empty")
    try scratch.write("x", to: "one")
    try Data([0x61, 0x62, 0x63, 0xFF, 0x64]).write(to: scratch.url.appending(path: "bytes"))
    try FileManager.default.createDirectory(atPath: scratch.path("full"), withIntermediateDirectories: false)
    try scratch.write("x", to: "full/file")
    let before = try scratch.names()
    let cases: [([String], Int32, String)] = [
      (["train", "text"], 2, "--out MODEL is missing"), (["train", "none", "--out", "m"], 4, "no such file"),
      (["train", "short", "--out", "m"], 3, "shorter than one window"),
      (["train", "text", "--out", "full"], 4, "not empty"),
      (["train", "text", "--out", "none/m"], 4, "no such file or folder: none"),
      (["train", "text", "--out", "text"], 4, "exists already"),
      (["train", "text", "--out", "m", "--steps", "0"], 2, "1...1000000"),
      (["train", "text", "--out", "m", "--threads", "0"], 2, "1...1024"),
      (["evaluate", "text", "--model", "none"], 4, "none"),
      (["evaluate", "text"], 2, "--model MODEL is missing"),
      (["evaluate", "text", "--model", "full"], 4, "full"), (["generate", "none"], 4, "none"),
      (["train", "text", "--out", "m", "--warmup", "-1"], 2, "0...1000000"),
      (["train", "text", "--out", "m", "--validation-share", "1"], 2, "0.0 to 0.9"),
      (["train", "text", "--out", "m", "--profile", "slow"], 2, "reproducible"),
      (["train", "text", "--out", "m", "--resume"], 4, "no checkpoint in m.checkpoint"),
      (["train", "empty", "--out", "m"], 3, "empty"),
      (["train", "one", "--out", "m"], 3, "shorter than one window"),
      (["train", "bytes", "--out", "m"], 3, "byte 3"), (["train", "full", "--out", "m"], 3, "folder"),
      (["train", "text", "--out", "m", "--width", "4096", "--layers", "256"], 4, "MiB are available"),
      (["generate", "none", "--temperature", "-1"], 2, "found -1"),
      (["generate", "none", "--prompt", ""], 2, "not empty"),
      (["generate", "none", "--stop", ""], 2, "not empty"),
      (["generate", "none", "--top-p", "0"], 2, "found 0"),
      (["generate", "none", "--repetition-penalty", "0"], 2, "found 0"),
      (["generate", "none", "--dtype", "f64"], 2, "f32, f16, int8"),
      (["generate", "none", "--count", "0"], 2, "1...1024"),
      (["benchmark", "generate", "--tokens", "1"], 2, "8...100000"),
      (["tokenize", "none"], 4, "none"), (["tokenize", "text", "--tokenizer", "full"], 4, "full"),
    ]
    for (arguments, exitCode, text) in cases {
      let result = try emeth(arguments)
      #expect(result.exitCode == exitCode, "\(arguments): \(result.errors)")
      #expect(result.output == "")
      #expect(result.errors.contains(text), "\(arguments): \(result.errors)")
      #expect(try scratch.names() == before, "\(arguments)")
    }
    let cpu = try emeth(["devices"], environment: ["EMETH_CPU": "z80"])
    #expect(cpu.exitCode == 4)
    #expect(cpu.errors.contains("z80"))
  }

  @Test(arguments: ["INT", "TERM"])
  func interruptionEndsInOrder(signal: String) throws {
    let flags = Self.tinyFlags.joined(separator: " ")
    let line = """
      "$EMETH" train text --out model --steps 1000000 \(flags) & child=$!
      until ls -A | grep -q '^model[.]checkpoint'; do sleep 0.05; done
      kill -\(signal) $child; wait $child; echo $?
      """
    let result = try Program.shell(line, in: scratch.url)
    #expect(result.output == "130\n")
    #expect(result.errors.contains("emeth: error: interrupted\n"))
    #expect(result.errors.contains("go on with `emeth train text --out model --resume`"))
    #expect(try scratch.names() == ["model.checkpoint", "text"])
  }

  @Test func tokensOfAText() throws {
    #expect(try emeth(["tokenize", "-"], input: "猫\n").output == "231 140 171 10\n")
    #expect(try emeth(["tokenize", "-", "--count"], input: "猫\n").output == "4\n")
    struct Tokens: Decodable {
      var tokenCount: Int
      var tokens: [UInt32]?
    }
    #expect(try emeth(["tokenize", "-", "--json"], input: "ab").json(Tokens.self).tokens == [97, 98])
    #expect(try emeth(["tokenize", "-", "--json", "--count"], input: "ab").json(Tokens.self).tokens == nil)
    _ = try train("model", steps: 1)
    #expect(try emeth(["tokenize", "-", "--tokenizer", "model"], input: "ab").output == "97 98\n")
  }

  @Test func devicesNameTheChosenSet() throws {
    struct Devices: Decodable {
      struct Device: Decodable {
        var name: String
        var instructionSets: [String]
        var chosen: String
        var threads: Int
      }

      var devices: [Device]
    }
    let device = try #require(
      try emeth(["devices", "--json", "--threads", "3"]).json(Devices.self).devices.first)
    #expect(device.name == "cpu" && device.threads == 3)
    #expect(device.instructionSets.contains(device.chosen))
    for set in device.instructionSets {
      let forced = try emeth(["devices", "--json"], environment: ["EMETH_CPU": set]).json(Devices.self)
      #expect(forced.devices.first?.chosen == set)
    }
    #expect(try emeth(["devices"]).output.hasPrefix("device  chosen"))
  }
}
