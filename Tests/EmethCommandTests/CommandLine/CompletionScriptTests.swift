import Foundation
import Testing

@testable import emeth_cli

@Suite struct CompletionScriptTests {
  private let script = CompletionScript(commands: SampleCommands.definitions)

  private func checkSyntax(_ text: String, with shell: String) throws {
    let scratch = try ScratchFolder()
    try scratch.write(text, to: "script")
    let result = try Program.run(executable: URL(filePath: shell), ["-n", scratch.path("script")])
    #expect(result.exitCode == 0)
    #expect(result.errors == "")
  }

  @Test func bashAcceptsTheSyntax() throws {
    for commands in [SampleCommands.definitions, CommandTable.definitions] {
      try checkSyntax(CompletionScript(commands: commands).bash(), with: "/bin/bash")
    }
  }

  @Test(.enabled(if: Program.find("zsh") != nil, "zsh is not installed here"))
  func zshAcceptsTheSyntax() throws {
    for commands in [SampleCommands.definitions, CommandTable.definitions] {
      try checkSyntax(CompletionScript(commands: commands).zsh(), with: try #require(Program.find("zsh")))
    }
  }

  @Test(.enabled(if: Program.find("fish") != nil, "fish is not installed here"))
  func fishAcceptsTheSyntax() throws {
    for commands in [SampleCommands.definitions, CommandTable.definitions] {
      try checkSyntax(CompletionScript(commands: commands).fish(), with: try #require(Program.find("fish")))
    }
  }

  /// What bash offers after these words; the last one is being typed.
  private func bashOffers(_ words: [String]) throws -> Set<String> {
    let scratch = try ScratchFolder()
    try scratch.write(script.bash(), to: "script")
    try FileManager.default.createDirectory(
      at: scratch.url.appending(path: "a folder"), withIntermediateDirectories: true)
    try scratch.write("", to: "a file.txt")
    let quoted = (["emeth"] + words).map(CompletionScript.quote).joined(separator: " ")
    let line = """
      source ./script
      COMP_WORDS=(\(quoted)); COMP_CWORD=\(words.count)
      _emeth
      printf '%s\\n' "${COMPREPLY[@]}"
      """
    let result = try Program.shell(line, in: scratch.url)
    #expect(result.errors == "")
    return Set(result.output.split(separator: "\n").map(String.init))
  }

  @Test func bashOffersCommandsFlagsValuesAndFiles() throws {
    #expect(try bashOffers(["p"]) == ["paint"])
    #expect(try bashOffers([""]) == ["paint", "sign"])
    #expect(try bashOffers(["paint", "--s"]) == ["--shade"])
    #expect(try bashOffers(["sign", "-"]) == ["--key-file", "--help"])
    #expect(try bashOffers(["paint", "--shade", ""]) == ["light", "middle", "dark"])
    #expect(try bashOffers(["paint", "--shade", "d"]) == ["dark"])
    #expect(try bashOffers(["paint", "--shade", "=", "d"]) == ["dark"])
    #expect(try bashOffers(["paint", "--shade", "="]) == ["light", "middle", "dark"])
    #expect(try bashOffers(["paint", "a"]) == ["a file.txt", "a folder"])
    #expect(try bashOffers(["paint", "--out", ""]) == ["a folder"])
    #expect(try bashOffers(["paint", "--nodes", ""]) == [])
  }

  @Test(.enabled(if: Program.find("fish") != nil, "fish is not installed here"))
  func fishOffersCommandsFlagsAndValues() throws {
    let scratch = try ScratchFolder()
    try scratch.write(script.fish(), to: "script")
    let fish = try #require(Program.find("fish"))
    func offers(_ line: String) throws -> [String] {
      let result = try Program.shell(
        "source ./script; complete -C \(CompletionScript.quote(line))", with: fish,
        environment: ["HOME": scratch.path("")], in: scratch.url)
      return result.output.split(separator: "\n").compactMap {
        $0.split(separator: "\t").first.map(String.init)
      }
    }
    #expect(try offers("emeth pa") == ["paint"])
    #expect(try offers("emeth paint --shade ") == ["light", "middle", "dark"].sorted())
    #expect(try offers("emeth paint --no") == ["--nodes"])
  }

  @Test(.enabled(if: Program.find("groff") != nil, "groff is not installed here"))
  func groffAcceptsTheManual() throws {
    let groff = try #require(Program.find("groff"))
    for commands in [SampleCommands.definitions, CommandTable.definitions] {
      let result = try Program.run(
        executable: URL(filePath: groff), ["-man", "-Tutf8", "-ww", "-z"],
        input: ManualPage(commands: commands).roff())
      #expect(result.exitCode == 0)
      #expect(result.errors == "")
    }
  }
}
