import Foundation
import Testing

@testable import emeth_cli

@Suite struct TalkTests {
  private let scratch: ScratchFolder

  init() throws { scratch = try ScratchFolder() }

  /// What is written to a stream by `body`.
  private func written(isTerminal: Bool, _ body: (Talk) -> Void) throws -> String {
    try scratch.write("", to: "stream")
    let file = try FileHandle(forWritingTo: scratch.url.appending(path: "stream"))
    body(
      Talk(
        output: Output(descriptor: file.fileDescriptor),
        terminal: Terminal(isTerminal: isTerminal, columns: 20, rows: 3)))
    try file.close()
    return try scratch.read("stream")
  }

  @Test func nothingLiveButOnATerminal() throws {
    let text = try written(isTerminal: false) { talk in
      talk.show(["progress"])
      talk.note("note")
      talk.warn("careful")
      talk.clear()
    }
    #expect(text == "note\nemeth: warning: careful\n")
  }

  @Test func liveLinesAreReplacedAndStayBelowNotes() throws {
    let text = try written(isTerminal: true) { talk in
      talk.show(["one", "two"])
      talk.note("note")
      talk.clear()
      talk.clear()
    }
    #expect(text == "one\ntwo\n\u{1B}[2A\r\u{1B}[Jnote\none\ntwo\n\u{1B}[2A\r\u{1B}[J")
  }

  @Test func linesFitTheTerminal() throws {
    let text = try written(isTerminal: true) { talk in
      talk.show([String(repeating: "x", count: 50), "吾輩は猫である。名前はまだ無い。", "third line has no room"])
    }
    #expect(text == String(repeating: "x", count: 19) + "\n吾輩は猫である。名\n")
  }

  @Test func redrawnAtMostTenTimesASecond() throws {
    let start = ContinuousClock.now
    var calls = 0
    let text = try written(isTerminal: true) { talk in
      while ContinuousClock.now < start + .milliseconds(350) {
        talk.show(["x"])
        calls += 1
      }
    }
    // A busy machine may stop this thread for longer than the loop was to last.
    let most = (ContinuousClock.now - start) / .milliseconds(100) + 1
    let redrawn = text.count { $0 == "x" }
    #expect(redrawn >= 1 && Double(redrawn) <= most && redrawn <= calls)
  }

  @Test func aReaderThatWentAwayIsNoFault() throws {
    var ends: [Int32] = [0, 0]
    #expect(pipe(&ends) == 0)
    close(ends[0])
    signal(SIGPIPE, SIG_IGN)
    let output = Output(descriptor: ends[1])
    Talk(output: output, terminal: Terminal(isTerminal: false, columns: 80)).note("lost")
    #expect(throws: OutputClosed.self) { try output.print("lost") }
    close(ends[1])
  }

  @Test func bars() {
    #expect(ProgressBar.text(done: 0, of: 10, width: 10) == "[          ]")
    #expect(ProgressBar.text(done: 10, of: 10, width: 10) == "[██████████]")
    #expect(ProgressBar.text(done: 99, of: 10, width: 4) == "[████]")
    #expect(ProgressBar.text(done: 1, of: 16, width: 4) == "[▎   ]")
    #expect(ProgressBar.text(done: 1, of: 0, width: 4) == "[    ]")
  }

  @Test func coloursOnlyWhereTheyAreWanted() {
    #expect(
      Terminal(isTerminal: true, columns: 80, usesColor: true).paint("x", .red) == "\u{1B}[31mx\u{1B}[0m")
    #expect(Terminal(isTerminal: true, columns: 80).paint("x", .red) == "x")
    let noColor = Terminal(descriptor: -1, environment: ["TERM": "xterm", "NO_COLOR": "1"])
    #expect(!noColor.isTerminal && !noColor.usesColor && noColor.columns == 80)
  }
}
