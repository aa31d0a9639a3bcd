import Testing

@testable import emeth_cli

@Suite struct ShellWordTests {
  @Test(arguments: ["model", "/data/run-1/emeth-1f2e3d4c", "日本語/モデル", "a@b:c=d,e+f%g_h"])
  func plainPathsStayAsTheyAre(_ path: String) {
    #expect(ShellWord.quoted(path) == path)
  }

  @Test(arguments: ["my model", "a'b", "$HOME", "a;b", "", "*", "\"", "a\nb", "~"])
  func othersComeBackFromTheShellUnchanged(_ path: String) throws {
    #expect(ShellWord.quoted(path).hasPrefix("'"))
    #expect(try Program.shell("printf %s \(ShellWord.quoted(path))").output == path)
  }
}
