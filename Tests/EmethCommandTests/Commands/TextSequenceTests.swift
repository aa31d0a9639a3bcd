import Testing

@testable import emeth_cli

@Suite struct TextSequenceTests {
  @Test func theFirstIsWrittenAsItComesAndTheOthersInTheirTurn() {
    var texts = TextSequence(count: 3, start: "> ")
    #expect(texts.append("a", to: 0) == "> a")
    #expect(texts.append("x", to: 1) == "")
    #expect(texts.append("b", to: 0) == "b")
    #expect(texts.append("m", to: 2) == "")
    #expect(texts.end(2, with: "n") == "")
    #expect(texts.end(0, with: "c") == "c\n---\n> x")
    #expect(texts.append("y", to: 1) == "y")
    #expect(texts.end(1, with: "") == "\n---\n> mn\n")
  }

  /// However the pieces come, the same is written in the end, in order.
  @Test func everyOrderGivesTheSameBytes() {
    let expected = "p01\n---\np01\n---\np01\n"
    for order in 0..<729 {
      var texts = TextSequence(count: 3, start: "p")
      var done = [0, 0, 0]
      var written = ""
      func advance(_ index: Int) {
        if done[index] < 2 {
          written += texts.append("\(done[index])", to: index)
        } else if done[index] == 2 {
          written += texts.end(index, with: "")
        }
        done[index] += 1
      }
      for place in [1, 3, 9, 27, 81, 243] {
        advance(order / place % 3)
        #expect(expected.hasPrefix(written))
      }
      for index in [2, 0, 1] { for _ in 0..<3 { advance(index) } }
      #expect(written == expected)
    }
  }
}
