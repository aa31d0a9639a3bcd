import Foundation
import Testing

/// tokenize, train-tokenizer and benchmark tokenize on the real binary.
@Suite struct TokenizerCommandTests {
  private let scratch: ScratchFolder

  init() throws {
    scratch = try ScratchFolder()
    try scratch.write(String(repeating: "the cat sat on the mat. 猫は雨を見ていた。\n", count: 50), to: "text")
  }

  private func emeth(_ arguments: [String], input: String = "") throws -> ProgramResult {
    try Program.run(executable: Program.url, arguments, input: input, in: scratch.url)
  }

  private struct Learned: Decodable {
    var byteCount: Int
    var hash: String
    var mergeCount: Int
    var tokenizer: String
    var vocabularySize: Int
    var wordCount: Int
  }

  private struct Tokenized: Decodable {
    var byteCount: Int
    var out: String?
    var tokenCount: Int
    var tokens: [UInt32]?
    var vocabularySize: Int
  }

  private func learn(_ out: String, _ more: String...) throws -> Learned {
    try emeth(["train-tokenizer", "text", "--vocabulary", "280", "--out", out, "--json"] + more).json(
      Learned.self)
  }

  @Test func aVocabularyIsLearnedAndUsed() throws {
    let learned = try learn("tokenizer")
    #expect(learned.vocabularySize == 280 && learned.mergeCount == 24 && learned.tokenizer == "tokenizer")
    #expect(learned.byteCount == (try Data(contentsOf: scratch.url.appending(path: "text")).count))
    let names = try FileManager.default.contentsOfDirectory(atPath: scratch.path("tokenizer")).sorted()
    #expect(names == ["merges.txt", "tokenizer.json", "tokenizer_config.json", "vocab.json"])
    // Threads and the way of giving the text don't matter; twice the text counts twice, which changes no
    // order.
    #expect(try learn("again", "--threads", "3").hash == learned.hash)
    let text = try String(contentsOf: scratch.url.appending(path: "text"), encoding: .utf8)
    let streamed = try emeth(
      ["train-tokenizer", "-", "text", "--vocabulary", "280", "--out", "third", "--json"], input: text)
    #expect(try streamed.json(Learned.self).hash == learned.hash)

    let ids = try emeth(["tokenize", "text", "--tokenizer", "tokenizer"])
    let numbers = ids.output.split(whereSeparator: \.isWhitespace).compactMap { UInt32($0) }
    #expect(ids.exitCode == 0 && ids.output.hasSuffix("\n") && numbers.contains { $0 > 255 })
    let file = try emeth([
      "tokenize", "text", "--tokenizer", "tokenizer/tokenizer.json", "-o", "ids", "--json",
    ])
    let summary = try file.json(Tokenized.self)
    #expect(summary.tokenCount == numbers.count && summary.out == "ids" && summary.tokens == nil)
    let data = try Data(contentsOf: scratch.url.appending(path: "ids"))
    #expect(data == Data(numbers.flatMap { number in (0..<4).map { UInt8(number >> (8 * $0) & 0xFF) } }))
    let json = try emeth(["tokenize", "text", "--tokenizer", "tokenizer", "--json", "--threads", "3"])
    #expect(try json.json(Tokenized.self).tokens == numbers)
    #expect(
      try emeth(["tokenize", "text", "--tokenizer", "tokenizer", "--count"]).output == "\(numbers.count)\n")
  }

  @Test func aModelTrainsWithATokenizerFolderOrFile() throws {
    struct Trained: Decodable {
      var stateRoot: String
    }
    _ = try learn("tokenizer")
    func train(_ tokenizer: String, _ out: String) throws -> ProgramResult {
      try emeth(
        ["train", "text", "--layers", "1", "--heads", "1", "--width", "8", "--context", "8", "--steps", "3"]
          + ["--tokenizer", tokenizer, "--out", out, "--json"])
    }
    let byFolder = try train("tokenizer", "first").json(Trained.self)
    let byFile = try train("tokenizer/tokenizer.json", "second").json(Trained.self)
    #expect(byFolder.stateRoot == byFile.stateRoot)
    for (tokenizer, exitCode, words) in [("none", 4, "no such file"), ("text", 3, "text")]
      as [(String, Int32, String)]
    {
      let result = try train(tokenizer, "third")
      #expect(result.exitCode == exitCode && result.output == "", "\(result.errors)")
      #expect(result.errors.contains("--tokenizer: ") && result.errors.contains(words), "\(result.errors)")
    }
  }

  @Test func endOfTextIsTheFirstTokenOnRequest() throws {
    let learned = try learn("tokenizer", "--end-of-text")
    #expect(learned.vocabularySize == 280 && learned.mergeCount == 23)
    let vocabulary = try String(
      contentsOf: scratch.url.appending(path: "tokenizer/vocab.json"), encoding: .utf8)
    #expect(vocabulary.hasPrefix("{\"<|endoftext|>\": 0, "))
  }

  @Test func failuresLeaveNothing() throws {
    try Data([97, 98, 0xFF, 99]).write(to: scratch.url.appending(path: "bad"))
    try scratch.write("{\"model\":{\"type\":\"WordPiece\"}}", to: "other.json")
    try scratch.write("", to: "empty")
    let before = try scratch.names()
    let cases: [([String], Int32, String)] = [
      (["tokenize", "bad"], 3, "byte 2 is 0xff"),
      (["tokenize", "bad", "-o", "ids"], 3, "bad: text at byte 2"),
      (["tokenize", "empty"], 3, "empty"), (["tokenize", "text", "--tokenizer", "none"], 4, "none"),
      (["tokenize", "text", "--tokenizer", "other.json"], 3, "WordPiece"),
      (["tokenize", "text", "--count", "-o", "ids"], 2, "--count and --out"),
      (["train-tokenizer", "--vocabulary", "300", "--out", "x"], 2, "FILE"),
      (["train-tokenizer", "text", "--vocabulary", "255", "--out", "x"], 2, "256"),
      (["train-tokenizer", "text", "bad", "--vocabulary", "300", "--out", "x"], 3, "bad: text at byte 2"),
      (["train-tokenizer", "text", "empty", "--vocabulary", "300", "--out", "x"], 3, "empty"),
      (["train-tokenizer", "text", "none", "--vocabulary", "300", "--out", "x"], 4, "none"),
      (["train-tokenizer", "-", "-", "--vocabulary", "300", "--out", "x"], 2, "standard input"),
      (["train-tokenizer", "text", "--vocabulary", "300", "--out", "text"], 4, "text"),
    ]
    for (arguments, exitCode, text) in cases {
      let result = try emeth(arguments)
      #expect(result.exitCode == exitCode, "\(arguments): \(result.errors)")
      #expect(result.output == "")
      #expect(result.errors.contains(text), "\(arguments): \(result.errors)")
      #expect(try scratch.names() == before, "\(arguments)")
    }
  }

  @Test func theBenchmarkPrintsRates() throws {
    struct Report: Decodable {
      var byteCount: Int
      var encodeMegabytesPerSecond: Double
      var encodeMegabytesPerSecondOnAllCores: Double
      var trainMegabytesPerSecond: Double
    }
    let report = try emeth(["benchmark", "tokenize", "--text", "text", "--seconds", "1", "--json"])
      .json(Report.self)
    #expect(report.byteCount > 1_000 && report.encodeMegabytesPerSecond > 0)
    #expect(report.encodeMegabytesPerSecondOnAllCores > 0 && report.trainMegabytesPerSecond > 0)
  }
}
