import Foundation
import Testing

/// The real binary: exit codes, standard output, standard error.
@Suite struct ProgramTests {
  @Test func versionAndHelpGoToStandardOutput() throws {
    for words in [["version"], ["--version"]] {
      let result = try Program.run(executable: Program.url, words)
      #expect(result.exitCode == 0)
      #expect(result.output.wholeMatch(of: /emeth [0-9]+\.[0-9]+\.[0-9]+\n/) != nil)
      #expect(result.errors == "")
    }
    struct Version: Decodable { var name: String; var version: String }
    #expect(try Program.run("version", "--json").json(Version.self).name == "emeth")
    for words in [
      ["help"], ["--help"], ["-h"], ["help", "version"], ["version", "--help"], ["help", "--man"],
    ] {
      let result = try Program.run(executable: Program.url, words)
      #expect(result.exitCode == 0)
      #expect(result.output.count > 100)
      #expect(result.errors == "")
    }
  }

  @Test func usageErrorsAreTwoLinesOnStandardError() throws {
    let result = try Program.run("versoin")
    #expect(result.exitCode == 2)
    #expect(result.output == "")
    #expect(
      result.errors == "emeth: error: unknown command: found 'versoin'\nhint: did you mean 'version'?\n")
    let none = try Program.run()
    #expect(none.exitCode == 2)
    #expect(none.output == "")
    #expect(none.errors.contains("usage: emeth COMMAND"))
  }

  @Test func errorsWithJSONAreOneObjectOnStandardError() throws {
    let result = try Program.run("version", "--json", "--jsom")
    #expect(result.exitCode == 2)
    #expect(result.output == "")
    let error = try JSONDecoder().decode(ErrorObject.self, from: Data(result.errors.utf8))
    #expect(error.code == "usage.unknownFlag")
    #expect(error.message == "version: unknown flag: found '--jsom'")
    #expect(error.details["nearest"] == "--json")
    #expect(error.details["hint"] == "did you mean '--json'?")
  }

  @Test func aReaderThatGoesAwayIsNoError() throws {
    let result = try Program.shell("\"$EMETH\" help --man | head -c 10 > /dev/null; echo ${PIPESTATUS[0]}")
    #expect(result.output == "0\n")
    #expect(result.errors == "")
    // Long output to a pipe that is closed before the first byte.
    let closed = try Program.shell("{ sleep 0.3; \"$EMETH\" help --man; echo $? >&2; } | true; wait")
    #expect(closed.errors == "0\n")
  }

  @Test(.enabled(if: FileManager.default.fileExists(atPath: "/dev/full"), "no /dev/full here"))
  func fullOutputIsUnavailable() throws {
    let result = try Program.shell("\"$EMETH\" version > /dev/full")
    #expect(result.exitCode == 4)
    #expect(result.errors.hasPrefix("emeth: error: no space left"))
  }

  @Test func completionsNameEveryCommand() throws {
    for shell in ["bash", "zsh", "fish"] {
      let result = try Program.run("completions", shell)
      #expect(result.exitCode == 0)
      #expect(result.output.contains("version"))
    }
    let wrong = try Program.run("completions", "zhs")
    #expect(wrong.exitCode == 2)
    #expect(wrong.errors.contains("did you mean 'zsh'?"))
  }
}
