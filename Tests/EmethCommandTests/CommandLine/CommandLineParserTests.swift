import Testing

@testable import emeth_cli

@Suite struct CommandLineParserTests {
  private func parse(_ line: String) throws(UsageError) -> ParsedCommand {
    let words = line.split(separator: " ").map(String.init)
    return try CommandLineParser.parse(words, for: SampleCommands.paint.definition)
  }

  @Test func absentFlagsHaveTheirDefaults() throws {
    let parsed = try parse("data.txt")
    #expect(parsed[SampleCommands.dataset] == "data.txt")
    #expect(parsed[SampleCommands.shift] == nil)
    #expect(parsed[SampleCommands.nodes] == 4)
    #expect(parsed[SampleCommands.parts] == nil)
    #expect(parsed[SampleCommands.shade] == .middle)
    #expect(parsed[SampleCommands.rate] == 0.5)
    #expect(parsed[SampleCommands.json] == false)
    #expect(!parsed.isGiven(SampleCommands.nodes))
  }

  @Test func bothFormsOfAValueAreRead() throws {
    for line in ["d --nodes 7 --parts=3 --shade dark", "--nodes=7 --parts 3 d --shade=dark"] {
      let parsed = try parse(line)
      #expect(parsed[SampleCommands.nodes] == 7)
      #expect(parsed[SampleCommands.parts] == 3)
      #expect(parsed[SampleCommands.shade] == .dark)
      #expect(parsed.isGiven(SampleCommands.nodes))
    }
  }

  @Test func shortFormsAndEqualSignsInValues() throws {
    #expect(try parse("d -o x")[SampleCommands.out] == "x")
    #expect(try parse("d -o=x")[SampleCommands.out] == "x")
    #expect(try parse("d --out=a=b")[SampleCommands.out] == "a=b")
  }

  @Test func dashIsStandardInputAndDoubleDashEndsFlags() throws {
    #expect(try parse("-")[SampleCommands.dataset] == "-")
    #expect(try parse("-- --nodes")[SampleCommands.dataset] == "--nodes")
    #expect(try parse("--out - d")[SampleCommands.out] == "-")
    #expect(throws: UsageError.missingValue(flag: "--out", valueName: "FOLDER", command: "paint")) {
      try parse("d --out --")
    }
  }

  @Test func negativeNumbersAreValuesAndArguments() throws {
    #expect(try parse("d --rate -0.25")[SampleCommands.rate] == -0.25)
    #expect(try parse("d --rate -.5")[SampleCommands.rate] == -0.5)
    #expect(try parse("d -3")[SampleCommands.shift] == -3)
  }

  @Test(arguments: [
    ("0", true), ("65", true), ("-1", true), ("99999999999999999999", true), ("four", false), ("4.0", false),
    ("+4", false), ("", false),
  ])
  func valuesOutOfRangeNameFoundAndAllowed(value: String, isOutOfRange: Bool) throws {
    let error = #expect(throws: UsageError.self) {
      try CommandLineParser.parse(["d", "--nodes=\(value)"], for: SampleCommands.paint.definition)
    }
    let refusal = ValueRefusal(allowed: "1...64", isOutOfRange: isOutOfRange)
    #expect(error == .valueRefused(place: "--nodes", found: value, refusal: refusal, command: "paint"))
    #expect(error?.report.exitCode == .usage)
    #expect(error?.message.contains("allowed 1...64") == true)
    #expect(error?.details["found"] == value)
  }

  @Test(arguments: ["nan", "inf", "1e999", "2", "x"])
  func realsAreFiniteAndInRange(value: String) {
    #expect(throws: UsageError.self) {
      try CommandLineParser.parse(["d", "--rate", value], for: SampleCommands.paint.definition)
    }
  }

  @Test func flagsThatMayBeRepeatedKeepAllValuesInOrder() throws {
    let names = Flag(repeated: "name", short: "n", .text, help: "a name")
    let definition = CommandDefinition("call", section: .keys, summary: "call", flags: [names])
    func parse(_ words: String...) throws(UsageError) -> ParsedCommand {
      try CommandLineParser.parse(words, for: definition)
    }
    #expect(try parse()[names] == [] && !parse().isGiven(names))
    #expect(try parse("-n", "a", "--name=b", "--name", "a")[names] == ["a", "b", "a"])
    #expect(throws: UsageError.self) { try parse("-n", "a", "-n", "") }
    #expect(HelpWriter.describe(names.definition).contains("may be repeated"))
    let script = CompletionScript(commands: [definition]).text(for: .zsh)
    #expect(script.contains("'*--name=[a name]"))
  }

  @Test func repeatedFlagsAreRefused() {
    for line in ["d --json --json", "d --nodes 1 --nodes=1", "d -o x --out x"] {
      let error = #expect(throws: UsageError.self) { try parse(line) }
      #expect(error?.code == "usage.repeatedFlag")
    }
  }

  @Test func everyMistakeHasItsOwnError() {
    let cases: [(String, String)] = [
      ("d --node 3", "usage.unknownFlag"), ("d -x", "usage.unknownFlag"), ("d --nodes", "usage.missingValue"),
      ("d --nodes --json", "usage.missingValue"), ("d --json=1", "usage.needlessValue"),
      ("", "usage.missingArgument"),
      ("d 1 2", "usage.tooManyArguments"), ("d 10", "usage.valueOutOfRange"),
      ("d --shade bright", "usage.valueNotAllowed"),
      ("d --out=", "usage.valueNotAllowed"), ("d --count -1", "usage.valueNotAllowed"),
      ("d ---", "usage.unknownFlag"),
      ("d --=3", "usage.unknownFlag"),
    ]
    for (line, code) in cases {
      let error = #expect(throws: UsageError.self) { try parse(line) }
      #expect(error?.code == code, "\(line)")
      #expect(error?.message.hasPrefix("paint: ") == true)
      #expect(error?.hint != nil)
    }
  }

  @Test func suggestionsForCommandsFlagsAndWords() throws {
    let parser = CommandLineParser(commands: SampleCommands.table)
    #expect(throws: UsageError.unknownCommand(found: "pant", nearest: ["paint"])) {
      try parser.parse(["pant"])
    }
    #expect(throws: UsageError.unknownFlag(found: "--noeds", command: "paint", nearest: ["--nodes"])) {
      try parse("d --noeds=3")
    }
    let error = #expect(throws: UsageError.self) { try parse("d --shade drak") }
    #expect(error?.hint == "did you mean 'dark'?")
  }

  @Test func requiredFlags() throws {
    let definition = SampleCommands.sign.definition
    let error = #expect(throws: UsageError.self) { try CommandLineParser.parse([], for: definition) }
    #expect(error == .missingFlag(flag: "--key-file", valueName: "FILE", command: "sign"))
    #expect(try CommandLineParser.parse(["--key-file", "k"], for: definition)[SampleCommands.key] == "k")
  }

  @Test func helpWinsOverMistakes() throws {
    let parser = CommandLineParser(commands: SampleCommands.table)
    for words in [["paint", "--help"], ["paint", "--nonsense", "-h"], ["sign", "--help"]] {
      guard case .help(let definition) = try parser.parse(words) else {
        Issue.record("no help for \(words)")
        continue
      }
      #expect(definition.name == words[0])
    }
    guard case .overview = try parser.parse(["-h"]), case .version = try parser.parse(["--version"]) else {
      Issue.record("no overview or version")
      return
    }
    #expect(throws: UsageError.noCommand) { try parser.parse([]) }
    guard case .run = try parser.parse(["paint", "--", "--help"]) else {
      Issue.record("--help after -- is an argument")
      return
    }
  }

  @Test func aRepeatedArgumentTakesAllThatFollow() throws {
    let mode = Argument("MODE", .text, help: "how")
    let files = Argument(repeated: "FILE", .integer(in: 0...9), help: "numbers")
    let definition = CommandDefinition("add", section: .program, summary: "add", arguments: [mode, files])
    #expect(definition.usageLine == "emeth add MODE FILE...")
    #expect(try CommandLineParser.parse(["a", "3", "1", "2"], for: definition)[files] == [3, 1, 2])
    #expect(throws: UsageError.self) { try CommandLineParser.parse(["a"], for: definition) }
    #expect(throws: UsageError.self) { try CommandLineParser.parse(["a", "1", "x"], for: definition) }
  }
}
