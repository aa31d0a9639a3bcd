import Foundation
import Testing

/// What `emeth run` refuses: with which exit code and words, and that nothing is left behind.
@Suite struct RunRefusalTests {
  private let scratch: ScratchFolder

  init() throws {
    scratch = try ScratchFolder()
    try scratch.write(SmallJob.text, to: "text.txt")
    try scratch.write(String(SmallJob.text.prefix(400)), to: "small.txt")
    try scratch.write("short\n", to: "short.txt")
    try scratch.write("eighteen bytes, no\n", to: "tiny.txt")
    try scratch.write("", to: "empty.txt")
    try Data(repeating: 0xFF, count: 400).write(to: scratch.url.appending(path: "binary.txt"))
    for name in ["folder", "other"] {
      try FileManager.default.createDirectory(atPath: scratch.path(name), withIntermediateDirectories: false)
    }
    try scratch.write("mine", to: "other/notes.txt")
  }

  private func run(_ arguments: [String], environment: [String: String] = [:]) throws -> ProgramResult {
    try Program.run(executable: Program.url, ["run"] + arguments, environment: environment, in: scratch.url)
  }

  struct Refusal: Sendable, CustomTestStringConvertible {
    var line: String
    var exitCode: Int32
    var code: String
    var message: String
    var testDescription: String { line }

    init(_ line: String, _ exitCode: Int32, _ code: String, _ message: String) {
      (self.line, self.exitCode, self.code, self.message) = (line, exitCode, code, message)
    }
  }

  static let refusals = [
    Refusal("missing.txt", 4, "file.notFound", "missing.txt"),
    Refusal("empty.txt", 3, "file.empty", "empty.txt is empty"),
    Refusal("folder", 3, "file.isFolder", "folder is a folder"),
    Refusal("binary.txt", 3, "compute.invalidInput", "binary.txt"),
    Refusal("short.txt", 3, "data.tooShort", "short.txt is shorter than one window"),
    Refusal("tiny.txt", 3, "data.noValidation", "hold anything back"),
    Refusal("small.txt --parallel 200", 3, "data.tooManyParts", "--parallel 200"),
    Refusal("text.txt --nodez 3", 2, "usage.unknownFlag", "--nodez"),
    Refusal("text.txt --seed 1 --seed 2", 2, "usage.repeatedFlag", "--seed is given twice"),
    Refusal("text.txt --nodes 0", 2, "usage.valueOutOfRange", "found 0, allowed 1...64"),
    Refusal("text.txt --fault skip-steps@9", 2, "usage.contradiction", "node 9, and there are 4"),
    Refusal("text.txt --fault skip-step@1", 2, "usage.valueNotAllowed", "skip-step@1"),
    Refusal("text.txt --detect 10%", 2, "usage.valueNotAllowed", "SHARE%@PROBABILITY%"),
    Refusal("text.txt --detect 0%@95%", 2, "usage.valueOutOfRange", "found 0%@95%"),
    Refusal("text.txt --detect 10%@95% --check-segments 2", 2, "usage.contradiction", "--detect"),
    Refusal("text.txt --network net", 2, "usage.contradiction", "--network"),
    Refusal("text.txt --out small.txt", 3, "file.isNotFolder", "small.txt"),
    Refusal("text.txt --out small.txt/model", 3, "file.isNotFolder", "small.txt/model"),
    Refusal("text.txt --out other", 3, "network.otherRun", "other"),
    Refusal("text.txt --tokenizer none", 4, "file.notFound", "--tokenizer: no such file or folder: none"),
    Refusal("text.txt --tokenizer other", 4, "compute.fileUnreadable", "--tokenizer: "),
    Refusal("--network none", 4, "network.missing", "none"),
    Refusal("--network none --rounds 2", 2, "usage.contradiction", "--rounds belongs to a DATASET"),
  ]

  @Test(arguments: refusals) func isRefusedAndLeavesNothing(_ refusal: Refusal) throws {
    let before = try scratch.names()
    var arguments = SmallJob.words(refusal.line)
    if !refusal.line.contains("--rounds") && !refusal.line.hasPrefix("--network") {
      arguments += SmallJob.flags
    }
    let needsOut = !refusal.line.contains("--out") && !refusal.line.contains("--network")
    if needsOut { arguments += ["--out", "new/model"] }
    let inWords = try run(arguments)
    #expect(inWords.exitCode == refusal.exitCode)
    #expect(inWords.output.isEmpty && inWords.errors.hasPrefix("emeth: error: "))
    #expect(inWords.errors.contains(refusal.message), "\(inWords.errors)")
    let result = try run(arguments + ["--json"])
    #expect(result.exitCode == refusal.exitCode && result.output.isEmpty)
    let error = try JSONDecoder().decode(ErrorObject.self, from: Data(result.errors.utf8))
    #expect(error.code == refusal.code, "\(result.errors)")
    #expect(try scratch.names() == before)
    #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path("other")) == ["notes.txt"])
  }

  @Test func nearbyNamesAreSuggested() throws {
    #expect(try run(["text.txt", "--nodez", "3"]).errors.contains("did you mean '--nodes'?"))
    #expect(
      try run(["text.txt", "--fault", "skip-step@1"]).errors.contains("did you mean 'skip-steps@1'?"))
  }

  @Test func anInstructionSetThatIsNotThereIsRefusedBeforeAFolderIsMade() throws {
    let before = try scratch.names()
    let result = try run(
      ["text.txt", "--out", "model"] + SmallJob.flags, environment: ["EMETH_CPU": "abacus"])
    #expect(result.exitCode == 4 && result.errors.contains("abacus"))
    #expect(try scratch.names() == before)
  }

  @Test func anInitialModelThatIsNoneIsRefused() throws {
    let before = try scratch.names()
    for (name, code) in [("none", Int32(4)), ("other", 4), ("text.txt", 3)] {
      let result = try run(["text.txt", "--init", name, "--out", "model"])
      #expect(result.exitCode == code && result.errors.contains("--init: "), "\(result.errors)")
    }
    #expect(try scratch.names() == before)
  }

  @Test(.enabled(if: geteuid() != 0, "root may write everywhere"))
  func aFolderWithoutPermissionIsRefused() throws {
    try FileManager.default.setAttributes([.posixPermissions: 0o500], ofItemAtPath: scratch.path("folder"))
    defer { chmod(scratch.path("folder"), 0o700) }
    let result = try run(["text.txt", "--out", "folder/model"] + SmallJob.flags)
    #expect(result.exitCode == 4 && result.errors.contains("no permission"))
  }

  @Test func aFolderWithAnotherRunIsNotTouched() throws {
    let first = ["text.txt", "--out", "model", "--json"] + SmallJob.flags
    let expected = try run(first).comparable()
    let others = [
      ["--seed", "2"], ["--nodes", "3", "--parallel", "4"], ["--check-segments", "all"],
      ["--fault", "stall@1"],
      ["--parallel", "3"], ["--learning-rate", "0.01"],
    ]
    for other in others {
      let result = try run(["text.txt", "--out", "model"] + SmallJob.flags + other)
      #expect(
        result.exitCode == 3 && result.errors.contains("holds another run"), "\(other): \(result.errors)")
      #expect(result.output.isEmpty)
    }
    #expect(try Program.run(executable: Program.url, ["verify", "model"], in: scratch.url).exitCode == 0)
    #expect(try run(first).comparable() == expected)
    #expect(try Program.run(executable: Program.url, ["verify", "model"], in: scratch.url).exitCode == 0)
  }

  @Test func aNetworkOfAnotherVersionIsRefused() throws {
    let words = ["text.txt", "--out", "model"] + SmallJob.flags
    #expect(try run(words).exitCode == 0)
    // SQLite keeps the user's version at byte 60, big-endian.
    let file = scratch.url.appending(path: "model/job/network.sqlite")
    var bytes = try Data(contentsOf: file)
    bytes[63] = 99
    try bytes.write(to: file)
    let result = try run(words)
    #expect(result.exitCode == 3 && result.errors.contains("has layout 99"), "\(result.errors)")
    try Data("no database at all, but long enough for the header of one\n".utf8).write(to: file)
    let garbage = try run(words)
    #expect(garbage.exitCode == 4 && garbage.errors.contains("model/job"), "\(garbage.errors)")
  }
}
