import Foundation
import Testing

/// Program 2 by `emeth run` and `emeth submit-job`: prompts that a model continues, as `emeth generate` does.
@Suite struct RunGenerationTests {
  private let scratch: ScratchFolder

  private static let prompts = """
    {"id":"a","prompt":"the cat"}
    {"id":"b","prompt":"on the","maxTokens":30,"temperature":0}
    {"id":"c","prompt":"sat","seed":"another","topK":0,"topP":0.8,"repetitionPenalty":1.2}
    {"id":"d","prompt":"mat.\\nthe","stop":["sat","cat"],"maxTokens":60}

    """

  init() throws {
    scratch = try ScratchFolder()
    try scratch.write(String(repeating: "the cat sat on the mat.\n", count: 120), to: "text")
    try scratch.write(Self.prompts, to: "prompts.jsonl")
  }

  private func emeth(_ line: String) throws -> ProgramResult {
    try Program.run(executable: Program.url, SmallJob.words(line), in: scratch.url)
  }

  private func succeed(_ line: String) throws -> ProgramResult {
    let result = try emeth(line)
    try #require(result.exitCode == 0, "\(line): \(result.errors)")
    return result
  }

  private func train(steps: Int = 30) throws {
    _ = try succeed(
      "train text --out model --steps \(steps) --layers 1 --heads 2 --width 16 --context 24 --batch 4 --learning-rate 0.01"
    )
  }

  private struct Line: Decodable, Equatable {
    var id: String
    var text: String
    var ending: String
    var promptTokens: Int
    var tokens: Int
  }

  private func lines(_ path: String) throws -> [Line] {
    try scratch.read(path).split(separator: "\n").map {
      try JSONDecoder().decode(Line.self, from: Data($0.utf8))
    }
  }

  private struct Output: Decodable {
    var status: String
    var program: String
    var result: String
  }

  private struct Generated: Decodable {
    var text: String
    var tokens: [UInt32]
    var ending: String
  }

  private func generated(_ prompt: String, _ flags: String) throws -> Generated {
    let result = try Program.run(
      executable: Program.url, ["generate", "model", "--json", "--prompt", prompt] + SmallJob.words(flags),
      in: scratch.url)
    try #require(result.exitCode == 0, "\(result.errors)")
    return try result.json(Generated.self)
  }

  @Test func theTextsAreThoseOfGenerate() throws {
    try train()
    let line = "run prompts.jsonl --program 2 --model model --max-tokens 20 --top-k 7 --parallel 3 --nodes 3"
    let output = try succeed("\(line) --out out --model-cache 1GB --json").json(Output.self)
    #expect(output.status == "VERIFIED" && output.program == "2")
    let texts = try lines("out/result.dat")
    #expect(texts.map(\.id) == ["a", "b", "c", "d"])
    let wanted = [
      ("the cat", "--max-tokens 20 --top-k 7"), ("on the", "--max-tokens 30 --top-k 7 --temperature 0"),
      ("sat", "--max-tokens 20 --top-k 0 --top-p 0.8 --repetition-penalty 1.2 --seed another"),
      ("mat.\nthe", "--max-tokens 60 --top-k 7 --stop sat --stop cat"),
    ]
    for (text, (prompt, flags)) in zip(texts, wanted) {
      let alone = try generated(prompt, flags)
      #expect(prompt + text.text == alone.text, "\(text)")
      #expect(text.tokens == alone.tokens.count && text.ending == alone.ending)
      #expect(text.promptTokens == prompt.utf8.count)
    }
    #expect(Set(texts.map(\.ending)) == ["maxTokens", "stop"])
    #expect(try emeth("verify out").exitCode == 0)
    let again = try succeed("\(line) --out out --json")
    #expect(again.errors.contains("nothing is done twice"))
    try scratch.write(
      scratch.read("out/result.dat").replacingOccurrences(of: "\"tokens\":30", with: "\"tokens\":31"),
      to: "out/result.dat")
    #expect(try emeth("verify out").exitCode == 1)
  }

  @Test func aTrainingJobsModelContinuesPrompts() throws {
    let flags = SmallJob.flags.joined(separator: " ")
    let job = try succeed("submit-job text --network net --parallel 2 \(flags)").output
      .trimmingCharacters(in: .newlines)
    let early = try emeth("submit-job prompts.jsonl --program 2 --model \(job) --network net")
    #expect(early.exitCode != 0 && early.errors.contains("no model"), "\(early.errors)")
    _ = try succeed("run --network net --nodes 2")
    _ = try succeed("fetch-result \(job) --network net --out trained")
    var results: [[Line]] = []
    // Nothing is fetched for this: no key is asked for.
    let dry = "submit-job prompts.jsonl --program 2 --dry-run --server http://127.0.0.1:9 --model"
    #expect(try succeed("\(dry) trained").output.hasPrefix("program 2: 4 records"))
    for (model, name) in [(job, "first"), ("trained", "second")] {
      let line = "submit-job prompts.jsonl --program 2 --model \(model) --network net --parallel 2"
      let cost = try succeed("\(line) --dry-run").output
      #expect(cost.hasPrefix("program 2: 4 records in 2 parts, 2 fuel"), "\(cost)")
      let prompts = try succeed(line).output.trimmingCharacters(in: .newlines)
      _ = try succeed("run --network net")
      _ = try succeed("fetch-result \(prompts) --network net --out \(name)")
      _ = try succeed("verify \(name)")
      results.append(try lines("\(name)/result.dat"))
    }
    #expect(results[0] == results[1] && results[0].count == 4)
  }

  struct Refusal: Sendable, CustomTestStringConvertible {
    var testDescription: String { line }
    var line: String
    var exitCode: Int32
    var message: String

    init(_ line: String, _ exitCode: Int32, _ message: String) {
      (self.line, self.exitCode, self.message) = (line, exitCode, message)
    }
  }

  @Test(arguments: [
    Refusal("prompts.jsonl --program 2", 2, "--program 2 needs --model FOLDER|JOB"),
    Refusal("prompts.jsonl --program 2 --model nowhere", 4, "nowhere"),
    Refusal("prompts.jsonl --program 2 --model 1f2e3d4c", 4, "1f2e3d4c"),
    Refusal("prompts.jsonl --program 2 --model text", 3, "text is not a folder"),
    Refusal("prompts.jsonl --program 2 --model empty", 4, "--model: "),
    Refusal("prompts.jsonl --program 2 --model model --max-tokens 0", 3, "maxTokens: found 0"),
    Refusal("prompts.jsonl --program 2 --model model --param a=1", 3, "2 has no parameters"),
    Refusal("prompts.jsonl --program 2 --model model --steps 3", 2, "--steps is for a training"),
    Refusal("prompts.jsonl --program 2 --model model --parallel 5", 3, "5"),
    Refusal("prompts.jsonl --program 999 --top-k 3", 2, "--top-k is for program 2"),
    Refusal("prompts.jsonl --model model", 2, "--model is for other programs"),
    Refusal("text --program 2 --model model", 3, "line 1 is not JSON"),
    Refusal("long.jsonl --program 2 --model model", 3, "line 2: prompt: found 25 tokens"),
    Refusal("field.jsonl --program 2 --model model", 3, #"line 1: field: found "max_tokens""#),
  ])
  func whatIsRefusedLeavesNothingBehind(refusal: Refusal) throws {
    if refusal.line.contains("--model model") { try train(steps: 1) }
    try FileManager.default.createDirectory(
      at: scratch.url.appending(path: "empty"), withIntermediateDirectories: false)
    try scratch.write(
      #"{"id":"a","prompt":"b"}"# + "\n" + #"{"id":"b","prompt":"0123456789012345678901234"}"#,
      to: "long.jsonl")
    try scratch.write(#"{"id":"a","prompt":"b","max_tokens":3}"#, to: "field.jsonl")
    let before = try FileManager.default.contentsOfDirectory(atPath: scratch.url.path).sorted()
    let result = try emeth("run \(refusal.line) --json")
    #expect(result.exitCode == refusal.exitCode, "\(result.errors)")
    let error = try JSONDecoder().decode(ErrorObject.self, from: Data(result.errors.utf8))
    #expect(error.readable.contains(refusal.message), "\(error.readable)")
    #expect(result.output.isEmpty)
    #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.url.path).sorted() == before)
  }
}
