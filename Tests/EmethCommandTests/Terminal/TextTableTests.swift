import Testing

@testable import emeth_cli

@Suite struct TextTableTests {
  @Test func columnsOfATable() {
    var table = TextTable([.init("account"), .init("earned", .right)])
    table.add(["猫", "5"])
    table.add(["node", "12,345"])
    #expect(table.text() == "account  earned\n猫            5\nnode     12,345\n")
  }

  @Test func controlCharactersAreMadeVisible() {
    #expect(PlainText.visible("a\u{1B}[31mb\tc\n猫\u{9B}\r") == "a\u{FFFD}[31mb\tc\n猫\u{FFFD}\u{FFFD}")
  }

  @Test func widthsOnATerminal() {
    #expect(DisplayWidth.of("abc") == 3)
    #expect(DisplayWidth.of("吾輩は猫") == 8)
    #expect(DisplayWidth.of("e\u{301}") == 1)
    #expect(DisplayWidth.truncate("吾輩は猫", to: 5) == "吾輩")
    #expect(DisplayWidth.truncate("\u{1B}[31mabc\u{1B}[0m", to: 2) == "\u{1B}[31mab\u{1B}[0m")
    #expect(DisplayWidth.truncate("\u{1B}[31mabc\u{1B}[0m", to: 3) == "\u{1B}[31mabc\u{1B}[0m")
  }
}
