import Testing

@testable import EmethCompute

@Suite struct WordScannerTests {
  private func words(_ text: String) -> [String] {
    let bytes = Array(text.utf8)
    return bytes.withUnsafeBufferPointer { buffer in
      var scanner = WordScanner(buffer)
      var words: [String] = []
      while let range = scanner.next() { words.append(String(decoding: buffer[range], as: UTF8.self)) }
      return words
    }
  }

  /// Cut by hand from the pattern.
  @Test(
    arguments: [
      ("", []), ("Hello world", ["Hello", " world"]), ("it's they'll", ["it", "'s", " they", "'ll"]),
      ("'S 're''d", ["'", "S", " '", "re", "''", "d"]), ("a  b", ["a", " ", " b"]),
      ("a \n b ", ["a", " \n", " b", " "]),
      ("\n\na", ["\n", "\n", "a"]), ("x12 3.4", ["x", "12", " 3", ".", "4"]), ("!?'s", ["!?'", "s"]),
      ("a\u{3000}\u{3000}猫", ["a", "\u{3000}", "\u{3000}", "猫"]), ("e\u{301}x", ["e", "\u{301}", "x"]),
      ("½Ⅷ٣x", ["½Ⅷ٣", "x"]), ("\u{200B}\u{85}\u{A0}a", ["\u{200B}", "\u{85}", "\u{A0}", "a"]),
      ("𠮷😀 😀", ["𠮷", "😀", " 😀"]),
    ] as [(String, [String])]) func wordsOfThePattern(text: String, expected: [String])
  {
    #expect(words(text).map { Array($0.utf8) } == expected.map { Array($0.utf8) })
  }

  @Test func wordsCoverAnyText() throws {
    var random = try RandomInput("scanner")
    let pieces = ["'", "s", "ll", " ", "  ", "\n", "1", "!", "猫", "\u{3000}", "😀", "\u{301}", "\r\n", "é"]
    for _ in 0..<500 * RandomInput.scale {
      var text = ""
      for _ in 0..<(try random.below(20)) { text += pieces[try random.below(pieces.count)] }
      let words = words(text)
      #expect(words.allSatisfy { !$0.isEmpty })
      #expect(Array(words.joined().utf8) == Array(text.utf8))
    }
  }
}
